"""A newcomer wants what nobody taught. How many of its episodes must be seen to know what it wants, and to
act for it?

Three novices are three tasks: one likes red, one green, one blue. They share what matters (Phi) and what
leads to it (Psi). Then an expert comes who wants a mixture that none of them wanted, is watched for 0, 1, 10
and 100 episodes, and its preferences are inferred from its actions alone. The second arm learns the tasks'
values, but no successor features.

The size is for two CPU cores; on a GPU: --world.size 15 --steps 400000 --seeds 64
"""

from collections.abc import Iterator

from socialrl.config import Arm, Claim, Experiment
from socialrl.learners import basis
from socialrl.protocols import goal_inference
from socialrl.tuned import tuned
from socialrl_envs.types import Seat
from socialrl_envs.worlds import coin_grid

TASTES = ((1.0, -0.5, -0.5), (-0.5, 1.0, -0.5), (-0.5, -0.5, 1.0))
PAPER = "Abdulhai et al. 2022, arXiv 2208.04919"
NEWCOMERS = ((1.0, 1.0, -1.0), (-1.0, 1.0, 0.5))


def claims() -> Iterator[Claim]:
    """Of what one episode tells, and of what it is good for."""
    for newcomer, name in zip(NEWCOMERS, ("first", "second"), strict=True):
        seen = {
            "protocol": "goal_inference",
            "preference": str(list(newcomer)),
            "method": "pre-trained",
            "episodes": "1",
        }
        labels = tuple(seen.items())
        text = f"One episode tells what the {name} newcomer wants: cosine above 0.8"
        yield Claim(text=text, source="aim", arm="basis", value=0.8, measure="cosine", labels=labels)
        text = f"Who learnt successor features acts better for the {name} newcomer's goal"
        yield Claim(text=text, source="ours", paper=PAPER, arm="basis", over="values_only", labels=labels)


experiment = Experiment(
    name="basis",
    question=(
        "How few demonstrations tell a newcomer's goal to somebody who has learnt other tasks in its world?"
    ),
    world=coin_grid.Config(
        novices=tuple(Seat(preferences=taste) for taste in TASTES),
        experts=(Seat(policy="noisy", skill=0.95, presence="never"),),
    ),
    arms=(
        Arm(name="basis", learner=basis.Config()),
        Arm(name="values_only", learner=basis.Config(successor_coef=0.0)),
    ),
    seeds=10,
    steps=48_000,
    chunk=5,
    evaluate_every=4_000,
    checkpoint_every=16_000,
    protocols=(goal_inference.Config(preferences=NEWCOMERS),),
    scale="two CPU cores: 9x9, 48,000 steps per seed",
    claims=tuple(claims()),
)
experiment = tuned(experiment, __file__)

"""Does predicting the next observation make social learners? A fair test, registered before it is run.

docs/preregistration.md says what is claimed, how it is analysed, and how far the size is from the paper's.
{PPO, reconstruction, prediction} under conditions like those of the paper (`paper`) and under those of
goal_cycle.py (`ours`), and PPO and prediction under those of the paper with one factor taken from ours. The
prediction head multiplies features and action and weighs entries that change; `additive` is the head of
goal_cycle.py, which cannot tell what a turn does to the view.

The size is for a night on two CPU cores; the paper's, on a GPU: --steps 40000000 --num_envs 1024 --num_levels
65536 --evaluate_every 1000000 --checkpoint_every 2000000
"""

from typing import Any, NamedTuple

from _cycle import WORLD, lengths
from socialrl.config import Arm, Claim, Experiment
from socialrl.learners import ppo, sociapl
from socialrl.protocols import social
from socialrl_envs.struct import replace

STEPS = 1_000_000
COMMON: dict[str, Any] = {
    "hidden": (128,),
    "bptt_length": 25,
    "recompute_advantages": False,
    "minibatches": 32,
    "anneal": STEPS,
}
HEAD: dict[str, Any] = {"predictor": (256, 256), "predictor_action": "multiplied", "changed_weight": 5.0}
LEARNERS = {
    "ppo": (ppo.Config, {}),
    "reconstruction": (sociapl.Config, HEAD | {"predicts": "same"}),
    "prediction": (sociapl.Config, HEAD),
    "additive": (sociapl.Config, {}),
}


class Factor(NamedTuple):
    """A difference between the paper and ours: changes of the world's and of the learner's options."""

    paper: tuple[dict[str, Any], dict[str, Any]]
    ours: tuple[dict[str, Any], dict[str, Any]]


FACTORS = {
    "world": Factor(
        ({"size": 13, "layout": "cluttered", "density": 0.15, "horizon": 250}, {}),
        ({"size": 9, "layout": "open", "horizon": 100}, {}),
    ),
    "views": Factor(({"pixels": 3}, {"filters": (32, 32)}), ({"pixels": 0}, {"filters": ()})),
    "prestige": Factor(({"prestige": True}, {}), ({"prestige": False}, {})),
    "previous_reward": Factor(({}, {"use_prev_reward": False}), ({}, {"use_prev_reward": True})),
    "entropy": Factor(
        ({}, {"entropy_coef": 1e-5, "entropy_coef_end": 1e-5}),
        ({}, {"entropy_coef": 0.05, "entropy_coef_end": 0.02}),
    ),
    "mirror": Factor(({}, {"mirror": False}), ({}, {"mirror": True})),
}


def arm(learner: str, condition: str, ours: tuple[str, ...]) -> Arm:
    """The arm of a learner under the paper's conditions but for these factors."""
    world, options = {}, dict(COMMON)
    for name, factor in FACTORS.items():
        of_world, of_learner = factor.ours if name in ours else factor.paper
        world |= of_world
        options |= of_learner
    config, head = LEARNERS[learner]
    return Arm(
        name=f"{learner}_{condition}", learner=config(**options, **head), world=replace(WORLD, **world)
    )


ENDS: dict[str, tuple[str, ...]] = {"paper": (), "ours": tuple(FACTORS)}
FLIPS: dict[str, tuple[str, ...]] = {f"our_{name}": (name,) for name in FACTORS}


def above(text: str, better: str, worse: str, condition: str) -> Claim:
    """A registered claim that one learner is above another under a condition, beside experts."""
    return Claim(
        text=f"{condition}: {text}",
        source="ours",
        paper="Ndousse et al. 2021, arXiv 2010.00581" if condition == "paper" else "",
        arm=f"{better}_{condition}",
        over=f"{worse}_{condition}",
        labels=(("presence", "full"),),
    )


experiment = Experiment(
    name="prediction",
    question="Does predicting the next observation make social learners, and under which conditions?",
    world=WORLD,
    arms=(
        *(arm(learner, name, ours) for name, ours in ENDS.items() for learner in LEARNERS),
        *(arm(learner, name, ours) for name, ours in FLIPS.items() for learner in ("ppo", "prediction")),
    ),
    steps=STEPS,
    first_seed=1000,
    **lengths(seeds=10, num_envs=64, num_levels=2048, evaluate_every=100_000, checkpoint_every=250_000),
    protocols=(social.Config(policies=("greedy",), transfer=(), companies=(), own_world=True),),
    scale="a night on two CPU cores: 1 million of the paper's 40 million steps per seed",
    claims=(
        *(above("prediction is above PPO", "prediction", "ppo", name) for name in (*ENDS, *FLIPS)),
        *(above("prediction is above reconstruction", "prediction", "reconstruction", name) for name in ENDS),
        *(above("the action must multiply", "prediction", "additive", name) for name in ENDS),
    ),
)

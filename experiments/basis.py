"""A newcomer wants what nobody taught. How many of its episodes must be seen to know what it wants, and to act for it?

Three novices are three tasks: one likes red, one green, one blue. They share what matters (Phi) and what leads to it (Psi).
Then an expert comes who wants a mixture that none of them wanted, is watched for 0, 1, 10 and 100 episodes, and its preferences
are inferred from its actions alone. The second arm learns the tasks' values, but no successor features.
"""

from socialrl.config import Arm, Experiment
from socialrl.learners import basis
from socialrl.protocols import goal_inference
from socialrl_envs.types import Seat
from socialrl_envs.worlds import coin_grid

TASTES = ((1.0, -0.5, -0.5), (-0.5, 1.0, -0.5), (-0.5, -0.5, 1.0))
NEWCOMERS = ((1.0, 1.0, -1.0), (-1.0, 1.0, 0.5))

experiment = Experiment(
    name="basis",
    question="How few demonstrations tell a newcomer's goal to somebody who has learnt other tasks in its world?",
    world=coin_grid.Config(
        novices=tuple(Seat(preferences=taste) for taste in TASTES),
        experts=(Seat(policy="noisy", skill=0.95, presence="never"),),
    ),
    arms=(
        Arm(name="basis", learner=basis.Config()),
        Arm(name="values_only", learner=basis.Config(successor=0.0)),
    ),
    seeds=5,
    steps=12_000,
    chunk=5,
    evaluate_every=2_000,
    checkpoint_every=4_000,
    protocols=(goal_inference.Config(preferences=NEWCOMERS),),
)

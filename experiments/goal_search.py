"""Where experts alone see the goal: does a recurrent agent find it by watching where they go?

Four rooms and one goal, which pays every time it is reached and is visible to the co-players only. `alone`
has the same learner and never meets experts. The learner is recurrent PPO with a mirror-equivariant policy.

The size is for two CPU cores; on a GPU: --world.size 13 --world.horizon 250 --steps 40000000 --num_envs 1024.
"""

import dataclasses

from _cycle import NEVER, learner, lengths
from socialrl.config import Arm, Claim, Experiment
from socialrl.curricula import mixed
from socialrl.learners import ppo
from socialrl.tuned import tuned
from socialrl_envs.worlds import goal_search

STEPS = 4_000_000
LEARNER = dataclasses.replace(ppo.Config(**learner(STEPS)), hidden=(96,))

experiment = Experiment(
    name="goal_search",
    question="Where experts alone see the goal, does a recurrent agent find it by watching where they go?",
    world=goal_search.Config(novices=1, experts=2, size=9, horizon=100),
    arms=(
        Arm(name="novice", learner=LEARNER),
        Arm(name="alone", learner=LEARNER, curriculum=mixed.Config(presence=NEVER)),
    ),
    steps=STEPS,
    **lengths(evaluate_every=500_000, checkpoint_every=1_000_000),
    scale="two CPU cores: 9x9, 4 million steps per seed",
    claims=(
        Claim(
            text="beside experts it finds the goal more often than one trained alone",
            source="ours",
            arm="novice",
            over="alone",
        ),
    ),
)
experiment = tuned(experiment, __file__)

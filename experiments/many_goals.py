"""Four goals, where following in one of two orientations is not enough: follow, remember, go on alone?

With n goals there are (n - 1)! hidden orders. The arms are those of go_on_alone.py, trained half as long;
with --world.goals 5 there are five goals.

The size is for two CPU cores; on a GPU: --world.size 13 --world.layout cluttered --world.horizon 250 --steps
40000000 --num_envs 1024.
"""

import dataclasses

from _cycle import DROP_OUT, NEVER, PROTOCOLS, WORLD, aims, growing_penalty, learner, lengths
from socialrl.config import Arm, Claim, Experiment
from socialrl.curricula import mixed
from socialrl.learners import ppo
from socialrl.tuned import tuned

STEPS = 3_000_000
LEARNER = ppo.Config(**learner(STEPS))
PENALTY = growing_penalty(STEPS // 2)
STUCK = Claim(text="alone, stuck at one goal", source="ours", arm="alone", value=1.5, below=True)

experiment = Experiment(
    name="many_goals",
    question="With four goals, does a novice follow experts, remember their order, and go on alone?",
    world=dataclasses.replace(WORLD, goals=4),
    curriculum=mixed.Config(presence=DROP_OUT, ramps=PENALTY),
    arms=(
        Arm(name="novice", learner=LEARNER),
        Arm(name="alone", learner=LEARNER, curriculum=mixed.Config(presence=NEVER, ramps=PENALTY)),
    ),
    steps=STEPS,
    **lengths(evaluate_every=500_000, checkpoint_every=1_000_000),
    protocols=PROTOCOLS,
    scale="two CPU cores: 9x9, 3 million steps per seed",
    claims=(STUCK, *aims("novice", "alone")),
)
experiment = tuned(experiment, __file__)

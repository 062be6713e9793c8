"""Who learnt to learn from others, and who only learnt a task? Trained agents meet experts in worlds that they have never seen.

Beside experts that know them: more goals, one hidden goal in four rooms and in a maze, a larger grid. The arms are novices that
learnt alone, beside experts, with the prediction of the next observation, by imitation, and by imitation followed by reward.

The size is for two CPU cores; on a GPU: --world.size 13 --world.layout cluttered --world.horizon 250 --steps 40000000
--parallel 1024.
"""

import dataclasses
import runpy
from pathlib import Path

from socialrl.config import Arm, Experiment
from socialrl.curricula import mixed
from socialrl.learners import bc, kl_control, ppo, sociapl
from socialrl.protocols import social

goal_cycle: Experiment = runpy.run_path(str(Path(__file__).with_name("goal_cycle.py")))["experiment"]

STEPS = 2_000_000
COMMON = {"hidden": (128,), "segment": 25, "refresh": False, "entropy": 0.05, "entropy_end": 0.02, "anneal": 1_500_000}
IMITATION = {"hidden": (128,), "memory": "gru", "batch": 32, "updates": 4, "capacity": 50_000}

experiment = dataclasses.replace(
    goal_cycle,
    claims=(),
    scale="",
    name="transfer",
    question="Do social learners carry the skill of learning from others to worlds that they have never seen?",
    arms=(
        Arm(name="solo", learner=ppo.Config(**COMMON, mirror=True), curriculum=mixed.Config(presence=(("never", 1.0),))),
        Arm(name="ppo", learner=ppo.Config(**COMMON, mirror=True)),
        Arm(name="sociapl", learner=sociapl.Config(**COMMON, mirror=True)),
        Arm(name="imitation", learner=bc.Config(**IMITATION)),
        Arm(name="imitation_then_rl", learner=kl_control.Config(**COMMON, mirror=True)),
    ),
    steps=STEPS,
    protocols=(social.Config(policies=("greedy",), companies=()),),
)

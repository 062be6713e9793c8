"""Who learnt to learn from others, and who only learnt a task? Trained agents meet experts in worlds that
they have never seen.

Beside experts that know them: one goal more, one hidden goal in four rooms and in a maze, a larger grid. The
arms are novices that learnt alone, beside experts, with the prediction of the next observation, by imitation,
and by imitation and then reward. The penalty for mistakes grows while they learn, for all alike.

The size is for two CPU cores; on a GPU: --world.size 13 --world.layout cluttered --world.horizon 250 --steps
40000000 --num_envs 1024.
"""

import dataclasses
import runpy
from pathlib import Path

from socialrl.config import Arm, Claim
from socialrl.curricula import mixed
from socialrl.learners import bc, kl_control, ppo, sociapl
from socialrl.protocols import social
from socialrl_envs.worlds import goal_search

cultural_transmission = runpy.run_path(str(Path(__file__).with_name("cultural_transmission.py")))
BASE = cultural_transmission["goal_cycle"]

STEPS = 1_000_000
PENALTY = (dataclasses.replace(cultural_transmission["PENALTY"][0], steps=STEPS * 2 // 3),)
COMMON = {**cultural_transmission["COMMON"], "anneal": STEPS}
IMITATION = {"hidden": (128,), "memory": "gru", "batch": 32, "updates": 16, "capacity": 50_000}
PAPER = "Ndousse et al. 2021, arXiv 2010.00581"

NEW_WORLDS = (
    dataclasses.replace(BASE.world, goals=4),
    *(
        goal_search.Config(
            novices=1, experts=2, size=9, layout=layout, horizon=100, shown_to="coplayers", again=True
        )
        for layout in ("four_rooms", "maze")
    ),
    dataclasses.replace(BASE.world, size=12),
)
NAMES = tuple(social.differences(BASE.world, world) for world in NEW_WORLDS)

experiment = dataclasses.replace(
    BASE,
    claims=tuple(
        Claim(
            text=f"{world}, beside experts: SociAPL is above {name}",
            source=PAPER,
            arm="sociapl",
            over=arm,
            labels=(("world", world), ("presence", "full")),
        )
        for world in NAMES
        for arm, name in (("solo", "the solitary"), ("ppo", "PPO"), ("imitation", "imitation"))
    ),
    name="transfer",
    question="Do social learners carry the skill of learning from others to worlds that they have never seen?",
    curriculum=mixed.Config(ramps=PENALTY),
    arms=(
        Arm(
            name="solo",
            learner=ppo.Config(**COMMON),
            curriculum=mixed.Config(presence=(("never", 1.0),), ramps=PENALTY),
        ),
        Arm(name="ppo", learner=ppo.Config(**COMMON)),
        Arm(name="sociapl", learner=sociapl.Config(**COMMON)),
        Arm(name="imitation", learner=bc.Config(**IMITATION)),
        Arm(name="imitation_then_rl", learner=kl_control.Config(**COMMON, cloning_steps=250_000)),
    ),
    steps=STEPS,
    scale="two CPU cores: 9x9, 1 million steps per seed",
    protocols=(social.Config(policies=("greedy",), companies=(), transfer=NEW_WORLDS),),
)

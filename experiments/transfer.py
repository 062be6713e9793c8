"""Who learnt to learn from others, and who only learnt a task? Trained agents meet experts in worlds that they have never seen.

Beside experts that know them: one goal more, one hidden goal in four rooms and in a maze, a larger grid. The arms are novices
that learnt alone, beside experts, with the prediction of the next observation, by imitation, and by imitation and then reward.

The size is for two CPU cores; on a GPU: --world.size 13 --world.layout cluttered --world.horizon 250 --steps 40000000
--parallel 1024.
"""

import dataclasses
import runpy
from pathlib import Path

from socialrl.config import Arm, Claim
from socialrl.learners import bc, kl_control, ppo, sociapl
from socialrl.protocols import social
from socialrl_envs.worlds import goal_search

goal_cycle = runpy.run_path(str(Path(__file__).with_name("goal_cycle.py")))
BASE, ALONE = goal_cycle["experiment"], goal_cycle["ALONE"]

COMMON = {**goal_cycle["COMMON"], "mirror": True}
IMITATION = {"hidden": (128,), "memory": "gru", "batch": 32, "updates": 4, "capacity": 50_000}

NEW_WORLDS = (
    dataclasses.replace(BASE.world, goals=4),
    *(
        goal_search.Config(novices=1, experts=2, size=9, layout=layout, horizon=100, shown_to="coplayers", again=True)
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
            source=goal_cycle["PAPER"],
            arm="sociapl",
            over=arm,
            labels=(("world", world), ("presence", "full")),
        )
        for world in NAMES
        for arm, name in (("solo", "the solitary"), ("ppo", "PPO"), ("imitation", "imitation"))
    ),
    name="transfer",
    question="Do social learners carry the skill of learning from others to worlds that they have never seen?",
    arms=(
        Arm(name="solo", learner=ppo.Config(**COMMON), curriculum=ALONE),
        Arm(name="ppo", learner=ppo.Config(**COMMON)),
        Arm(name="sociapl", learner=sociapl.Config(**COMMON)),
        Arm(name="imitation", learner=bc.Config(**IMITATION)),
        Arm(name="imitation_then_rl", learner=kl_control.Config(**COMMON)),
    ),
    protocols=(social.Config(policies=("greedy",), companies=(), transfer=NEW_WORLDS),),
)

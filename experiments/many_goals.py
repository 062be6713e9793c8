"""Four and five goals, where following one of two orientations no longer helps: follow, remember, go on alone?

With n goals there are (n - 1)! hidden orders. As in go_on_alone.py, with four and five of them.

The size is for two CPU cores; on a GPU: --world.size 13 --world.layout cluttered --world.horizon 250 --steps 40000000
--parallel 1024.
"""

import dataclasses
import runpy
from pathlib import Path

from socialrl.config import Arm, Claim
from socialrl.curricula import mixed

go_on_alone = runpy.run_path(str(Path(__file__).with_name("go_on_alone.py")))
BASE = go_on_alone["experiment"]

STEPS = 3_000_000
LEARNER = dataclasses.replace(go_on_alone["LEARNER"], anneal=STEPS)
PENALTY = (dataclasses.replace(go_on_alone["PENALTY"][0], steps=STEPS // 2),)
GOALS = {"four": 4, "five": 5}


def claims(arm: str) -> tuple[Claim, ...]:
    """The aims for one number of goals, and that its novices are not stuck at the first one."""
    stuck = Claim(text=f"{arm}: not stuck at 1", source="aim", arm=arm, value=1.0, labels=(("presence", "full"),))
    return (stuck, *go_on_alone["aims"](arm, f"{arm}_alone"))


experiment = dataclasses.replace(
    BASE,
    name="many_goals",
    question="With four and five goals, does a novice follow experts, remember their order, and go on alone?",
    arms=tuple(
        Arm(
            name=f"{name}{company}",
            learner=LEARNER,
            world=dataclasses.replace(BASE.world, goals=goals),
            curriculum=mixed.Config(presence=curriculum.presence, ramps=PENALTY),
        )
        for name, goals in GOALS.items()
        for company, curriculum in go_on_alone["COMPANY"].items()
    ),
    steps=STEPS,
    scale="two CPU cores: 9x9, 3 million steps per seed",
    claims=tuple(claim for name in GOALS for claim in claims(name)),
)

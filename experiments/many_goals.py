"""Four and five goals, where following one of two orientations no longer helps: follow, remember, go on alone?

With n goals there are (n - 1)! hidden orders. The arms have four or five of them, and learn beside experts that stay, leave,
come and go, or never come; or always alone, with the same penalty schedule. The learner is recurrent
PPO with a mirror-equivariant policy, which did best in cultural_transmission.py.

The size is for two CPU cores; on a GPU: --world.size 13 --world.layout cluttered --world.horizon 250 --steps 40000000
--parallel 1024.
"""

import dataclasses
import runpy
from pathlib import Path
from typing import Any

from socialrl.config import Arm, Claim
from socialrl.curricula import mixed
from socialrl.learners import ppo

cultural_transmission = runpy.run_path(str(Path(__file__).with_name("cultural_transmission.py")))
BASE = cultural_transmission["experiment"]

STEPS = 2_500_000
LEARNER = ppo.Config(**{**cultural_transmission["COMMON"], "anneal": STEPS})
PENALTY = (dataclasses.replace(cultural_transmission["PENALTY"][0], steps=STEPS * 2 // 3),)
COMPANY = {
    "": mixed.Config(presence=cultural_transmission["DROP_OUT"], ramps=PENALTY),
    "_alone": mixed.Config(presence=(("never", 1.0),), ramps=PENALTY),
}
GOALS = {"four": 4, "five": 5}


def claims(arm: str) -> tuple[Claim, ...]:
    """The aims for one number of goals."""

    def aim(text: str, presence: str, **options: Any) -> Claim:
        return Claim(text=f"{arm} goals: {text}", source="aim", arm=arm, labels=(("presence", presence),), **options)

    return (
        aim("not stuck at 1", "full", value=1.0),
        aim("A_full above 0.9 of the experts", "full", over="expert", times=0.9),
        aim("A_half above 0.9 of the experts", "half", over="expert", times=0.9),
        aim("the first choice after departure is right in 95 %", "half", value=0.95, measure="first_choice"),
        aim("alone, better than trained alone", "never", over=f"{arm}_alone"),
    )


experiment = dataclasses.replace(
    BASE,
    name="many_goals",
    question="With four and five goals, does a novice follow experts, remember their order, and go on alone?",
    curriculum=COMPANY[""],
    arms=tuple(
        Arm(
            name=f"{name}{company}",
            learner=LEARNER,
            world=dataclasses.replace(BASE.world, goals=goals),
            curriculum=curriculum,
        )
        for name, goals in GOALS.items()
        for company, curriculum in COMPANY.items()
    ),
    steps=STEPS,
    scale="two CPU cores: 9x9, 2.5 million steps per seed",
    claims=tuple(claim for name in GOALS for claim in claims(name)),
    protocols=(dataclasses.replace(BASE.protocols[0], transfer=()),),
)

"""One agent that follows experts, remembers what they showed, and goes on alone: is it worse than one that
was always alone?

The novice learns beside experts that stay, leave, come and go, or never come; the penalty for mistakes grows
over the first half of training, so that trying is cheap at first. `alone` learns by the same schedule and
never meets anybody. The learner is recurrent PPO with a mirror-equivariant policy, which did best in
cultural_transmission.py, for four times as long.

The size is for two CPU cores; on a GPU: --world.size 13 --world.layout cluttered --world.horizon 250 --steps
40000000 --num_envs 1024.
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

STEPS = 6_000_000
LEARNER = ppo.Config(**{**cultural_transmission["COMMON"], "anneal": STEPS})
PENALTY = (dataclasses.replace(cultural_transmission["PENALTY"][0], steps=STEPS // 2),)
COMPANY = {
    "": mixed.Config(presence=cultural_transmission["DROP_OUT"], ramps=PENALTY),
    "_alone": mixed.Config(presence=(("never", 1.0),), ramps=PENALTY),
}


def aims(arm: str, alone: str) -> tuple[Claim, ...]:
    """Follows, remembers and goes on alone, each a claim about one arm; `alone` is the arm that never meets
    anybody.
    """

    def aim(text: str, presence: str, **options: Any) -> Claim:
        return Claim(
            text=f"{arm}: {text}", source="aim", arm=arm, labels=(("presence", presence),), **options
        )

    return (
        aim("A_full above 0.9 of the experts", "full", over="expert", times=0.9),
        aim("A_half above 0.9 of the experts", "half", over="expert", times=0.9),
        aim("the first choice after departure is right in 95 %", "half", value=0.95, measure="first_choice"),
        aim("alone, better than trained alone", "never", over=alone),
    )


experiment = dataclasses.replace(
    BASE,
    name="go_on_alone",
    question="Does one agent follow experts, remember what they showed and go on alone, no worse than one trained alone?",
    curriculum=COMPANY[""],
    arms=(
        Arm(name="novice", learner=LEARNER),
        Arm(name="alone", learner=LEARNER, curriculum=COMPANY["_alone"]),
    ),
    steps=STEPS,
    evaluate_every=500_000,
    checkpoint_every=1_000_000,
    scale="two CPU cores: 9x9, 6 million steps per seed",
    claims=aims("novice", "alone"),
    protocols=(dataclasses.replace(BASE.protocols[0], transfer=()),),
)

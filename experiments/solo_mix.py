"""Does social experience help when alone? Novices that live beside experts in none, a quarter, half, or all
of their episodes.

Every arm learns with the same penalty schedule, the solitary one too: cheap mistakes teach exploring, with or
without experts.

The size is for two CPU cores; on a GPU: --world.size 13 --world.layout cluttered --world.horizon 250 --steps
40000000 --num_envs 1024.
"""

import dataclasses
import runpy
from pathlib import Path

from socialrl.config import Arm, Claim
from socialrl.curricula import mixed
from socialrl.learners import sociapl

cultural_transmission = runpy.run_path(str(Path(__file__).with_name("cultural_transmission.py")))

STEPS = 1_000_000
PENALTY = (dataclasses.replace(cultural_transmission["PENALTY"][0], steps=STEPS * 2 // 3),)
LEARNER = sociapl.Config(**{**cultural_transmission["COMMON"], "anneal": STEPS})


def mix(social: float) -> mixed.Config:
    """A share of episodes beside experts, the rest alone."""
    return mixed.Config(presence=(("never", 1 - social), ("always", social)), ramps=PENALTY)


experiment = dataclasses.replace(
    cultural_transmission["experiment"],
    claims=(
        Claim(
            text="With 25 % of episodes beside experts, better alone than the solitary",
            source="Ndousse et al. 2021, arXiv 2010.00581",
            arm="social_25",
            over="solo",
            labels=(("presence", "never"),),
        ),
    ),
    steps=STEPS,
    scale="two CPU cores: 9x9, 1 million steps per seed",
    name="solo_mix",
    question="Do episodes beside experts make a novice better at living alone?",
    curriculum=mix(0.0),
    arms=(
        Arm(name="solo", learner=LEARNER),
        Arm(name="social_25", learner=LEARNER, curriculum=mix(0.25)),
        Arm(name="social_50", learner=LEARNER, curriculum=mix(0.5)),
        Arm(name="social_100", learner=LEARNER, curriculum=mix(1.0)),
    ),
)

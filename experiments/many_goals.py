"""Four goals, where following one of two orientations no longer helps: follow, remember, go on alone?

With n goals there are (n - 1)! hidden orders. As go_on_alone.py, half as long; with --world.goals 5 there are
five.

The size is for two CPU cores; on a GPU: --world.size 13 --world.layout cluttered --world.horizon 250 --steps
40000000 --num_envs 1024.
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


def curriculum(company: str) -> mixed.Config:
    """That of go_on_alone.py, in less time."""
    return mixed.Config(presence=go_on_alone["COMPANY"][company].presence, ramps=PENALTY)


experiment = dataclasses.replace(
    BASE,
    name="many_goals",
    question="With four goals, does a novice follow experts, remember their order, and go on alone?",
    world=dataclasses.replace(BASE.world, goals=4),
    curriculum=curriculum(""),
    arms=(
        Arm(name="novice", learner=LEARNER),
        Arm(name="alone", learner=LEARNER, curriculum=curriculum("_alone")),
    ),
    steps=STEPS,
    scale="two CPU cores: 9x9, 3 million steps per seed",
    claims=(
        Claim(
            text="alone, stuck at one goal", source="preliminary study", arm="alone", value=1.5, below=True
        ),
        *go_on_alone["aims"]("novice", "alone"),
    ),
)

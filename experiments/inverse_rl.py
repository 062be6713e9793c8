"""What do the others want? Preferences inferred from what they do, held against the true ones, which no
learner ever sees.

The world of coin_grid.py. A novice that learns from its own rewards and from three experts names, in held-out
episodes, what every step is worth to each of them. Inverse TD is what ties the cumulants to the others'
behaviour: without it there is cloning, and the novice's own rewards. The third arm watches only, and learns
nothing from rewards. No arm has gates: what an expert wants is asked here whether or not it is of use. The
more its own rewards weigh, the more the novice sees what it wants itself in all that others do: hence their
small weight.

From recorded demonstrations instead of the stream, and from nothing else:

    socialrl record coin_grid --out demos.npz --seats expert --world.experts '<those of this experiment>'
    socialrl run experiments/inverse_rl.py --psiphi.learner.demonstrations demos.npz --psiphi.learner.offline 2000

The size is for two CPU cores; on a GPU: --world.size 15 --steps 100000 --seeds 64
"""

import dataclasses
import runpy
from pathlib import Path
from typing import Any

from socialrl.config import Arm, Claim, Experiment
from socialrl.learners import psiphi
from socialrl.protocols import inverse_rl

coin_grid: Experiment = runpy.run_path(str(Path(__file__).with_name("coin_grid.py")))["experiment"]
FOUND = (("protocol", "inverse_rl"), ("agent", "all"))
OPEN: dict[str, Any] = {"trust": False, "reward_coef": 1.0}
PSIPHI = "Filos et al., 2021, arXiv 2102.12560"

experiment = dataclasses.replace(
    coin_grid,
    name="inverse_rl",
    question="Are the preferences that are inferred from the others' behaviour the true ones?",
    arms=(
        Arm(name="psiphi", learner=psiphi.Config(**OPEN)),
        Arm(name="no_inverse_td", learner=psiphi.Config(inverse_td_coef=0.0, **OPEN)),
        Arm(
            name="watching_only",
            learner=psiphi.Config(
                trust=False, reward_coef=0.0, td_coef=0.0, relabelled_coef=0.0, successor_coef=0.0, off_policy_coef=0.0
            ),
        ),
    ),
    seeds=10,
    steps=12_000,
    protocols=(inverse_rl.Config(),),
    claims=(
        Claim(
            text="inverse TD recovers the others' preferences: cosine above 0.8",
            source=PSIPHI,
            arm="psiphi",
            value=0.8,
            measure="cosine",
            labels=FOUND,
        ),
        Claim(
            text="it needs inverse TD",
            source=PSIPHI,
            arm="psiphi",
            over="no_inverse_td",
            measure="cosine",
            labels=FOUND,
        ),
        Claim(
            text="no rewards are needed for it: cosine above 0.8",
            source=PSIPHI,
            arm="watching_only",
            value=0.8,
            measure="cosine",
            labels=FOUND,
        ),
    ),
    scale="",
)

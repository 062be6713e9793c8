"""The novice's tastes change overnight. How many episodes until it does well again, and whom does it follow
by then?

Trained as in coin_grid.py, then given new preferences: psiphi re-learns nothing but its own w, by regression
of its rewards on its cumulants, and asks again who would serve it; dqn goes on training. No arm has gates:
who is shut out because it is of no use today is not known well enough to be followed tomorrow.

The size is for two CPU cores; on a GPU: --world.size 15 --steps 100000 --seeds 64
"""

import dataclasses
import runpy
from pathlib import Path

from socialrl.config import Arm, Experiment
from socialrl.learners import dqn, psiphi
from socialrl.protocols import few_shot

coin_grid: Experiment = runpy.run_path(str(Path(__file__).with_name("coin_grid.py")))["experiment"]

experiment = dataclasses.replace(
    coin_grid,
    claims=(),
    scale="",
    name="few_shot",
    question="When preferences change, does following those who already live by the new ones beat learning anew?",
    arms=(
        Arm(name="psiphi", learner=psiphi.Config(trust=False)),
        Arm(name="psiphi_no_gpi", learner=psiphi.Config(trust=False, following="never")),
        Arm(name="dqn", learner=dqn.Config()),
    ),
    steps=16_000,
    protocols=(few_shot.Config(preferences=((-1.0, -1.0, 1.0), (-1.0, 1.0, 1.0))),),
)

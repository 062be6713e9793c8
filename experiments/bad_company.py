"""Company that is not worth following: random walkers, and anti-experts that pursue what is worst for the novice.

Nobody tells the novice which company it keeps. Learning alone (dqn) is the bar; beside good company psiphi clears it.
The arms with a heavier TD loss show where the harm comes from: less from the company than from the reward loss, which
outweighs learning values.
"""

import dataclasses
import runpy
from pathlib import Path

from socialrl.config import Arm, Experiment
from socialrl.learners import dqn, psiphi
from socialrl_envs.types import Seat

coin_grid: Experiment = runpy.run_path(str(Path(__file__).with_name("coin_grid.py")))["experiment"]

COMPANY = {
    "experts": coin_grid.world,
    "wanderers": dataclasses.replace(coin_grid.world, experts=0, coplayers=(Seat(policy="wanderer"),) * 3),
    "anti_experts": dataclasses.replace(coin_grid.world, experts=0, coplayers=(Seat(policy="anti_expert"),) * 3),
}
LEARNERS = {"psiphi": psiphi.Config(), "psiphi_td10": psiphi.Config(td=10.0), "dqn": dqn.Config()}

experiment = dataclasses.replace(
    coin_grid,
    claims=(),
    scale="",
    name="bad_company",
    question="Beside wanderers or anti-experts, is a social learner worse off than one that learns alone?",
    arms=tuple(
        Arm(name=f"{name}_{company}", learner=learner, world=world)
        for company, world in COMPANY.items()
        for name, learner in LEARNERS.items()
    ),
)

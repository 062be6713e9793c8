"""Whom should a novice imitate if no expert wants what it wants? A novice among three experts, each with its
own colour.

The novice wants red and green coins and loses by blue ones; no expert does. Cloning all of them takes the
blue coins, too, and learning alone ignores what they show. psiphi decides at every step which expert, if any,
is worth following now. Its trust weights are useful in bad company (bad_company.py); one arm goes without
them.

The size is for two CPU cores; on a GPU: --world.size 15 --steps 100000 --seeds 64
"""

from _coins import WORLD, lengths
from socialrl.config import Arm, Claim, Experiment
from socialrl.learners import bc, dqn, psiphi
from socialrl.protocols import regret
from socialrl.tuned import tuned

PAPER = "Filos et al. 2021, arXiv 2102.12560"

experiment = Experiment(
    name="coin_grid",
    question=(
        "When nobody shares one's goals, does asking whom it pays to imitate beat learning alone, and "
        "imitation?"
    ),
    world=WORLD,
    arms=(
        Arm(name="psiphi", learner=psiphi.Config()),
        Arm(name="psiphi_ungated", learner=psiphi.Config(trust=False)),
        Arm(name="psiphi_no_gpi", learner=psiphi.Config(trust=False, following="never")),
        Arm(name="dqn", learner=dqn.Config()),
        Arm(name="bc", learner=bc.Config()),
    ),
    seeds=10,
    protocols=(regret.Config(),),
    **lengths(),
    claims=(
        Claim(
            text="psiphi is above dqn, which ignores the others",
            source="ours",
            paper=PAPER,
            arm="psiphi",
            over="dqn",
        ),
        Claim(text="psiphi learns sooner than dqn", source="ours", arm="psiphi", over="dqn", measure="auc"),
        Claim(text="psiphi is above imitation of all", source="ours", paper=PAPER, arm="psiphi", over="bc"),
        Claim(text="Following pays", source="ours", paper=PAPER, arm="psiphi_ungated", over="psiphi_no_gpi"),
    ),
)
experiment = tuned(experiment, __file__)

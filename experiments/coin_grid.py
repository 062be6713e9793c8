"""Whom would you imitate, if nobody wants quite what you want? A novice among three experts, each with a
colour of its own.

The novice wants red and green and loses by blue; no expert does. Cloning them all means taking the blue coins
too; learning alone wastes what they show; psiphi asks at every step which of them, if any, would serve the
novice now. Its gates are of use in bad company (bad_company.py); one arm goes without them.

The size is for two CPU cores; on a GPU: --world.size 15 --steps 100000 --seeds 64
"""

from socialrl.config import Arm, Experiment
from socialrl.learners import bc, dqn, psiphi
from socialrl_envs.types import Seat
from socialrl_envs.worlds import coin_grid

LIKES_RED, LIKES_GREEN, LIKES_BLUE = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)

experiment = Experiment(
    name="coin_grid",
    question="When nobody shares one's goals, does asking whom it pays to imitate beat learning alone, and imitation?",
    world=coin_grid.Config(
        novices=(Seat(preferences=(1.0, 1.0, -1.0)),),
        experts=tuple(
            Seat(policy="noisy", skill=0.95, preferences=p) for p in (LIKES_RED, LIKES_GREEN, LIKES_BLUE)
        ),
    ),
    arms=(
        Arm(name="psiphi", learner=psiphi.Config()),
        Arm(name="psiphi_ungated", learner=psiphi.Config(trust=False)),
        Arm(name="psiphi_no_gpi", learner=psiphi.Config(trust=False, following="never")),
        Arm(name="dqn", learner=dqn.Config()),
        Arm(name="bc", learner=bc.Config()),
    ),
    seeds=5,
    steps=12_000,
    chunk=5,
    evaluate_every=800,
    checkpoint_every=4_000,
)

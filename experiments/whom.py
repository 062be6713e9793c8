"""Who beside it is worth following is drawn anew for every episode: does a learner find out whom to follow?

The world of coin_grid.py. One co-player wants what the novice wants, others want the opposite or wander; who
is who changes from level to level, so that nobody is an expert for good, and only what they do tells. In
`fixed` it is always the same. `drawn`: the preferences of each are drawn by themselves, so that there are
several right ones or none. `right`, of the protocol `following`, is the share of followed steps in which the
right one is followed; `right_base` the share of right ones, which following anybody has. `alone` has no
sources and is PPO. Nothing is tuned.

The size is for two CPU cores; on a GPU: --world.size 15 --steps 5000000 --num_envs 1024
"""

import dataclasses
from collections.abc import Iterator

from _coins import WORLD
from socialrl.config import Arm, Claim, Experiment
from socialrl.learners import selective
from socialrl.protocols import following, regret
from socialrl_envs.types import Seat

STEPS = 150_000
LEARNER = selective.Config(
    hidden=(128,), minibatches=32, lr_end=1e-4, entropy_coef=0.03, entropy_coef_end=0.002, anneal=STEPS
)
LEARNERS = {"selective": LEARNER, "alone": dataclasses.replace(LEARNER, sources=())}
EQUAL = Seat(policy="noisy", skill=0.95, preferences=(1.0, 1.0, -1.0))
OPPOSITE = Seat(policy="noisy", skill=0.95, preferences=(-1.0, -1.0, 1.0))
WANDERER = Seat(policy="noisy", skill=0.0, preferences=(0.0, 0.0, 0.0))
COMPANY = {
    "fixed": ("nothing", (EQUAL, OPPOSITE, WANDERER)),
    "one_of_three": ("order", (EQUAL, OPPOSITE, WANDERER)),
    "one_of_four": ("order", (EQUAL, OPPOSITE, OPPOSITE, OPPOSITE)),
    "drawn": ("preferences", (EQUAL, OPPOSITE, OPPOSITE)),
}
FOLLOWING, REGRET = (("protocol", "following"),), (("protocol", "regret"),)


def claims() -> Iterator[Claim]:
    """In every company: whom it follows, and whether that costs less than acting alone."""
    for company in COMPANY:
        arm = f"selective_{company}"
        yield Claim(
            text=f"{company}: the right one is followed more often than anybody at random",
            source="ours",
            arm=arm,
            measure="right_gain",
            labels=FOLLOWING,
        )
        yield Claim(
            text=f"{company}: the right one is followed in 90 % of the followed steps",
            source="aim",
            arm=arm,
            value=0.9,
            measure="right",
            labels=FOLLOWING,
        )
        yield Claim(
            text=f"{company}: less regret per step than without sources",
            source="ours",
            arm=arm,
            over=f"alone_{company}",
            below=True,
            measure="regret_per_step",
            labels=REGRET,
        )


experiment = Experiment(
    name="whom",
    question="Where who is worth following changes in every episode, does a learner find out whom to follow?",
    world=WORLD,
    arms=tuple(
        Arm(
            name=f"{name}_{company}",
            learner=learner,
            world=dataclasses.replace(WORLD, experts=seats, identities=True, redrawn=redrawn),
        )
        for company, (redrawn, seats) in COMPANY.items()
        for name, learner in LEARNERS.items()
    ),
    seeds=10,
    first_seed=1000,
    steps=STEPS,
    num_envs=64,
    unroll_length=25,
    chunk=5,
    evaluate_every=16_000,
    checkpoint_every=80_000,
    protocols=(following.Config(), regret.Config()),
    scale="two CPU cores: 9x9, 150,000 steps per seed",
    claims=tuple(claims()),
)

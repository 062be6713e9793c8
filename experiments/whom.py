"""Who knows the way, or wants what the novice wants, is drawn anew for every episode: does a novice find out
whom to follow?

`cycle`: in the goal cycle one of three co-players knows the hidden order, and two walk at random. Who is who
changes from level to level, so that nobody is an expert for good, and only what they do tells. A learner that
follows a random walker pays for its mistakes. `known` says in its place who is who: always the same seat.
`coins`: the world of coin_grid.py, where all see all; one of three wants what the novice wants, one the
opposite, one nothing.

`right`, of the protocol `following`, is the share of followed steps in which the right one is followed;
`right_base` the share of right ones, which following anybody has; both also over ten parts of the episode.
`alone` has no sources, and is recurrent PPO. All have the settings that the search of one_learner.py chose in
other worlds; nothing is tuned here. Seeds are fresh: older settings were reported on those from 1000, where
three of ten followed nobody, and an older version on those from 2000.

The size is for two CPU cores; on a GPU: --steps 10000000 --num_envs 1024
"""

import dataclasses
from collections.abc import Iterator

import _coins
import _cycle
from socialrl.config import Arm, Claim, Experiment
from socialrl.learners import selective
from socialrl.protocols import following, regret
from socialrl_envs.types import Seat

STEPS = 600_000
EVERYTHING = selective.Config(anneal=STEPS)
FOLLOWER = dataclasses.replace(EVERYTHING, sources=("following",))
ALONE = dataclasses.replace(FOLLOWER, sources=())


def knows(skill: float) -> Seat:
    """One that knows the order and slips in 1 - skill of its steps; of skill 0 one that walks at random."""
    return Seat(policy="noisy", skill=skill)


def likes(red: float, green: float, blue: float, skill: float = 0.95) -> Seat:
    """A planner with these preferences."""
    return Seat(policy="noisy", skill=skill, preferences=(red, green, blue))


CYCLE = dataclasses.replace(
    _cycle.WORLD, experts=(knows(0.95), knows(0.0), knows(0.0)), identities=True, redrawn="order"
)
COINS = dataclasses.replace(
    _coins.WORLD,
    experts=(likes(1.0, 1.0, -1.0), likes(-1.0, -1.0, 1.0), likes(0.0, 0.0, 0.0, skill=0.0)),
    identities=True,
    redrawn="order",
)
ARMS = {
    "follower_cycle": (FOLLOWER, CYCLE),
    "alone_cycle": (ALONE, CYCLE),
    "follower_known": (FOLLOWER, dataclasses.replace(CYCLE, redrawn="nothing")),
    "selective_coins": (EVERYTHING, COINS),
    "alone_coins": (ALONE, COINS),
}
FOLLOWING, REGRET = (("protocol", "following"),), (("protocol", "regret"),)


def claims() -> Iterator[Claim]:
    """Whom each one follows, and whether that costs less than acting alone."""
    for arm, alone in (
        ("follower_cycle", "alone_cycle"),
        ("follower_known", "alone_cycle"),
        ("selective_coins", "alone_coins"),
    ):
        yield Claim(
            text=f"{arm}: the right one is followed more often than anybody at random",
            source="ours",
            arm=arm,
            measure="right_gain",
            labels=FOLLOWING,
        )
        yield Claim(
            text=f"{arm}: the right one is followed in 90 % of the followed steps",
            source="aim",
            arm=arm,
            value=0.9,
            measure="right",
            labels=FOLLOWING,
        )
        yield Claim(
            text=f"{arm}: less regret per step than without sources",
            source="ours",
            arm=arm,
            over=alone,
            below=True,
            measure="regret_per_step",
            labels=REGRET,
        )
    for part, value in (("right/2", 0.8), ("right/9", 0.95)):
        yield Claim(
            text=f"follower_cycle: after {int(part[-1])}0 % of the episode the right one is followed in "
            f"{value:.0%} of the followed steps",
            source="aim",
            arm="follower_cycle",
            value=value,
            measure=part,
            labels=FOLLOWING,
        )


experiment = Experiment(
    name="whom",
    question="Where who is worth following changes in every episode, does a learner find out whom to follow?",
    world=CYCLE,
    arms=tuple(Arm(name=name, learner=learner, world=world) for name, (learner, world) in ARMS.items()),
    seeds=10,
    first_seed=3000,
    steps=STEPS,
    num_envs=64,
    unroll_length=25,
    chunk=5,
    evaluate_every=40_000,
    evaluation_episodes=64,
    checkpoint_every=200_000,
    protocols=(following.Config(), regret.Config()),
    scale="two CPU cores: 9x9, 600,000 steps per seed",
    claims=tuple(claims()),
)

"""Co-players of equal, overlapping and opposite goals, and of no skill, in several mixes: whom does it pay to
follow, and when?

The novice is the same in every mix: it wants red and green, and loses by blue. Nobody tells it who beside it
wants what. The protocol `following` knows, and measures whom it follows and whether they are useful to it
there and then.

The size is for two CPU cores; on a GPU: --world.size 15 --steps 100000 --seeds 64
"""

import dataclasses
from collections.abc import Iterator

from _coins import WORLD, lengths
from socialrl.config import Arm, Claim, Experiment
from socialrl.learners import dqn, psiphi
from socialrl.protocols import following
from socialrl.tuned import tuned
from socialrl_envs.types import Seat


def likes(red: float, green: float, blue: float) -> Seat:
    """A planner with these preferences that slips in one of twenty steps."""
    return Seat(policy="noisy", skill=0.95, preferences=(red, green, blue))


EQUAL, OPPOSITE, WANDERER = likes(1.0, 1.0, -1.0), likes(-1.0, -1.0, 1.0), Seat(policy="wanderer")
LIKES_RED, LIKES_GREEN, LIKES_ALL = likes(1.0, 0.0, 0.0), likes(0.0, 1.0, 0.0), likes(1.0, 1.0, 1.0)

MIXES = {
    "equal": (EQUAL,) * 3,
    "overlapping": (LIKES_RED, LIKES_GREEN, LIKES_ALL),
    "each_kind": (EQUAL, LIKES_RED, OPPOSITE, WANDERER),
    "no_equal": (LIKES_RED, OPPOSITE, WANDERER),
    "opposite": (OPPOSITE,) * 3,
    "wanderers": (WANDERER,) * 3,
}
LEARNERS = {
    "psiphi": psiphi.Config(),
    "psiphi_ungated": psiphi.Config(trust=False),
    "psiphi_no_gpi": psiphi.Config(trust=False, following="never"),
    "dqn": dqn.Config(),
}
GOOD, BAD = ("equal", "overlapping", "each_kind", "no_equal"), ("opposite", "wanderers")
PAPER = "Filos et al. 2021, arXiv 2102.12560"
FOLLOWING = (("protocol", "following"),)


def claims() -> Iterator[Claim]:
    """Of good company, of bad company, and of whom it is that is followed."""
    for mix in GOOD:
        yield Claim(
            text=f"Beside {mix}, psiphi is above dqn",
            source="ours",
            paper=PAPER,
            arm=f"psiphi_{mix}",
            over=f"dqn_{mix}",
        )
    for mix in BAD:
        arm, alone, ungated = f"psiphi_{mix}", f"dqn_{mix}", f"psiphi_ungated_{mix}"
        text = f"Beside {mix}, psiphi without trust weights is below dqn"
        yield Claim(text=text, source="ours", arm=ungated, over=alone, below=True)
        yield Claim(
            text=f"Beside {mix}, trust weights keep nine tenths of what dqn earns",
            source="aim",
            arm=arm,
            over=alone,
            times=0.9,
        )
    who, nobody = "psiphi_each_kind", "psiphi_wanderers"
    text = "Of several, those are followed that are useful, more often than any of them at random"
    yield Claim(text=text, source="aim", arm=who, measure="selectivity", labels=FOLLOWING)
    text = "Wanderers are followed in less than one of twenty steps"
    yield Claim(
        text=text, source="aim", arm=nobody, value=0.05, below=True, measure="share", labels=FOLLOWING
    )


experiment = Experiment(
    world=WORLD,
    name="who_to_follow",
    question="Who is worth following, when, and is it they who are followed?",
    arms=tuple(
        Arm(
            name=f"{learner}_{mix}",
            learner=config,
            world=dataclasses.replace(WORLD, experts=0, coplayers=seats),
        )
        for mix, seats in MIXES.items()
        for learner, config in LEARNERS.items()
    ),
    seeds=10,
    **lengths(evaluate_every=2_400),
    protocols=(following.Config(),),
    scale="two CPU cores: 9x9, 12,000 steps per seed",
    claims=tuple(claims()),
)
experiment = tuned(experiment, __file__)

"""Is a learner that may follow others ever worse off than the same learner without sources, in any company?

The world of coin_grid.py beside experts with other preferences, random walkers, agents with opposite
preferences, and anti-experts that pursue what is worst for the novice; `mixed` has one of each. Lurers want
what the novice wants in the first third of training, and are anti-experts from then on, in evaluations, too.
Blockers stand in its way. Both learners see the same company; `alone` has no sources and is PPO. The claims
are about a third, two thirds and the end of training. Both have selective's defaults, which were searched for
in one_learner.py; seeds are fresh, as older settings were reported on those from 1000.

The size is for two CPU cores; on a GPU: --world.size 15 --steps 5000000 --num_envs 1024
"""

import dataclasses
from collections.abc import Iterator

from _coins import WORLD
from _worlds import SELECTIVE
from socialrl.config import Arm, Claim, Experiment
from socialrl.curricula import mixed
from socialrl_envs.types import Seat

STEPS = 150_000
LEARNER = dataclasses.replace(SELECTIVE, anneal=STEPS)
LEARNERS = {"selective": LEARNER, "alone": dataclasses.replace(LEARNER, sources=())}
OPPOSITE = Seat(policy="noisy", skill=0.95, preferences=(-1.0, -1.0, 1.0))
LIKES_RED = Seat(policy="noisy", skill=0.95, preferences=(1.0, 0.0, 0.0))
WANDERER, ANTI_EXPERT = Seat(policy="wanderer"), Seat(policy="anti_expert")
LURER, BLOCKER = Seat(policy="lurer", skill=0.0), Seat(policy="blocker", skill=0.7)
COMPANY = {
    "experts": WORLD,
    **{
        name: dataclasses.replace(WORLD, experts=0, coplayers=seats)
        for name, seats in {
            "wanderers": (WANDERER,) * 3,
            "opposite": (OPPOSITE,) * 3,
            "anti_experts": (ANTI_EXPERT,) * 3,
            "mixed": (LIKES_RED, WANDERER, OPPOSITE),
            "lurers": (LURER,) * 3,
        }.items()
    },
    "blockers": dataclasses.replace(WORLD, experts=0, coplayers=(BLOCKER, WANDERER), blocking=True),
}
TURNING = mixed.Config(
    ramps=(mixed.Ramp(param="skill", start=(1.0, 1.0), end=(0.0, 0.0), after=STEPS // 3),), evaluated=True
)
TIMES = {"a third": 1 / 3, "two thirds": 2 / 3, "the end": 1.0}


def claims() -> Iterator[Claim]:
    """Beside anybody no lower than 98 % of what it reaches without sources, next to no following of those
    that are of no use, and more over the learning curve beside experts.
    """
    for company in COMPANY:
        for when, share in TIMES.items():
            yield Claim(
                text=f"Beside {company}, at {when}, at least 98 % of the same learner without sources",
                source="aim",
                arm=f"selective_{company}",
                over=f"alone_{company}",
                times=0.98,
                at=share,
            )
    for company in ("wanderers", "anti_experts"):
        yield Claim(
            text=f"Beside {company} it acts for itself in 98 % of the steps",
            source="aim",
            arm=f"selective_{company}",
            measure="share/self",
            value=0.98,
        )
    yield Claim(
        text="Beside experts it learns faster than without sources",
        source="ours",
        arm="selective_experts",
        over="alone_experts",
        measure="auc",
    )


experiment = Experiment(
    name="harmless",
    question="Is a learner that may follow others ever worse off than the same learner without sources?",
    world=WORLD,
    arms=tuple(
        Arm(
            name=f"{name}_{company}",
            learner=learner,
            world=world,
            curriculum=TURNING if company == "lurers" else None,
        )
        for company, world in COMPANY.items()
        for name, learner in LEARNERS.items()
    ),
    seeds=10,
    first_seed=2000,
    steps=STEPS,
    num_envs=64,
    unroll_length=25,
    chunk=5,
    evaluate_every=8_000,
    checkpoint_every=80_000,
    scale="two CPU cores: 9x9, 150,000 steps per seed",
    claims=tuple(claims()),
)

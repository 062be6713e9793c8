"""Five places in a hidden order: does one agent follow it, remember it, and find it alone?

The world, the learner and the measures of shown_once.py, whose novice fails alone and beside anti-experts
with more than three places. Two things differ, and the length. Four in ten episodes are alone, with a penalty
that grows to 1.5, that of the world, and not to 2.5, so that trying pays; where experts leave, it grows to
2.5, as there. And the experts that stay turn: each level draws when, a third of them before it begins, from
where they pursue what costs the novice. `alone` has the schedule of the episodes alone.

Ten seeds of an arm take about two and a half hours on one core, minutes on a GPU; there also four places in
13x13 with clutter: --world.goals 4 --world.size 13 --world.layout cluttered --world.horizon 200
"""

import dataclasses

from _cycle import NEVER, WORLD, learner, lengths
from shown_once import aims_of
from socialrl.config import Arm, Experiment
from socialrl.curricula import mixed
from socialrl.learners import ppo
from socialrl.protocols import social
from socialrl_envs.types import Seat

STEPS = 32_000_000
SHARES = (("always", 0.3), ("first_half", 0.12), ("leaves", 0.08), ("comes_and_goes", 0.1), ("never", 0.4))
EXPERT = Seat(policy="turncoat", skill=1.0)


def ramp(top: float, *presence: str) -> mixed.Ramp:
    """A penalty that grows from 0 to `top` over the first half of training, in episodes of these kinds."""
    return mixed.Ramp(param="penalty", start=(0.0, 0.0), end=(top, top), steps=STEPS // 2, presence=presence)


TURNING = mixed.Ramp(param="skill", start=(-0.5, 1.0), end=(-0.5, 1.0), presence=("always",))
COMPANY = mixed.Config(
    presence=SHARES,
    ramps=(ramp(1.5, "always", "never"), ramp(2.5, "first_half", "leaves", "comes_and_goes"), TURNING),
)
ALONE = mixed.Config(presence=NEVER, ramps=(ramp(1.5),))
LEARNER = ppo.Config(**learner(STEPS) | {"places": 6, "memory": "none", "heads": (128,), "mirror": False})
FIVE = dataclasses.replace(WORLD, goals=5, experts=0, coplayers=(EXPERT, EXPERT))

experiment = Experiment(
    name="found_alone",
    question="An order of five places: does one agent follow it, remember it, and find it alone?",
    world=FIVE,
    curriculum=COMPANY,
    arms=(
        Arm(name="novice_5", learner=LEARNER),
        Arm(name="alone_5", learner=LEARNER, curriculum=ALONE),
    ),
    steps=STEPS,
    first_seed=1000,
    **lengths(evaluate_every=2_000_000, checkpoint_every=4_000_000),
    protocols=(social.Config(policies=("greedy",), transfer=(), companies=("anti_expert",), own_world=True),),
    scale="two CPU cores: 9x9, 32 million steps per seed",
    claims=tuple(aims_of("5", FIVE.goals)),
)

"""Three, four or five places in a hidden order, shown by others who leave: followed, remembered, found alone?

With n tiles there are (n - 1)! orders. The novice learns beside experts that stay, leave together half-way,
leave one by one, come and go, or never come. The penalty for mistakes grows from 0 to 2.5 over the first half
of training; all that is reported is at 1.5. The novice has no recurrent cell but a memory of places: where
tiles lie, which of them others went to next, and what going there paid. `alone` is the same learner under the
same schedule that never meets experts. `clutter` is 13x13 with walls that hide the tiles.

Ten seeds of an arm on 9x9 take about 47 minutes on one core; on a GPU: --world.size 13 --world.layout
cluttered --world.horizon 250 --steps 100000000 --num_envs 2048
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

from _cycle import NEVER, WORLD, learner, lengths
from socialrl.config import Arm, Claim, Experiment
from socialrl.curricula import mixed
from socialrl.learners import ppo
from socialrl.protocols import social
from socialrl.tuned import tuned

STEPS = 16_000_000
DEPARTURES = (
    ("always", 0.15),
    ("first_half", 0.3),
    ("leaves", 0.2),
    ("comes_and_goes", 0.2),
    ("never", 0.15),
)
PENALTY = (mixed.Ramp(param="penalty", start=(0.0, 0.0), end=(2.5, 2.5), steps=STEPS // 2),)
COMPANY = mixed.Config(presence=DEPARTURES, ramps=PENALTY)
ALONE = mixed.Config(presence=NEVER, ramps=PENALTY)
LEARNER = ppo.Config(**learner(STEPS) | {"places": 6, "memory": "none", "heads": (128,), "mirror": False})
OPEN = {f"{n}": dataclasses.replace(WORLD, goals=n) for n in (4, 5, 3)}
CLUTTER = dataclasses.replace(WORLD, goals=4, size=13, layout="cluttered", horizon=200)
WORLDS = OPEN | {"clutter": CLUTTER}
AIMS = {  # A_full / E, A_half / E, choices
    "4": (0.92, 0.9, 0.95),
    "5": (0.9, 0.85, 0.9),
    "3": (0.95, 0.95, 0.97),
    "clutter": (0.92, 0.9, 0.95),
}
ORDINALS = ("1st", "2nd", "3rd", "4th")


def arms() -> Iterator[Arm]:
    """In each world the novice and the solitary."""
    for name, world in WORLDS.items():
        yield Arm(name=f"novice_{name}", learner=LEARNER, world=world)
        yield Arm(name=f"alone_{name}", learner=LEARNER, world=world, curriculum=ALONE)


def claims() -> Iterator[Claim]:
    """What the novice should reach in each world."""
    for name, world in WORLDS.items():
        yield from aims_of(name, world.goals)


def aims_of(name: str, goals: int) -> Iterator[Claim]:
    """What the novice should reach in the world of this name, compared with the experts and the solitary."""
    (full, half, right), arm, alone = AIMS[name], f"novice_{name}", f"alone_{name}"

    def aim(text: str, presence: str, *labels: tuple[str, str], **options: Any) -> Claim:
        given = (("presence", presence), *labels)
        return Claim(text=f"{arm}: {text}", source="aim", arm=arm, labels=given, **options)

    yield aim(f"A_full above {full} of the experts", "full", over="expert", times=full)
    yield aim(f"A_half above {half} of the experts'", "half", over="expert", times=half)
    for k in range(1, goals):
        measure = "first_choice" if k == 1 else f"choice/{k}"
        text = f"{ORDINALS[k - 1]} choice after departure right in {right}"
        yield aim(text, "half", value=right, measure=measure)
    yield aim(
        "mistakes after departure below a fifth of the solitary's",
        "half",
        over=alone,
        times=0.2,
        below=True,
        measure="mistakes_after",
    )
    better = "no worse than trained alone" if goals == 3 else "better than trained alone"
    yield aim(f"alone, {better}", "never", over=alone, times=0.98 if goals == 3 else 1.0)
    yield aim(
        "beside anti-experts, its second half pays 90 % of the solitary's",
        "full",
        ("company", "anti_expert"),
        over=alone,
        times=0.9,
        measure="return_second_half",
    )


experiment = Experiment(
    name="shown_once",
    question="An order of three, four or five places, shown once: is it followed, remembered, found alone?",
    world=WORLD,
    curriculum=COMPANY,
    arms=tuple(arms()),
    steps=STEPS,
    first_seed=1000,
    **lengths(evaluate_every=2_000_000, checkpoint_every=2_000_000),
    protocols=(social.Config(policies=("greedy",), transfer=(), companies=("anti_expert",), own_world=True),),
    scale="two CPU cores: 9x9, or 13x13 with clutter, 16 million steps per seed",
    claims=tuple(claims()),
)
experiment = tuned(experiment, __file__)

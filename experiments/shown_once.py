"""Three, four or five places in a hidden order, shown by others who leave: followed, remembered, found alone?

With n tiles there are (n - 1)! orders. The novice learns beside experts that stay, leave together half-way,
leave one by one, come and go, or never come; the penalty for mistakes grows from 0 over the first half of
training. It has no recurrent cell but a memory of places: where tiles lie, which of them others went to next,
and what going there paid. `alone` is the same learner under the same schedule that never meets experts. `gru`
has a recurrent cell and a mirror-equivariant policy in place of the memory of places.

What one seed costs on two quiet cores stands in docs/results.md; on a GPU: --world.size 13 --world.layout
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

STEPS = 8_000_000
DEPARTURES = (
    ("always", 0.15),
    ("first_half", 0.3),
    ("leaves", 0.2),
    ("comes_and_goes", 0.2),
    ("never", 0.15),
)
PENALTY = (mixed.Ramp(param="penalty", start=(0.0, 0.0), end=(1.5, 1.5), steps=STEPS // 2),)
COMPANY = mixed.Config(presence=DEPARTURES, ramps=PENALTY)
ALONE = mixed.Config(presence=NEVER, ramps=PENALTY)
WITH_PLACES = ppo.Config(**learner(STEPS) | {"places": 6, "memory": "none", "heads": (128,), "mirror": False})
AIMS = {3: (0.95, 0.95, 0.97), 4: (0.92, 0.9, 0.95), 5: (0.9, 0.85, 0.9)}  # A_full / E, A_half / E, choices
ORDINALS = ("1st", "2nd", "3rd", "4th")


def arms() -> Iterator[Arm]:
    """For each number of goals the novice and the solitary; with four also a recurrent novice."""
    for goals in AIMS:
        world = dataclasses.replace(WORLD, goals=goals)
        yield Arm(name=f"novice_{goals}", learner=WITH_PLACES, world=world)
        yield Arm(name=f"alone_{goals}", learner=WITH_PLACES, world=world, curriculum=ALONE)
    four = dataclasses.replace(WORLD, goals=4)
    yield Arm(name="gru_4", learner=ppo.Config(**learner(STEPS)), world=four)


def claims() -> Iterator[Claim]:
    """What a learner should reach with each number of goals, and that it takes the memory of places."""
    for goals, (full, half, right) in AIMS.items():
        arm, alone = f"novice_{goals}", f"alone_{goals}"

        def aim(text: str, presence: str, *labels: tuple[str, str], arm: str = arm, **options: Any) -> Claim:
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
    yield Claim(
        text="Four goals: with a memory of places above a recurrent one, experts gone half-way",
        source="ours",
        arm="novice_4",
        over="gru_4",
        labels=(("presence", "half"),),
    )


experiment = Experiment(
    name="shown_once",
    question="An order of three, four or five places, shown once: is it followed, remembered, found alone?",
    world=WORLD,
    curriculum=COMPANY,
    arms=tuple(arms()),
    steps=STEPS,
    first_seed=1000,
    **lengths(evaluate_every=1_000_000, checkpoint_every=2_000_000),
    protocols=(social.Config(policies=("greedy",), transfer=(), companies=("anti_expert",), own_world=True),),
    scale="two CPU cores: 9x9, 8 million steps per seed",
    claims=tuple(claims()),
)
experiment = tuned(experiment, __file__)

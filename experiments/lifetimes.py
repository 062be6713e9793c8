"""Does what agents know accumulate in context, from one lifetime to the next, with nobody's weights changed?

In goal_sequence the order of five kinds of goals is hidden, and the same for four trials of a lifetime, which
are too few to find it. After Cook et al. (2024), who have three kinds. Parameters are trained once; then
five lifetimes follow on one level (protocol `lifetimes`): the novice of one is the co-player of the next,
whose own novice remembers nothing. Nobody has a recurrent cell; all have the memory of places of
shown_once.py.

`culture` is trained beside an expert that slips, which is there in half of the episodes, and leaves in half
of those. In the same episodes `oracle` has an expert that never slips, and `random` a walker. `never_alone`
has the expert that slips in every episode, until it leaves. `one_life` is trained alone, in episodes as long
as five lifetimes, and lives one of these, in which it remembers all. Seeds begin at 2000: those from 1000
were measured before, with other companies and a protocol in which elders lost what they remembered.
Knowledge in weights is the question of generations.py.

The size is for two CPU cores; on a GPU: --steps 75000000 --num_envs 1024 --chunk 4
"""

import dataclasses

from _cycle import lengths
from _sequence import ELDER, LIVES, NUM_ENVS, after, life, pupil
from socialrl.config import Claim, Experiment
from socialrl.protocols import lifetimes, social
from socialrl.tuned import tuned
from socialrl_envs.types import Seat
from socialrl_envs.worlds import goal_sequence

HORIZON = 128
CHUNK = NUM_ENVS * HORIZON
STEPS = 130 * CHUNK  # 2,129,920
LAST = (("protocol", "lifetimes"), ("lives", "generations"), ("generation", str(LIVES)))
SLIPPING = Seat(policy="noisy", skill=0.9, presence="leaves")
HALF = (("always", 0.25), ("leaves", 0.25), ("never", 0.5))
COMPANY = {
    "culture": (SLIPPING, HALF),
    "oracle": (Seat(policy="planner", presence="leaves"), HALF),
    "random": (Seat(policy="wanderer", presence="leaves"), HALF),
    "never_alone": (SLIPPING, ()),
}
NOBODY = dataclasses.replace(SLIPPING, presence="never")


def world(teacher: Seat, lives: int = 1) -> goal_sequence.Config:
    """One lifetime beside a teacher, or several without a break."""
    return life(teacher, lives, kinds=5, size=9, penalty=1.0, horizon=HORIZON)


def later(text: str, one: int, over: int) -> Claim:
    """The claim that one lifetime of `culture` pays more than another."""
    labels = (*LAST[:-1], ("generation", str(one)))
    return after(text, "culture", "culture", *labels, over_labels=(("generation", str(over)),))


experiment = Experiment(
    name="lifetimes",
    question="Does what agents know accumulate in context, from one lifetime to the next?",
    world=world(ELDER),
    arms=(
        *(pupil(name, world(seat), STEPS, presence) for name, (seat, presence) in COMPANY.items()),
        pupil("one_life", world(NOBODY, LIVES), STEPS),
    ),
    steps=STEPS,
    first_seed=2000,
    **lengths(
        num_envs=NUM_ENVS,
        unroll_length=HORIZON,
        chunk=1,
        num_levels=2048,
        evaluate_every=26 * CHUNK,
        checkpoint_every=26 * CHUNK,
    ),
    protocols=(
        social.Config(policies=("greedy",), transfer=(), companies=(), own_world=True),
        lifetimes.Config(generations=LIVES),
    ),
    scale="two CPU cores: 9x9, five kinds, 2 million steps per seed",
    claims=(
        later("The second lifetime pays more than the first", 2, 1),
        later("The fifth lifetime pays more than the first", 5, 1),
        later("The fifth lifetime pays more than the second", 5, 2),
        after(
            "The fifth lifetime above the fifth part of one life",
            "culture",
            "one_life",
            *LAST,
            over_labels=(("lives", "one life"),),
        ),
        after("Above one trained beside a teacher that is too good", "culture", "oracle", *LAST),
        after("Above one trained beside a teacher at random", "culture", "random", *LAST),
        after("Above one that was never alone in training", "culture", "never_alone", *LAST),
        after(
            "In its second trial the fifth novice knows more than who was trained beside a teacher at random",
            "culture",
            "random",
            *LAST,
            measure="known/2",
        ),
    ),
)
experiment = tuned(experiment, __file__)

"""Does what agents know accumulate in context, from one lifetime to the next, with nobody's weights changed?

In goal_sequence the order of five kinds of goals is hidden, and the same for four trials of a lifetime, which
are too few to find it. After Cook et al. (2024), who have three kinds. Parameters are trained once, beside
experts that slip and leave; then five lifetimes follow on one level (protocol `lifetimes`): the novice of one
is the co-player of the next, whose own novice remembers nothing. Nobody has a recurrent cell; all have the
memory of places of shown_once.py.

`one_life` is trained alone, in episodes as long as five lifetimes, and lives one of these, in which it
remembers all. The controls were trained beside an expert that never slips (`oracle`), which is too good, and
beside one that acts at random (`random`). Knowledge in weights is the question of generations.py.

The size is for two CPU cores; on a GPU: --steps 75000000 --num_envs 1024 --chunk 4
"""

import dataclasses

from _cycle import lengths
from _sequence import ELDER, LIVES, NUM_ENVS, PAPER, after, life, pupil
from socialrl.config import Claim, Experiment
from socialrl.protocols import lifetimes, social
from socialrl.tuned import tuned
from socialrl_envs.types import Seat
from socialrl_envs.worlds import goal_sequence

HORIZON = 128
CHUNK = NUM_ENVS * HORIZON
STEPS = 130 * CHUNK  # 2,129,920
LAST = (("protocol", "lifetimes"), ("lives", "generations"), ("generation", str(LIVES)))
SLIPPING = Seat(policy="noisy", skill=0.6, presence="leaves")


def world(teacher: Seat, lives: int = 1) -> goal_sequence.Config:
    """One lifetime beside a teacher, or several without a break."""
    return life(teacher, lives, kinds=5, size=9, penalty=1.0, horizon=HORIZON)


experiment = Experiment(
    name="lifetimes",
    question="Does what agents know accumulate in context, from one lifetime to the next?",
    world=world(ELDER),
    arms=(
        pupil("culture", world(SLIPPING), STEPS),
        pupil("one_life", world(dataclasses.replace(SLIPPING, presence="never"), LIVES), STEPS),
        pupil("oracle", world(Seat(policy="planner", presence="leaves")), STEPS),
        pupil("random", world(Seat(policy="wanderer", presence="leaves")), STEPS),
    ),
    steps=STEPS,
    first_seed=1000,
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
        Claim(
            text="The fifth lifetime pays more than the first",
            source="ours",
            paper=PAPER,
            arm="culture",
            over="culture",
            labels=LAST,
            over_labels=(("generation", "1"),),
        ),
        after(
            "The fifth lifetime above the fifth part of one life",
            "culture",
            "one_life",
            *LAST,
            over_labels=(("lives", "one life"),),
        ),
        after("Above one trained beside a teacher that is too good", "culture", "oracle", *LAST),
        after("Above one trained beside a teacher at random", "culture", "random", *LAST),
        after(
            "In its first trial the fifth novice knows more than who was trained beside a teacher at random",
            "culture",
            "random",
            *LAST,
            measure="known/1",
        ),
    ),
)
experiment = tuned(experiment, __file__)

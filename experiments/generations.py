"""Does what agents know accumulate over generations, above one life of as many steps?

In goal_sequence the order of three kinds of goals is hidden, and the same for four trials: who knows it makes
no mistake, who does not makes three in two trials. After Cook et al. (2024); in two parts. All arms take the
same number of steps. Nobody has a recurrent cell; all have the memory of places of shown_once.py.

In weights (w_*): `w_culture` lives five lifetimes, each with new parameters beside the agent that the last
one became, which becomes rarer until the novice is alone. `w_one_life` spends the same steps in one life,
alone. The controls have other teachers in their five lifetimes: `w_oracle` a planner that knows the order,
which is too good, and `w_random` one that acts at random.

In context (c_*): parameters are trained once, beside experts that slip and leave; then five lifetimes follow
on one level, in which the novice of one is the co-player of the next, who remembers nothing. `c_one_life` is
trained alone, in episodes as long as five lifetimes, and lives one of these. The controls were trained beside
an expert that never slips (`c_oracle`), and beside one that acts at random (`c_random`).

On seeds for tuning a lifetime in weights came to remember the sequence by itself in 400,000 steps, alone, so
that little is left for the next to learn from it.

The size is for two CPU cores; on a GPU: --world.goals 5 --world.size 9 --world.view 9 --steps 75000000
--num_envs 1024 --chunk 4, which gives each of five lifetimes the 15 million steps of the authors' code.
"""

import dataclasses
from typing import Any

from _cycle import learner, lengths
from socialrl.config import Arm, Claim, Experiment, Generations
from socialrl.curricula import mixed
from socialrl.learners import ppo
from socialrl.protocols import generations, lifetimes, social
from socialrl.tuned import tuned
from socialrl_envs.types import Seat
from socialrl_envs.worlds import goal_sequence

PAPER = "Cook et al. 2024, arXiv 2406.00392"
LIVES, TRIALS = 5, 4
HORIZON = 80
CHUNK = 128 * HORIZON
STEPS = LIVES * 40 * CHUNK  # 2,048,000
PENALTY = 0.5  # at which trying the first of three kinds costs nothing on average
ELDER = Seat(policy="elder")


def world(teacher: Seat, lives: int = 1) -> goal_sequence.Config:
    """One novice beside a teacher, in a lifetime, or in several without a break."""
    return goal_sequence.Config(
        novices=1,
        experts=0,
        coplayers=(teacher,),
        size=7,
        view=7,
        goals=3,
        penalty=PENALTY,
        horizon=lives * HORIZON,
        trials=lives * TRIALS,
    )


def arm(name: str, teacher: Seat, steps: int, lives: int = 1, **options: Any) -> Arm:
    """An arm whose penalty for mistakes grows from 0 over the first half of its lifetime of `steps`.
    lives: how many lifetimes of the protocol an episode of its training is long.
    """
    penalty = mixed.Ramp(param="penalty", start=(0.0, 0.0), end=(PENALTY, PENALTY), steps=steps // 2)
    return Arm(
        name=name,
        learner=ppo.Config(
            **learner(steps) | {"places": 6, "memory": "none", "heads": (128,), "mirror": False}
        ),
        world=world(teacher, lives),
        curriculum=mixed.Config(ramps=(penalty,)),
        **options,
    )


def after(text: str, one: str, over: str, *labels: tuple[str, str], **options: Any) -> Claim:
    """A claim about two arms under a condition."""
    return Claim(text=text, source="ours", paper=PAPER, arm=one, over=over, labels=labels, **options)


NOBODY = dataclasses.replace(ELDER, presence="never")
SLIPPING = Seat(policy="noisy", skill=0.6, presence="leaves")
FIVE = Generations(count=LIVES)
ALONE = ("presence", "never")
LAST = (("protocol", "lifetimes"), ("lives", "generations"), ("generation", str(LIVES)))

experiment = Experiment(
    name="generations",
    question="Does what agents know accumulate over generations, above one life of as many steps?",
    world=world(ELDER),
    arms=(
        arm("w_culture", ELDER, STEPS // LIVES, generations=FIVE),
        arm("w_one_life", NOBODY, STEPS),
        arm("w_oracle", Seat(policy="planner"), STEPS // LIVES, generations=FIVE),
        arm("w_random", Seat(policy="wanderer"), STEPS // LIVES, generations=FIVE),
        arm("c_culture", SLIPPING, STEPS),
        arm("c_one_life", dataclasses.replace(SLIPPING, presence="never"), STEPS, lives=LIVES),
        arm("c_oracle", Seat(policy="planner", presence="leaves"), STEPS),
        arm("c_random", Seat(policy="wanderer", presence="leaves"), STEPS),
    ),
    steps=STEPS,
    first_seed=1000,
    **lengths(
        unroll_length=HORIZON,
        chunk=1,
        num_levels=2048,
        evaluate_every=20 * CHUNK,
        checkpoint_every=40 * CHUNK,
    ),
    protocols=(
        social.Config(policies=("greedy",), transfer=(), companies=(), own_world=True),
        generations.Config(),
        lifetimes.Config(generations=LIVES),
    ),
    scale="two CPU cores: 7x7, three kinds, 2 million steps per seed, five lifetimes",
    claims=(
        after("In weights: five generations, alone, above one life", "w_culture", "w_one_life", ALONE),
        Claim(
            text="In weights: the fifth generation knows three quarters of the sequence in its last trial",
            source="aim",
            arm="w_culture",
            value=0.75,
            measure=f"known/{TRIALS}",
            labels=(("protocol", "generations"), ("generation", str(LIVES)), ALONE),
        ),
        after("In weights: above a teacher that is too good", "w_culture", "w_oracle", ALONE),
        after("In weights: above a teacher at random", "w_culture", "w_random", ALONE),
        after(
            "In context: the fifth lifetime above the fifth part of one life",
            "c_culture",
            "c_one_life",
            *LAST,
            over_labels=(("lives", "one life"),),
        ),
        after(
            "In context: above one trained beside a teacher that is too good", "c_culture", "c_oracle", *LAST
        ),
        after("In context: above one trained beside a teacher at random", "c_culture", "c_random", *LAST),
        after(
            "In context: in its first trial the fifth novice knows more than who was trained beside a "
            "teacher at random",
            "c_culture",
            "c_random",
            *LAST,
            measure="known/1",
        ),
    ),
)
experiment = tuned(experiment, __file__)

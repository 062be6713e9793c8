"""What experiments on knowledge that accumulates share: goal_sequence beside a teacher, and the learner."""

import dataclasses
from typing import Any

from _cycle import learner
from socialrl.config import Arm, Claim
from socialrl.curricula import mixed
from socialrl.learners import ppo
from socialrl_envs.types import Seat
from socialrl_envs.worlds import goal_sequence

PAPER = "Cook et al. 2024, arXiv 2406.00392"
LIVES, TRIALS = 5, 4
NUM_ENVS = 128
ELDER = Seat(policy="elder")
NOBODY = dataclasses.replace(ELDER, presence="never")


def life(
    teacher: Seat, lives: int = 1, *, kinds: int, size: int, penalty: float, horizon: int
) -> goal_sequence.Config:
    """One novice beside a teacher, in a lifetime of four trials, or in several without a break."""
    return goal_sequence.Config(
        novices=1,
        experts=0,
        coplayers=(teacher,),
        size=size,
        view=size,
        goals=kinds,
        penalty=penalty,
        horizon=lives * horizon,
        trials=lives * TRIALS,
    )


def pupil(
    name: str,
    world: goal_sequence.Config,
    steps: int,
    presence: tuple[tuple[str, float], ...] = (),
    **options: Any,
) -> Arm:
    """An arm with a memory of places, whose penalty for mistakes grows from 0 over the first half of so many
    steps. presence: schedules of its teacher and their shares of the episodes; empty is the world's own.
    """
    end = (world.penalty, world.penalty)
    ramp = mixed.Ramp(param="penalty", start=(0.0, 0.0), end=end, steps=steps // 2)
    return Arm(
        name=name,
        learner=ppo.Config(
            **learner(steps) | {"places": 6, "memory": "none", "heads": (128,), "mirror": False}
        ),
        world=world,
        curriculum=mixed.Config(ramps=(ramp,), presence=presence),
        **options,
    )


def after(text: str, one: str, over: str, *labels: tuple[str, str], **options: Any) -> Claim:
    """A claim about two arms under a condition."""
    return Claim(text=text, source="ours", paper=PAPER, arm=one, over=over, labels=labels, **options)

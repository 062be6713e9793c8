"""The world of coins that several experiments share, and their lengths.

The novice wants red and green coins and loses by blue ones. Each of three experts wants one colour, so that
none of them wants what the novice wants.
"""

from typing import Any

from socialrl_envs.types import Seat
from socialrl_envs.worlds import coin_grid

LIKES_RED, LIKES_GREEN, LIKES_BLUE = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)

WORLD = coin_grid.Config(
    novices=(Seat(preferences=(1.0, 1.0, -1.0)),),
    experts=tuple(
        Seat(policy="noisy", skill=0.95, preferences=preferences)
        for preferences in (LIKES_RED, LIKES_GREEN, LIKES_BLUE)
    ),
)


def lengths(**changes: Any) -> dict[str, Any]:
    """Lengths of an experiment: steps between evaluations and so on, some of them changed."""
    return {
        "steps": 12_000,
        "chunk": 5,
        "evaluate_every": 800,
        "checkpoint_every": 4_000,
    } | changes

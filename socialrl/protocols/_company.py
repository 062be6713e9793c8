"""How the preferences of co-players relate to a novice's: the kinds of sources in `following`."""

from collections import Counter

import numpy as np
from jaxtyping import Bool, Float32

from socialrl.protocols._overrides import has_preferences, parameter
from socialrl_envs.types import World

PLANNERS = ("planner", "noisy")  # policies that go for what their seat prefers


def kinds(world: World) -> dict[str, Bool[np.ndarray, "M S"]]:
    """Kind of source, "self" first -> which source (S, self first) of which novice is of that kind."""
    novices, coplayers = world.spec.novices, world.spec.coplayers
    table = np.array([["self", *(relation(world, novice, seat) for seat in coplayers)] for novice in novices])
    return {str(kind): table == kind for kind in dict.fromkeys(table.flatten().tolist())}


def relation(world: World, novice: int, seat: int) -> str:
    """The kind of the co-player in a seat, as a source of this novice: for planners in worlds with
    preferences how the two preferences relate, see `agreement`; else the name of its policy."""
    policy = world.spec.seats[seat].policy
    if policy not in PLANNERS or not has_preferences(world):
        return policy
    own, other = parameter(world, "preferences")[[novice, seat]]
    return agreement(own, other)


def agreement(own: Float32[np.ndarray, " K"], other: Float32[np.ndarray, " K"]) -> str:
    """equal, overlapping, unrelated or opposite: the cosine of two preferences is 1, positive, 0, or
    negative.
    """
    dot, lengths = float(own @ other), float(np.linalg.norm(own) * np.linalg.norm(other))
    if abs(dot) <= 1e-6 * lengths:
        return "unrelated"
    if dot >= (1 - 1e-6) * lengths:
        return "equal"
    return "overlapping" if dot > 0 else "opposite"


def company_of(world: World) -> str:
    """The co-players by kind, as sources of the first novice, e.g. "2 equal, 1 wanderer"; "nobody" if there
    is none.
    """
    first = world.spec.novices[0]
    counts = Counter(relation(world, first, seat) for seat in world.spec.coplayers)
    return ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "nobody"

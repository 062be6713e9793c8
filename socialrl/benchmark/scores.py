"""Scores of the benchmark, from returns: one per question, world and seed, between 0 and 1. No JAX.

A return is put on a scale on which random actions have 0 and a planner that knows the world has 1, both in
the entrant's place, on the same levels and beside the same company: n(condition).

- goes on alone: n(alone).
- follows the good: the part that good company adds to what is earned alone, of what it could add,
  (n_good - n_alone) / (1 - n_alone).
- unharmed by the bad: 1 less the part that the worst of the bad companies takes, (n_alone - min n_c) /
  n_alone.
- remembers: what is kept in the second half of the episode of what good company adds to it, after it has left
  at half-time, (half - alone) / (good - alone).
- adapts to new wants: n(new wants).

Whether it remembers is asked in the worlds of MEMORY, in which others show what is hidden otherwise. A score
is NaN where a question cannot be put: nothing can be added to a competent one, nothing be taken from
who earns nothing, nothing be remembered of company that added nothing (each less than LEAST of the scale).
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from socialrl.benchmark.suite import BAD, MEMORY

PerSeed = Float[np.ndarray, " seeds"]
Measured = Mapping[str, Mapping[str, Mapping[str, PerSeed]]]  # condition -> who -> measure -> per seed
QUESTIONS = (
    "follows the good",
    "unharmed by the bad",
    "remembers",
    "goes on alone",
    "adapts to new wants",
)
LEAST = 0.05
MARGIN = 0.05  # by which one may be below alone and still count as "never worse than alone"


def scale(measured: Measured, condition: str) -> PerSeed:
    """The entrant's return between that of random actions, 0, and that of a planner, 1; NaN without room."""
    low, high, own = (
        np.asarray(measured[condition][who]["return"], float) for who in ("random", "planner", "entrant")
    )
    room = high - low
    return np.where(room > 1e-6, (own - low) / np.where(room > 1e-6, room, 1.0), np.nan)


def part(of: PerSeed, whole: PerSeed, least: PerSeed | float = LEAST) -> PerSeed:
    """of / whole between 0 and 1; NaN where the whole is less than `least`."""
    enough = whole > least
    return np.where(enough, np.clip(of / np.where(enough, whole, 1.0), 0.0, 1.0), np.nan)


def scores(world: str, measured: Measured) -> dict[str, PerSeed]:
    """The score of every question that can be put in a world, per seed."""
    alone, good = scale(measured, "alone"), scale(measured, "good")
    worst = np.min([scale(measured, company) for company in BAD], axis=0)
    later = {
        condition: np.asarray(measured[condition]["entrant"]["return_second_half"], float)
        for condition in ("alone", "good", "half")
    }
    room = np.abs(np.asarray(measured["good"]["planner"]["return_second_half"], float))
    found = {
        "follows the good": part(good - alone, 1.0 - alone),
        "unharmed by the bad": 1.0 - part(np.maximum(alone - worst, 0.0), alone),
        "goes on alone": np.clip(alone, 0.0, 1.0),
    }
    if world in MEMORY:
        kept, added = (later[condition] - later["alone"] for condition in ("half", "good"))
        found["remembers"] = part(kept, added, LEAST * room)
    if "new wants" in measured:
        found["adapts to new wants"] = np.clip(scale(measured, "new wants"), 0.0, 1.0)
    return found


def never_worse(measured: Measured) -> PerSeed:
    """1 if no company takes more than MARGIN of the scale from what is earned alone, else 0."""
    worst = np.min([scale(measured, company) for company in BAD], axis=0)
    return (worst >= scale(measured, "alone") - MARGIN).astype(float)


def over_worlds(by_world: Mapping[str, Mapping[str, PerSeed]]) -> dict[str, float]:
    """The mean of every question over the worlds in which it can be put, and seeds; NaN if in none."""
    result = {}
    for question in QUESTIONS:
        means = []
        for found in by_world.values():
            values = np.asarray(found.get(question, [np.nan]), float)
            if np.isfinite(values).any():
                means.append(float(np.nanmean(values)))
        result[question] = float(np.mean(means)) if means else float("nan")
    return result

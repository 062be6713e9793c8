"""Who walks in whose footsteps: a measure of following by what is done, for agents and people alike.

A move is a step after which a seat is on another cell. A novice *trails* a co-player with a move onto a cell
where that co-player was at most LAG steps before. Where two seats walk the same ways because they have the
same goals, each trails the other; so the measure has its control in it:

    trailing        share of the novices' moves with which they trail a co-player
    trailed         share of the co-players' moves with which they trail a novice
    trailing_gain   trailing - trailed: above 0, the novices come after

trailing/<bin>: trailing over BINS parts of the horizon; trailing_of/<agent>: of each co-player. Only steps on
which both are on the grid count.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Int32

from socialrl.protocols._measures import BINS, mean_where
from socialrl.rollout import Trace
from socialrl_envs.types import WorldSpec

LAG = 10  # steps


def trails(
    position: Int32[Array, "T1 B N 2"], present: Bool[Array, "T1 B N"], after: int, before: int
) -> Bool[Array, "T B"]:
    """Whether seat `after` steps onto a cell where seat `before` was in the LAG states up to this step.

    position, present: in every state, one more than steps.
    """
    steps = position.shape[0] - 1
    here, there = position[1:, :, after], position[:-1, :, before]
    known = present[:-1, :, before]
    found = jnp.zeros(here.shape[:2], bool)
    for lag in range(min(LAG, steps)):
        same = jnp.all(there[: steps - lag] == here[lag:], axis=-1) & known[: steps - lag]
        found = found.at[lag:].set(found[lag:] | same)
    return found & jnp.any(here != position[:-1, :, after], axis=-1)


def trailing_measures(trace: Trace, spec: WorldSpec) -> dict[str, Array]:
    """The measures of the module's docstring; none in a world without co-players."""
    if not spec.coplayers or not spec.novices:
        return {}
    position, present = trace.states.seats.position, trace.states.seats.present
    moved = jnp.any(position[1:] != position[:-1], axis=-1) & trace.alive[..., None]  # (T, B, N)

    def pairs(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[Array, Array]:
        """(trails, counts) (T, B, F, S): whether a move of `first` trails `second`, and whether it counts."""
        rows = [jnp.stack([trails(position, present, a, b) for b in second], axis=-1) for a in first]
        both = present[:-1, :, np.array(first)][..., None] & present[:-1, :, np.array(second)][..., None, :]
        return jnp.stack(rows, axis=-2), both & moved[:, :, np.array(first)][..., None]

    found, counts = pairs(spec.novices, spec.coplayers)
    back, counts_back = pairs(spec.coplayers, spec.novices)
    any_, moves = jnp.any(found & counts, axis=-1), jnp.any(counts, axis=-1)
    result = {
        "trailing": mean_where(any_, moves),
        "trailed": mean_where(jnp.any(back & counts_back, axis=-1), jnp.any(counts_back, axis=-1)),
    }
    result["trailing_gain"] = result["trailing"] - result["trailed"]
    for number, part in enumerate(np.array_split(np.arange(any_.shape[0]), BINS)):
        result[f"trailing/{number}"] = mean_where(any_[part], moves[part])
    for place, seat in enumerate(spec.coplayers):
        result[f"trailing_of/{spec.agents[seat]}"] = mean_where(found[..., place], counts[..., place])
    return result

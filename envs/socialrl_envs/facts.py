"""The truth of concepts, as functions of a state and the state after it: what tasks declare of their worlds.

    def facts(self, turning: bool) -> tuple[Fact, ...]:
        goal = lambda state: nearest(state.level.tiles == grid.GOAL, state.seats.position)
        return (*super().facts(turning), cell_fact("goal", "where the goal is", goal, turning))

They are targets of training, and what is put in a concept's place in an intervention. No policy sees them.
"""

import dataclasses
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Int32

from socialrl_envs import grid
from socialrl_envs.concepts import CARDINAL, RADIUS, TURNING, Concept, binary, categorical, cell
from socialrl_envs.roster import Roster
from socialrl_envs.types import State

UNDEFINED = -1  # the value of a concept that means nothing to a seat now

Truth = Callable[[State, State], Int32[Array, " N"]]
Where = Callable[[State], tuple[Int32[Array, "N 2"], Bool[Array, " N"]]]  # a cell for each seat, if any
Danger = Callable[[State], Bool[Array, "N H W"]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fact:
    """A concept and its truth.

    truth(state, after) -> int32 (N,): the index of its value to each seat in `state`, or UNDEFINED. after:
    the state that follows, for what somebody does next. Traceable.
    """

    concept: Concept
    truth: Truth


def around(roster: Roster, solid: tuple[int, ...], turning: bool) -> tuple[Fact, ...]:
    """The facts of every world: what is in the way on each side, where each other is, and where it goes next.

    The others of a seat are all seats, but for the novice of a world that has only one.
    """
    return (*_blocked(solid, turning), *_others(roster, turning))


def _blocked(solid: tuple[int, ...], turning: bool) -> tuple[Fact, ...]:
    def blocked(state: State) -> Bool[Array, "N H W"]:
        walls = jnp.any(jnp.stack([state.level.tiles == tile for tile in solid]), axis=0)
        return jnp.broadcast_to(walls, (len(state.seats.heading), *walls.shape))

    return sides("blocked", "whether a wall is {}", blocked, turning, outside=True)


def sides(name: str, meaning: str, mask: Danger, turning: bool, outside: bool = False) -> tuple[Fact, ...]:
    """A binary fact for each side of a seat: whether the cell next to it on that side is in the seat's mask.

    name: of the concepts, before the side. meaning: with {} for the side. outside: the value beyond the grid.
    """

    def of(number: int) -> Truth:
        def truth(state: State, after: State) -> Int32[Array, " N"]:
            marked = mask(state)
            toward = (number + (_headings(state) if turning else 0)) % 4
            next_to = state.seats.position + grid.deltas()[toward]
            height, width = marked.shape[1:]
            inside = jnp.all((next_to >= 0) & (next_to < jnp.array([height, width], jnp.int32)), axis=1)
            row, column = jnp.clip(next_to, 0, jnp.array([height - 1, width - 1], jnp.int32)).T
            hit = marked[jnp.arange(len(row)), row, column]
            return jnp.where(inside, hit, outside).astype(jnp.int32)

        return truth

    names = TURNING if turning else CARDINAL
    return tuple(
        Fact(concept=binary(f"{name}_{side}", meaning.format(side)), truth=of(number))
        for number, side in enumerate(names)
    )


def _others(roster: Roster, turning: bool) -> tuple[Fact, ...]:
    alone = len(roster.novices) == 1
    seats = [seat for seat in range(len(roster.seats)) if not (alone and seat in roster.novices)]
    pairs = [
        (_place_of(seat, roster.agents[seat], turning), _way_of(seat, roster.agents[seat], turning))
        for seat in seats
    ]
    return tuple(fact for pair in pairs for fact in pair)


def _not_oneself(value: Int32[Array, " N"], seat: int) -> Int32[Array, " N"]:
    return jnp.where(jnp.arange(len(value)) == seat, UNDEFINED, value)


def _place_of(seat: int, agent: str, turning: bool) -> Fact:
    """Where another is."""

    def where(state: State) -> tuple[Int32[Array, "N 2"], Bool[Array, " N"]]:
        place, there = state.seats.position, state.seats.present
        return jnp.broadcast_to(place[seat], place.shape), jnp.broadcast_to(there[seat], there.shape)

    fact = cell_fact(f"{agent}_at", f"where {agent} is", where, turning)
    return dataclasses.replace(fact, truth=lambda state, after: _not_oneself(fact.truth(state, after), seat))


def _way_of(seat: int, agent: str, turning: bool) -> Fact:
    """Where another goes in this step: to a side of who looks, nowhere, or off the grid."""

    def truth(state: State, after: State) -> Int32[Array, " N"]:
        offset = after.seats.position[seat] - state.seats.position[seat]
        away = ~state.seats.present[seat] | ~after.seats.present[seat] | (jnp.sum(jnp.abs(offset)) > 1)
        seen = _seen_from(jnp.broadcast_to(offset, state.seats.position.shape), state, turning)
        ahead, right = seen[:, 0], seen[:, 1]
        side = jnp.select([ahead > 0, right > 0, ahead < 0, right < 0], [1, 2, 3, 4], 0)
        return _not_oneself(jnp.where(away, 5, side).astype(jnp.int32), seat)

    names = ("stays", *(TURNING if turning else CARDINAL), "away")
    return Fact(concept=categorical(f"{agent}_goes", f"where {agent} goes next", names), truth=truth)


def cell_fact(name: str, meaning: str, where: Where, turning: bool) -> Fact:
    """Where something is, seen from each seat. where(state) -> the cell to each seat, and if there is one."""
    concept = cell(name, meaning, turning)

    def truth(state: State, after: State) -> Int32[Array, " N"]:
        place, there = where(state)
        seen = jnp.clip(_seen_from(place - state.seats.position, state, turning), -RADIUS, RADIUS)
        index = (RADIUS - seen[:, 0]) * concept.side + RADIUS + seen[:, 1]
        return jnp.where(there, index, len(concept.values) - 1).astype(jnp.int32)

    return Fact(concept=concept, truth=truth)


def binary_fact(name: str, meaning: str, holds: Callable[[State], Bool[Array, "..."]]) -> Fact:
    """Whether something holds: holds(state) -> one bool, or one for each seat."""

    def truth(state: State, after: State) -> Int32[Array, " N"]:
        return jnp.broadcast_to(holds(state), state.seats.present.shape).astype(jnp.int32)

    return Fact(concept=binary(name, meaning), truth=truth)


def nearest(
    mask: Bool[Array, "*seats H W"], position: Int32[Array, "N 2"]
) -> tuple[Int32[Array, "N 2"], Bool[Array, " N"]]:
    """(cell, found): of the cells in the mask, of all seats or of each, the one that is nearest to each seat,
    counted in rows and columns whatever is in between; of equally near ones the first, row by row.
    """
    height, width = mask.shape[-2:]
    rows, columns = jnp.arange(height, dtype=jnp.int32), jnp.arange(width, dtype=jnp.int32)
    away = jnp.abs(rows[:, None] - position[:, 0, None, None]) + jnp.abs(columns - position[:, 1, None, None])
    away = jnp.where(mask, away, height + width).reshape(len(position), -1)
    index = jnp.argmin(away, axis=1).astype(jnp.int32)
    return jnp.stack([index // width, index % width], axis=1), jnp.min(away, axis=1) < height + width


def _headings(state: State) -> Int32[Array, " N"]:
    return state.seats.heading.astype(jnp.int32)


def _seen_from(offset: Int32[Array, "N 2"], state: State, turning: bool) -> Int32[Array, "N 2"]:
    """Offsets in (rows, columns) as cells (ahead, to the right) of each seat; (up, right) unless seats
    turn.
    """
    heading = _headings(state) if turning else jnp.zeros_like(_headings(state))
    ahead = jnp.array(np.asarray(grid.DELTAS), jnp.int32)[heading]
    right = jnp.stack([ahead[:, 1], -ahead[:, 0]], axis=1)
    return jnp.stack([jnp.sum(offset * ahead, axis=1), jnp.sum(offset * right, axis=1)], axis=1)

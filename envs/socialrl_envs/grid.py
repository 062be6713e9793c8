"""Tiles, headings, moves, collisions, choosing cells: the arithmetic of a grid, in pure jax.numpy."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, Integer, Shaped, UInt8

from socialrl_envs.tiles import (  # noqa: F401  the alphabet, without jax: of this module too
    BRIDGE,
    CARDINAL_MOVES,
    CHAR_OF_TILE,
    COIN,
    COLOURS,
    DELTAS,
    DOOR,
    FLOOR,
    GOAL,
    KEY,
    LITTER,
    OBJECT,
    TILE_OF_CHAR,
    TURNS,
    WALL,
    WATER,
)


def deltas() -> Int32[Array, "5 2"]:
    """(row, column) of each compass move; the last one stays."""
    return jnp.array((*DELTAS, (0, 0)), jnp.int32)


def same_cell(a: Int32[Array, "*#x 2"], b: Int32[Array, "*#x 2"]) -> Bool[Array, " ..."]:
    """Whether two (broadcast) positions are one cell."""
    return jnp.all(a == b, axis=-1)


def at(field: Shaped[Array, "H W"], position: Int32[Array, "N 2"]) -> Shaped[Array, " N"]:
    """The field's value at every position."""
    return field[position[:, 0], position[:, 1]]


def stamp(position: Int32[Array, "N 2"], height: int, width: int) -> Bool[Array, "N H W"]:
    """One plane per position with that cell set. Comparisons, because a scatter is slower under vmap."""
    rows = jnp.arange(height) == position[:, :1]
    columns = jnp.arange(width) == position[:, 1:]
    return rows[:, :, None] & columns[:, None, :]


def move(
    position: Int32[Array, "N 2"],
    target: Int32[Array, "N 2"],
    solid: Bool[Array, "H W"],
    present: Bool[Array, " N"],
    priority: Int32[Array, " N"] | None = None,
) -> Int32[Array, "N 2"]:
    """Moves every present seat to its target unless a wall is there; outside the grid is wall.

    priority: None lets seats overlap. Otherwise seats block one another and move one after the other, the
    lowest priority first; a seat whose target is taken by then stays where it is.
    """
    inside = jnp.all((target >= 0) & (target < jnp.array(solid.shape, jnp.int32)), axis=1)
    free = present & inside & ~at(solid, target)
    wanted = jnp.where(free[:, None], target, position)
    if priority is None:
        return wanted

    def one(turn: Int32[Array, ""], now: Int32[Array, "N 2"]) -> Int32[Array, "N 2"]:
        seat = jnp.argmax(priority == turn)
        others = present & (jnp.arange(len(present)) != seat)
        taken = jnp.any(others & same_cell(now, wanted[seat][None]))
        return now.at[seat].set(jnp.where(taken, now[seat], wanted[seat]))

    return jax.lax.fori_loop(0, len(present), one, position)


def first_to_arrive(
    position: Int32[Array, "N 2"], moved: Bool[Array, " N"], priority: Int32[Array, " N"]
) -> Bool[Array, " N"]:
    """Of the seats that moved onto one and the same cell in this step, the one with the lowest priority
    number.
    """
    together = same_cell(position[:, None], position[None]) & moved[None] & moved[:, None]
    ahead = priority[None] < priority[:, None]
    return moved & ~jnp.any(together & ahead, axis=1)


def choose_cell(
    mask: Bool[Array, "H W"], uniform: Float32[Array, ""]
) -> tuple[Int32[Array, " 2"], Bool[Array, ""]]:
    """A uniformly drawn cell of the mask, given one uniform number in [0, 1), and whether there is any.

    The j-th set cell, in two steps (the row, then the column): H*H + W*W comparisons instead of a scan over
    all cells.
    """
    height, width = mask.shape
    per_row = jnp.sum(mask, axis=1, dtype=jnp.int32)
    total = jnp.sum(per_row)
    rank = jnp.minimum((uniform * total.astype(jnp.float32)).astype(jnp.int32), total - 1)
    below = jnp.sum(jnp.where(jnp.tri(height, dtype=bool), per_row[None], 0), axis=1, dtype=jnp.int32)
    row = jnp.minimum(jnp.sum(below <= rank, dtype=jnp.int32), height - 1)
    cells = mask[row]
    inside = rank - (below[row] - per_row[row])
    before = jnp.sum(jnp.tri(width, dtype=bool) & cells[None], axis=1, dtype=jnp.int32)
    column = jnp.minimum(jnp.sum(before <= inside, dtype=jnp.int32), width - 1)
    return jnp.stack([row, column]), total > 0


def put(
    tiles: UInt8[Array, "H W"],
    cell: Int32[Array, " 2"],
    tile: Integer[Array, ""] | int,
    when: Bool[Array, ""],
) -> UInt8[Array, "H W"]:
    """The tiles with `tile` at `cell`, if `when`."""
    here = stamp(cell[None], *tiles.shape)[0]
    return jnp.where(here & when, jnp.asarray(tile).astype(jnp.uint8), tiles)

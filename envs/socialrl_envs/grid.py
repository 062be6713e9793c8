"""Operations on grids in jax.numpy: moves, collisions, masks of positions, choice of a cell."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, Integer, Shaped, UInt8

from socialrl_envs.tiles import (  # noqa: F401  exported from here too
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
    """(row, column) offsets of the moves up, right, down, left and stay."""
    return jnp.array((*DELTAS, (0, 0)), jnp.int32)


def same_cell(a: Int32[Array, "*#x 2"], b: Int32[Array, "*#x 2"]) -> Bool[Array, " ..."]:
    """Whether positions are equal, (*x,); the arguments are broadcast."""
    return jnp.all(a == b, axis=-1)


def at(field: Shaped[Array, "H W"], position: Int32[Array, "N 2"]) -> Shaped[Array, " N"]:
    """The values of a field at N positions."""
    return field[position[:, 0], position[:, 1]]


def stamp(position: Int32[Array, "N 2"], height: int, width: int) -> Bool[Array, "N H W"]:
    """One mask per position, true at its cell alone.

    It is computed by comparisons, because a scatter is slower under vmap.
    """
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
    """The positions after every present seat moved to its target, unless that is solid or outside the grid.

    priority: None lets seats share a cell. Otherwise seats block one another and move one after another, the
    lowest priority number first; a seat whose target is occupied at its turn stays where it is.
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
    """Which seats arrived first: of those that moved onto one cell, the one of the lowest priority number.

    moved: whether the seat changed its cell in this step.
    """
    together = same_cell(position[:, None], position[None]) & moved[None] & moved[:, None]
    ahead = priority[None] < priority[:, None]
    return moved & ~jnp.any(together & ahead, axis=1)


def choose_cell(
    mask: Bool[Array, "H W"], uniform: Float32[Array, ""]
) -> tuple[Int32[Array, " 2"], Bool[Array, ""]]:
    """(cell, found): a cell drawn uniformly from the mask, and whether the mask has any.

    uniform: a random number in [0, 1), which selects the j-th cell of the mask. The row is found first, then
    the column: H*H + W*W comparisons instead of a scan over all cells.
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
    """The tiles, with `tile` at `cell` where `when` is true."""
    here = stamp(cell[None], *tiles.shape)[0]
    return jnp.where(here & when, jnp.asarray(tile).astype(jnp.uint8), tiles)

"""One random edit of a level, as environment design needs it: a wall flipped, an item moved, or a seat moved.

An item or seat whose cell becomes a wall is put on another free cell. An edit after which the level cannot be
solved is not made.
"""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Key, UInt8

from socialrl_envs import grid
from socialrl_envs.types import Level

EDITS = 3  # kinds: a wall flipped, an item moved, a seat moved


def mutate(
    level: Level, key: Key[Array, ""], solid: tuple[int, ...], solvable: Callable[[Level], Bool[Array, ""]]
) -> Level:
    """The level after one edit of a kind drawn at random, or as it was if the edit would make it unsolvable.

    solid: tiles that nobody can enter; those that are no walls stay where they are. solvable: the task's own
    test.
    """
    kind_key, wall_key, item_key, seat_key = jax.random.split(key, 1 + EDITS)
    kind = jax.random.randint(kind_key, (), 0, EDITS)
    edits = flip_wall(level, wall_key), move_item(level, item_key, solid), move_seat(level, seat_key)
    edited = jax.tree.map(lambda *leaves: jax.lax.select_n(kind, *leaves), *edits)
    good = solvable(edited)
    return jax.tree.map(lambda new, old: jnp.where(good, new, old), edited, level)


def free_cells(level: Level) -> Bool[Array, "H W"]:
    """Floor on which no seat starts."""
    starts = jnp.any(grid.stamp(level.position, *level.tiles.shape), axis=0)
    return (level.tiles == grid.FLOOR) & ~starts


def flip_wall(level: Level, key: Key[Array, ""]) -> Level:
    """A wall of the inside becomes floor, or an inner cell a wall; what was there moves to a free cell."""
    cell_key, away_key = jax.random.split(key)
    inner = jnp.zeros(level.tiles.shape, bool).at[1:-1, 1:-1].set(True)
    flippable = inner & ((level.tiles == grid.WALL) | (level.tiles == grid.FLOOR) | _is_item(level.tiles))
    cell, found = grid.choose_cell(flippable, jax.random.uniform(cell_key))
    here = grid.stamp(cell[None], *level.tiles.shape)[0]
    refuge, room = grid.choose_cell(free_cells(level) & ~here, jax.random.uniform(away_key))
    old = level.tiles[cell[0], cell[1]]
    item, seat = _is_item(old), grid.same_cell(level.position, cell[None])
    new = jnp.where(old == grid.WALL, grid.FLOOR, grid.WALL).astype(jnp.uint8)
    displaced = item | jnp.any(seat)
    tiles = grid.put(level.tiles, cell, new, found)
    tiles = grid.put(tiles, refuge, old, found & item)
    position = jnp.where((seat & found)[:, None], refuge, level.position)
    return _if(room | ~displaced, dataclasses.replace(level, tiles=tiles, position=position), level)


def move_item(level: Level, key: Key[Array, ""], solid: tuple[int, ...]) -> Level:
    """An item goes to a free cell."""
    item_key, to_key = jax.random.split(key)
    fixed = jnp.isin(level.tiles, jnp.array(solid, jnp.uint8))
    cell, found = grid.choose_cell(_is_item(level.tiles) & ~fixed, jax.random.uniform(item_key))
    to, room = grid.choose_cell(free_cells(level), jax.random.uniform(to_key))
    item = level.tiles[cell[0], cell[1]]
    tiles = grid.put(level.tiles, cell, jnp.uint8(grid.FLOOR), found & room)
    return dataclasses.replace(level, tiles=grid.put(tiles, to, item, found & room))


def move_seat(level: Level, key: Key[Array, ""]) -> Level:
    """A seat starts on another free cell."""
    seat_key, to_key = jax.random.split(key)
    seats = level.position.shape[0]
    to, room = grid.choose_cell(free_cells(level), jax.random.uniform(to_key))
    moved = jnp.arange(seats) == jax.random.randint(seat_key, (), 0, seats)
    return dataclasses.replace(level, position=jnp.where((moved & room)[:, None], to, level.position))


def _is_item(tiles: UInt8[Array, "*cells"]) -> Bool[Array, "*cells"]:
    """Where something lies that a generator placed: neither floor nor wall, water or bridge."""
    ground = jnp.array((grid.FLOOR, grid.WALL, grid.WATER, grid.BRIDGE), jnp.uint8)
    return ~jnp.isin(tiles, ground)


def _if(flag: Bool[Array, ""], yes: Level, no: Level) -> Level:
    return jax.tree.map(lambda a, b: jnp.where(flag, a, b), yes, no)

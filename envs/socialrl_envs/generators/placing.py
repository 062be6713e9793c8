"""Levels with items and seats on the floor of a layout, uniformly, and levels that an ASCII file gives."""

import dataclasses
import math

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Int32, Key

from socialrl_envs import grid
from socialrl_envs.generators import Drawn, layouts
from socialrl_envs.movement import Movement
from socialrl_envs.types import Level, Params

SMALLEST = 5  # cells along a side


@dataclasses.dataclass(frozen=True)
class Placing:
    """Walls by layout, then items and seats on different free cells.

    layout: its name. size: cells along each side of the grid. items: tiles to place. seats: how many.
    """

    layout: str
    size: int
    items: tuple[int, ...]
    seats: int
    movement: Movement

    def given_params(self) -> dict[str, Array]:
        """None: all parameters are the world's."""
        return {}

    def sample(self, key: Key[Array, ""], params: Params) -> Drawn:
        """Tiles and starts."""
        walls_key, cells_key, heading_key = jax.random.split(key, 3)
        items, needed = len(self.items), len(self.items) + self.seats
        solid = self.walls(walls_key, params, needed)
        cells = draw_cells(cells_key, ~solid, needed)
        tiles = jnp.where(solid, grid.WALL, grid.FLOOR).astype(jnp.uint8)
        tiles = tiles.at[cells[:items, 0], cells[:items, 1]].set(jnp.array(self.items, jnp.uint8))
        return Drawn(tiles, cells[items:], self.movement.draw_headings(heading_key, self.seats))

    def walls(self, key: Key[Array, ""], params: Params, needed: int) -> Bool[Array, "H W"]:
        """The walls of the layout, with floor for `needed` seats and items whatever the parameters are.

        `size` is rounded and kept between the least that has room and the grid's; where `density` leaves too
        little floor, walls are taken out again.
        """
        size = side(params, self.size, max(SMALLEST, 2 + math.isqrt(needed - 1) + 1))
        solid = layouts.find(self.layout)(key, self.size, self.size, params.density, size)
        inside = ~layouts.border(self.size, self.size, size)
        return layouts.make_room(jax.random.fold_in(key, 1), solid, inside, needed)


@dataclasses.dataclass(frozen=True, eq=False)
class FromFile:
    """The level of an ASCII file, always the same."""

    level: Level

    def given_params(self) -> dict[str, Array]:
        """The parameters that the file names."""
        return dict(self.level.params)

    def sample(self, key: Key[Array, ""], params: Params) -> Drawn:
        """Tiles and starts of the file; the key and the parameters change nothing."""
        return Drawn(self.level.tiles, self.level.position, self.level.heading)


def side(params: Params, size: int, least: int) -> Int32[Array, ""]:
    """Cells along a side of the level: `params.size`, rounded, at least `least` and at most `size`."""
    return jnp.clip(jnp.round(params.size).astype(jnp.int32), min(least, size), size)


def draw_cells(key: Key[Array, ""], free: Bool[Array, "H W"], count: int) -> Int32[Array, "count 2"]:
    """`count` different cells of the mask, uniformly; the mask must have that many."""
    noise = jax.random.uniform(key, free.shape)
    _, index = jax.lax.top_k(jnp.where(free, noise, -1.0).reshape(-1), count)
    return jnp.stack([index // free.shape[1], index % free.shape[1]], axis=1).astype(jnp.int32)

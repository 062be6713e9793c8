"""Levels with a river across the layout, a bridge at one end of it and a way around at the other."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, UInt8

from socialrl_envs import grid
from socialrl_envs.generators import Drawn, layouts
from socialrl_envs.generators.placing import SMALLEST, side
from socialrl_envs.planning.values import distances
from socialrl_envs.types import Params


@dataclasses.dataclass(frozen=True)
class River:
    """Seats and goal on either side of the river, nearer to the bridge than to the way around.

    layout: its name. size: cells along each side of the grid. seats: how many.
    """

    layout: str
    size: int
    seats: int

    def given_params(self) -> dict[str, Array]:
        """None: all parameters are the world's."""
        return {}

    def sample(self, key: Key[Array, ""], params: Params) -> Drawn:
        """Tiles and starts, in one of the eight orientations of the grid."""
        walls_key, river_key, goal_key, seats_key, turn_key = jax.random.split(key, 5)
        size = side(params, self.size, max(SMALLEST, self.seats + 2))
        solid = layouts.find(self.layout)(walls_key, self.size, self.size, params.density, size)
        tiles, above, below = draw_river(river_key, solid, size)
        goal = draw_first(goal_key, above, 1)
        seats = draw_first(seats_key, below, self.seats)
        tiles = tiles.at[goal[0, 0], goal[0, 1]].set(grid.GOAL)
        tiles, seats = reoriented(turn_key, tiles, seats)
        return Drawn(tiles, seats, jnp.zeros(self.seats, jnp.int32))


class Banks(NamedTuple):
    """A level with a river. above, below: scores of the cells on either side: 2 nearer to the bridge than to
    the way around, 1 elsewhere, 0 for cells from which the way around cannot be reached.
    """

    tiles: UInt8[Array, "H W"]
    above: Float32[Array, "H W"]
    below: Float32[Array, "H W"]


def draw_river(key: Key[Array, ""], solid: Bool[Array, "H W"], size: Int32[Array, ""]) -> Banks:
    """A river along a row of a layout. The banks are cleared of walls, so that both sides are connected
    around its end.
    """
    height, width = solid.shape
    row_key, column_key = jax.random.split(key)
    river = jax.random.randint(row_key, (), 2, size - 2)
    bridge = jax.random.randint(column_key, (), 1, jnp.maximum(2, size // 4))
    around = size - 2
    rows, columns = jnp.arange(height)[:, None], jnp.arange(width)[None]
    inner = ~layouts.border(height, width, size)
    on_river = inner & (rows == river)
    bank = inner & (jnp.abs(rows - river) == 1)
    tiles = jnp.where(solid & ~bank, grid.WALL, grid.FLOOR)
    tiles = jnp.where(on_river, jnp.where(columns == bridge, grid.BRIDGE, grid.WATER), tiles)
    ford = on_river & (columns == around)
    tiles = jnp.where(ford, grid.FLOOR, tiles).astype(jnp.uint8)
    free = (tiles == grid.FLOOR) & ~on_river & (distances(ford, tiles != grid.FLOOR) < tiles.size)
    near = (columns - bridge < around - columns).astype(jnp.float32)
    score = jnp.where(free, 1.0 + near, 0.0)
    return Banks(tiles, jnp.where(rows < river, score, 0.0), jnp.where(rows > river, score, 0.0))


def draw_first(key: Key[Array, ""], score: Float32[Array, "H W"], count: int) -> Int32[Array, "count 2"]:
    """`count` different cells, uniformly among those of the highest score, then of the next; as many must be
    above 0.
    """
    noise = jax.random.uniform(key, score.shape)
    _, index = jax.lax.top_k((score + jnp.where(score > 0, noise, 0.0)).reshape(-1), count)
    return jnp.stack([index // score.shape[1], index % score.shape[1]], axis=1).astype(jnp.int32)


def reoriented(
    key: Key[Array, ""], tiles: UInt8[Array, "S S"], cells: Int32[Array, "N 2"]
) -> tuple[UInt8[Array, "S S"], Int32[Array, "N 2"]]:
    """The (square) level in one of its eight orientations."""
    upside_down, mirrored, transposed = jax.random.bernoulli(key, 0.5, (3,))
    last = tiles.shape[0] - 1
    tiles = jnp.where(upside_down, tiles[::-1], tiles)
    tiles = jnp.where(mirrored, tiles[:, ::-1], tiles)
    flipped = jnp.where(jnp.stack([upside_down, mirrored]), last - cells, cells)
    return jnp.where(transposed, tiles.T, tiles), jnp.where(transposed, flipped[:, ::-1], flipped)

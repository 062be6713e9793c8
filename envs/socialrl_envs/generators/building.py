"""Levels built one choice at a time, as an adversary of environment design builds them (PAIRED: Dennis et
al., NeurIPS 2020).

From an empty room every item is placed, then every seat, then it is chosen when each co-player is there, and
after that every choice is a wall. An item or seat whose cell is taken goes to the next free one, in reading
order and around the end. A wall is not built where something stands, nor where the level could not be solved
with it: what is built is solvable after every choice for a wall.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Int32, Key, UInt8

from socialrl_envs import grid
from socialrl_envs.composed import GridWorld
from socialrl_envs.errors import SocialRLError
from socialrl_envs.generators import layouts
from socialrl_envs.generators.placing import Placing
from socialrl_envs.presence import Schedule
from socialrl_envs.types import Level, Params, World

Choice = Int32[Array, ""]


@dataclasses.dataclass(frozen=True, eq=False)
class Builder:
    """Builds levels of a world; make it with `builder`.

    schedules: of presence, among which is chosen for each co-player; () leaves their own.
    """

    world: GridWorld
    schedules: tuple[Schedule, ...] = ()

    @property
    def items(self) -> int:
        """Items to place."""
        return len(self.world.task.items)

    @property
    def seats(self) -> int:
        """Seats to place."""
        return len(self.world.spec.seats)

    @property
    def before_walls(self) -> int:
        """Choices before the first wall."""
        company = len(self.world.spec.coplayers) if self.schedules else 0
        return self.items + self.seats + company

    @property
    def cells(self) -> int:
        """How many choices there are at a step: the cells inside the ring of walls, in reading order."""
        return (self.world.spec.height - 2) * (self.world.spec.width - 2)

    @property
    def planes(self) -> int:
        """Planes of `image`."""
        return 2 + self.items + self.seats

    def begin(self, key: Key[Array, ""]) -> Level:
        """An empty room in which nothing is placed, with headings and parameters of a level drawn at random.

        Seats that are not placed are in its corner.
        """
        return self.emptied(self.world.sample_level(key))

    def emptied(self, level: Level) -> Level:
        """The empty room that has this level's headings and parameters."""
        height, width = level.tiles.shape
        room = layouts.border(height, width, jnp.round(level.params.size).astype(jnp.int32))
        tiles = jnp.where(room, grid.WALL, grid.FLOOR).astype(jnp.uint8)
        return level.edit(tiles=tiles, position=jnp.zeros_like(level.position))

    def choose(self, level: Level, step: Choice, choice: Choice) -> tuple[Level, Bool[Array, ""]]:
        """(level after this choice, whether it changed something but a wall that was refused).

        step: how many choices came before. choice: in 0..cells-1; for the presence of a co-player it counts
        modulo the schedules.
        """
        inner = jnp.array([level.tiles.shape[0] - 2, level.tiles.shape[1] - 2], jnp.int32)
        chosen = 1 + jnp.stack([choice // inner[1], choice % inner[1]])
        free = self._free(level)
        taken = self._next_free(free, choice)
        candidates = [
            (self._with_item(level, step, taken), jnp.array(True)),
            (self._with_seat(level, step - self.items, taken), jnp.array(True)),
            (self._with_company(level, step - self.items - self.seats, choice), jnp.array(True)),
            self._with_wall(level, free, chosen),
        ]
        bounds = jnp.array([self.items, self.items + self.seats, self.before_walls], jnp.int32)
        kind = jnp.sum(step >= bounds, dtype=jnp.int32)
        return jax.tree.map(lambda *leaves: jax.lax.select_n(kind, *leaves), *candidates)

    def image(self, level: Level) -> UInt8[Array, "H W P"]:
        """What is built so far, entries 0 and 1: walls, free floor, then a plane for each item and seat."""
        height, width = level.tiles.shape
        walls = level.tiles == grid.WALL
        items = [self._nth(level, i) for i in range(self.items)]
        placed = jnp.any(level.position > 0, axis=1)
        seats = grid.stamp(level.position, height, width) & placed[:, None, None]
        planes = [walls[None], self._free(level)[None], *(one[None] for one in items), seats]
        return jnp.moveaxis(jnp.concatenate(planes), 0, -1).astype(jnp.uint8)

    def _nth(self, level: Level, number: int) -> Bool[Array, "H W"]:
        """The cell of the item of this number; of several alike they are told apart in reading order."""
        tile = self.world.task.items[number]
        here = level.tiles == tile
        rank = jnp.cumsum(here.reshape(-1), dtype=jnp.int32).reshape(here.shape)
        return here & (rank == 1 + self.world.task.items[:number].count(tile))

    def _free(self, level: Level) -> Bool[Array, "H W"]:
        """Floor on which no seat starts."""
        starts = jnp.any(grid.stamp(level.position, *level.tiles.shape), axis=0)
        return (level.tiles == grid.FLOOR) & ~starts

    def _next_free(self, free: Bool[Array, "H W"], choice: Choice) -> Int32[Array, " 2"]:
        """The first free cell from the chosen one on."""
        order = (jnp.arange(self.cells, dtype=jnp.int32) - choice) % self.cells
        first = jnp.argmin(jnp.where(free[1:-1, 1:-1].reshape(-1), order, self.cells)).astype(jnp.int32)
        width = free.shape[1] - 2
        return 1 + jnp.stack([first // width, first % width])

    def _with_item(self, level: Level, number: Choice, cell: Int32[Array, " 2"]) -> Level:
        items = jnp.array(self.world.task.items or (grid.FLOOR,), jnp.uint8)
        tiles = grid.put(level.tiles, cell, items[jnp.clip(number, 0, len(items) - 1)], jnp.array(True))
        return dataclasses.replace(level, tiles=tiles)

    def _with_seat(self, level: Level, seat: Choice, cell: Int32[Array, " 2"]) -> Level:
        here = (jnp.arange(self.seats, dtype=jnp.int32) == seat)[:, None]
        return dataclasses.replace(level, position=jnp.where(here, cell, level.position))

    def _with_company(self, level: Level, number: Choice, choice: Choice) -> Level:
        if self.before_walls == self.items + self.seats:
            return level
        schedules = jnp.array(self.schedules, jnp.float32)
        coplayers = jnp.array(self.world.spec.coplayers, jnp.int32)
        seat = coplayers[jnp.clip(number, 0, len(coplayers) - 1)]
        presence = level.params.presence.at[seat].set(schedules[choice % len(self.schedules)])
        return dataclasses.replace(level, params=dataclasses.replace(level.params, presence=presence))

    def _with_wall(
        self, level: Level, free: Bool[Array, "H W"], cell: Int32[Array, " 2"]
    ) -> tuple[Level, Bool[Array, ""]]:
        """The level with a wall there, and whether it was built."""
        walled = dataclasses.replace(
            level, tiles=grid.put(level.tiles, cell, grid.WALL, free[cell[0], cell[1]])
        )
        good = self.world.solvable(walled)
        tiles = jnp.where(good, walled.tiles, level.tiles)
        return dataclasses.replace(level, tiles=tiles), jnp.any(tiles != level.tiles)


def builder(world: World, schedules: tuple[Schedule, ...] = ()) -> Builder:
    """The Builder of a world's levels. Raises SocialRLError unless they are walls, items and seats alone,
    with room for all that is placed.
    """
    if not isinstance(world, GridWorld) or not isinstance(world.generator, Placing):
        raise SocialRLError(
            f"{world.spec.name}: its levels cannot be built choice by choice",
            "name a layout (open, cluttered, ...) in a world whose levels are walls, items and seats",
        )
    assert isinstance(world.params, Params)
    return Builder(world, schedules)

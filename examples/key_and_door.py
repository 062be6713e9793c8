"""A locked door between two rooms: the key opens it for all and pays 0.1, the goal pays each seat 1 once."""

import dataclasses

import jax
import jax.numpy as jnp

from socialrl_envs import grid
from socialrl_envs.configs import CardinalConfig
from socialrl_envs.generators import Drawn, layouts
from socialrl_envs.generators.placing import Placing, draw_cells
from socialrl_envs.task import Task, any_of, effects, reachable


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(CardinalConfig):
    def make_task(self, roster):
        return KeyAndDoor(self, roster)

    def make_generator(self, task, roster, movement):
        return Rooms(self.layout, self.size, (), len(roster.seats), movement)


class Rooms(Placing):
    def sample(self, key, params):
        wall_key, door_key, near_key, far_key = jax.random.split(key, 4)
        border, column = layouts.border(self.size, self.size), jnp.arange(self.size)
        wall = jax.random.randint(wall_key, (), self.size // 2, self.size - 2)
        tiles = jnp.where(border | (column == wall), grid.WALL, grid.FLOOR)
        tiles = tiles.at[jax.random.randint(door_key, (), 1, self.size - 1), wall].set(grid.DOOR)
        near = draw_cells(near_key, ~border & (column < wall), 1 + self.seats)
        far = draw_cells(far_key, ~border & (column > wall), 1)
        tiles = tiles.at[near[0, 0], near[0, 1]].set(grid.KEY).at[far[0, 0], far[0, 1]].set(grid.GOAL)
        return Drawn(tiles.astype(jnp.uint8), near[1:], jnp.zeros(self.seats, jnp.int32))


class KeyAndDoor(Task):
    name, cumulants, items = "key_and_door", ("key", "goal"), (grid.KEY, grid.DOOR, grid.GOAL)
    channels = {"wall": (grid.WALL,), "key": (grid.KEY,), "door": (grid.DOOR,), "goal": (grid.GOAL,)}  # noqa: RUF012
    solid, changes_tiles, random_reset, random_step = (grid.WALL, grid.DOOR), True, False, False

    def reset(self, level, key):
        return jnp.zeros(len(self.roster.seats), bool)  # which seats the goal has paid

    def step(self, state, moves, key):
        under = jnp.where(moves.seats.present, grid.at(state.level.tiles, moves.seats.position), grid.FLOOR)
        takes, arrives = under == grid.KEY, (under == grid.GOAL) & ~state.task
        gone = jnp.any(takes) & any_of(state.level.tiles, (grid.KEY, grid.DOOR))
        level = dataclasses.replace(
            state.level, tiles=jnp.where(gone, jnp.uint8(grid.FLOOR), state.level.tiles)
        )
        reward = jnp.where(takes, 0.1, 0.0) + arrives.astype(jnp.float32)
        return effects(state, moves, reward, (takes, arrives), level=level, task=state.task | arrives)

    def cell_rewards(self, state):
        key = jnp.where(state.level.tiles == grid.KEY, 0.101, 0.0)
        return key + ((state.level.tiles == grid.GOAL) & ~state.task[:, None, None]).astype(jnp.float32)

    def solvable(self, level):
        return reachable(level, (grid.KEY,), self.solid) & reachable(level, (grid.GOAL,), (grid.WALL,))

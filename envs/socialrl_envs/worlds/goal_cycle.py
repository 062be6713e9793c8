"""Goal tiles that look alike, to be visited in a hidden cyclic order (after Ndousse et al., ICML 2021, arXiv
2010.00581).

Stepping forward onto a tile pays; standing on it does nothing. The first tile of the episode pays `reward`
and sets the seat's place in the cycle; the next one pays `reward` and advances the place; any other, the last
one again included, costs `penalty` and leaves the place as it is (`reset_on_mistake`: it becomes the tile
that was hit). Actions: left, right, forward. The episode ends by time only.

Cumulants: right_goal, wrong_goal; first_goal (of the right ones, the first of the episode), same_goal (of the
wrong ones, the last one again). reward = reward * right_goal - penalty * wrong_goal, less first_goal * reward
without `initial_reward`.
"""

import dataclasses
from typing import Any

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int8, Int32, Key

from socialrl_envs import grid
from socialrl_envs.configs import TurningConfig
from socialrl_envs.facts import Fact, binary_fact, cell_fact, nearest, sides
from socialrl_envs.movement import Moves
from socialrl_envs.options import option, param
from socialrl_envs.roster import Roster, without_preferences
from socialrl_envs.struct import pytree
from socialrl_envs.task import Effects, Task, effects, target_rewards, target_under
from socialrl_envs.types import Level, Params, State


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(TurningConfig):
    """Options of goal_cycle, besides those of every world of seats that turn."""

    size: int = option(13, "cells along each side, walls included", low=5, high=64)
    layout: str = option("cluttered", "a layout's name, or the path of an ASCII level")
    horizon: int = option(250, "steps after which an episode is truncated", low=1)
    goals: int = option(3, "tiles in the cycle", low=2, high=9)
    reward: float = option(1.0, "what the right tile pays", above=0)
    penalty: float = option(1.5, "what a wrong tile costs; it is subtracted", low=0)
    initial_reward: bool = option(True, "whether the first tile of an episode pays")
    reset_on_mistake: bool = option(False, "whether a wrong tile becomes the seat's place in the cycle")

    def make_task(self, roster: Roster) -> "GoalCycle":
        """The task with these options."""
        return GoalCycle(self, roster)


@pytree
class OrderParams(Params):
    """The parameters of a level whose goals have a hidden order."""

    reward: Float32[Array, ""] = param("what the right tile pays", above=0)
    penalty: Float32[Array, ""] = param("what a wrong tile costs", low=0)


@pytree
class Place:
    """place: the index of the tile from which each seat's cycle goes on, -1 before the first."""

    place: Int8[Array, " N"]


class GoalCycle(Task):
    """The rules of goal_cycle; see the module's docstring."""

    name = "goal_cycle"
    params = OrderParams
    random_reset = random_step = False
    cumulants = ("right_goal", "wrong_goal", "first_goal", "same_goal")

    def __init__(self, config: Config, roster: Roster):
        super().__init__(config, roster)
        without_preferences(roster, self.name)
        self.targets = self.items = tuple(grid.GOAL + i for i in range(config.goals))
        self.channels = {"wall": (grid.WALL,), "goal": self.targets}

    def default_params(self) -> dict[str, Any]:
        """What tiles pay and cost."""
        return {"reward": self.config.reward, "penalty": self.config.penalty}

    def penalty_ratio(self, level: Level) -> Float32[Array, ""]:
        """The penalty in units of the reward."""
        return jnp.abs(level.params.penalty) / level.params.reward

    def reset(self, level: Level, key: Key[Array, ""]) -> Place:
        """Nobody has a place in the cycle yet."""
        return Place(place=jnp.full(len(self.roster.seats), -1, jnp.int8))

    def step(self, state: State, moves: Moves, key: Key[Array, ""]) -> Effects:
        """Every seat that has stepped onto a tile is paid or punished."""
        goal, before = (
            target_under(state.level.tiles, moves, self.targets),
            state.task.place.astype(jnp.int32),
        )
        hit = goal >= 0
        first = hit & (before < 0)
        right = first | (hit & (goal == (before + 1) % len(self.targets)))
        wrong = hit & ~right
        paid = right if self.config.initial_reward else right & ~first
        params = state.level.params
        reward = jnp.where(paid, params.reward, 0.0) - jnp.where(wrong, jnp.abs(params.penalty), 0.0)
        place = jnp.where(right | (wrong & self.config.reset_on_mistake), goal, before).astype(jnp.int8)
        cumulants = (right, wrong, first, wrong & (goal == before))
        return effects(state, moves, reward, cumulants, task=Place(place=place))

    def facts(self, turning: bool) -> tuple[Fact, ...]:
        """Besides those of every world: the next tile (before the first: the nearest), the last one, whether
        there was one, and where a wrong tile is next to the seat.
        """

        def place(state: State) -> Int32[Array, "N 1 1"]:
            return state.task.place.astype(jnp.int32)[:, None, None]

        def tile(state: State) -> Int32[Array, "H W"]:
            return state.level.tiles.astype(jnp.int32) - grid.GOAL

        def right(state: State) -> Bool[Array, "N H W"]:
            goals = (tile(state) >= 0) & (tile(state) < len(self.targets))
            return goals & ((place(state) < 0) | (tile(state) == (place(state) + 1) % len(self.targets)))

        def wrong(state: State) -> Bool[Array, "N H W"]:
            return (tile(state) >= 0) & ~right(state)

        def last(state: State) -> tuple[Array, Array]:
            return nearest((tile(state) == place(state)) & (place(state) >= 0), state.seats.position)

        def following(state: State) -> tuple[Array, Array]:
            return nearest(right(state), state.seats.position)

        return (
            *super().facts(turning),
            cell_fact("next_goal", "where the goal is that pays next", following, turning),
            cell_fact("last_goal", "where the goal is that paid last", last, turning),
            binary_fact("begun", "whether a goal has paid", lambda state: state.task.place >= 0),
            *sides("danger", "whether the goal that costs is {}", wrong, turning),
        )

    def cell_rewards(self, state: State) -> Float32[Array, "N H W"]:
        """The reward on the tile that is next (on every tile, before the first), the penalty on the
        others.
        """
        place, params = state.task.place.astype(jnp.int32)[:, None], state.level.params
        number = jnp.arange(len(self.targets), dtype=jnp.int32)
        right = (place < 0) | (number == (place + 1) % len(self.targets))
        return target_rewards(
            state.level.tiles, self.targets, jnp.where(right, params.reward, -jnp.abs(params.penalty))
        )

"""One goal whose place experts know and novices must find, or see from where the others go.

Stepping forward onto the goal pays `reward`. A seat that arrives goes back to the cell where it began, if
nobody is in its way there, and may come again: the goal stays where it is for the whole episode, so a seat
that remembers it finds it faster. Without `again` a seat that arrives is out (absent, hence unseen and in
nobody's way) and the episode terminates when all novices are out (without a novice: when all seats are). Else
time ends the episode. Actions: left, right, forward. On `four_rooms` and `maze` these are the transfer worlds
of Ndousse et al. (ICML 2021).

Cumulants: found. reward = reward * found.
"""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Key

from socialrl_envs import grid
from socialrl_envs.configs import TurningConfig
from socialrl_envs.facts import Fact, cell_fact, nearest
from socialrl_envs.movement import Moves
from socialrl_envs.options import option, param
from socialrl_envs.roster import Roster, without_preferences
from socialrl_envs.struct import pytree
from socialrl_envs.task import Effects, Task, effects, has_room, put_back, target_rewards, target_under
from socialrl_envs.types import Params, State


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(TurningConfig):
    """Options of goal_search, besides those of every world of seats that turn."""

    size: int = option(13, "cells along each side, walls included", low=5, high=64)
    layout: str = option("four_rooms", "a layout's name, or the path of an ASCII level")
    horizon: int = option(250, "steps after which an episode is truncated", low=1)
    shown_to: str = option(
        "coplayers", "who sees the goal when it is in view", choices=("all", "coplayers", "nobody")
    )
    again: bool = option(True, "whether a seat that arrives goes back to its start and may come again")
    reward: float = option(1.0, "what the goal pays", above=0)

    def make_task(self, roster: Roster) -> "GoalSearch":
        """The task with these options."""
        return GoalSearch(self, roster)


@pytree
class SearchParams(Params):
    """The parameters of a level of goal_search."""

    reward: Float32[Array, ""] = param("what the goal pays", above=0)


class GoalSearch(Task):
    """The rules of goal_search; see the module's docstring."""

    name = "goal_search"
    params = SearchParams
    random_reset = random_step = False
    cumulants = ("found",)
    targets = items = (grid.GOAL,)

    def __init__(self, config: Config, roster: Roster):
        super().__init__(config, roster)
        without_preferences(roster, self.name)
        self.channels = {"wall": (grid.WALL,), "goal": (grid.GOAL,)}
        self._waited_for = np.isin(np.arange(len(roster.seats)), roster.novices or roster.coplayers)

    def default_params(self) -> dict[str, Any]:
        """What the goal pays."""
        return {"reward": self.config.reward}

    def shown(self) -> Bool[np.ndarray, "N P"] | None:
        """Walls to everybody, the goal as `shown_to` says."""
        if self.config.shown_to == "all":
            return None
        seats = np.arange(len(self.roster.seats))
        sees = np.isin(seats, self.roster.coplayers) & (self.config.shown_to == "coplayers")
        return np.stack([np.ones_like(sees), sees], axis=1)

    def step(self, state: State, moves: Moves, key: Key[Array, ""]) -> Effects:
        """Every seat that arrives is paid and goes back, or is out."""
        found = target_under(state.level.tiles, moves, self.targets) >= 0
        reward = jnp.where(found, state.level.params.reward, 0.0)
        if self.config.again:
            back = found & has_room(state, moves, self.config.blocking)
            return effects(state, moves, reward, (found,), seats=put_back(moves.seats, state.level, back))
        out = moves.seats.out | found
        seats = dataclasses.replace(moves.seats, out=out)
        return effects(
            state, moves, reward, (found,), seats=seats, terminated=jnp.all(out | ~self._waited_for)
        )

    def facts(self, turning: bool) -> tuple[Fact, ...]:
        """Besides those of every world: where the goal is."""

        def goal(state: State) -> tuple[Array, Array]:
            return nearest(state.level.tiles == grid.GOAL, state.seats.position)

        return (*super().facts(turning), cell_fact("goal", "where the goal is", goal, turning))

    def cell_rewards(self, state: State) -> Float32[Array, "N H W"]:
        """The reward on the goal."""
        rewards = jnp.broadcast_to(state.level.params.reward, (len(self.roster.seats), 1))
        return target_rewards(state.level.tiles, self.targets, rewards)

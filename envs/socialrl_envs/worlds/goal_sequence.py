"""Goals of several kinds, to be visited in a sequence that is hidden and fixed for the episode, trial after
trial.

After the Goal Sequence of Cook et al., NeurIPS 2024, arXiv 2406.00392. The kinds are seen, their order is
not: it is drawn anew for every level, or the same in all (`fixed`). In each trial everybody begins where the
level put it and must visit the kinds in order: the next one pays `reward` on stepping forward onto it, any
other costs `penalty` and changes nothing. A seat that is through gets nothing more until the next trial. An
episode is `trials` trials of horizon / trials steps; it ends by time only. Actions: left, right, forward.

Cumulants: right_goal, wrong_goal, finished (the last one of the sequence). reward = reward * right_goal -
penalty * wrong_goal.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int8, Key, UInt8

from socialrl_envs import grid, picture
from socialrl_envs.configs import TurningConfig
from socialrl_envs.facts import Fact, cell_fact, nearest, sides
from socialrl_envs.movement import Moves
from socialrl_envs.options import option, param, require
from socialrl_envs.roster import Roster, without_preferences
from socialrl_envs.struct import pytree
from socialrl_envs.task import Effects, Task, effects, put_back, target_rewards, target_under
from socialrl_envs.types import Level, State
from socialrl_envs.worlds.goal_cycle import OrderParams


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(TurningConfig):
    """Options of goal_sequence, besides those of every world of seats that turn."""

    size: int = option(7, "cells along each side, walls included", low=5, high=64)
    view: int = option(3, "cells along each side of the view, odd", low=3, high=17)
    horizon: int = option(120, "steps after which an episode is truncated, a multiple of `trials`", low=1)
    goals: int = option(3, "kinds in the sequence", low=2, high=9)
    copies: int = option(1, "tiles of each kind", low=1)
    trials: int = option(4, "trials in an episode", low=1)
    fixed: bool = option(False, "whether the sequence is the same in all levels, so that weights can know it")
    reward: float = option(1.0, "what the right tile pays", above=0)
    penalty: float = option(1.0, "what a wrong tile costs; it is subtracted", low=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        divides = self.horizon % self.trials == 0
        require(divides, "trials", self.trials, f"at least 1, and a divisor of the horizon {self.horizon}")

    def make_task(self, roster: Roster) -> "GoalSequence":
        """The task with these options."""
        return GoalSequence(self, roster)


@pytree
class SequenceParams(OrderParams):
    """The parameters of a level of goal_sequence."""

    kinds: Float32[Array, " goals"] = param("the kind, 0.., that the i-th tile of the sequence shows", low=0)


@pytree
class Progress:
    """place: how many tiles of the sequence each seat has visited in this trial."""

    place: Int8[Array, " N"]


class GoalSequence(Task):
    """The rules of goal_sequence; see the module's docstring. The tile GOAL + i comes i-th in the
    sequence.
    """

    name = "goal_sequence"
    params = SequenceParams
    random_reset = random_step = False
    draws_params = True
    cumulants = ("right_goal", "wrong_goal", "finished")

    def __init__(self, config: Config, roster: Roster):
        super().__init__(config, roster)
        without_preferences(roster, self.name)
        self.targets = tuple(grid.GOAL + i for i in range(config.goals))
        self.items = self.targets * config.copies
        self.trial = config.horizon // config.trials if config.trials > 1 else 0
        self.channels = {"wall": (grid.WALL,)} | {
            f"kind_{i + 1}": (tile,) for i, tile in enumerate(self.targets)
        }

    def default_params(self) -> dict[str, Any]:
        """What tiles pay and cost, and the kinds in order."""
        return {
            "reward": self.config.reward,
            "penalty": self.config.penalty,
            "kinds": list(range(self.config.goals)),
        }

    def draw_params(self, key: Key[Array, ""]) -> dict[str, Array]:
        """Which kind comes when."""
        kinds = jnp.arange(self.config.goals, dtype=jnp.float32)
        return {"kinds": kinds if self.config.fixed else jax.random.permutation(key, kinds)}

    def penalty_ratio(self, level: Level) -> Float32[Array, ""]:
        """The penalty in units of the reward."""
        return jnp.abs(level.params.penalty) / level.params.reward

    def planes(self, level: Level) -> Bool[Array, "P H W"]:
        """Walls, then the tiles of each kind."""
        tiles = jnp.stack([level.tiles == tile for tile in self.targets])
        kinds = jnp.arange(self.config.goals, dtype=jnp.float32)[:, None] == level.params.kinds
        shown = jnp.any(kinds[:, :, None, None] & tiles, axis=1)
        return jnp.concatenate([(level.tiles == grid.WALL)[None], shown])

    def reset(self, level: Level, key: Key[Array, ""]) -> Progress:
        """Nobody has visited anything."""
        return Progress(place=jnp.zeros(len(self.roster.seats), jnp.int8))

    def step(self, state: State, moves: Moves, key: Key[Array, ""]) -> Effects:
        """Every seat that has stepped onto a tile is paid; at the end of a trial all that are present go
        back.
        """
        goal, place = target_under(state.level.tiles, moves, self.targets), state.task.place.astype(jnp.int32)
        busy = (goal >= 0) & (place < self.config.goals)
        right, wrong = busy & (goal == place), busy & (goal != place)
        place = place + right.astype(jnp.int32)
        params = state.level.params
        reward = jnp.where(right, params.reward, 0.0) - jnp.where(wrong, jnp.abs(params.penalty), 0.0)
        over = (state.time + 1) % (self.config.horizon // self.config.trials) == 0
        return effects(
            state,
            moves,
            reward,
            (right, wrong, right & (place == self.config.goals)),
            seats=put_back(moves.seats, state.level, over & state.seats.present),
            task=Progress(place=jnp.where(over, 0, place).astype(jnp.int8)),
        )

    def facts(self, turning: bool) -> tuple[Fact, ...]:
        """Besides those of every world: the nearest tile that comes next, and where a wrong one is next to
        the seat.
        """

        def goals(state: State, right: bool) -> Bool[Array, "N H W"]:
            place = state.task.place.astype(jnp.int32)[:, None, None]
            number = state.level.tiles.astype(jnp.int32) - grid.GOAL
            busy = (number >= 0) & (place < self.config.goals)
            return busy & ((number == place) if right else (number != place))

        def following(state: State) -> tuple[Array, Array]:
            return nearest(goals(state, True), state.seats.position)

        return (
            *super().facts(turning),
            cell_fact("next_goal", "where the goal is that pays next", following, turning),
            *sides("danger", "whether a goal that costs is {}", lambda state: goals(state, False), turning),
        )

    def cell_rewards(self, state: State) -> Float32[Array, "N H W"]:
        """The reward on the next kind, the penalty on the others; nothing for a seat that is through."""
        place, params = state.task.place.astype(jnp.int32)[:, None], state.level.params
        number = jnp.arange(self.config.goals, dtype=jnp.int32)
        rewards = jnp.where(number == place, params.reward, -jnp.abs(params.penalty))
        rewards = jnp.where(place < self.config.goals, rewards, 0.0)
        return target_rewards(state.level.tiles, self.targets, rewards)

    def kinds(self, state: State, seat: int | None) -> UInt8[np.ndarray, "H W"] | None:
        """The kind of every goal."""
        kinds = [round(float(kind)) for kind in np.asarray(state.level.params.kinds)]
        return picture.goal_kinds(np.asarray(state.level.tiles), kinds)

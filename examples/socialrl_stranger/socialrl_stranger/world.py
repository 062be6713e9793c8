"""Coins that do not come back; the episode ends when the last one is taken."""

import dataclasses

import jax.numpy as jnp
from jax import Array
from jaxtyping import Key

from socialrl_envs.movement import Moves
from socialrl_envs.options import option
from socialrl_envs.roster import Roster
from socialrl_envs.task import Effects
from socialrl_envs.types import State
from socialrl_envs.worlds import coin_grid


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(coin_grid.Config):
    """Settings of coin_rush: those of coin_grid, and how many coins may be left."""

    respawn: bool = option(False, "whether a taken coin comes back on another cell")
    left: int = option(0, "coins on the grid at which the episode ends", low=0)

    def make_task(self, roster: Roster) -> "CoinRush":
        """The task of these settings."""
        return CoinRush(self, roster)


class CoinRush(coin_grid.CoinGrid):
    """The rules of coin_grid with another end."""

    name = "coin_rush"

    def step(self, state: State, moves: Moves, key: Key[Array, ""]) -> Effects:
        """As in coin_grid; `terminated` when at most `left` coins lie on the grid."""
        effects = super().step(state, moves, key)
        coins = jnp.isin(effects.level.tiles, jnp.array(self.tiles, jnp.uint8))
        return dataclasses.replace(effects, terminated=jnp.sum(coins) <= self.config.left)

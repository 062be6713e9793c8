"""Coins that do not come back; the episode ends when the last one is taken."""

import dataclasses

import jax.numpy as jnp
from jax import Array
from jaxtyping import Int32, Key

from socialrl_envs import grid
from socialrl_envs.options import option
from socialrl_envs.types import Outcome, State
from socialrl_envs.worlds import coin_grid


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(coin_grid.Config):
    """Settings of coin_rush: those of coin_grid, and how many coins may be left."""

    respawn: bool = option(False, "whether a taken coin comes back on another cell")
    left: int = option(0, "coins on the grid at which the episode ends", low=0)

    def build(self) -> "CoinRush":
        """The world of these settings."""
        return CoinRush(self)


class CoinRush(coin_grid.CoinGrid):
    """The rules of coin_grid with another end."""

    name = "coin_rush"

    def step(self, state: State, actions: Int32[Array, " N"], key: Key[Array, ""]) -> tuple[State, Outcome]:
        """The next state, and its outcome; `terminated` when at most `left` coins lie on the grid."""
        after, outcome = super().step(state, actions, key)
        terminated = jnp.sum(after.tiles >= grid.COIN) <= self.config.left
        truncated = outcome.truncated & ~terminated
        return after, dataclasses.replace(outcome, terminated=terminated, truncated=truncated)

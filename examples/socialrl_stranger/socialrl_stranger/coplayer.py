"""Walks back and forth: takes the first action for four steps, then the third one."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Int32, Key

from socialrl_envs.types import State, World


def act(world: World, state: State, seat: int, key: Key[Array, ""]) -> Int32[Array, ""]:
    """Action 0 (up, in worlds of four directions) or 2 (down)."""
    return jnp.where(state.time % 8 < 4, 0, 2).astype(jnp.int32)

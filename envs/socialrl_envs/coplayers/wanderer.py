"""Takes a random action at every step."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Int32, Key

from socialrl_envs.types import SeatNumber, State, World


def act(world: World, state: State, seat: SeatNumber, key: Key[Array, ""]) -> Int32[Array, ""]:
    """A uniformly drawn action."""
    return jax.random.randint(key, (), 0, len(world.spec.actions), dtype=jnp.int32)

"""Goes for what it likes by the shortest way, whatever it costs: it takes every bridge, flooded or not."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Int32, Key

from socialrl_envs.coplayers import planner
from socialrl_envs.types import State, World


def act(world: World, state: State, seat: int, key: Key[Array, ""]) -> Int32[Array, ""]:
    """A planner's action that knows of no losses."""
    return planner.pursue(world, state, jnp.maximum(world.appeal(state)[seat], 0.0), seat, key)

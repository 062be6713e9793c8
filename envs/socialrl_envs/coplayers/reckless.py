"""A planner that ignores costs: it takes every bridge, flooded or not."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Int32, Key

from socialrl_envs.planning.pursuit import pursue
from socialrl_envs.types import SeatNumber, State, World


def act(world: World, state: State, seat: SeatNumber, key: Key[Array, ""]) -> Int32[Array, ""]:
    """The planner's action if nothing cost anything."""
    return pursue(world, state, jnp.maximum(world.cell_rewards(state)[seat], 0.0), seat, key)


def act_together(
    world: World, state: State, seats: Int32[Array, " n"], keys: Key[Array, " n"]
) -> Int32[Array, " n"]:
    """The actions of these seats."""
    return jax.vmap(lambda seat, key: act(world, state, seat, key))(seats, keys)

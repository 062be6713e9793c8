"""The expert: walks a shortest path to what it likes best, by distance and worth, and goes around what it dislikes."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32, Key

from socialrl_envs import planning
from socialrl_envs.types import State, World

TIE = 1e-4  # moves this close in value are ties, broken at random


def pursue(world: World, state: State, gain: Float32[Array, "H W"], seat: int, key: Key[Array, ""]) -> Int32[Array, ""]:
    """The first move of the best errand for these gains per cell; stays if nothing is worth the walk."""
    solid = world.solid(state.tiles)
    value = planning.errand_values(gain, solid)
    row, column = state.position[seat]
    worth = planning.move_values(gain, solid, value, planning.DISCOUNT)[:, row, column]
    tie_break = TIE * jax.random.uniform(key, worth.shape)
    move = jnp.argmax(worth + tie_break).astype(jnp.int32)
    return jnp.where(jnp.max(worth) > 0, move, len(worth) - 1)


def act(world: World, state: State, seat: int, key: Key[Array, ""]) -> Int32[Array, ""]:
    """The action of this seat, index into `world.spec.actions`."""
    return pursue(world, state, world.appeal(state)[seat], seat, key)

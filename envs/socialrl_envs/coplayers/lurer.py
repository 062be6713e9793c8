"""A false friend: seeks what pays the first novice for a share `skill` of the episode, then what costs it.

With skill 1 it is a friend throughout, with 0 never; as the skill is a parameter of the level, a curriculum
can make it turn in the course of training.
"""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Int32, Key

from socialrl_envs.planning.pursuit import pursue
from socialrl_envs.types import State, World


def act(world: World, state: State, seat: int, key: Key[Array, ""]) -> Int32[Array, ""]:
    """The action towards what the first novice wants, or from then on towards what costs it most."""
    novice = next(iter(world.spec.novices), seat)
    until = state.level.params.skill[seat] * world.spec.horizon
    gain = world.cell_rewards(state)[novice]
    return pursue(world, state, jnp.where(state.time.astype(jnp.float32) < until, gain, -gain), seat, key)

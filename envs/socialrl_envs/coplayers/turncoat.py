"""An expert that turns: a planner for itself for a share `skill` of the episode, then an adversary.

With skill 1 or more it is a planner throughout, with 0 or less an adversary; as the skill is a parameter of
the level, a curriculum can draw when it turns.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Int32, Key

from socialrl_envs.planning.pursuit import pursue
from socialrl_envs.types import SeatNumber, State, World


def act(world: World, state: State, seat: SeatNumber, key: Key[Array, ""]) -> Int32[Array, ""]:
    """The action towards what pays this seat, or from then on towards what costs the first novice most."""
    novice = next(iter(world.spec.novices), seat)
    until = state.level.params.skill[seat] * world.spec.horizon
    rewards = world.cell_rewards(state)
    gain = jnp.where(state.time.astype(jnp.float32) < until, rewards[seat], -rewards[novice])
    return pursue(world, state, gain, seat, key)


def act_together(
    world: World, state: State, seats: Int32[Array, " n"], keys: Key[Array, " n"]
) -> Int32[Array, " n"]:
    """The actions of these seats."""
    return jax.vmap(lambda seat, key: act(world, state, seat, key))(seats, keys)

"""A planner that slips: with probability 1 - skill it takes a random action instead."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Int32, Key

from socialrl_envs.coplayers import planner, wanderer
from socialrl_envs.types import SeatNumber, State, World


def act(world: World, state: State, seat: SeatNumber, key: Key[Array, ""]) -> Int32[Array, ""]:
    """The planner's action, or a random one; the skill is a parameter of the level."""
    slip_key, plan_key, random_key = jax.random.split(key, 3)
    intended = planner.act(world, state, seat, plan_key)
    slip = jax.random.uniform(slip_key) >= state.level.params.skill[seat]
    return jnp.where(slip, wanderer.act(world, state, seat, random_key), intended)


def act_together(
    world: World, state: State, seats: Int32[Array, " n"], keys: Key[Array, " n"]
) -> Int32[Array, " n"]:
    """The actions of these seats."""
    return jax.vmap(lambda seat, key: act(world, state, seat, key))(seats, keys)

"""The actions of a planner, which takes a shortest path to the cell of the highest value."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32, Key

from socialrl_envs.planning import tables, values
from socialrl_envs.types import SeatNumber, State, World

TIE = 1e-4  # relative difference in value up to which actions are tied; ties are broken at random


def pursue(
    world: World, state: State, gain: Float32[Array, "H W"], seat: SeatNumber, key: Key[Array, ""]
) -> Int32[Array, ""]:
    """The first action towards the goal of the highest discounted gain.

    gain: the reward of the seat for entering each cell; a negative gain is a cost of passing through. The
    seat stays, or turns left, if no cell has a positive value.
    """
    plan = state.level.plan
    if isinstance(plan, tables.ActionTables):
        return tables.next_action(plan, state, world.spec.targets, gain, seat, key, world.spec.blocking)
    action_values, idle = first_action_values(world, state, gain, seat)
    best = jnp.max(action_values)
    tie_break = TIE * jnp.abs(best) * jax.random.uniform(key, action_values.shape)
    action = jnp.argmax(action_values + tie_break).astype(jnp.int32)
    return jnp.where(best > 0, action, idle)


def first_action_values(
    world: World, state: State, gain: Float32[Array, "H W"], seat: SeatNumber
) -> tuple[Float32[Array, " M"], int]:
    """The values of the seat's M actions of movement, and the action that it takes if none is positive."""
    solid, (row, column) = world.solid(state.level.tiles), state.seats.position[seat]
    if world.spec.movement == "turning":
        value = values.turning_state_values(gain, solid)
        return values.turning_values(gain, solid, value)[:, state.seats.heading[seat], row, column], 0
    value = values.cardinal_state_values(gain, solid)
    return values.cardinal_values(gain, solid, value)[:, row, column], len(world.spec.actions) - 1

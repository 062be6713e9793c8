"""The action of a seat that walks a shortest path to what pays it best."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32, Key

from socialrl_envs.planning import tables, values
from socialrl_envs.types import State, World

TIE = 1e-4  # actions this close in value, as a share of the best one, are ties, broken at random


def pursue(
    world: World, state: State, gain: Float32[Array, "H W"], seat: int, key: Key[Array, ""]
) -> Int32[Array, ""]:
    """The first action towards the best goal, by distance and by `gain`, what the seat is paid on each cell.

    It stays (or turns left) if no cell is worth the walk. A negative gain is a cost of passing through.
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
    world: World, state: State, gain: Float32[Array, "H W"], seat: int
) -> tuple[Float32[Array, " M"], int]:
    """The values of the actions that move the seat, and the action of one that has nothing to do."""
    solid, (row, column) = world.solid(state.level.tiles), state.seats.position[seat]
    if world.spec.movement == "turning":
        value = values.turning_state_values(gain, solid)
        return values.turning_values(gain, solid, value)[:, state.seats.heading[seat], row, column], 0
    value = values.cardinal_state_values(gain, solid)
    return values.cardinal_values(gain, solid, value)[:, row, column], len(world.spec.actions) - 1

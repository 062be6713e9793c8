"""The expert: walks a shortest path to what it likes best, by distance and worth, and goes around what it
dislikes.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32, Key

from socialrl_envs import planning
from socialrl_envs.types import State, World

TIE = 1e-4  # moves this close in value, as a share of the best one, are ties, broken at random


def pursue(
    world: World, state: State, gain: Float32[Array, "H W"], seat: int, key: Key[Array, ""]
) -> Int32[Array, ""]:
    """The first action of the best errand for these gains per cell; stays (or turns left) if nothing is worth
    the walk.

    A world may know its ways by heart: then it has `errand(state, gain, seat, key)`, which says None if it
    does not.
    """
    known = getattr(world, "errand", None)
    action = None if known is None else known(state, gain, seat, key)
    if action is not None:
        return action
    worth, idle = worths(world, state, gain, seat)
    tie_break = TIE * jnp.abs(jnp.max(worth)) * jax.random.uniform(key, worth.shape)
    move = jnp.argmax(worth + tie_break).astype(jnp.int32)
    return jnp.where(jnp.max(worth) > 0, move, idle)


def worths(world: World, state: State, gain: Array, seat: int) -> tuple[Float32[Array, " M"], int]:
    """What each way to begin is worth to the seat, and the action of one who has nothing to do."""
    solid, (row, column) = world.solid(state.tiles), state.position[seat]
    if "forward" in world.spec.actions:
        value = planning.turning_errand_values(gain, solid)
        return planning.turn_values(gain, solid, value, planning.DISCOUNT)[
            :, state.heading[seat], row, column
        ], 0
    value = planning.errand_values(gain, solid)
    return planning.move_values(gain, solid, value, planning.DISCOUNT)[:, row, column], len(
        world.spec.actions
    ) - 1


def act(world: World, state: State, seat: int, key: Key[Array, ""]) -> Int32[Array, ""]:
    """The action of this seat, index into `world.spec.actions`."""
    return pursue(world, state, world.appeal(state)[seat], seat, key)

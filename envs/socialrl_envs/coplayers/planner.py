"""The expert: walks a shortest path to what pays it best, and goes around what costs it."""

import jax
from jax import Array
from jaxtyping import Int32, Key

from socialrl_envs.planning.pursuit import pursue
from socialrl_envs.types import SeatNumber, State, World


def act(world: World, state: State, seat: SeatNumber, key: Key[Array, ""]) -> Int32[Array, ""]:
    """The action of this seat, an index into `world.spec.actions`."""
    return pursue(world, state, world.cell_rewards(state)[seat], seat, key)


def act_together(
    world: World, state: State, seats: Int32[Array, " n"], keys: Key[Array, " n"]
) -> Int32[Array, " n"]:
    """The actions of these seats."""
    return jax.vmap(lambda seat, key: act(world, state, seat, key))(seats, keys)

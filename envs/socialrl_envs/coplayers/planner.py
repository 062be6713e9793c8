"""The expert: walks a shortest path to what pays it best, and goes around what costs it."""

from jax import Array
from jaxtyping import Int32, Key

from socialrl_envs.planning.pursuit import pursue
from socialrl_envs.types import State, World


def act(world: World, state: State, seat: int, key: Key[Array, ""]) -> Int32[Array, ""]:
    """The action of this seat, an index into `world.spec.actions`."""
    return pursue(world, state, world.cell_rewards(state)[seat], seat, key)

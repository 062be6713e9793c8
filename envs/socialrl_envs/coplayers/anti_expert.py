"""A confident adversary: pursues what costs the first novice most, and goes around what pays it."""

from jax import Array
from jaxtyping import Int32, Key

from socialrl_envs.planning.pursuit import pursue
from socialrl_envs.types import State, World


def act(world: World, state: State, seat: int, key: Key[Array, ""]) -> Int32[Array, ""]:
    """The action towards the cell that costs the first novice most."""
    novice = next(iter(world.spec.novices), seat)
    return pursue(world, state, -world.cell_rewards(state)[novice], seat, key)

"""Confidently pursues what is worst for the first novice, and goes around what is good for it."""

from jax import Array
from jaxtyping import Int32, Key

from socialrl_envs.coplayers import planner
from socialrl_envs.types import State, World


def act(world: World, state: State, seat: int, key: Key[Array, ""]) -> Int32[Array, ""]:
    """The move towards what the first novice would lose most by."""
    novice = next(iter(world.spec.novices), seat)
    return planner.pursue(world, state, -world.appeal(state)[novice], seat, key)

"""The novice of the last generation, for arms with `generations`; by itself it takes a random action."""

from jax import Array
from jaxtyping import Int32, Key

from socialrl_envs.coplayers import wanderer
from socialrl_envs.types import State, World


def act(world: World, state: State, seat: int, key: Key[Array, ""]) -> Int32[Array, ""]:
    """A uniformly drawn action, for who runs the world without a last generation."""
    return wanderer.act(world, state, seat, key)

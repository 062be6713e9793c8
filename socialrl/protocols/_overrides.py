"""Overrides of a level's parameters, as protocols set them: who is present, and what seats want."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32, Shaped

from socialrl_envs import presence
from socialrl_envs.errors import SocialRLError
from socialrl_envs.options import require
from socialrl_envs.types import World

Overrides = dict[str, Array]  # by the name of the parameter


def has_preferences(world: World) -> bool:
    """Whether the seats of a world have preferences: weights of the cumulants in their rewards."""
    return "preferences" in world.params.named()


def parameter(world: World, name: str) -> Shaped[np.ndarray, "..."]:
    """The value of a parameter as the world's config has it."""
    return np.asarray(world.params.named()[name])


def scheduled(world: World, schedule: str, seats: Sequence[int]) -> Float32[Array, "N 4"]:
    """The presence of all seats (N, 4), with that of `seats` by the schedule of this name."""
    current, at = jnp.asarray(parameter(world, "presence")), jnp.array(seats, jnp.int32)
    return current.at[at].set(jnp.array(presence.SCHEDULES[schedule], jnp.float32))


def check_preferences(world: World, preferences: Sequence[Sequence[float]], where: str) -> None:
    """Raises SocialRLError unless the world has preferences, and each of these is one number per cumulant.

    where: the name of the protocol, for the error.
    """
    if not has_preferences(world):
        raise SocialRLError(f"{where}: nobody has preferences in {world.spec.name}", "use it with coin_grid")
    length = parameter(world, "preferences").shape[1]
    for preference in preferences:
        require(len(preference) == length, f"{where}.preferences", preference, f"{length} numbers long")


def with_preferences(
    world: World, preference: Float32[Array, " K"] | Sequence[float], seats: Sequence[int]
) -> Float32[Array, "N K"]:
    """The preferences of all seats (N, K), with those of `seats` replaced."""
    at = jnp.array(seats, jnp.int32)
    return jnp.asarray(parameter(world, "preferences")).at[at].set(jnp.asarray(preference, jnp.float32))

"""Episodes of several kinds: who is there and for how long, and numbers that vary from level to level and
with time.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32, Int32, Key

from socialrl.curricula import Curriculum, Numbers
from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.presence import SCHEDULES
from socialrl_envs.types import World
from socialrl_envs.world import require


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ramp:
    """A number that is drawn uniformly for each level, from a range that moves.

    number: a number of the world, e.g. penalty; one per seat (skill) is set for all co-players alike.
    start: lowest and highest value at first.
    end: and in the end.
    steps: env steps from the first to the second, linearly.
    """

    number: str
    start: tuple[float, float]
    end: tuple[float, float]
    steps: int = 1

    def __post_init__(self) -> None:
        for key in ("start", "end"):
            require(
                getattr(self, key)[0] <= getattr(self, key)[1],
                key,
                getattr(self, key),
                "the lowest, then the highest",
            )
        require(self.steps >= 1, "steps", self.steps, "at least 1")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Options of mixed.

    presence: kinds of episodes and their shares, each kind a schedule: always, never, first_half,
        some_episodes, comes_and_goes, leaves (each at a random step); empty leaves co-players to their own
        schedules.
    ramps: numbers that vary.
    """

    presence: tuple[tuple[str, float], ...] = ()
    ramps: tuple[Ramp, ...] = ()

    def __post_init__(self) -> None:
        for name, share in self.presence:
            if name not in SCHEDULES:
                raise unknown("presence", name, SCHEDULES)
            require(share >= 0, "presence", share, "a share, at least 0")
        require(
            not self.presence or sum(s for _, s in self.presence) > 0,
            "presence",
            self.presence,
            "shares above 0 in all",
        )

    def build(self, world: World) -> Curriculum:
        """The curriculum for this world; raises SocialRLError for a number that it does not have."""
        for ramp in self.ramps:
            check_number(world, ramp.number)

        def numbers(state: Any, steps: Int32[Array, ""], key: Key[Array, ""]) -> Numbers:
            presence_key, *keys = jax.random.split(key, 1 + len(self.ramps))
            drawn = {
                ramp.number: for_level(world, ramp.number, draw(ramp, steps, k))
                for ramp, k in zip(self.ramps, keys, strict=True)
            }
            return drawn | (
                {"presence": mixed_presence(world, self.presence, presence_key)} if self.presence else {}
            )

        return Curriculum(init=lambda: (), numbers=numbers, update=lambda state, measure, key: (state, {}))


def draw(ramp: Ramp, steps: Int32[Array, ""], key: Key[Array, ""]) -> Float32[Array, ""]:
    """A value of the ramp's number after so many env steps."""
    progress = jnp.minimum(steps.astype(jnp.float32) / ramp.steps, 1.0)
    start, end = jnp.array(ramp.start, jnp.float32), jnp.array(ramp.end, jnp.float32)
    low, high = start + progress * (end - start)
    return low + jax.random.uniform(key) * (high - low)


def check_number(world: World, name: str) -> None:
    """Raises SocialRLError unless the world has a number of this name, one for all or one per seat."""
    if name not in world.numbers:
        raise unknown("number", name, world.numbers)
    shape = np.shape(world.numbers[name])
    if shape not in ((), (len(world.spec.seats),)):
        raise SocialRLError(
            f"number {name!r} has shape {shape}",
            "a curriculum varies those that are one for all or one per seat",
        )


def for_level(world: World, name: str, value: Float32[Array, ""]) -> Array:
    """The number as a level holds it; one per seat is set for the co-players."""
    usual = jnp.asarray(world.numbers[name])
    if usual.ndim == 0:
        return value
    return usual.at[jnp.array(world.spec.coplayers, jnp.int32)].set(value)


def mixed_presence(
    world: World, kinds: tuple[tuple[str, float], ...], key: Key[Array, ""]
) -> Float32[Array, "N 4"]:
    """The schedules of an episode whose kind is drawn by its share; novices keep their own."""
    schedules = jnp.array([SCHEDULES[name] for name, _ in kinds], jnp.float32)
    chosen = jax.random.categorical(key, jnp.log(jnp.array([share for _, share in kinds], jnp.float32)))
    return set_presence(world, schedules[chosen])


def set_presence(world: World, schedule: Float32[Array, " 4"]) -> Float32[Array, "N 4"]:
    """All seats' schedules with the co-players' replaced by this one."""
    usual = jnp.asarray(world.numbers["presence"])
    return usual.at[jnp.array(world.spec.coplayers, jnp.int32)].set(schedule)

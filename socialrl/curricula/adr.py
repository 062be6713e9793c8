"""Automatic domain randomisation, driven by cultural transmission (Bhoopchand et al., 2023).

Each number is drawn from a range. Chunk by chunk one end of one range is tested: on levels with the number at
that end, how much of what the experts show is taken over and kept? Above `upper` the range is widened there,
below `lower` it is narrowed.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32, Key

from socialrl.curricula import Curriculum, Measure, Numbers, mixed
from socialrl_envs.presence import SCHEDULES
from socialrl_envs.struct import pytree
from socialrl_envs.types import World
from socialrl_envs.world import require


@dataclasses.dataclass(frozen=True, kw_only=True)
class Range:
    """A number that is randomised.

    number: a number of the world, e.g. density.
    start: lowest and highest value at first.
    limits: how far the range may grow.
    step: how far an end moves at a time.
    """

    number: str
    start: tuple[float, float]
    limits: tuple[float, float]
    step: float

    def __post_init__(self) -> None:
        low, high = self.start
        require(
            self.limits[0] <= low <= high <= self.limits[1],
            "start",
            self.start,
            f"ascending and within {self.limits}",
        )
        require(self.step > 0, "step", self.step, "above 0")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Options of adr.

    presence: kinds of episodes and their shares, as in mixed: expert drop-out.
    ranges: what is randomised.
    upper: cultural transmission above which a range is widened.
    lower: and below which it is narrowed.
    """

    ranges: tuple[Range, ...]
    presence: tuple[tuple[str, float], ...] = (
        ("always", 0.15),
        ("never", 0.1),
        ("leaves", 0.3),
        ("comes_and_goes", 0.45),
    )
    upper: float = 0.85
    lower: float = 0.75

    def __post_init__(self) -> None:
        require(len(self.ranges) > 0, "ranges", self.ranges, "at least one")
        require(self.lower <= self.upper, "lower", self.lower, f"at most upper, {self.upper}")
        mixed.Config(presence=self.presence)  # checks it

    def build(self, world: World) -> Curriculum:
        """The curriculum for this world; raises SocialRLError for a number that it does not have."""
        for one in self.ranges:
            mixed.check_number(world, one.number)
        require(
            len(world.spec.coplayers) > 0,
            "experts",
            0,
            "at least 1: adr is driven by what is learnt from them",
        )
        return Adr(self, world).curriculum()


@pytree
class AdrState:
    """ends: lowest and highest value of each number now. turn: which end is tested next."""

    ends: Float32[Array, "P 2"]
    turn: Int32[Array, ""]


class Adr:
    """The functions of the curriculum."""

    def __init__(self, config: Config, world: World):
        self.config, self.world = config, world
        self.limits = jnp.array([one.limits for one in config.ranges], jnp.float32)
        self.steps = jnp.array([one.step for one in config.ranges], jnp.float32)

    def curriculum(self) -> Curriculum:
        """The functions, bundled."""
        return Curriculum(init=self.init, numbers=self.numbers, update=self.update)

    def init(self) -> AdrState:
        """The ranges at first."""
        return AdrState(
            ends=jnp.array([one.start for one in self.config.ranges], jnp.float32), turn=jnp.int32(0)
        )

    def numbers(self, state: AdrState, steps: Int32[Array, ""], key: Key[Array, ""]) -> Numbers:
        """Each number within its range, and who is there."""
        presence_key, values_key = jax.random.split(key)
        return self._drawn(state.ends, values_key) | {
            "presence": mixed.mixed_presence(self.world, self.config.presence, presence_key)
        }

    def _drawn(self, ends: Float32[Array, "P 2"], key: Key[Array, ""]) -> Numbers:
        low, high = ends.T
        values = low + jax.random.uniform(key, low.shape) * (high - low)
        return {
            one.number: mixed.for_level(self.world, one.number, values[i])
            for i, one in enumerate(self.config.ranges)
        }

    def update(
        self, state: AdrState, measure: Measure, key: Key[Array, ""]
    ) -> tuple[AdrState, dict[str, Array]]:
        """Tests an end of a range, and moves it."""
        number, side = state.turn // 2, state.turn % 2
        pinned = state.ends.at[number].set(state.ends[number, side])
        score = self.transmission(pinned, measure, key)
        wider = jnp.where(score > self.config.upper, 1.0, jnp.where(score < self.config.lower, -1.0, 0.0))
        outwards = jnp.where(side == 0, -1.0, 1.0) * self.steps[number]
        moved = state.ends[number, side] + wider * outwards
        other = state.ends[number, 1 - side]
        low = jnp.where(side == 0, self.limits[number, 0], other)
        high = jnp.where(side == 0, other, self.limits[number, 1])
        ends = state.ends.at[number, side].set(jnp.clip(moved, low, high))
        turn = (state.turn + 1) % (2 * len(self.config.ranges))
        metrics = {"adr/cultural_transmission": score}
        for i, one in enumerate(self.config.ranges):
            metrics |= {f"adr/{one.number}_low": ends[i, 0], f"adr/{one.number}_high": ends[i, 1]}
        return AdrState(ends=ends, turn=turn), metrics

    def transmission(
        self, ends: Float32[Array, "P 2"], measure: Measure, key: Key[Array, ""]
    ) -> Float32[Array, ""]:
        """CT = 1/2 (A_full - A_solo) / E + 1/2 (A_half - A_solo) / E, 0 where the experts earn nothing."""

        def returns(presence: str) -> Float32[Array, " N"]:
            schedule = mixed.set_presence(self.world, jnp.array(SCHEDULES[presence], jnp.float32))
            same = jax.random.clone(key)  # levels and luck, so that company alone makes the difference
            return measure(lambda level_key: self._drawn(ends, level_key) | {"presence": schedule}, same)

        novices, experts = (
            jnp.array(seats, jnp.int32) for seats in (self.world.spec.novices, self.world.spec.coplayers)
        )
        together = returns("always")
        full, half, solo = (jnp.mean(r[novices]) for r in (together, returns("first_half"), returns("never")))
        expert = jnp.mean(together[experts])
        return jnp.where(expert > 0, ((full - solo) + (half - solo)) / (2 * jnp.maximum(expert, 1e-6)), 0.0)

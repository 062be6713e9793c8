"""Automatic domain randomisation by cultural transmission (Bhoopchand et al., 2023).

Each parameter is drawn from a range. In each chunk one end of one range is tested: on levels with the
parameter at that end, the cultural transmission is measured, i.e. how much of the experts' return the novices
reach beside them and keep without them. Above `upper` the range is widened at that end, below `lower` it is
narrowed.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32, Key

from socialrl.curricula import Curriculum, Measure, mixed
from socialrl.types import Overrides
from socialrl_envs.options import Options, option, require
from socialrl_envs.presence import SCHEDULES
from socialrl_envs.struct import pytree
from socialrl_envs.types import World

DROP_OUT = (("always", 0.15), ("never", 0.1), ("leaves", 0.3), ("comes_and_goes", 0.45))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Range(Options):
    """A parameter that is randomised."""

    param: str = option(help="parameter of the world's levels, e.g. density")
    start: tuple[float, float] = option(help="lowest and highest value at the start of training")
    limits: tuple[float, float] = option(help="lowest and highest value that the range may reach")
    step: float = option(help="how far an end of the range moves at a time", above=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = self.start
        within = self.limits[0] <= low <= high <= self.limits[1]
        require(within, "start", self.start, f"ascending and within {self.limits}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Options):
    """Options of adr."""

    ranges: tuple[Range, ...] = option(help="parameters that are randomised, with their ranges")
    presence: tuple[tuple[str, float], ...] = option(
        DROP_OUT, "schedules of the co-players' presence and the share of episodes of each"
    )
    upper: float = option(0.85, "cultural transmission above which the tested end of a range is widened")
    lower: float = option(0.75, "cultural transmission below which the tested end of a range is narrowed")

    def __post_init__(self) -> None:
        super().__post_init__()
        require(len(self.ranges) > 0, "ranges", self.ranges, "at least one")
        require(self.lower <= self.upper, "lower", self.lower, f"at most upper, {self.upper}")
        mixed.check_presence(self.presence)

    def build(self, world: World) -> Curriculum:
        """The curriculum for this world; raises SocialRLError for a parameter that its levels do not have."""
        for one in self.ranges:
            mixed.check_param(world, one.param)
        coplayers = len(world.spec.coplayers)
        require(coplayers > 0, "experts", 0, "at least 1: adr measures what is learnt from them")
        return Adr(self, world).curriculum()


@pytree
class AdrState:
    """ends: lowest and highest value of each of the P parameters. turn: which of the 2 P ends is
    tested next.
    """

    ends: Float32[Array, "P 2"]
    turn: Int32[Array, ""]


class Adr:
    """The functions of the curriculum for one world."""

    def __init__(self, config: Config, world: World):
        self.config, self.world = config, world
        self.limits = jnp.array([one.limits for one in config.ranges], jnp.float32)
        self.steps = jnp.array([one.step for one in config.ranges], jnp.float32)

    def curriculum(self) -> Curriculum:
        """The Curriculum of these functions."""
        return Curriculum(init=self.init, overrides=self.overrides, update=self.update)

    def init(self) -> AdrState:
        """The state at the start of training."""
        start = jnp.array([one.start for one in self.config.ranges], jnp.float32)
        return AdrState(ends=start, turn=jnp.int32(0))

    def overrides(self, state: AdrState, steps: Int32[Array, ""], key: Key[Array, ""]) -> Overrides:
        """The parameters of one level, each drawn from its range, and the co-players' presence."""
        presence_key, values_key = jax.random.split(key)
        return self._drawn(state.ends, values_key) | {
            "presence": mixed.mixed_presence(self.world, self.config.presence, presence_key)
        }

    def _drawn(self, ends: Float32[Array, "P 2"], key: Key[Array, ""]) -> Overrides:
        """A value of each parameter, drawn uniformly between its ends."""
        low, high = ends.T
        values = low + jax.random.uniform(key, low.shape) * (high - low)
        return {
            one.param: mixed.for_level(self.world, one.param, values[i])
            for i, one in enumerate(self.config.ranges)
        }

    def update(
        self, state: AdrState, measure: Measure, key: Key[Array, ""]
    ) -> tuple[AdrState, dict[str, Array]]:
        """The state after one end of one range was tested and moved, and metrics by name."""
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
            metrics |= {f"adr/{one.param}_low": ends[i, 0], f"adr/{one.param}_high": ends[i, 1]}
        return AdrState(ends=ends, turn=turn), metrics

    def transmission(
        self, ends: Float32[Array, "P 2"], measure: Measure, key: Key[Array, ""]
    ) -> Float32[Array, ""]:
        """CT = 1/2 (A_full - A_solo) / E + 1/2 (A_half - A_solo) / E, and 0 where the experts' return E is
        not positive.

        A: the novices' mean return beside experts that are present throughout, in the first half, or never.
        """

        def returns(presence: str) -> Float32[Array, " N"]:
            schedule = mixed.set_presence(self.world, jnp.array(SCHEDULES[presence], jnp.float32))
            same = jax.random.clone(key)  # the same levels and random numbers for all three schedules
            return measure(lambda level_key: self._drawn(ends, level_key) | {"presence": schedule}, same)

        spec = self.world.spec
        novices, experts = jnp.array(spec.novices, jnp.int32), jnp.array(spec.coplayers, jnp.int32)
        together = returns("always")
        full, half, solo = (jnp.mean(r[novices]) for r in (together, returns("first_half"), returns("never")))
        expert = jnp.mean(together[experts])
        return jnp.where(expert > 0, ((full - solo) + (half - solo)) / (2 * jnp.maximum(expert, 1e-6)), 0.0)

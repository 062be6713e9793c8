"""Episodes of several kinds: the co-players' presence is drawn per level, and parameters from ranges that
move with time.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32, Int32, Key, PyTree

from socialrl.curricula import Curriculum
from socialrl.types import Overrides
from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.options import Options, meanings, option, require
from socialrl_envs.presence import SCHEDULES
from socialrl_envs.types import World


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ramp(Options):
    """A parameter drawn uniformly for each level, from a range that moves linearly with training. What is
    drawn beyond the parameter's bounds, lowest or highest, is set to the bound.
    """

    param: str = option(
        help="parameter of the world's levels, e.g. penalty; one per seat is set for all co-players"
    )
    start: tuple[float, float] = option(help="lowest and highest value at the start of training")
    end: tuple[float, float] = option(help="lowest and highest value once the range has moved")
    steps: int = option(1, "environment steps over which the range moves from `start` to `end`", low=1)
    after: int = option(0, "environment steps before it begins to move", low=0)
    presence: tuple[str, ...] = option(
        (), "schedules of presence, of the curriculum's, in whose episodes it is drawn; empty: in all"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for key, (low, high) in (("start", self.start), ("end", self.end)):
            require(low <= high, key, (low, high), "the lowest, then the highest value")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Options):
    """Options of mixed."""

    presence: tuple[tuple[str, float], ...] = option(
        (), "schedules of the co-players' presence and the share of episodes of each; empty keeps their own"
    )
    ramps: tuple[Ramp, ...] = option((), "parameters that are drawn for each level, with their ranges")
    evaluated: bool = option(
        False, "whether evaluations while training and at its end are on such levels, too, as they are then"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_presence(self.presence)

    def build(self, world: World) -> Curriculum:
        """The curriculum for this world; raises SocialRLError for a parameter that its levels do not have."""
        kinds = [name for name, _ in self.presence]
        for ramp in self.ramps:
            check_param(world, ramp.param)
            for name in ramp.presence:
                if name not in kinds:
                    raise unknown(f"presence of the ramp of {ramp.param}", name, kinds)

        def overrides(state: PyTree, steps: Int32[Array, ""], key: Key[Array, ""]) -> Overrides:
            presence_key, *keys = jax.random.split(key, 1 + len(self.ramps))
            kind = draw_kind(self.presence, presence_key) if self.presence else None
            drawn: Overrides = {}
            for ramp, ramp_key in zip(self.ramps, keys, strict=True):
                value = for_level(world, ramp.param, draw(ramp, steps, ramp_key))
                if ramp.presence:
                    applies = jnp.array([name in ramp.presence for name in kinds])[kind]
                    usual = drawn.get(ramp.param, jnp.asarray(world.params.named()[ramp.param]))
                    value = jnp.where(applies, value, usual)
                drawn[ramp.param] = value
            if self.presence:
                drawn["presence"] = set_presence(world, schedules(self.presence)[kind])
            return drawn

        return Curriculum(
            init=lambda: (),
            overrides=overrides,
            update=lambda state, measure, key: (state, {}),
            evaluated=self.evaluated,
        )


def check_presence(presence: tuple[tuple[str, float], ...]) -> None:
    """Raises SocialRLError unless these are known schedules with shares that can be drawn by."""
    for name, share in presence:
        if name not in SCHEDULES:
            raise unknown("presence", name, SCHEDULES)
        require(share >= 0, "presence", share, "a share, at least 0")
    total = sum(share for _, share in presence)
    require(not presence or total > 0, "presence", presence, "shares above 0 in all")


def draw(ramp: Ramp, steps: Int32[Array, ""], key: Key[Array, ""]) -> Float32[Array, ""]:
    """A value of the ramp's parameter after so many environment steps."""
    progress = jnp.clip((steps - ramp.after).astype(jnp.float32) / ramp.steps, 0.0, 1.0)
    start, end = jnp.array(ramp.start, jnp.float32), jnp.array(ramp.end, jnp.float32)
    low, high = start + progress * (end - start)
    return low + jax.random.uniform(key) * (high - low)


def check_param(world: World, name: str) -> None:
    """Raises SocialRLError unless the world's levels have a parameter of this name: a scalar, or one per
    seat.
    """
    own = world.params.named()
    if name not in own:
        raise unknown("parameter", name, own)
    shape = np.shape(own[name])
    if shape not in ((), (len(world.spec.seats),)):
        raise SocialRLError(
            f"parameter {name!r} has shape {shape}",
            "a curriculum varies scalars, or parameters with one value per seat",
        )


def for_level(world: World, name: str, value: Float32[Array, ""]) -> Array:
    """The parameter as a level holds it: within its bounds, and one per seat set for the co-players only."""
    usual, bounds = jnp.asarray(world.params.named()[name]), meanings(type(world.params))[name]
    value = jnp.clip(value, bounds.low, bounds.high)
    if usual.ndim == 0:
        return value
    return usual.at[jnp.array(world.spec.coplayers, jnp.int32)].set(value)


def mixed_presence(
    world: World, kinds: tuple[tuple[str, float], ...], key: Key[Array, ""]
) -> Float32[Array, "N 4"]:
    """The seats' presence schedules in an episode whose kind is drawn by its share; novices keep
    their own.
    """
    return set_presence(world, schedules(kinds)[draw_kind(kinds, key)])


def schedules(kinds: tuple[tuple[str, float], ...]) -> Float32[Array, "K 4"]:
    """The schedule of each kind of episode."""
    return jnp.array([SCHEDULES[name] for name, _ in kinds], jnp.float32)


def draw_kind(kinds: tuple[tuple[str, float], ...], key: Key[Array, ""]) -> Int32[Array, ""]:
    """The index of a kind of episode, drawn by the shares."""
    return jax.random.categorical(key, jnp.log(jnp.array([share for _, share in kinds], jnp.float32)))


def set_presence(world: World, schedule: Float32[Array, " 4"]) -> Float32[Array, "N 4"]:
    """The seats' presence schedules with this one for every co-player."""
    usual = world.params.presence
    return usual.at[jnp.array(world.spec.coplayers, jnp.int32)].set(schedule)

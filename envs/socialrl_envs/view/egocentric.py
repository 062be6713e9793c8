"""The view of a seat that turns: size x size cells ahead, the seat at the bottom centre looking up, occluded
by walls.
"""

import dataclasses

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, UInt8, UInt32

from socialrl_envs.types import State
from socialrl_envs.view import bits
from socialrl_envs.visibility import ViewSpec


@dataclasses.dataclass(frozen=True, kw_only=True)
class Egocentric:
    """size: cells along each side, odd. occlusion: walls hide what is behind them. prestige_decay: with it
    others' recent success is a channel, tanh(prestige / prestige_scale). tiles: names of the tile channels.
    identities: the names of the seats if each has a channel of its own, besides those of headings.
    """

    size: int
    tiles: tuple[str, ...]
    occlusion: bool = True
    prestige_decay: float | None = None
    prestige_scale: float = 2.0
    identities: tuple[str, ...] = ()

    @property
    def spec(self) -> ViewSpec:
        """Which cells a seat sees."""
        return ViewSpec(kind="egocentric", size=self.size, occlusion=self.occlusion)

    @property
    def channels(self) -> tuple[str, ...]:
        """The tile channels, `unseen` with occlusion, then the channels of others."""
        return (*self.tiles, *(("unseen",) if self.occlusion else ()), *self.channels_of_others)

    @property
    def channels_of_others(self) -> tuple[str, ...]:
        """The channels in which other seats appear: by relative heading, by name, and of their prestige."""
        prestige = () if self.prestige_decay is None else ("prestige",)
        return (*bits.RELATIVE_HEADINGS, *self.identities, *prestige)

    @property
    def binary(self) -> bool:
        """Whether every entry is 0 or 1: unless prestige is shown."""
        return self.prestige_decay is None

    @property
    def highs(self) -> tuple[int, ...]:
        """The highest entry of each channel; () if every entry is 0 or 1."""
        return () if self.binary else (1,) * (len(self.channels) - 1) + (255,)

    def prepare(self, planes: Bool[Array, "P S S"]) -> UInt32[Array, "2 S words P"]:
        """The planes in bits, see `bits.bitmaps`."""
        return bits.bitmaps(planes, self.size)

    def observe(
        self, state: State, planes: Bool[Array, "P S S"], shown: Bool[Array, "N P"] | None
    ) -> UInt8[Array, "N V V C"]:
        """The views, from the bits that were prepared with the level."""
        seats = state.seats
        prestige = None if seats.prestige is None else self.prestige_channel(seats.prestige)
        where = (seats.position, seats.heading, seats.present)
        named = len(self.identities) > 0
        return bits.views(state.level.view, *where, self.size, self.occlusion, prestige, shown, named)

    def prestige_channel(self, prestige: Float32[Array, " N"]) -> UInt8[Array, " N"]:
        """Prestige as it is shown, 0..255."""
        return jnp.round(255 * jnp.tanh(prestige / self.prestige_scale)).astype(jnp.uint8)

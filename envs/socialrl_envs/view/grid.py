"""The full grid from a fixed viewpoint, with a channel for oneself."""

import dataclasses

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, UInt8

from socialrl_envs import grid
from socialrl_envs.types import State
from socialrl_envs.view import codes
from socialrl_envs.visibility import ViewSpec


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grid:
    """size: cells along each side of the grid. tiles, others: as in `centred.Centred`."""

    size: int
    tiles: tuple[str, ...]
    others: tuple[str, ...]
    binary: bool = True
    highs: tuple[int, ...] = ()
    prestige_decay: None = None

    @property
    def spec(self) -> ViewSpec:
        """Which cells a seat sees: all."""
        return ViewSpec(kind="grid", size=self.size)

    @property
    def channels(self) -> tuple[str, ...]:
        """The tile channels, the others', and `self`."""
        return (*self.tiles, *self.others, "self")

    @property
    def channels_of_others(self) -> tuple[str, ...]:
        """The channels in which other seats appear."""
        return self.others

    def prepare(self, planes: Bool[Array, "P H W"]) -> tuple[()]:
        """Nothing: the grid is encoded at every step."""
        return ()

    def observe(
        self, state: State, planes: Bool[Array, "P H W"], shown: Bool[Array, "N P"] | None
    ) -> UInt8[Array, "N V V C"]:
        """The grid as every seat sees it."""
        seats, (height, width) = state.seats, planes.shape[1:]
        whole = codes.plane_codes(planes) | codes.seat_codes(seats, len(planes), height, width)
        window = jnp.broadcast_to(whole, (len(seats.present), height, width))
        views = codes.unpack(window, shown, len(planes), seats.present, self.others)
        own = grid.stamp(seats.position, height, width) & seats.present[:, None, None]
        return jnp.concatenate([views, own[..., None].astype(jnp.uint8)], axis=-1)

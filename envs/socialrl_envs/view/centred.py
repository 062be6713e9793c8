"""Views centred on the seat: a window that always covers the whole inside of the grid, or a part of it."""

import dataclasses
from typing import Literal

from jax import Array
from jaxtyping import Bool, UInt8

from socialrl_envs.types import State
from socialrl_envs.view import codes
from socialrl_envs.visibility import ViewSpec


@dataclasses.dataclass(frozen=True, kw_only=True)
class Centred:
    """kind, size: size x size cells around the seat. tiles: names of the tile channels. others: names of the
    channels of other seats, either one for all or one per seat.
    """

    kind: Literal["window", "partial"]
    size: int
    tiles: tuple[str, ...]
    others: tuple[str, ...]
    binary: bool = True
    highs: tuple[int, ...] = ()
    prestige_decay: None = None

    @property
    def spec(self) -> ViewSpec:
        """Which cells a seat sees."""
        return ViewSpec(kind=self.kind, size=self.size)

    @property
    def channels(self) -> tuple[str, ...]:
        """The tile channels, then the others'."""
        return (*self.tiles, *self.others)

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
        """The cells around every seat; outside the grid is wall."""
        seats = state.seats
        grid = codes.plane_codes(planes) | codes.seat_codes(seats, len(planes), *planes.shape[1:])
        window = codes.windows(grid, seats.position, self.size)
        return codes.unpack(window, shown, len(planes), seats.present, self.others)

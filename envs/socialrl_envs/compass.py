"""What the worlds of compass moves share: options of the view, moving, who is there, and what every seat
sees.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Int32, Key, UInt8

from socialrl_envs import grid, observe, presence
from socialrl_envs.errors import SocialRLError
from socialrl_envs.types import Level, Seat, State, WorldSpec
from socialrl_envs.world import GridWorld, WorldConfig, require, roster


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompassConfig(WorldConfig):
    """Options of the worlds of compass moves, besides those of every world.

    observation: "window" centres on the seat and always covers the whole inside, "partial" shows `view` x
    `view` cells around it, "grid" is the full grid from a fixed viewpoint (with a channel for oneself). view:
    odd, for "partial".
    identities: one channel per seat instead of one for all others.
    """

    observation: str = "window"
    view: int = 7
    identities: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.observation in ("window", "partial", "grid"),
            "observation",
            self.observation,
            "window, partial or grid",
        )
        require(self.view % 2 == 1 and self.view >= 3, "view", self.view, "odd, at least 3")


def worth(agent: str, seat: Seat, default: tuple[float, ...], each: str) -> tuple[float, ...]:
    """What each cumulant is worth to a seat: as given, else `default`; raises SocialRLError for a wrong
    number of numbers.
    """
    given = default if seat.preferences is None else seat.preferences
    if len(given) != len(default):
        raise SocialRLError(
            f"{agent}.preferences: {given} has {len(given)} numbers", f"give one per {each}, {len(default)}"
        )
    return tuple(float(w) for w in given)


class CompassWorld(GridWorld):
    """Base of the worlds of compass moves. channels: name -> the tiles that it shows, the walls first."""

    name: ClassVar[str]

    def __init__(
        self,
        config: Any,
        channels: Mapping[str, tuple[int, ...]],
        cumulants: tuple[str, ...],
        items: tuple[int, ...],
        numbers: dict[str, Any],
    ):
        seats, agents = roster(config)
        side = {"window": 2 * (config.size - 2) - 1, "partial": config.view, "grid": config.size}[
            config.observation
        ]
        most = 32 - len(channels)  # a cell is one word of bits
        require(len(seats) <= most, "novices, experts, coplayers", len(seats), f"at most {most} seats")
        others = agents if config.identities else ("others",)
        names = (*channels, *others, *(("self",) if config.observation == "grid" else ()))
        spec = WorldSpec(
            name=self.name,
            seats=seats,
            agents=agents,
            height=config.size,
            width=config.size,
            obs_shape=(side, side, len(names)),
            channels=names,
            actions=grid.COMPASS_MOVES,
            cumulants=cumulants,
            horizon=config.horizon,
            binary_views=True,
            channels_of_others=others,
        )
        self.tile_channels = len(channels)
        self.channel_of_tile = {
            tile: channel for channel, tiles in enumerate(channels.values()) for tile in tiles
        }
        super().__init__(config, spec, items, numbers)

    def reset(self, level: Level, key: Key[Array, ""]) -> State:
        """The start of an episode on this level; the key draws who is present."""
        level = self.complete(level)
        return State(
            tiles=level.tiles,
            position=level.position,
            heading=level.heading,
            present=presence.begin(level.numbers["presence"], key),
            time=jnp.int32(0),
            numbers=level.numbers,
        )

    def move(
        self, state: State, actions: Int32[Array, " N"], key: Key[Array, ""]
    ) -> tuple[Int32[Array, "N 2"], Int32[Array, " N"]]:
        """Where everybody stands after the moves, and the drawn order: whoever has the lowest number comes
        first.
        """
        priority = jnp.argsort(jax.random.uniform(key, (len(self.spec.seats),))).astype(jnp.int32)
        target = state.position + grid.deltas()[actions]
        order = priority if self.config.blocking else None
        return grid.move(state.position, target, self.solid(state.tiles), state.present, order), priority

    def present_after(
        self, state: State, position: Int32[Array, "N 2"], time: Int32[Array, ""], key: Key[Array, ""]
    ) -> Bool[Array, " N"]:
        """Who is there after the step that ends at `time`; with blocking, who comes back waits for room."""
        present = presence.advance(state.numbers["presence"], state.present, time, self.config.horizon, key)
        return presence.wait_for_room(state.present, present, position) if self.config.blocking else present

    def observe(self, state: State) -> UInt8[Array, "N V V C"]:
        """Every seat's view, 0 or 1 per channel; channels as in `spec.channels`. An absent seat sees nothing."""
        seats, height, width = len(self.spec.seats), *state.tiles.shape
        codes = observe.tile_codes(state.tiles, self.channel_of_tile)
        codes = codes | observe.seat_codes(state.position, state.present, self.tile_channels, height, width)
        if self.config.observation == "grid":
            window = jnp.broadcast_to(codes, (seats, height, width))
        else:
            window = observe.windows(codes, state.position, self.spec.obs_shape[0])
        views = observe.unpack(window, self.tile_channels, seats, state.present, self.config.identities)
        if self.config.observation == "grid":
            own = grid.stamp(state.position, height, width) & state.present[:, None, None]
            views = jnp.concatenate([views, own[..., None].astype(jnp.uint8)], axis=-1)
        return views

"""Coins of several colours; every seat values the colours by a preference vector of its own.

A taken coin comes back on another free cell (or, with `respawn=False`, is gone). Moves: up, right, down, left, stay. Time
ends the episode. Cumulants: one per colour, 1 when the seat takes a coin of it; reward = cumulants . preferences.
"""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32, Key, UInt8

from socialrl_envs import grid, observe, presence
from socialrl_envs.errors import SocialRLError
from socialrl_envs.types import Level, Outcome, Seat, State, WorldSpec
from socialrl_envs.world import GridWorld, WorldConfig, require, roster


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(WorldConfig):
    """Options of coin_grid, besides those of every world.

    colours: kinds of coins, at most 4. coins: how many of each colour. respawn: whether a taken coin comes back elsewhere.
    observation: "window" centres on the seat and always covers the whole inside, "partial" shows `view` x `view` cells
    around it, "grid" is the full grid from a fixed viewpoint (with a channel for oneself). view: odd, for "partial".
    identities: one channel per seat instead of one for all others.
    """

    colours: int = 3
    coins: int = 2
    respawn: bool = True
    observation: Literal["window", "partial", "grid"] = "window"
    view: int = 7
    identities: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require(1 <= self.colours <= len(grid.COLOURS), "colours", self.colours, f"1..{len(grid.COLOURS)}")
        require(self.coins >= 1, "coins", self.coins, "at least 1 of each colour")
        require(self.observation in ("window", "partial", "grid"), "observation", self.observation, "window, partial or grid")
        require(self.view % 2 == 1 and self.view >= 3, "view", self.view, "odd, at least 3")

    def build(self) -> "CoinGrid":
        """The world; raises SocialRLError if it cannot exist."""
        return CoinGrid(self)


def preferences(seats: tuple[Seat, ...], agents: tuple[str, ...], colours: int) -> list[tuple[float, ...]]:
    """What each colour is worth to each seat: as given, else +1 for all but the last colour to a novice, and to the
    i-th co-player +1 for colour i and -1 for the others."""
    worth, coplayers = [], 0
    for seat, agent in zip(seats, agents, strict=True):
        liked = range(colours - 1) if seat.role == "novice" else (coplayers % colours,)
        default = tuple(1.0 if k in liked or colours == 1 else -1.0 for k in range(colours))
        given = default if seat.preferences is None else seat.preferences
        if len(given) != colours:
            raise SocialRLError(f"{agent}.preferences: {given} has {len(given)} numbers", f"give one per colour, {colours}")
        worth.append(tuple(float(w) for w in given))
        coplayers += seat.role == "coplayer"
    return worth


class CoinGrid(GridWorld):
    """See the module's docstring for the rules."""

    name = "coin_grid"

    def __init__(self, config: Config):
        seats, agents = roster(config)
        colours = grid.COLOURS[: config.colours]
        side = {"window": 2 * (config.size - 2) - 1, "partial": config.view, "grid": config.size}[config.observation]
        others = agents if config.identities else ("others",)
        tile_channels = ("wall", *colours)
        bits = len(tile_channels) + len(seats)
        require(bits <= 32, "novices, experts, coplayers", len(seats), f"at most {32 - len(tile_channels)} seats")
        channels = (*tile_channels, *others, *(("self",) if config.observation == "grid" else ()))
        spec = WorldSpec(
            name=self.name,
            seats=seats,
            agents=agents,
            height=config.size,
            width=config.size,
            obs_shape=(side, side, len(channels)),
            channels=channels,
            actions=grid.COMPASS_MOVES,
            cumulants=colours,
            horizon=config.horizon,
            binary_views=True,
        )
        self.channel_of_tile = {grid.WALL: 0} | {grid.COIN + k: 1 + k for k in range(config.colours)}
        items = tuple(grid.COIN + k for k in range(config.colours) for _ in range(config.coins))
        super().__init__(config, spec, items, {"preferences": preferences(seats, agents, config.colours)})

    def reset(self, level: Level, key: Key[Array, ""]) -> State:
        """The start of an episode on this level; the key draws who is present."""
        return State(
            tiles=level.tiles,
            position=level.position,
            heading=level.heading,
            present=presence.begin(level.numbers["presence"], key),
            time=jnp.int32(0),
            numbers=level.numbers,
        )

    def step(self, state: State, actions: Int32[Array, " N"], key: Key[Array, ""]) -> tuple[State, Outcome]:
        """Everybody moves, takes the coin under them (who arrives first in a drawn order), and taken coins come back."""
        order_key, coin_key, presence_key = jax.random.split(key, 3)
        seats = len(self.spec.seats)
        priority = jnp.argsort(jax.random.uniform(order_key, (seats,))).astype(jnp.int32)
        target = state.position + grid.deltas()[actions]
        solid = self.solid(state.tiles)
        position = grid.move(state.position, target, solid, state.present, priority if self.config.blocking else None)

        under = grid.at(state.tiles, position)
        on_coin = state.present & (under >= grid.COIN)
        takes = grid.first_to_arrive(position, on_coin, priority)
        colour = under.astype(jnp.int32) - grid.COIN
        events = (takes[:, None] & (colour[:, None] == jnp.arange(self.config.colours))).astype(jnp.float32)
        reward = jnp.sum(events * state.numbers["preferences"], axis=1)

        tiles = self._move_coins(state.tiles, position, takes, under, state.present, coin_key)
        time = state.time + 1
        present = presence.advance(state.numbers["presence"], state.present, time, self.config.horizon, presence_key)
        if self.config.blocking:
            present = presence.wait_for_room(state.present, present, position)
        after = dataclasses.replace(state, tiles=tiles, position=position, present=present, time=time)
        truncated = time >= self.config.horizon
        return after, Outcome(reward=reward, terminated=jnp.array(False), truncated=truncated, events=events)

    def _move_coins(self, tiles: Array, position: Array, takes: Array, coin: Array, present: Array, key: Array) -> Array:
        """Taken coins leave their cells and, if they respawn, land on free cells where nobody stands."""
        planes = grid.stamp(position, *tiles.shape)
        taken = jnp.any(planes & takes[:, None, None], axis=0)
        tiles = jnp.where(taken, jnp.uint8(grid.FLOOR), tiles)
        if not self.config.respawn:
            return tiles
        occupied = jnp.any(planes & present[:, None, None], axis=0)
        chances = jax.random.uniform(key, (len(self.spec.seats),))
        for seat in range(len(self.spec.seats)):
            cell, found = grid.choose_cell((tiles == grid.FLOOR) & ~occupied, chances[seat])
            tiles = grid.put(tiles, cell, coin[seat], takes[seat] & found)
        return tiles

    def observe(self, state: State) -> UInt8[Array, "N V V C"]:
        """Every seat's view, 0 or 1 per channel; channels as in `spec.channels`. An absent seat sees nothing."""
        seats, height, width = len(self.spec.seats), *state.tiles.shape
        first = 1 + self.config.colours
        codes = observe.tile_codes(state.tiles, self.channel_of_tile)
        codes = codes | observe.seat_codes(state.position, state.present, first, height, width)
        if self.config.observation == "grid":
            window = jnp.broadcast_to(codes, (seats, height, width))
        else:
            window = observe.windows(codes, state.position, self.spec.obs_shape[0])
        views = observe.unpack(window, first, seats, state.present, self.config.identities)
        if self.config.observation == "grid":
            own = grid.stamp(state.position, height, width) & state.present[:, None, None]
            views = jnp.concatenate([views, own[..., None].astype(jnp.uint8)], axis=-1)
        return views

    def appeal(self, state: State) -> Float32[Array, "N H W"]:
        """What each coin is worth to each seat."""
        planes = jnp.stack([state.tiles == grid.COIN + k for k in range(self.config.colours)]).astype(jnp.float32)
        return jnp.einsum("nk,khw->nhw", state.numbers["preferences"], planes)

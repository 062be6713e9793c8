"""Coins of several colours; every seat values the colours by a preference vector of its own.

A taken coin comes back on another free cell (or, with `respawn=False`, is gone). Moves: up, right, down,
left, stay. Time ends the episode. Cumulants: one per colour, 1 when the seat takes a coin of it; reward =
cumulants . preferences.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32, Key

from socialrl_envs import grid
from socialrl_envs.compass import CompassConfig, CompassWorld, worth
from socialrl_envs.types import Outcome, Seat, State
from socialrl_envs.world import require, roster


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(CompassConfig):
    """Options of coin_grid, besides those of every world of compass moves.

    colours: kinds of coins, at most 4. coins: how many of each colour. respawn: whether a taken coin comes
    back elsewhere.
    """

    colours: int = 3
    coins: int = 2
    respawn: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require(1 <= self.colours <= len(grid.COLOURS), "colours", self.colours, f"1..{len(grid.COLOURS)}")
        require(self.coins >= 1, "coins", self.coins, "at least 1 of each colour")

    def build(self) -> "CoinGrid":
        """The world; raises SocialRLError if it cannot exist."""
        return CoinGrid(self)


def preferences(seats: tuple[Seat, ...], agents: tuple[str, ...], colours: int) -> list[tuple[float, ...]]:
    """What each colour is worth to each seat: as given, else +1 for all but the last colour to a novice, and
    to the i-th co-player +1 for colour i and -1 for the others."""
    table, coplayers = [], 0
    for seat, agent in zip(seats, agents, strict=True):
        liked = range(colours - 1) if seat.role == "novice" else (coplayers % colours,)
        default = tuple(1.0 if k in liked or colours == 1 else -1.0 for k in range(colours))
        table.append(worth(agent, seat, default, "colour"))
        coplayers += seat.role == "coplayer"
    return table


class CoinGrid(CompassWorld):
    """See the module's docstring for the rules."""

    name = "coin_grid"

    def __init__(self, config: Config):
        colours = grid.COLOURS[: config.colours]
        channels = {"wall": (grid.WALL,)} | {colour: (grid.COIN + k,) for k, colour in enumerate(colours)}
        items = tuple(grid.COIN + k for k in range(config.colours) for _ in range(config.coins))
        super().__init__(
            config, channels, colours, items, {"preferences": preferences(*roster(config), config.colours)}
        )

    def step(self, state: State, actions: Int32[Array, " N"], key: Key[Array, ""]) -> tuple[State, Outcome]:
        """Everybody moves, takes the coin under them (who arrives first in a drawn order), and taken coins
        come back.
        """
        order_key, coin_key, presence_key = jax.random.split(key, 3)
        position, priority = self.move(state, actions, order_key)
        under = grid.at(state.tiles, position)
        on_coin = state.present & (under >= grid.COIN)
        takes = grid.first_to_arrive(position, on_coin, priority)
        colour = under.astype(jnp.int32) - grid.COIN
        events = (takes[:, None] & (colour[:, None] == jnp.arange(self.config.colours))).astype(jnp.float32)
        reward = jnp.sum(events * state.numbers["preferences"], axis=1)

        tiles = self._move_coins(state.tiles, position, takes, under, state.present, coin_key)
        time = state.time + 1
        present = self.present_after(state, position, time, presence_key)
        after = dataclasses.replace(state, tiles=tiles, position=position, present=present, time=time)
        truncated = time >= self.config.horizon
        return after, Outcome(reward=reward, terminated=jnp.array(False), truncated=truncated, events=events)

    def _move_coins(
        self, tiles: Array, position: Array, takes: Array, coin: Array, present: Array, key: Array
    ) -> Array:
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

    def appeal(self, state: State) -> Float32[Array, "N H W"]:
        """What each coin is worth to each seat."""
        planes = jnp.stack([state.tiles == grid.COIN + k for k in range(self.config.colours)]).astype(
            jnp.float32
        )
        return jnp.einsum("nk,khw->nhw", state.numbers["preferences"], planes)

"""Coins of several colours; every seat values the colours by a preference vector of its own.

A taken coin comes back on another free cell (or, with `respawn=False`, is gone). Moves: up, right, down,
left, stay. Time ends the episode. Cumulants: one per colour, 1 when the seat takes a coin of it; reward =
cumulants . preferences.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Key, UInt8

from socialrl_envs import grid
from socialrl_envs.configs import CardinalConfig
from socialrl_envs.facts import Fact, Where, cell_fact, nearest, sides
from socialrl_envs.movement import Moves
from socialrl_envs.options import option, param
from socialrl_envs.roster import Roster, preferences_of
from socialrl_envs.struct import pytree
from socialrl_envs.task import Effects, Task
from socialrl_envs.types import Params, State


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(CardinalConfig):
    """Options of coin_grid, besides those of every world of cardinal moves."""

    colours: int = option(3, "kinds of coins", low=1, high=len(grid.COLOURS))
    coins: int = option(2, "coins of each colour", low=1)
    respawn: bool = option(True, "whether a taken coin comes back on another cell")

    def make_task(self, roster: Roster) -> "CoinGrid":
        """The task with these options."""
        return CoinGrid(self, roster)


@pytree
class CoinParams(Params):
    """The parameters of a level of coin_grid."""

    preferences: Float32[Array, "N K"] = param("what each colour is worth to every seat")


class CoinGrid(Task):
    """The rules of coin_grid; see the module's docstring."""

    name = "coin_grid"
    params = CoinParams
    random_reset = False
    changes_tiles = True

    def __init__(self, config: Config, roster: Roster):
        super().__init__(config, roster)
        self.cumulants = grid.COLOURS[: config.colours]
        self.tiles = tuple(grid.COIN + k for k in range(config.colours))
        coins = {colour: (tile,) for colour, tile in zip(self.cumulants, self.tiles, strict=False)}
        self.channels = {"wall": (grid.WALL,), **coins}
        self.items = tuple(tile for tile in self.tiles for _ in range(config.coins))

    def default_params(self) -> dict[str, Any]:
        """Preferences as given, else +1 for all but the last colour to a novice, and to the i-th co-player +1
        for colour i and -1 for the others.
        """
        colours, defaults = len(self.tiles), []
        for index, seat in enumerate(self.roster.seats):
            number = sum(one < index for one in self.roster.coplayers)
            liked = range(colours - 1) if seat.role == "novice" else (number % colours,)
            defaults.append(tuple(1.0 if k in liked or colours == 1 else -1.0 for k in range(colours)))
        return {"preferences": preferences_of(self.roster, defaults, "colour")}

    def step(self, state: State, moves: Moves, key: Key[Array, ""]) -> Effects:
        """Every seat takes the coin under it (of several the first in the order of moves); taken coins come
        back.
        """
        tiles, seats = state.level.tiles, moves.seats
        under = grid.at(tiles, seats.position)
        takes = grid.first_to_arrive(seats.position, seats.present & (under >= grid.COIN), moves.order)
        cumulants = (takes[:, None] & (under[:, None] == jnp.array(self.tiles, jnp.uint8))).astype(
            jnp.float32
        )
        after = self._move_coins(tiles, moves, takes, under, key)
        return Effects(
            level=dataclasses.replace(state.level, tiles=after),
            seats=seats,
            task=(),
            reward=jnp.sum(cumulants * state.level.params.preferences, axis=1),
            cumulants=cumulants,
        )

    def _move_coins(
        self,
        tiles: UInt8[Array, "H W"],
        moves: Moves,
        takes: Bool[Array, " N"],
        coin: UInt8[Array, " N"],
        key: Key[Array, ""],
    ) -> UInt8[Array, "H W"]:
        """The tiles without the taken coins and, if they respawn, with them on free cells where nobody
        stands.
        """
        planes = grid.stamp(moves.seats.position, *tiles.shape)
        taken = jnp.any(planes & takes[:, None, None], axis=0)
        tiles = jnp.where(taken, jnp.uint8(grid.FLOOR), tiles)
        if not self.config.respawn:
            return tiles
        occupied = jnp.any(planes & moves.seats.present[:, None, None], axis=0)
        chances = jax.random.uniform(key, takes.shape)
        for seat in range(len(takes)):
            cell, found = grid.choose_cell((tiles == grid.FLOOR) & ~occupied, chances[seat])
            tiles = grid.put(tiles, cell, coin[seat], takes[seat] & found)
        return tiles

    def facts(self, turning: bool) -> tuple[Fact, ...]:
        """Besides those of every world: the nearest coin of each colour, and where a coin that costs the seat
        is next to it.
        """

        def coin(tile: int) -> Where:
            return lambda state: nearest(state.level.tiles == tile, state.seats.position)

        return (
            *super().facts(turning),
            *(
                cell_fact(f"{colour}_coin", f"where the nearest {colour} coin is", coin(tile), turning)
                for colour, tile in zip(self.cumulants, self.tiles, strict=False)
            ),
            *sides(
                "danger",
                "whether a coin that costs is {}",
                lambda state: self.cell_rewards(state) < 0,
                turning,
            ),
        )

    def cell_rewards(self, state: State) -> Float32[Array, "N H W"]:
        """What each coin is worth to each seat."""
        planes = jnp.stack([state.level.tiles == tile for tile in self.tiles]).astype(jnp.float32)
        return jnp.einsum("nk,khw->nhw", state.level.params.preferences, planes)

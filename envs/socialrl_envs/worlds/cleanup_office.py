"""Litter appears in an office where workers go from desk to desk. A seat that steps onto it picks it up;
novices are paid for that.

Every worker has desks of its own, drawn per level (`desks`, a parameter of the level: 1 for each of a seat's
own desks), and goes to them in turn. By default most workers are paid for desks alone and walk around litter;
every third (the first, the fourth, ...) is tidy: it likes litter as much as a desk and goes to what is
nearer. All of that is in the seats' preferences. Nobody teaches.

A step: everybody moves; a seat on litter picks it up (of those that reach it at once the first in a drawn
order); a seat that steps onto its current desk is done there and turns to its next one; then, with chance
`litter_rate` (a parameter of the level), a piece of litter appears on a free floor cell where nobody stands.
Moves: up, right, down, left, stay. Time ends the episode.

Conserved: the desks and walls; litter on the floor = litter at the start + `dropped` - litter picked up.
Cumulants: litter (picked up), desk (done); reward = cumulants . preferences.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, UInt8

from socialrl_envs import grid
from socialrl_envs.configs import CardinalConfig
from socialrl_envs.facts import Fact, cell_fact, nearest
from socialrl_envs.movement import Moves
from socialrl_envs.options import option, param, require
from socialrl_envs.roster import Roster, preferences_of
from socialrl_envs.struct import pytree
from socialrl_envs.task import Effects, Task
from socialrl_envs.types import Level, Params, State

DESKS = 9  # at most: the goals 1-9
TIDY = 3  # by default every TIDY-th worker picks litter up


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(CardinalConfig):
    """Options of cleanup_office, besides those of every world of cardinal moves."""

    layout: str = option("four_rooms", "a layout's name, or the path of an ASCII level")
    litter: int = option(4, "pieces of litter at the start", low=0)
    litter_rate: float = option(0.1, "probability per step that a piece of litter appears", low=0, high=1)
    desks: int = option(4, "how many desks there are", low=1, high=DESKS)
    errands: int = option(2, "how many of the desks each worker goes to", low=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.errands <= self.desks, "errands", self.errands, f"0..{self.desks}, the number of desks")

    def make_task(self, roster: Roster) -> "CleanupOffice":
        """The task with these options."""
        return CleanupOffice(self, roster)


@pytree
class OfficeParams(Params):
    """The parameters of a level of cleanup_office."""

    preferences: Float32[Array, "N K"] = param("what each cumulant is worth to every seat")
    litter_rate: Float32[Array, ""] = param("probability per step that litter appears", low=0, high=1)
    desks: Float32[Array, "N desks"] = param(
        "1 for each desk that is one of the seat's own, else 0", low=0, high=1
    )


@pytree
class Errands:
    """desk: the desk that each seat is to go to. dropped: pieces of litter that have appeared since the
    reset.
    """

    desk: Int32[Array, " N"]
    dropped: Int32[Array, ""]


class CleanupOffice(Task):
    """The rules of cleanup_office; see the module's docstring."""

    name = "cleanup_office"
    params = OfficeParams
    cumulants = ("litter", "desk")
    changes_tiles = True
    draws_params = True

    def __init__(self, config: Config, roster: Roster):
        super().__init__(config, roster)
        self.desks = tuple(grid.GOAL + i for i in range(config.desks))
        self.channels = {"wall": (grid.WALL,), "litter": (grid.LITTER,), "desk": self.desks}
        self.items = (grid.LITTER,) * config.litter + self.desks

    def default_params(self) -> dict[str, Any]:
        """Preferences (litter, desk) as given, else (1, 0) to a novice, (1, 1) to every third worker, (-0.1,
        1) to others.
        """
        defaults = []
        for index, seat in enumerate(self.roster.seats):
            number = sum(one < index for one in self.roster.coplayers)
            tidy = (1.0, 1.0) if number % TIDY == 0 else (-0.1, 1.0)
            defaults.append((1.0, 0.0) if seat.role == "novice" else tidy)
        return {
            "preferences": preferences_of(self.roster, defaults, "cumulant"),
            "litter_rate": self.config.litter_rate,
            "desks": self._in_turn(),
        }

    def _in_turn(self) -> Float32[np.ndarray, "N desks"]:
        """Desks for levels that do not name any: the i-th worker has the desks i, i + 1, ..."""
        desks, table = self.config.desks, np.zeros((len(self.roster.seats), self.config.desks), np.float32)
        for first, seat in enumerate(self.roster.coplayers):
            table[seat, [(first + i) % desks for i in range(self.config.errands)]] = 1
        return table

    def draw_params(self, key: Key[Array, ""]) -> dict[str, Array]:
        """Which desks are each worker's own."""
        noise = jax.random.uniform(key, (len(self.roster.seats), self.config.desks))
        rank = jnp.argsort(jnp.argsort(noise, axis=1), axis=1)
        workers = np.isin(np.arange(len(self.roster.seats)), self.roster.coplayers)[:, None]
        return {"desks": (workers & (rank < self.config.errands)).astype(jnp.float32)}

    def reset(self, level: Level, key: Key[Array, ""]) -> Errands:
        """Draws which desk comes first."""
        own = level.params.desks > 0
        before = jax.random.randint(key, own.shape[:1], 0, own.shape[1], dtype=jnp.int32)
        return Errands(desk=next_desk(own, before), dropped=jnp.int32(0))

    def step(self, state: State, moves: Moves, key: Key[Array, ""]) -> Effects:
        """See the module's docstring."""
        tiles, position, params = state.level.tiles, moves.seats.position, state.level.params
        under, present, own = grid.at(tiles, position), moves.seats.present, params.desks > 0
        picks = grid.first_to_arrive(position, present & (under == grid.LITTER), moves.order)
        at_desk = under.astype(jnp.int32) == grid.GOAL + state.task.desk
        done = present & moves.moved & jnp.any(own, axis=1) & at_desk
        cumulants = jnp.stack([picks, done], axis=1).astype(jnp.float32)
        tiles, appeared = self._litter(state, moves, picks, key)
        task = Errands(
            desk=jnp.where(done, next_desk(own, state.task.desk), state.task.desk),
            dropped=state.task.dropped + appeared.astype(jnp.int32),
        )
        return Effects(
            level=dataclasses.replace(state.level, tiles=tiles),
            seats=moves.seats,
            task=task,
            reward=jnp.sum(cumulants * params.preferences, axis=1),
            cumulants=cumulants,
        )

    def _litter(
        self, state: State, moves: Moves, picks: Bool[Array, " N"], key: Key[Array, ""]
    ) -> tuple[UInt8[Array, "H W"], Bool[Array, ""]]:
        """The tiles without what is picked up and with what appears, and whether anything did."""
        tiles = state.level.tiles
        planes = grid.stamp(moves.seats.position, *tiles.shape)
        tiles = jnp.where(jnp.any(planes & picks[:, None, None], axis=0), jnp.uint8(grid.FLOOR), tiles)
        occupied = jnp.any(planes & moves.seats.present[:, None, None], axis=0)
        chance, where = jax.random.uniform(key, (2,))
        cell, found = grid.choose_cell((tiles == grid.FLOOR) & ~occupied, where)
        appears = found & (chance < state.level.params.litter_rate)
        return grid.put(tiles, cell, jnp.uint8(grid.LITTER), appears), appears

    def facts(self, turning: bool) -> tuple[Fact, ...]:
        """Besides those of every world: where the nearest litter is, and the seat's own next desk."""

        def litter(state: State) -> tuple[Array, Array]:
            return nearest(state.level.tiles == grid.LITTER, state.seats.position)

        def desk(state: State) -> tuple[Array, Array]:
            busy = jnp.any(state.level.params.desks > 0, axis=1)[:, None, None]
            own = state.level.tiles.astype(jnp.int32) == grid.GOAL + state.task.desk[:, None, None]
            return nearest(own & busy, state.seats.position)

        return (
            *super().facts(turning),
            cell_fact("litter", "where the nearest litter is", litter, turning),
            cell_fact("desk", "where the seat's own next desk is", desk, turning),
        )

    def cell_rewards(self, state: State) -> Float32[Array, "N H W"]:
        """What litter is worth to each seat, and its current desk."""
        tiles, params = state.level.tiles, state.level.params
        litter = (tiles == grid.LITTER).astype(jnp.float32)
        desk = (tiles.astype(jnp.int32) == grid.GOAL + state.task.desk[:, None, None]).astype(jnp.float32)
        busy = jnp.any(params.desks > 0, axis=1).astype(jnp.float32)
        for_litter, for_desk = params.preferences.T[:, :, None, None]
        return for_litter * litter + for_desk * busy[:, None, None] * desk

    def check(self, level: Level, where: str) -> None:
        """Raises SocialRLError if a desk is missing, or cannot be reached."""
        super().check(level, where)
        have = {int(tile) for tile in np.unique(level.tiles)}
        missing = [tile - grid.GOAL + 1 for tile in self.desks if tile not in have]
        require(not missing, "desks", self.config.desks, f"those of {where}, which lacks {missing}")


def next_desk(own: Bool[Array, "N desks"], desk: Int32[Array, " N"]) -> Int32[Array, " N"]:
    """The next of each seat's own desks after `desk`, in order and around; `desk` itself if there is no
    other.
    """
    desks = own.shape[1]
    turn = (desk[:, None] + 1 + jnp.arange(desks, dtype=jnp.int32)) % desks
    mine = jnp.take_along_axis(own, turn, axis=1)
    following = jnp.take_along_axis(turn, jnp.argmax(mine, axis=1, keepdims=True), axis=1)[:, 0]
    return jnp.where(jnp.any(mine, axis=1), following, desk).astype(jnp.int32)

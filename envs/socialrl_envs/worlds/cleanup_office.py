"""Litter appears in an office where workers go from desk to desk. Whoever steps onto it picks it up; novices
are paid for that.

Every worker has desks of its own, drawn per level (`errands`, a number of the level: 1 for each of a seat's
own desks), and goes to them in turn. By default most workers are paid for errands alone and walk around
litter; every third (the first, the fourth, ...) is tidy: it likes litter as much as a desk and goes to what
is nearer. All of that is in the seats' preferences. Nobody teaches.

A step: everybody moves; who is on litter picks it up (of those who reach it at once the first in a drawn
order); who steps onto the desk of its current errand has done it and turns to its next one; then, with chance
`litter_rate` (a number of the level), a piece of litter appears on a free floor cell where nobody stands.
Moves: up, right, down, left, stay. Time ends the episode.

Conserved: the desks and walls; litter on the floor = litter at the start + `dropped` - litter picked up.
Cumulants: litter (picked up), errand (done); reward = cumulants . preferences.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, UInt8

from socialrl_envs import grid
from socialrl_envs.compass import CompassConfig, CompassWorld, worth
from socialrl_envs.struct import pytree
from socialrl_envs.types import Level, Outcome, Seat, State
from socialrl_envs.world import require, roster

DESKS = 9  # at most: the goals 1-9
TIDY = 3  # by default every TIDY-th worker picks litter up


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(CompassConfig):
    """Options of cleanup_office, besides those of every world of compass moves.

    litter: pieces at the start. litter_rate: chance at every step that a piece appears. desks: how many, at
    most 9.
    errands: how many of them each worker goes to.
    """

    layout: str = "four_rooms"
    litter: int = 4
    litter_rate: float = 0.1
    desks: int = 4
    errands: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.litter >= 0, "litter", self.litter, "0 or more pieces")
        require(0 <= self.litter_rate <= 1, "litter_rate", self.litter_rate, "a probability, 0..1")
        require(1 <= self.desks <= DESKS, "desks", self.desks, f"1..{DESKS}")
        require(
            0 <= self.errands <= self.desks, "errands", self.errands, f"0..{self.desks}, the number of desks"
        )

    def build(self) -> "CleanupOffice":
        """The world; raises SocialRLError if it cannot exist."""
        return CleanupOffice(self)


@pytree
class OfficeState(State):
    """errand: the desk that each seat is to go to. dropped: pieces of litter that have appeared since the
    reset.
    """

    errand: Int32[Array, " N"]
    dropped: Int32[Array, ""]


def preferences(seats: tuple[Seat, ...], agents: tuple[str, ...]) -> list[tuple[float, ...]]:
    """(litter, errand): as given, else (1, 0) to a novice, (1, 1) to every third worker, (-0.1, 1) to the
    others.
    """
    table, workers = [], 0
    for seat, agent in zip(seats, agents, strict=True):
        default = (1.0, 0.0) if seat.role == "novice" else (1.0, 1.0) if workers % TIDY == 0 else (-0.1, 1.0)
        table.append(worth(agent, seat, default, "cumulant"))
        workers += seat.role == "coplayer"
    return table


class CleanupOffice(CompassWorld):
    """See the module's docstring for the rules."""

    name = "cleanup_office"

    def __init__(self, config: Config):
        seats, agents = roster(config)
        desks = tuple(grid.GOAL + i for i in range(config.desks))
        channels = {"wall": (grid.WALL,), "litter": (grid.LITTER,), "desk": desks}
        numbers: dict[str, Any] = {
            "preferences": preferences(seats, agents),
            "litter_rate": config.litter_rate,
            "errands": _in_turn(seats, config.desks, config.errands),
        }
        super().__init__(
            config, channels, ("litter", "errand"), (grid.LITTER,) * config.litter + desks, numbers
        )
        if self.drawn is not None:
            have = {int(tile) - grid.GOAL + 1 for tile in np.unique(self.drawn.tiles) if tile in desks}
            missing = sorted(set(range(1, config.desks + 1)) - have)
            require(not missing, "desks", config.desks, f"those of {config.layout}, which lacks {missing}")

    def sample_level(self, key: Key[Array, ""], numbers: dict[str, Array] | None = None) -> Level:
        """Walls by layout, litter, desks and seats on free cells, and who goes to which desks; or the level
        of the file.
        """
        if self.drawn is not None:
            return super().sample_level(key, numbers)
        cells_key, errands_key = jax.random.split(key)
        noise = jax.random.uniform(errands_key, (len(self.spec.seats), self.config.desks))
        rank = jnp.argsort(jnp.argsort(noise, axis=1), axis=1)
        workers = np.isin(np.arange(len(self.spec.seats)), self.spec.coplayers)[:, None]
        drawn = (workers & (rank < self.config.errands)).astype(jnp.float32)
        return super().sample_level(cells_key, {"errands": drawn} | (numbers or {}))

    def reset(self, level: Level, key: Key[Array, ""]) -> OfficeState:
        """The start of an episode on this level; the key draws who is present and which errand comes first."""
        presence_key, errand_key = jax.random.split(key)
        start = super().reset(level, presence_key)
        own = start.numbers["errands"] > 0
        before = jax.random.randint(errand_key, own.shape[:1], 0, own.shape[1], dtype=jnp.int32)
        return OfficeState(**vars(start), errand=next_errand(own, before), dropped=jnp.int32(0))

    def step(
        self, state: OfficeState, actions: Int32[Array, " N"], key: Key[Array, ""]
    ) -> tuple[OfficeState, Outcome]:
        """See the module's docstring."""
        order_key, litter_key, presence_key = jax.random.split(key, 3)
        position, priority = self.move(state, actions, order_key)
        under = grid.at(state.tiles, position)
        picks = grid.first_to_arrive(position, state.present & (under == grid.LITTER), priority)
        own = state.numbers["errands"] > 0
        moved = ~grid.same_cell(position, state.position)
        done = (
            state.present
            & moved
            & jnp.any(own, axis=1)
            & (under.astype(jnp.int32) == grid.GOAL + state.errand)
        )
        events = jnp.stack([picks, done], axis=1).astype(jnp.float32)
        reward = jnp.sum(events * state.numbers["preferences"], axis=1)

        tiles, appeared = self._litter(state, position, picks, litter_key)
        time = state.time + 1
        after = dataclasses.replace(
            state,
            tiles=tiles,
            position=position,
            present=self.present_after(state, position, time, presence_key),
            time=time,
            errand=jnp.where(done, next_errand(own, state.errand), state.errand),
            dropped=state.dropped + appeared.astype(jnp.int32),
        )
        truncated = time >= self.config.horizon
        return after, Outcome(reward=reward, terminated=jnp.array(False), truncated=truncated, events=events)

    def _litter(
        self, state: OfficeState, position: Int32[Array, "N 2"], picks: Bool[Array, " N"], key: Key[Array, ""]
    ) -> tuple[UInt8[Array, "H W"], Bool[Array, ""]]:
        """The tiles without what is picked up and with what appears, and whether anything did."""
        planes = grid.stamp(position, *state.tiles.shape)
        tiles = jnp.where(jnp.any(planes & picks[:, None, None], axis=0), jnp.uint8(grid.FLOOR), state.tiles)
        occupied = jnp.any(planes & state.present[:, None, None], axis=0)
        chance, where = jax.random.uniform(key, (2,))
        cell, found = grid.choose_cell((tiles == grid.FLOOR) & ~occupied, where)
        appears = found & (chance < state.numbers["litter_rate"])
        return grid.put(tiles, cell, jnp.uint8(grid.LITTER), appears), appears

    def appeal(self, state: OfficeState) -> Float32[Array, "N H W"]:
        """What litter is worth to each seat, and its current errand."""
        litter = (state.tiles == grid.LITTER).astype(jnp.float32)
        desk = (state.tiles.astype(jnp.int32) == grid.GOAL + state.errand[:, None, None]).astype(jnp.float32)
        busy = jnp.any(state.numbers["errands"] > 0, axis=1).astype(jnp.float32)
        for_litter, for_errand = state.numbers["preferences"].T[:, :, None, None]
        return for_litter * litter + for_errand * busy[:, None, None] * desk


def next_errand(own: Bool[Array, "N D"], errand: Int32[Array, " N"]) -> Int32[Array, " N"]:
    """The next of each seat's own desks after `errand`, in order and around; `errand` itself if there is no
    other.
    """
    desks = own.shape[1]
    turn = (errand[:, None] + 1 + jnp.arange(desks, dtype=jnp.int32)) % desks
    mine = jnp.take_along_axis(own, turn, axis=1)
    following = jnp.take_along_axis(turn, jnp.argmax(mine, axis=1, keepdims=True), axis=1)[:, 0]
    return jnp.where(jnp.any(mine, axis=1), following, errand).astype(jnp.int32)


def _in_turn(seats: tuple[Seat, ...], desks: int, errands: int) -> Float32[np.ndarray, "N D"]:
    """Errands for levels that do not say: the i-th worker has the desks i, i + 1, ..."""
    table = np.zeros((len(seats), desks), np.float32)
    workers = [i for i, seat in enumerate(seats) if seat.role == "coplayer"]
    for first, seat in enumerate(workers):
        table[seat, [(first + i) % desks for i in range(errands)]] = 1
    return table

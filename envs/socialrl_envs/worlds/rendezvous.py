"""Two meet at one of several equal places, and to stand at different ones costs both: which place, only a
convention says.

Seats that stand at the same place, two or more of them, have met there. Seats that stand at places, each
alone, have missed one another if there are two or more of them. Who met or missed goes back to its start, so
that an episode has many rounds on one level: a wrong meeting costs `missed`, and the time of the next try. A
seat that waits at a place until the other comes meets; two that wait elsewhere never do. With `blocking`,
where no two share a cell, whoever stands beside a place is there too.

What each place is worth is a seat's preference. A novice values all places alike; a planner's preferences are
its convention. It goes to the nearest of the places that it values most, and waits there; if another seat
stands at a place it goes to that one, if it is worth anything to it. Preferences (1, 1, 1, -0.5) are those of
a partner that takes what is near and joins, (1, 0.5, 0.5, -0.5) of one that prefers place 1 and joins,
(1, -1, -1, -0.5) of one that insists on place 1, and keeps away while another stands elsewhere. With
redrawn="preferences" every level has a partner of another convention. Moves: up, right, down, left, stay.
Time ends the episode.

Cumulants: met_1, met_2, ... (met at that place), missed; reward = cumulants . preferences.
"""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, UInt8

from socialrl_envs import grid, picture
from socialrl_envs.configs import CardinalConfig
from socialrl_envs.movement import Moves
from socialrl_envs.options import option, param
from socialrl_envs.planning.values import shifted
from socialrl_envs.roster import Roster, preferences_of
from socialrl_envs.struct import pytree
from socialrl_envs.task import Effects, Task, effects, has_room, put_back
from socialrl_envs.types import Params, Seat, Seats, State

PLACES = 9  # at most: the goals 1-9


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(CardinalConfig):
    """Options of rendezvous, besides those of every world of cardinal moves."""

    size: int = option(7, "cells along each side, walls included", low=5, high=64)
    experts: int | tuple[Seat, ...] = option(1, "how many partners, or their seats", low=0)
    places: int = option(3, "places to meet", low=1, high=PLACES)
    missed: float = option(0.5, "what it costs to stand at a place while another stands elsewhere", low=0)

    def make_task(self, roster: Roster) -> "Rendezvous":
        """The task with these options."""
        return Rendezvous(self, roster)


@pytree
class MeetingParams(Params):
    """The parameters of a level of rendezvous."""

    preferences: Float32[Array, "N K"] = param("what each cumulant is worth to every seat")


class Rendezvous(Task):
    """The rules of rendezvous; see the module's docstring."""

    name = "rendezvous"
    params = MeetingParams
    random_reset = random_step = False

    def __init__(self, config: Config, roster: Roster):
        super().__init__(config, roster)
        self.targets = self.items = tuple(grid.GOAL + i for i in range(config.places))
        places = {f"place_{i + 1}": (tile,) for i, tile in enumerate(self.targets)}
        self.channels = {"wall": (grid.WALL,), **places}
        self.cumulants = (*(f"met_{i + 1}" for i in range(config.places)), "missed")

    def default_params(self) -> dict[str, Any]:
        """Preferences as given, else 1 for every place and -missed to everybody."""
        default = (*(1.0,) * self.config.places, -self.config.missed)
        return {"preferences": preferences_of(self.roster, [default] * len(self.roster.seats), "cumulant")}

    def at_places(self, state: State, seats: Seats) -> Bool[Array, "N places"]:
        """At which place each present seat stands, one at most: the one under it, else with `blocking` the
        first one beside it.
        """
        planes = jnp.stack([state.level.tiles == tile for tile in self.targets])
        there = self._under(planes, seats.position)
        if self.config.blocking:
            near = jnp.stack([_beside(plane) for plane in planes])
            beside = self._under(near, seats.position) & ~jnp.any(there, axis=1, keepdims=True)
            there = there | (beside & (jnp.cumsum(beside, axis=1) == 1))
        return there & seats.present[:, None]

    def _under(
        self, planes: Bool[Array, "places H W"], position: Int32[Array, "N 2"]
    ) -> Bool[Array, "N places"]:
        return planes[:, position[:, 0], position[:, 1]].T

    def step(self, state: State, moves: Moves, key: Key[Array, ""]) -> Effects:
        """Who met is paid, who missed pays, and both go back to their starts."""
        there = self.at_places(state, moves.seats)
        together = jnp.sum(there, axis=0) >= 2
        met, alone = there & together, jnp.any(there & ~together, axis=1)
        missed = alone & (jnp.sum(alone) >= 2)
        happened = (*met.T, missed)
        cumulants = jnp.stack(happened, axis=1).astype(jnp.float32)
        reward = jnp.sum(cumulants * state.level.params.preferences, axis=1)
        back = (jnp.any(met, axis=1) | missed) & has_room(state, moves, self.config.blocking)
        return effects(state, moves, reward, happened, seats=put_back(moves.seats, state.level, back))

    def cell_rewards(self, state: State) -> Float32[Array, "N H W"]:
        """What meeting on each cell would be worth: if another seat stands at a place, there alone, and the
        other places cost what missing costs; to a seat that waits at a place that it likes no cell is worth
        anything, so that a planner stays.
        """
        there, own = self.at_places(state, state.seats), state.level.params.preferences
        hoped, missed = own[:, :-1], own[:, -1:]
        others = (jnp.sum(there, axis=0, dtype=jnp.int32) - there.astype(jnp.int32)) > 0
        led = jnp.any(others, axis=1, keepdims=True)
        worth = jnp.where(led & ~others, missed, hoped)
        waits = jnp.any(there & (hoped > 0), axis=1, keepdims=True) & ~led
        planes = jnp.stack([state.level.tiles == tile for tile in self.targets]).astype(jnp.float32)
        return jnp.einsum("np,phw->nhw", jnp.where(waits, 0.0, worth), planes)

    def notes(self, state: State) -> UInt8[np.ndarray, "H W"]:
        """None: seats are shown everything."""
        return np.zeros(state.level.tiles.shape, np.uint8)

    def kinds(self, state: State, seat: int | None) -> UInt8[np.ndarray, "H W"]:
        """Every place looks different, to all seats."""
        return picture.goal_kinds(np.asarray(state.level.tiles), range(len(self.targets)))


def _beside(plane: Bool[Array, "H W"]) -> Bool[Array, "H W"]:
    """Cells beside those of a plane."""
    up, right, down, left = (shifted(plane, delta, False) for delta in grid.DELTAS)
    return up | right | down | left

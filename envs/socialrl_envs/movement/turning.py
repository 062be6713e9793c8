"""Turning movement: left, right and forward, as in Minigrid and marlgrid."""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Int32, Key

from socialrl_envs import grid
from socialrl_envs.movement import Moves
from socialrl_envs.types import Seats

LEFT, RIGHT, FORWARD = range(3)
IDLE = ("pickup", "drop", "toggle", "done")  # of marlgrid's seven actions; they do nothing here
ACTIONS = {3: grid.TURNS, 7: (*grid.TURNS, *IDLE)}


@dataclasses.dataclass(frozen=True)
class Turning:
    """actions: their names. blocking: seats are in one another's way. shuffle: the order of blocking seats is
    drawn anew at every step, else it is that of the seats.
    """

    actions: tuple[str, ...] = grid.TURNS
    blocking: bool = False
    shuffle: bool = True
    kind: Literal["turning"] = "turning"

    def draw_headings(self, key: Key[Array, ""], seats: int) -> Int32[Array, " N"]:
        """Uniformly random headings."""
        return jax.random.randint(key, (seats,), 0, 4, dtype=jnp.int32)

    def move(
        self, seats: Seats, actions: Int32[Array, " N"], solid: Bool[Array, "H W"], key: Key[Array, ""]
    ) -> Moves:
        """Everybody turns or goes forward; the key draws the order of seats that block one another."""
        order = jnp.arange(len(actions), dtype=jnp.int32)
        if self.blocking and self.shuffle:
            order = jnp.argsort(jax.random.uniform(key, actions.shape)).astype(jnp.int32)
        ahead = cell_ahead(seats.position, seats.heading)
        target = jnp.where((actions == FORWARD)[:, None], ahead, seats.position)
        position = grid.move(seats.position, target, solid, seats.present, order if self.blocking else None)
        heading = turned(seats.heading, actions, seats.present)
        after = dataclasses.replace(seats, position=position, heading=heading)
        return Moves(seats=after, moved=jnp.any(position != seats.position, axis=1), order=order)


def turned(
    heading: Int32[Array, " N"], actions: Int32[Array, " N"], present: Bool[Array, " N"]
) -> Int32[Array, " N"]:
    """Headings after the actions; absent seats do not turn."""
    quarter = jnp.where(actions == RIGHT, 1, jnp.where(actions == LEFT, 3, 0))
    return (heading + jnp.where(present, quarter, 0)) & 3


def cell_ahead(position: Int32[Array, "N 2"], heading: Int32[Array, " N"]) -> Int32[Array, "N 2"]:
    """The cell in front of each seat."""
    return position + grid.deltas()[heading]

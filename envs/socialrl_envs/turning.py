"""Seats that turn: the actions left, right and forward, and who gets onto which cell."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Int32

from socialrl_envs import grid

LEFT, RIGHT, FORWARD = range(3)
IDLE = ("pickup", "drop", "toggle", "done")  # of marlgrid's seven actions; they do nothing here
ACTIONS = {3: grid.TURNS, 7: (*grid.TURNS, *IDLE)}


def turned(
    heading: Int32[Array, " N"], actions: Int32[Array, " N"], present: Bool[Array, " N"]
) -> Int32[Array, " N"]:
    """Headings after the actions; absent seats do not turn."""
    quarter = jnp.where(actions == RIGHT, 1, jnp.where(actions == LEFT, 3, 0))
    return (heading + jnp.where(present, quarter, 0)) & 3


def ahead(position: Int32[Array, "N 2"], heading: Int32[Array, " N"]) -> Int32[Array, "N 2"]:
    """The cell in front of each seat."""
    return position + grid.deltas()[heading]


def advance(
    position: Int32[Array, "N 2"],
    heading: Int32[Array, " N"],
    actions: Int32[Array, " N"],
    solid: Bool[Array, "H W"],
    present: Bool[Array, " N"],
    priority: Int32[Array, " N"] | None = None,
) -> tuple[Int32[Array, "N 2"], Bool[Array, " N"]]:
    """Where everybody stands after the actions, and who has gone a cell forward. priority: as for
    `grid.move`.
    """
    target = jnp.where((actions == FORWARD)[:, None], ahead(position, heading), position)
    after = grid.move(position, target, solid, present, priority)
    return after, jnp.any(after != position, axis=1)

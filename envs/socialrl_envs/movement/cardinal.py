"""Cardinal movement: up, right, down, left and stay."""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Int32, Key

from socialrl_envs import grid
from socialrl_envs.movement import Moves
from socialrl_envs.types import Seats


@dataclasses.dataclass(frozen=True)
class Cardinal:
    """blocking: seats are in one another's way."""

    blocking: bool = False
    actions: tuple[str, ...] = grid.CARDINAL_MOVES
    kind: Literal["cardinal"] = "cardinal"

    def draw_headings(self, key: Key[Array, ""], seats: int) -> Int32[Array, " N"]:
        """All zero: headings mean nothing here."""
        return jnp.zeros(seats, jnp.int32)

    def move(
        self, seats: Seats, actions: Int32[Array, " N"], solid: Bool[Array, "H W"], key: Key[Array, ""]
    ) -> Moves:
        """Everybody moves one cell; the key draws the order."""
        order = jnp.argsort(jax.random.uniform(key, actions.shape)).astype(jnp.int32)
        target = seats.position + grid.deltas()[actions]
        position = grid.move(seats.position, target, solid, seats.present, order if self.blocking else None)
        moved = jnp.any(position != seats.position, axis=1)
        return Moves(seats=dataclasses.replace(seats, position=position), moved=moved, order=order)

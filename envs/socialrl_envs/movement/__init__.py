"""How seats move: `Turning` (left, right, forward) and `Cardinal` (up, right, down, left, stay). One file
each.
"""

from typing import Protocol, runtime_checkable

from jax import Array
from jaxtyping import Bool, Int32, Key

from socialrl_envs.struct import pytree
from socialrl_envs.types import MovementKind, Seats


@pytree
class Moves:
    """Where everybody stands after the actions of a step.

    seats: positions and headings after it; who is present is as before. moved: who changed cells. order: the
    order of the moves, the seat with the lowest number first.
    """

    seats: Seats
    moved: Bool[Array, " N"]
    order: Int32[Array, " N"]


@runtime_checkable
class Movement(Protocol):
    """The actions of a world and what they do to the seats."""

    @property
    def kind(self) -> MovementKind: ...

    @property
    def actions(self) -> tuple[str, ...]:
        """The actions' names."""
        ...

    def draw_headings(self, key: Key[Array, ""], seats: int) -> Int32[Array, " N"]:
        """Headings at the start of an episode."""
        ...

    def move(
        self, seats: Seats, actions: Int32[Array, " N"], solid: Bool[Array, "H W"], key: Key[Array, ""]
    ) -> Moves:
        """Everybody acts; the key draws in which order."""
        ...

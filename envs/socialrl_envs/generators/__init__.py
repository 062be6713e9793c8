"""How levels are drawn.

layouts.py   walls by name: open, cluttered, four_rooms, maze, maze_loops
placing.py   items and seats on the floor of a layout; a level of an ASCII file
redrawing.py who of the co-players wants what, drawn anew
river.py     a river with a bridge (flooded_road)
mutation.py  one random edit of a level
"""

from typing import NamedTuple, Protocol, runtime_checkable

from jax import Array
from jaxtyping import Int32, Key, UInt8

from socialrl_envs.types import Params


class Drawn(NamedTuple):
    """What lies where, and where the seats start."""

    tiles: UInt8[Array, "H W"]
    position: Int32[Array, "N 2"]
    heading: Int32[Array, " N"]


@runtime_checkable
class Generator(Protocol):
    """Draws levels of one world."""

    def given_params(self) -> dict[str, Array]:
        """Parameters that every level has, by name: those that an ASCII file names."""
        ...

    def sample(self, key: Key[Array, ""], params: Params) -> Drawn:
        """Tiles and starts; `params.size` and `params.density` vary from level to level."""
        ...

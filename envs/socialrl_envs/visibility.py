"""Which cells of the grid a seat has in view, in numpy alone: for pictures, and to test the views of worlds.

mask = visible(tiles == WALL, position=(3, 4), heading=0, spec=ViewSpec(kind="egocentric", size=7))
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Int, Integer

from socialrl_envs.errors import SocialRLError, unknown

Movement = Literal["turning", "cardinal"]
ViewKind = Literal["egocentric", "window", "partial", "grid"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ViewSpec:
    """What part of the grid a seat's view covers.

    kind: "egocentric", the cells ahead of a seat that has a heading, with the seat in the middle of the last
    row; "partial", the cells around the seat; "window", cells around the seat, so many that they always cover
    the whole grid; "grid", the grid as it is.
    size: cells along a side of the view. occlusion: whether walls hide what is behind them, in egocentric
    views alone.
    Raises SocialRLError if these do not fit together.
    """

    kind: ViewKind
    size: int
    occlusion: bool = False

    def __post_init__(self) -> None:
        if self.kind not in get_args(ViewKind):
            raise unknown("kind of view", str(self.kind), get_args(ViewKind))
        if self.size < 1:
            raise SocialRLError(f"view size: {self.size}", "give at least 1")
        if self.kind in ("egocentric", "partial") and self.size % 2 == 0:
            raise SocialRLError(f"view size: {self.size}", "give an odd number, the seat is in the middle")
        if self.occlusion and self.kind != "egocentric":
            raise SocialRLError(f"occlusion in a {self.kind} view", "only egocentric views have it")


def visible(
    walls: Bool[np.ndarray, "H W"],
    position: Sequence[int] | Integer[np.ndarray, " 2"],
    heading: int,
    spec: ViewSpec,
) -> Bool[np.ndarray, "H W"]:
    """Which cells of the grid are in the view of a seat.

    walls: the cells that hide what is behind them. position: (row, column) of the seat. heading: 0 up, 1
    right, 2 down, 3 left; it matters in egocentric views alone.
    """
    if spec.kind in ("window", "grid"):
        return np.ones(walls.shape, bool)
    rows, columns = _cells(position, heading, spec)
    inside = (rows >= 0) & (rows < walls.shape[0]) & (columns >= 0) & (columns < walls.shape[1])
    seen = inside
    if spec.occlusion:
        solid = np.ones(rows.shape, bool)
        solid[inside] = walls[rows[inside], columns[inside]]
        seen = inside & _lit(~solid)
    mask = np.zeros(walls.shape, bool)
    mask[rows[seen], columns[seen]] = True
    return mask


def _cells(
    position: Sequence[int] | Integer[np.ndarray, " 2"], heading: int, spec: ViewSpec
) -> tuple[Int[np.ndarray, "V V"], Int[np.ndarray, "V V"]]:
    """Row and column in the grid of every cell of a view; they may lie outside of it."""
    row, column = (int(part) for part in position)
    reach = np.arange(spec.size)
    if spec.kind == "partial":
        down, right = np.meshgrid(reach - spec.size // 2, reach - spec.size // 2, indexing="ij")
        return row + down, column + right
    ahead, aside = np.meshgrid(reach[::-1], reach - spec.size // 2, indexing="ij")
    down, right = ((-ahead, aside), (aside, ahead), (ahead, -aside), (-aside, -ahead))[heading]
    return row + down, column + right


def _lit(clear: Bool[np.ndarray, "V V"]) -> Bool[np.ndarray, "V V"]:
    """Which cells of an egocentric view are seen past walls, from the middle of the last row.

    clear: the cells that are no wall. Row by row from the seat on, sight spreads from the cells reached so
    far to both sides and ends on walls. A seen cell that is clear reaches, in the row ahead, the cell ahead
    of it and that one's outer neighbour. This is the rule of the views of the worlds, cell by cell.
    """
    size, half = len(clear), len(clear) // 2
    seen, reached = np.zeros((size, size), bool), {half}
    for row in reversed(range(size)):
        onwards = set()
        for step, columns in ((1, range(half, size)), (-1, range(half, -1, -1))):
            through = False  # whether the cell before, along the row, is seen and clear
            for column in columns:
                here = through or column in reached
                through = here and bool(clear[row, column])
                seen[row, column] |= here
                if through:
                    onwards |= {column, column + step}
        reached = onwards
    return seen

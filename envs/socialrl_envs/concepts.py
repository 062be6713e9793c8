"""Concepts: facts of a world that have a name and a few values, so that a person can read and set them.

`facts.py` computes their truth. Learners with a concept bottleneck predict them (`WorldSpec.concepts`).
"""

import dataclasses
from typing import Literal

from socialrl_envs.options import require

ConceptKind = Literal["binary", "categorical", "cell"]

NO_YES = ("no", "yes")
RADIUS = 3  # of the square of cells around a seat that tells where something is
NOWHERE = "nowhere"
TURNING = ("ahead", "right", "behind", "left")  # sides of a seat that turns, clockwise from where it looks
CARDINAL = ("up", "right", "down", "left")  # sides of a seat that does not


@dataclasses.dataclass(frozen=True, kw_only=True)
class Concept:
    """A named fact about a seat's situation, and the values that it may have.

    name: in snake_case. meaning: a phrase for people. kind: "binary", values no and yes; "categorical", named
    values; "cell", a cell of the square of side x side cells around the seat, row by row, the row farthest
    ahead (or up) first, and then "nowhere". What is beyond the square counts as on its nearest cell.
    """

    name: str
    meaning: str
    kind: ConceptKind
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        different = len(set(self.values)) == len(self.values) >= 2
        require(different, f"concept {self.name}: values", self.values, "two or more different names")
        square = self.kind != "cell" or self.side**2 + 1 == len(self.values)
        require(square, f"concept {self.name}: values", len(self.values), "cells of a square, and nowhere")

    @property
    def side(self) -> int:
        """Cells along each side of the square, of kind "cell"."""
        return round((len(self.values) - 1) ** 0.5)


def binary(name: str, meaning: str) -> Concept:
    """A concept that is true or not."""
    return Concept(name=name, meaning=meaning, kind="binary", values=NO_YES)


def categorical(name: str, meaning: str, values: tuple[str, ...]) -> Concept:
    """A concept with one of several named values."""
    return Concept(name=name, meaning=meaning, kind="categorical", values=values)


def cell(name: str, meaning: str, turning: bool, radius: int = RADIUS) -> Concept:
    """A concept that says where something is, seen from the seat. turning: whether seats have a heading."""
    ahead, right, behind, left = TURNING if turning else CARDINAL
    along = range(-radius, radius + 1)
    named = [_place(-row, column, (ahead, behind), (right, left)) for row in along for column in along]
    return Concept(name=name, meaning=meaning, kind="cell", values=(*named, NOWHERE))


def _place(ahead: int, right: int, rows: tuple[str, str], columns: tuple[str, str]) -> str:
    """A cell in words, e.g. "2 ahead, 1 left"; "here" in the middle."""
    words = [f"{abs(ahead)} {rows[ahead < 0]}"] * (ahead != 0)
    words += [f"{abs(right)} {columns[right < 0]}"] * (right != 0)
    return ", ".join(words) or "here"

"""Concepts: facts of a world that have a name and a few values, so that a person can read and set them.

`facts.py` computes their truth. Learners with a concept bottleneck predict them (`WorldSpec.concepts`).
"""

import dataclasses
from functools import cached_property
from typing import Literal

from socialrl_envs.options import require

ConceptKind = Literal["binary", "categorical", "cell"]

NO_YES = ("no", "yes")
NOWHERE = "nowhere"
TURNING = ("ahead", "right", "behind", "left")  # sides of a seat that turns, clockwise from where it looks
CARDINAL = ("up", "right", "down", "left")  # sides of a seat that does not
RADIUS = 3  # of the square of cells around a seat that tells where something is


@dataclasses.dataclass(frozen=True, kw_only=True)
class Concept:
    """A named fact about a seat's situation, and the values that it may have.

    name: in snake_case. meaning: a phrase for people. kind: "binary", no or yes; "categorical", one of
    `words`; "cell", a cell of the square of side x side cells around the seat, row by row from the row
    farthest ahead (or up), or "nowhere". What is beyond the square counts as on its nearest cell. words: of
    "cell" the names of the four sides, clockwise from ahead; of "binary" none. radius: of the square, else 0.
    """

    name: str
    meaning: str
    kind: ConceptKind
    words: tuple[str, ...] = ()
    radius: int = 0

    def __post_init__(self) -> None:
        counts = {"binary": (0,), "categorical": range(2, 101), "cell": (4,)}
        fits = self.kind in counts and len(self.words) in counts[self.kind]
        different = len(set(self.words)) == len(self.words)
        require(fits and different, f"concept {self.name}: words", self.words, "different, as the kind needs")
        radius = 1 <= self.radius <= 6 if self.kind == "cell" else self.radius == 0
        require(radius, f"concept {self.name}: radius", self.radius, "1..6 for a cell, else 0")

    @cached_property
    def values(self) -> tuple[str, ...]:
        """The names of its values, in order."""
        if self.kind != "cell":
            return self.words or NO_YES
        along = range(-self.radius, self.radius + 1)
        return (*(self._place(-row, column) for row in along for column in along), NOWHERE)

    @property
    def side(self) -> int:
        """Cells along each side of the square, of kind "cell"."""
        return 2 * self.radius + 1

    def _place(self, ahead: int, right: int) -> str:
        """A cell in words, e.g. "2 ahead 1 left"; "here" in the middle."""
        forth, east, back, west = self.words
        words = [f"{abs(ahead)} {back if ahead < 0 else forth}"] * (ahead != 0)
        words += [f"{abs(right)} {west if right < 0 else east}"] * (right != 0)
        return " ".join(words) or "here"


def binary(name: str, meaning: str) -> Concept:
    """A concept that is true or not."""
    return Concept(name=name, meaning=meaning, kind="binary")


def categorical(name: str, meaning: str, values: tuple[str, ...]) -> Concept:
    """A concept with one of several named values."""
    return Concept(name=name, meaning=meaning, kind="categorical", words=values)


def cell(name: str, meaning: str, turning: bool) -> Concept:
    """A concept that says where something is, seen from the seat. turning: whether seats have a heading."""
    words = TURNING if turning else CARDINAL
    return Concept(name=name, meaning=meaning, kind="cell", words=words, radius=RADIUS)

"""What a picture of a world shows, as arrays: all that `render.draw` needs, without the world."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Integer, UInt8

from socialrl_envs.errors import SocialRLError
from socialrl_envs.sprites import Colour
from socialrl_envs.tiles import BRIDGE, COIN, GOAL, WALL
from socialrl_envs.visibility import ViewSpec, visible

# Okabe and Ito's colours, which most colour-blind readers can tell apart; seats take them in order.
OKABE_ITO: tuple[Colour, ...] = (
    (0, 114, 178),
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (86, 180, 233),
    (213, 94, 0),
    (240, 228, 66),
    (70, 70, 70),
)

HIDDEN = 255  # an entry of `Picture.kinds`: this thing is not drawn, only its note
KINDS = 9  # of goals that do not look alike; entries 1..KINDS of `Picture.kinds`


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """A state of a world as it is to be drawn; a notebook shows it as an image.

    position: (row, column) of every seat. heading: 0 up, 1 right, 2 down, 3 left. present: which seats are
    drawn. colours: RGB of every seat, or None for Okabe and Ito's in the order of the seats. headings:
    whether figures show where they face.
    seat: the seat that is marked, or None. visible: the cells in view of that seat, framed, while the others
    are dimmed; None if nothing is dimmed.
    notes: per cell the code of a character (0-9, A-Z, ~) on a small yellow note in its corner, 0 for none:
    what seats are not shown. None: the number of every goal in the hidden order.
    kinds: per cell how a goal looks, 1..KINDS, or 0 for the plain look; HIDDEN for a thing of any tile that
    is not drawn. None: 0 everywhere.
    """

    tiles: UInt8[np.ndarray, "H W"]
    position: Integer[np.ndarray, "N 2"]
    heading: Integer[np.ndarray, " N"]
    present: Bool[np.ndarray, " N"]
    colours: tuple[Colour, ...] | None = None
    headings: bool = False
    seat: int | None = None
    visible: Bool[np.ndarray, "H W"] | None = None
    notes: UInt8[np.ndarray, "H W"] | None = None
    kinds: UInt8[np.ndarray, "H W"] | None = None

    def seen_by(self, seat: int, view: ViewSpec) -> "Picture":
        """The same picture with this seat marked and what is out of its view dimmed."""
        return dataclasses.replace(self, seat=seat, visible=in_view(self, seat, view))

    def seat_colours(self) -> tuple[Colour, ...]:
        """RGB of every seat."""
        return self.colours or seat_colours(len(self.present))

    def check(self) -> None:
        """Raises SocialRLError if parts of the picture do not fit together."""
        seats, shape = len(self.present), self.tiles.shape
        if self.seat is not None and not 0 <= self.seat < seats:
            raise SocialRLError(f"seat: {self.seat}", f"there are {seats} seats, from 0")
        if len(self.seat_colours()) != seats:
            raise SocialRLError(
                f"colours: {len(self.seat_colours())} for {seats} seats", "give one RGB per seat"
            )
        for name, cells, dtype in (
            ("visible", self.visible, np.bool_),
            ("notes", self.notes, np.uint8),
            ("kinds", self.kinds, np.uint8),
        ):
            if cells is not None and (cells.shape != shape or cells.dtype != dtype):
                wanted = f"{np.dtype(dtype)} {shape}, one entry per cell"
                raise SocialRLError(f"{name}: {cells.dtype} {cells.shape}", f"it must be {wanted}")

    def _repr_png_(self) -> bytes:
        from socialrl_envs.render import draw, to_png  # which imports this module

        return to_png(draw(self))


def in_view(picture: Picture, seat: int, view: ViewSpec) -> Bool[np.ndarray, "H W"]:
    """The cells that a seat has in view; none if it is absent."""
    if not picture.present[seat]:
        return np.zeros(picture.tiles.shape, bool)
    heading = int(picture.heading[seat])
    return visible(picture.tiles == WALL, picture.position[seat], heading, view)


def seat_colours(seats: int, given: Sequence[str | None] = ()) -> tuple[Colour, ...]:
    """RGB of every seat. given: "#rrggbb" for each seat that has a colour of its own, else None."""
    own = (*given, *[None] * (seats - len(given)))
    return tuple(_rgb(colour) if colour else OKABE_ITO[i % len(OKABE_ITO)] for i, colour in enumerate(own))


def _rgb(colour: str) -> Colour:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


# Notes and kinds, for `world.picture`.


def order_notes(tiles: UInt8[np.ndarray, "H W"]) -> UInt8[np.ndarray, "H W"]:
    """Notes with the number, 1..9, of every goal in the hidden order."""
    goal = (tiles >= GOAL) & (tiles < GOAL + 9)
    return np.where(goal, tiles - np.uint8(GOAL) + np.uint8(ord("1")), 0).astype(np.uint8)


def flood_notes(tiles: UInt8[np.ndarray, "H W"], flooded: bool) -> UInt8[np.ndarray, "H W"]:
    """The numbers of goals, and a wave on every bridge if bridges are flooded."""
    return np.where((tiles == BRIDGE) & flooded, ord("~"), order_notes(tiles)).astype(np.uint8)


def goal_kinds(tiles: UInt8[np.ndarray, "H W"], looks: Sequence[int]) -> UInt8[np.ndarray, "H W"]:
    """Kinds that show goal i of the hidden order as looks[i], 0..KINDS - 1."""
    kinds = np.zeros(tiles.shape, np.uint8)
    for number, look in enumerate(looks):
        kinds[tiles == GOAL + number] = 1 + look
    return kinds


def hidden_goals(tiles: UInt8[np.ndarray, "H W"]) -> UInt8[np.ndarray, "H W"]:
    """Kinds that hide every goal."""
    return np.where((tiles >= GOAL) & (tiles < COIN), HIDDEN, 0).astype(np.uint8)

"""Images of a picture: `Picture` -> uint8 RGB, in numpy alone. No display, no jax, no fonts.

    image = draw(world.picture(state, seat=0), cell=32)  # what seat 0 does not see is dimmed
    Path("state.png").write_bytes(to_png(image))

What seats are not shown is drawn small, on a yellow note in the corner of its cell: a goal's number in the
hidden order, the wave of a flooded bridge. `draw` is `draw_ground`, then `draw_figures`; a viewer may draw
something between the two.
"""

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.figures import figures, places
from socialrl_envs.ground import PALETTES, ground
from socialrl_envs.picture import OKABE_ITO, Picture, seat_colours

if TYPE_CHECKING:  # these need jax, which a picture does not
    from socialrl_envs.types import State, World

__all__ = [
    "MAX_CELL",
    "OKABE_ITO",
    "Picture",
    "draw",
    "draw_figures",
    "draw_ground",
    "draw_state",
    "places",
    "seat_colours",
    "to_png",
]

MAX_CELL = 256  # pixels
STATES, SIDE = 4, 320  # of a batch in a notebook: how many states, and pixels of the longer side of one


def draw(picture: Picture, cell: int = 32, theme: str = "light") -> UInt8[np.ndarray, "h w 3"]:
    """The image of a picture, `cell` pixels per cell.

    theme: "light" or "dark". Raises SocialRLError for an impossible size or theme, or a picture whose parts
    do not fit together.
    """
    return draw_figures(draw_ground(picture, cell, theme), picture, cell)


def draw_ground(picture: Picture, cell: int = 32, theme: str = "light") -> UInt8[np.ndarray, "h w 3"]:
    """The image of a picture without its figures: a new array. Arguments and errors as those of `draw`."""
    if not 1 <= cell <= MAX_CELL:
        raise SocialRLError(f"cell: {cell}", f"give 1..{MAX_CELL} pixels")
    if theme not in PALETTES:
        raise unknown("theme", theme, PALETTES)
    picture.check()
    return ground(picture, cell, theme)


def draw_figures(
    image: UInt8[np.ndarray, "h w 3"], picture: Picture, cell: int = 32
) -> UInt8[np.ndarray, "h w 3"]:
    """Draws the present seats into the image of a ground, in place, and returns it.

    Those who share a cell stand side by side; where the picture dims a cell they are faint.
    """
    return figures(image, picture, cell)


def draw_state(
    world: "World", state: "State", cell: int = 32, seat: int | None = None, theme: str = "light"
) -> UInt8[np.ndarray, "h w 3"]:
    """The image of one State (not of a batch) of a world. seat: it is marked, and what it does not see is
    dimmed.
    """
    return draw(world.picture(state, seat), cell, theme)


def states_png(state: "State") -> bytes:
    """The content of a PNG file: a State or, of a batch, its first STATES states side by side."""
    parts = (state.level.tiles, state.seats.position, state.seats.heading, state.seats.present)
    batch = np.ndim(state.level.tiles) - 2
    tiles, position, heading, present = (
        np.asarray(part).reshape(-1, *np.shape(part)[batch:])[:STATES] for part in parts
    )
    cell = max(1, min(32, SIDE // max(tiles.shape[1:])))
    gap = np.full((tiles.shape[1] * cell, cell // 2, 3), 255, np.uint8)
    images = []
    for i in range(len(tiles)):
        picture = Picture(tiles=tiles[i], position=position[i], heading=heading[i], present=present[i])
        images += [draw(picture, cell), gap]
    return to_png(np.concatenate(images[:-1], axis=1))


def to_png(image: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """An RGB image as the content of a PNG file."""
    height, width, _ = image.shape
    rows = image.reshape(height, width * 3)
    # Filter 2 of the PNG standard: every byte minus the one above it, so that flat areas become zeros.
    above = np.concatenate([np.zeros_like(rows[:1]), rows[:-1]])
    filtered = np.concatenate([np.full((height, 1), 2, np.uint8), rows - above], axis=1)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits per channel, RGB
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(filtered.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

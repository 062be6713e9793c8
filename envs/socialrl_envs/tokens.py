"""Sprites of a key, a door and ten general objects, for worlds that need no sprites of their own."""

from functools import lru_cache

import numpy as np

from socialrl_envs.sprites import (
    BLACK,
    TINY,
    WHITE,
    Canvas,
    Colour,
    Field,
    Sprite,
    box,
    disc,
    glyph,
    mix,
    polygon,
    segment,
)
from socialrl_envs.tiles import OBJECT_CHARS

# Object i has the shape i % 5 and one of two colours of Okabe and Ito; the letter is that of the ASCII level.
TOKEN_COLOURS: tuple[Colour, ...] = (
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (70, 70, 70),
    (230, 159, 0),
    (86, 180, 233),
    (240, 228, 66),
    (213, 94, 0),
    (0, 114, 178),
)
GOLD: Colour = (226, 178, 40)
WOOD: Colour = (150, 98, 58)


@lru_cache(maxsize=64)
def key(cell: int) -> Sprite:
    """A golden key: a ring, a shaft and two teeth."""
    c = Canvas(cell)
    parts = (
        np.abs(disc(c.x, c.y, -0.17, 0, 0.12)) - 0.045,
        segment(c.x, c.y, (-0.03, 0), (0.33, 0), 0.09),
        segment(c.x, c.y, (0.3, 0), (0.3, 0.14), 0.09),
        segment(c.x, c.y, (0.17, 0), (0.17, 0.11), 0.08),
    )
    shape = np.minimum.reduce(parts)
    c.paint(shape - 0.02, BLACK, 0.2, soft=0.1)
    c.paint(shape - 0.025, mix(GOLD, BLACK, 0.5))
    c.paint(shape, GOLD)
    return c.sprite()


@lru_cache(maxsize=64)
def door(cell: int) -> Sprite:
    """A wooden door in its frame, with a keyhole."""
    c = Canvas(cell)
    c.paint(box(c.x, c.y, 0, 0, 0.44, 0.47, 0.05), mix(WOOD, BLACK, 0.5))
    leaf = box(c.x, c.y, 0, 0.03, 0.34, 0.44, 0.03)
    c.paint(leaf, WOOD)
    c.shade(leaf, 0.12, -0.1)
    if cell < TINY:
        return c.sprite()
    for x in (-0.115, 0.115):
        c.paint(box(c.x, c.y, x, 0.03, 0.008, 0.44), BLACK, 0.25)
    c.paint(disc(c.x, c.y, 0.2, 0.02, 0.06), GOLD)
    c.paint(segment(c.x, c.y, (0.2, 0.06), (0.2, 0.14), 0.05), GOLD)
    return c.sprite()


@lru_cache(maxsize=256)
def token(cell: int, kind: int) -> Sprite:
    """General object `kind`, 0..9: a shape in a colour with the letter that it has in ASCII levels."""
    c = Canvas(cell)
    colour = TOKEN_COLOURS[kind]
    shape = _shape(c, kind % 5)
    c.paint(shape - 0.01, BLACK, 0.2, soft=0.1)
    c.paint(shape, mix(colour, BLACK, 0.35))
    c.paint(shape + 0.035, colour)
    if cell < TINY:
        return c.sprite()
    luminance = (0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]) / 255
    ink = (38, 34, 30) if luminance > 0.55 else WHITE
    down = 0.06 if kind % 5 == 2 else 0.0  # a triangle has its room below the middle
    c.paint(glyph(c.x, c.y, OBJECT_CHARS[kind].upper(), 0, down, 0.25, 0.055), ink)
    return c.sprite()


def _shape(c: Canvas, number: int) -> Field:
    """Signed distance to a square, a diamond, a triangle, a hexagon or a plus."""
    x, y = c.x, c.y
    if number == 0:
        return box(x, y, 0, 0, 0.31, 0.31, 0.04)
    if number == 1:
        return polygon(x, y, ((0, -0.42), (0.42, 0), (0, 0.42), (-0.42, 0)))
    if number == 2:
        return polygon(x, y, ((0, -0.4), (0.43, 0.34), (-0.43, 0.34)))
    if number == 3:
        corners = ((-0.2, -0.35), (0.2, -0.35), (0.4, 0), (0.2, 0.35), (-0.2, 0.35), (-0.4, 0))
        return polygon(x, y, corners)
    return np.minimum(box(x, y, 0, 0, 0.37, 0.19, 0.05), box(x, y, 0, 0, 0.19, 0.37, 0.05))

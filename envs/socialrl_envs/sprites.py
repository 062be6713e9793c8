"""Anti-aliased pictures of one cell, in numpy: shapes as signed distances, drawn larger and averaged.

A `Sprite` is float32 (cell, cell, 4): RGB in 0..1, multiplied by alpha, then alpha. Coordinates are in
cells, with (0, 0) in the middle; x grows to the right and y downwards.
"""

import itertools
from functools import lru_cache

import numpy as np
from jaxtyping import Float32

from socialrl_envs.glyphs import GLYPHS

Sprite = Float32[np.ndarray, "cell cell 4"]
Field = Float32[np.ndarray, "s s"]
Colour = tuple[int, int, int]
Real = int | float
Point = tuple[Real, Real]

TINY = 10  # pixels: in smaller cells faces, letters and marks would only blur the colour
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def oversample(cell: int) -> int:
    """How many times larger a cell of that size is drawn before it is averaged; a large cell needs less."""
    return 4 if cell <= 40 else 2


def axes(cell: int) -> tuple[Field, Field]:
    """x and y of every fine pixel of a cell, in cells."""
    count = cell * oversample(cell)
    fine = (np.arange(count, dtype=np.float32) + 0.5) / count - 0.5
    x, y = np.meshgrid(fine, fine)
    return x, y


def disc(x: Field, y: Field, cx: Real, cy: Real, radius: Real) -> Field:
    """Signed distance to a disc: negative inside."""
    return np.hypot(x - cx, y - cy) - radius


def box(
    x: Field, y: Field, cx: Real, cy: Real, half_width: Real, half_height: Real, radius: Real = 0.0
) -> Field:
    """Signed distance to a box with rounded corners."""
    dx = np.abs(x - cx) - half_width + radius
    dy = np.abs(y - cy) - half_height + radius
    return np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) + np.minimum(np.maximum(dx, dy), 0) - radius


def segment(x: Field, y: Field, a: Point, b: Point, width: Real) -> Field:
    """Signed distance to a line from a to b with round ends."""
    bx, by = b[0] - a[0], b[1] - a[1]
    along = np.clip(((x - a[0]) * bx + (y - a[1]) * by) / max(bx * bx + by * by, 1e-9), 0, 1)
    return np.hypot(x - a[0] - along * bx, y - a[1] - along * by) - width / 2


def polygon(x: Field, y: Field, points: tuple[Point, ...]) -> Field:
    """Signed distance (near the edge) to a convex polygon, its corners clockwise as seen on the screen."""
    sides = []
    for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1], strict=True):
        length = float(np.hypot(bx - ax, by - ay))
        sides.append(((x - ax) * (by - ay) - (y - ay) * (bx - ax)) / length)
    return np.maximum.reduce(sides)


def glyph(x: Field, y: Field, char: str, cx: Real, cy: Real, height: Real, width: Real) -> Field:
    """Signed distance to a digit or a letter A-Z, `height` high, in strokes of `width`."""
    unit = height / 6
    strokes = []
    for word in GLYPHS[char].split():
        points = [
            (cx + (int(px) - 2) * unit, cy + (int(py) - 3) * unit)
            for px, py in zip(word[::2], word[1::2], strict=True)
        ]
        strokes += [segment(x, y, a, b, width) for a, b in itertools.pairwise(points)]
    return np.minimum.reduce(strokes)


class Canvas:
    """One cell at the fine resolution; shapes are painted over one another."""

    def __init__(self, cell: int):
        self.cell = cell
        self.x, self.y = axes(cell)
        self.rgba = np.zeros((*self.x.shape, 4), np.float32)

    def paint(self, distance: Field, colour: Colour, alpha: Real | Field = 1.0, soft: Real = 0.0) -> None:
        """Fills where the distance is negative. soft: width of a blurred edge, in cells."""
        width = np.float32(max(soft, 1 / len(self.x)))
        cover = (np.clip(0.5 - distance / width, 0, 1) * alpha).astype(np.float32)[..., None]
        self.rgba *= 1 - cover
        self.rgba += cover * np.asarray([*(part / 255 for part in colour), 1], np.float32)

    def shade(self, distance: Field, top: Real, bottom: Real) -> None:
        """Lightens (> 0) or darkens (< 0) a shape from its top to its bottom."""
        amount = np.clip((self.y + 0.35) / 0.7, 0, 1) * (bottom - top) + top
        self.paint(distance, WHITE, np.clip(amount, 0, 1))
        self.paint(distance, BLACK, np.clip(-amount, 0, 1))

    def sprite(self) -> Sprite:
        """The cell at its own resolution."""
        fine = oversample(self.cell)
        shape = (self.cell, fine, self.cell, fine, 4)
        return self.rgba.reshape(shape).mean(axis=(1, 3), dtype=np.float32)


def over(sprite: Sprite, below: Float32[np.ndarray, "cell cell 3"]) -> Float32[np.ndarray, "cell cell 3"]:
    """The sprite over an opaque picture, colours 0..1."""
    return sprite[..., :3] + below * (1 - sprite[..., 3:])


def mix(a: Colour, b: Colour, share: Real) -> Colour:
    """`share` of b in a."""
    return tuple(round(p + (q - p) * share) for p, q in zip(a, b, strict=True))  # type: ignore[return-value]


COIN_COLOURS: tuple[Colour, ...] = ((222, 74, 84), (52, 158, 106), (59, 122, 214), (240, 190, 44))


def _mark(c: Canvas, kind: int, r: float) -> Field:
    """Signed distance to the mark of a coin: triangle, square, ring or plus, by its colour."""
    x, y = c.x, c.y
    if kind == 0:
        return polygon(x, y, ((0, -r), (r * 0.9, r * 0.62), (-r * 0.9, r * 0.62)))
    if kind == 1:
        return box(x, y, 0, 0, r * 0.72, r * 0.72, r * 0.15)
    if kind == 2:
        return np.abs(disc(x, y, 0, 0, r * 0.66)) - r * 0.2
    return np.minimum(box(x, y, 0, 0, r * 0.88, r * 0.27), box(x, y, 0, 0, r * 0.27, r * 0.88))


@lru_cache(maxsize=256)
def coin(cell: int, kind: int) -> Sprite:
    """A coin of colour `kind`, 0..3."""
    c = Canvas(cell)
    colour, r = COIN_COLOURS[kind], 0.3
    c.paint(disc(c.x, c.y, 0, 0.045, r), BLACK, 0.22, soft=0.09)
    body = disc(c.x, c.y, 0, 0, r)
    c.paint(body, mix(colour, BLACK, 0.28))
    face = disc(c.x, c.y, 0, 0, r - 0.035)
    c.paint(face, colour)
    c.shade(face, 0.22, -0.14)
    if cell < TINY:
        return c.sprite()
    c.paint(np.abs(disc(c.x, c.y, 0, 0, r - 0.065)) - 0.008, WHITE, 0.35)
    c.paint(_mark(c, kind, 0.155), mix(colour, BLACK, 0.55) if kind == 3 else WHITE, 0.92)
    return c.sprite()


# The plate of a goal in the plain look, and those of the kinds.
PLAIN_PLATE: Colour = (112, 84, 168)
PLATES: tuple[Colour, ...] = (
    (176, 74, 56),
    (36, 132, 132),
    (62, 84, 160),
    (126, 122, 40),
    (182, 84, 140),
    (110, 80, 56),
    (74, 142, 74),
    (86, 98, 112),
    (140, 100, 190),
)


@lru_cache(maxsize=256)
def goal(cell: int, kind: int | None = None) -> Sprite:
    """A goal: a plate with a target, or in the colour and with the mark of a kind, 0..8."""
    c = Canvas(cell)
    c.paint(box(c.x, c.y, 0, 0.03, 0.34, 0.34, 0.1), BLACK, 0.2, soft=0.08)
    shape = box(c.x, c.y, 0, 0, 0.34, 0.34, 0.1)
    c.paint(shape, PLAIN_PLATE if kind is None else PLATES[kind])
    c.shade(shape, 0.16, -0.1)
    if cell < TINY:
        return c.sprite()
    if kind is None:
        c.paint(np.abs(disc(c.x, c.y, 0, 0, 0.185)) - 0.032, WHITE)
        c.paint(disc(c.x, c.y, 0, 0, 0.08), WHITE)
    else:
        c.paint(_mark(c, kind % 4, 0.2), WHITE)
    return c.sprite()


NOTE, INK = (255, 226, 122), (60, 48, 16)


@lru_cache(maxsize=256)
def note(cell: int, text: str) -> Sprite:
    """A small yellow note in the corner of a cell, for what seats are not shown.

    text: a digit, a capital letter, or "~" for a flood; the note is blank for any other character.
    """
    c = Canvas(cell)
    x, y, half = 0.3, 0.3, 0.185
    c.paint(box(c.x, c.y, x, y + 0.015, half, half, 0.05), BLACK, 0.3, soft=0.05)
    c.paint(box(c.x, c.y, x, y, half, half, 0.05), NOTE)
    if cell < TINY:
        return c.sprite()
    if text == "~":
        for dy in (-0.06, 0.05):
            wave = np.abs(c.y - y - dy - 0.03 * np.sin((c.x - x) * 40).astype(np.float32)) - 0.022
            c.paint(np.maximum(wave, np.abs(c.x - x) - 0.13), (30, 90, 170))
    elif text in GLYPHS:
        c.paint(glyph(c.x, c.y, text, x, y, 0.27, 0.06), INK)
    return c.sprite()


@lru_cache(maxsize=64)
def litter(cell: int) -> Sprite:
    """Crumpled paper and a can."""
    c = Canvas(cell)
    paper = ((-0.24, -0.12), (-0.08, -0.26), (0.1, -0.2), (0.14, -0.02), (0.0, 0.12), (-0.2, 0.08))
    c.paint(polygon(c.x, c.y - 0.04, paper), BLACK, 0.25, soft=0.08)
    c.paint(polygon(c.x, c.y, paper), (233, 229, 219))
    for a, b in (((-0.2, -0.06), (0.02, -0.1)), ((0.02, -0.1), (0.09, -0.18)), ((0.02, -0.1), (-0.02, 0.07))):
        c.paint(segment(c.x, c.y, a, b, 0.025), (171, 165, 152))
    can = box(c.x * 0.9 + c.y * 0.44, c.y * 0.9 - c.x * 0.44, 0.2, 0.06, 0.17, 0.085, 0.03)
    c.paint(can, (122, 134, 148))
    c.shade(can, 0.25, -0.15)
    return c.sprite()


@lru_cache(maxsize=64)
def strange(cell: int) -> Sprite:
    """The sign for a tile that has no sprite."""
    c = Canvas(cell)
    c.paint(np.abs(box(c.x, c.y, 0, 0, 0.27, 0.27, 0.06)) - 0.02, (150, 110, 190))
    c.paint(segment(c.x, c.y, (-0.13, -0.13), (0.13, 0.13), 0.05), (150, 110, 190))
    c.paint(segment(c.x, c.y, (-0.13, 0.13), (0.13, -0.13), 0.05), (150, 110, 190))
    return c.sprite()


POINTERS = ((0, -1), (1, 0), (0, 1), (-1, 0))  # x, y of each heading


@lru_cache(maxsize=1024)
def figure(
    cell: int,
    colour: Colour,
    letter: str,
    middle: Point = (0, 0),
    size: Real = 1,
    heading: int | None = None,
    chosen: bool = False,
) -> Sprite:
    """A round figure with a letter on it, `size` times its full size around `middle`, with a pointer if it
    has a heading.
    """
    c = Canvas(cell)
    c.x, c.y = (
        (c.x - np.float32(middle[0])) / np.float32(size),
        (c.y - np.float32(middle[1])) / np.float32(size),
    )
    tiny = cell * size < TINY
    r, thin = (0.42 if tiny and heading is None else 0.36), 0.035
    luminance = (0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]) / 255
    c.paint(disc(c.x, c.y, 0, 0.05, r + 0.02), BLACK, 0.3, soft=0.1)
    if chosen:
        c.paint(disc(c.x, c.y, 0, 0, r + 0.12), mix(colour, WHITE, 0.35), 0.55)
    if heading is not None:
        px, py = POINTERS[heading]
        near, far, side = 0.28, 0.5, 0.21
        bx, by, sx, sy = px * near, py * near, py * side, px * side
        corners = ((bx + sx, by - sy), (px * far, py * far), (bx - sx, by + sy))
        pointer = polygon(c.x, c.y, corners)
        c.paint(pointer - thin, WHITE)
        c.paint(pointer, mix(colour, BLACK, 0.3))
    c.paint(disc(c.x, c.y, 0, 0, r + thin), WHITE)
    c.paint(disc(c.x, c.y, 0, 0, r), mix(colour, BLACK, 0.3))
    face = disc(c.x, c.y, 0, -0.012, r - 0.022)
    c.paint(face, colour)
    c.shade(face, 0.16, -0.12)
    if tiny:
        return c.sprite()
    ink = (38, 34, 30) if luminance > 0.62 else WHITE
    for side in (-1, 1):
        c.paint(box(c.x, c.y, side * 0.1, -0.13, 0.036, 0.062, 0.036), ink)
    if letter in GLYPHS:
        c.paint(glyph(c.x, c.y, letter, 0, 0.115, 0.21, 0.05), ink)
    return c.sprite()

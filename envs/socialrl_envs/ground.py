"""The ground of a picture: floor, walls, water and the things that lie on them, with their notes."""

import dataclasses
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float32, Int, UInt8

from socialrl_envs import sprites, tokens
from socialrl_envs.picture import HIDDEN, KINDS, Picture, order_notes
from socialrl_envs.sprites import Canvas, Colour, Sprite, box, disc, mix, segment
from socialrl_envs.tiles import (
    BRIDGE,
    COIN,
    COLOURS,
    DOOR,
    FLOOR,
    GOAL,
    KEY,
    LITTER,
    OBJECT,
    OBJECTS,
    WALL,
    WATER,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Palette:
    """The colours of the ground."""

    floor: Colour
    line: Colour
    wall: Colour
    front: Colour
    water: Colour
    wave: Colour
    plank: Colour
    fog: Colour


PALETTES = {
    "light": Palette(
        floor=(247, 245, 240),
        line=(233, 229, 221),
        wall=(104, 114, 130),
        front=(78, 87, 102),
        water=(122, 184, 222),
        wave=(168, 212, 238),
        plank=(190, 146, 98),
        fog=(214, 214, 216),
    ),
    "dark": Palette(
        floor=(42, 47, 58),
        line=(52, 58, 71),
        wall=(80, 89, 108),
        front=(59, 66, 82),
        water=(42, 96, 138),
        wave=(70, 130, 176),
        plank=(140, 104, 68),
        fog=(18, 21, 27),
    ),
}

# Sides and diagonals of a cell; bit i of a mask stands for the neighbour in direction AROUND[i].
AROUND = ((-1, 0), (0, 1), (1, 0), (0, -1), (-1, 1), (1, 1), (1, -1), (-1, -1))
UP, RIGHT, DOWN, LEFT = (1 << i for i in range(4))
# corner -> the bits of the two sides and of the diagonal next to it, and its direction (x, y)
CORNERS = (
    (UP, RIGHT, 16, (1, -1)),
    (DOWN, RIGHT, 32, (1, 1)),
    (DOWN, LEFT, 64, (-1, 1)),
    (UP, LEFT, 128, (-1, -1)),
)


def ground(picture: Picture, cell: int, theme: str) -> UInt8[np.ndarray, "h w 3"]:
    """The tiles of a picture, its notes and the outline of what is visible: a new image."""
    height, width = picture.tiles.shape
    codes, inverse = np.unique(_codes(picture), return_inverse=True)
    inverse = inverse.reshape(height, width)
    bank = np.stack([_tile(cell, int(code), theme) for code in codes])
    mask = picture.visible
    if mask is not None:  # each tile a second time, dimmed
        fog = np.asarray(PALETTES[theme].fog, np.float32) * np.float32(0.55)
        dim = np.rint(bank * np.float32(0.45) + fog).astype(np.uint8)
        bank, inverse = np.concatenate([bank, dim]), inverse + len(codes) * ~mask
    image = bank[inverse].transpose(0, 2, 1, 3, 4).reshape(height * cell, width * cell, 3)
    if mask is not None:
        seat = picture.seat
        _outline(image, mask, cell, (120, 120, 120) if seat is None else picture.seat_colours()[seat])
    return image


def _codes(picture: Picture) -> Int[np.ndarray, "H W"]:
    """One number per cell, equal for cells that look alike.

    From the lowest bits on, 8 bits each: the tile; which neighbours are walls (water, for a cell of water or
    a bridge); the entry of `kinds`; the entry of `notes`.
    """
    tiles = picture.tiles
    wet = (tiles == WATER) | (tiles == BRIDGE)
    neighbours = np.where(wet, _neighbours(wet), _neighbours(tiles == WALL))
    kinds = np.zeros(tiles.shape, np.uint8) if picture.kinds is None else picture.kinds
    notes = order_notes(tiles) if picture.notes is None else picture.notes
    parts = (tiles, neighbours, kinds, notes)
    return np.bitwise_or.reduce([part.astype(np.int64) << 8 * i for i, part in enumerate(parts)])


def _neighbours(here: Bool[np.ndarray, "H W"]) -> Int[np.ndarray, "H W"]:
    """For every cell the bits of its neighbours that are set; beside the grid all are."""
    padded = np.pad(here, 1, constant_values=True)
    height, width = here.shape
    bits = [
        padded[1 + r : 1 + r + height, 1 + c : 1 + c + width].astype(np.int64) << i
        for i, (r, c) in enumerate(AROUND)
    ]
    return np.bitwise_or.reduce(bits)


@lru_cache(maxsize=4096)
def _tile(cell: int, code: int, theme: str) -> UInt8[np.ndarray, "cell cell 3"]:
    """One finished cell of the ground."""
    palette = PALETTES[theme]
    base = np.broadcast_to(np.asarray(palette.floor, np.float32) / 255, (cell, cell, 3))
    tile, mask, kind, note = (code >> 8 * i & 255 for i in range(4))
    layers = _layers(cell, tile, mask, kind, palette)
    if note:
        layers.append(sprites.note(cell, chr(note)))
    for sprite in layers:
        base = sprites.over(sprite, base)
    return np.rint(base * 255).astype(np.uint8)


def _layers(cell: int, tile: int, mask: int, kind: int, palette: Palette) -> list[Sprite]:
    """The sprites of a cell without its note, from the bottom up."""
    if tile == WALL:
        return [_floor(cell, 0, palette), _wall(cell, mask, palette)]
    if tile in (WATER, BRIDGE):
        bridge = [_bridge(cell, palette)] if tile == BRIDGE else []
        return [_floor(cell, 0, palette), _water(cell, mask, palette), *bridge]
    floor = _floor(cell, mask & (UP | LEFT), palette)
    return [floor] if tile == FLOOR or kind == HIDDEN else [floor, _thing(cell, tile, kind)]


def _thing(cell: int, tile: int, kind: int) -> Sprite:
    """What lies on the floor of a tile that is none of floor, wall, water and bridge."""
    if tile == LITTER:
        return sprites.litter(cell)
    if tile == KEY:
        return tokens.key(cell)
    if tile == DOOR:
        return tokens.door(cell)
    if GOAL <= tile < GOAL + 9:
        return sprites.goal(cell, kind - 1 if 1 <= kind <= KINDS else None)
    if COIN <= tile < COIN + len(COLOURS):
        return sprites.coin(cell, tile - COIN)
    if OBJECT <= tile < OBJECT + OBJECTS:
        return tokens.token(cell, tile - OBJECT)
    return sprites.strange(cell)


@lru_cache(maxsize=256)
def _floor(cell: int, shadows: int, palette: Palette) -> Sprite:
    """Floor with a thin line around it and the shadow of walls above and to the left."""
    c = Canvas(cell)
    thick = max(0.018, 0.5 / cell)
    c.paint(-box(c.x, c.y, 0, 0, 0.5 - thick, 0.5 - thick, 0.03), palette.line)
    if shadows & UP:
        c.paint(c.y + 0.5 - 0.06, sprites.BLACK, 0.13, soft=0.16)
    if shadows & LEFT:
        c.paint(c.x + 0.5 - 0.03, sprites.BLACK, 0.08, soft=0.1)
    return c.sprite()


def _rounded(c: Canvas, mask: int, radius: float) -> Float32[np.ndarray, "s s"]:
    """Signed distance to a whole cell, rounded where nothing of its kind is on either side of a corner."""
    distance = np.full_like(c.x, -1.0)
    for one, other, _, (cx, cy) in CORNERS:
        if not mask & (one | other):
            dx, dy = c.x * cx - (0.5 - radius), c.y * cy - (0.5 - radius)
            corner = np.where((dx > 0) & (dy > 0), np.hypot(dx, dy) - radius, -1.0)
            distance = np.maximum(distance, corner.astype(np.float32))
    return distance


@lru_cache(maxsize=512)
def _wall(cell: int, mask: int, palette: Palette) -> Sprite:
    """A block that joins its neighbours, with a front where the cell below is open."""
    c = Canvas(cell)
    shape = _rounded(c, mask, 0.2)
    c.paint(shape, palette.front)
    top = shape
    if not mask & DOWN:
        raised = Canvas(cell)
        raised.y = c.y + np.float32(0.17)
        top = np.maximum(_rounded(raised, mask, 0.2), raised.y - 0.5)
    c.paint(top, palette.wall)
    return c.sprite()


@lru_cache(maxsize=512)
def _water(cell: int, mask: int, palette: Palette) -> Sprite:
    """Water that joins its neighbours, with two waves."""
    c = Canvas(cell)
    shape = _rounded(c, mask, 0.28)
    c.paint(shape, palette.water)
    if not mask & UP:
        c.paint(np.maximum(shape, c.y + 0.42), sprites.BLACK, 0.12)
    for x, y in ((-0.14, -0.14), (0.14, 0.2)):
        wave = np.abs(c.y - y - 0.045 * np.sin((c.x - x) * 22).astype(np.float32)) - 0.02
        c.paint(np.maximum(wave, np.abs(c.x - x) - 0.2), palette.wave)
    return c.sprite()


@lru_cache(maxsize=64)
def _bridge(cell: int, palette: Palette) -> Sprite:
    """Planks over water."""
    c = Canvas(cell)
    for i in range(4):
        y = -0.375 + i * 0.25
        plank = box(c.x, c.y, 0, y, 0.46, 0.105, 0.03)
        c.paint(plank, mix(palette.plank, sprites.BLACK, 0.06 * (i % 2)))
        c.paint(segment(c.x, c.y, (-0.42, y + 0.085), (0.42, y + 0.085), 0.03), sprites.BLACK, 0.15)
        for x in (-0.37, 0.37):
            c.paint(disc(c.x, c.y, x, y, 0.025), mix(palette.plank, sprites.BLACK, 0.5))
    return c.sprite()


def _outline(
    image: UInt8[np.ndarray, "h w 3"], mask: Bool[np.ndarray, "H W"], cell: int, colour: Colour
) -> None:
    """Draws a line along the inner border of the mask, in place."""
    width = max(1, cell // 14)
    padded = np.pad(mask, 1)
    for row, column in np.argwhere(mask):
        top, left = row * cell, column * cell
        part = image[top : top + cell, left : left + cell]
        edges = (part[:width], part[:, -width:], part[-width:], part[:, :width])
        corners = (part[:width, -width:], part[-width:, -width:], part[-width:, :width], part[:width, :width])
        for (r, c), piece in zip(AROUND, (*edges, *corners), strict=True):
            if not padded[row + 1 + r, column + 1 + c]:
                piece[:] = colour

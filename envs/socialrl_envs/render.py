"""Pictures of a world: state -> uint8 RGB, in numpy alone. No display, no jax, no fonts.

    image = draw_state(world, state, seat=0)  # what seat 0 does not see is dimmed
    image = draw(picture_of(state), cell=32)

What seats cannot know is drawn small, on a yellow note in the corner of its cell: a goal's number in the
hidden order, the wave of a flooded bridge. `draw` is `draw_ground`, then `draw_figures`; a viewer may put
something between the two.
"""

import dataclasses
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int, Integer, UInt8

from socialrl_envs import sprites
from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.sprites import Canvas, Colour, Sprite, box, disc, mix, segment
from socialrl_envs.tiles import BRIDGE, COIN, COLOURS, FLOOR, GOAL, LITTER, SEATS, WALL, WATER

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
MAX_CELL = 256
View = tuple[int, int, int, int] | Bool[np.ndarray, "H W"]


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """What there is to see of a state. position: (row, column). heading: 0 up, 1 right, 2 down, 3 left.

    colours: RGB of every seat, or None for Okabe and Ito's in seat order. flooded: whether bridges are.
    looks: for each goal of a hidden order the kind that seats see, 0..8, or None where all look alike.
    secret: whether goals are not to be seen at all, so that only their notes are drawn. notes: whether notes
    are drawn.
    """

    tiles: UInt8[np.ndarray, "H W"]
    position: Integer[np.ndarray, "N 2"]
    heading: Integer[np.ndarray, " N"]
    present: Bool[np.ndarray, " N"]
    colours: tuple[Colour, ...] | None = None
    flooded: bool = False
    looks: tuple[int, ...] | None = None
    secret: bool = False
    notes: bool = True


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


def seat_colours(seats: int, given: Sequence[str | None] = ()) -> tuple[Colour, ...]:
    """The colour of every seat, in order. given: "#rrggbb" for each seat that has one of its own, else None."""
    own = (*given, *[None] * (seats - len(given)))
    return tuple(_rgb(colour) if colour else OKABE_ITO[i % len(OKABE_ITO)] for i, colour in enumerate(own))


def _rgb(colour: str) -> Colour:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def picture_of(state: Any, world: Any = None, seat: int | None = None) -> Picture:
    """The picture of one State (not of a batch); its arrays are copied to the host, what it hides from seats
    included.

    world: seats have the colours that it gives them. seat: goals that the world does not show to this seat
    are secret."""
    tiles, position, heading = (np.asarray(part) for part in (state.tiles, state.position, state.heading))
    seats = world.spec.seats if world is not None else ()
    looks = getattr(state, "numbers", {}).get("looks")
    shown = (
        world.shown_to_seats()
        if world is not None and seat is not None and hasattr(world, "shown_to_seats")
        else None
    )
    return Picture(
        tiles,
        position,
        heading,
        np.asarray(state.present),
        colours=seat_colours(len(position), [seat.colour for seat in seats]),
        flooded=bool(getattr(state, "flooded", False)),
        looks=None if looks is None else tuple(round(float(look)) for look in looks),
        secret=shown is not None and not bool(np.asarray(shown)[seat, 1:].any()),
    )


def draw_state(
    world: Any, state: Any, cell: int = 32, seat: int | None = None, theme: str = "light"
) -> UInt8[np.ndarray, "h w 3"]:
    """One State of a world, with headings where seats turn. seat: it is marked, and what it does not see is
    dimmed.
    """
    view = None if seat is None else seen_by(world, state, seat)
    return draw(picture_of(state, world, seat), cell, seat, view, "forward" in world.spec.actions, theme)


def draw(
    picture: Picture,
    cell: int = 32,
    seat: int | None = None,
    view: int | View | None = None,
    headings: bool = False,
    theme: str = "light",
) -> UInt8[np.ndarray, "h w 3"]:
    """The picture at `cell` pixels per cell. theme: "light" or "dark".

    seat: this seat is marked. view: what it sees is framed and the rest is dimmed: a mask of cells, a
    rectangle (row, column, height, width) that may reach over the border, or a number V, the V x V cells
    around `seat`.
    headings: show where everybody faces. Raises SocialRLError for an impossible size, seat or view.
    """
    return draw_figures(draw_ground(picture, cell, seat, view, theme), picture, cell, seat, headings, view)


def draw_ground(
    picture: Picture,
    cell: int = 32,
    seat: int | None = None,
    view: int | View | None = None,
    theme: str = "light",
) -> UInt8[np.ndarray, "h w 3"]:
    """All of `draw` but the figures: a new array."""
    _check(picture, cell, seat, theme)
    mask = None if view is None else _mask(picture, seat, view)
    height, width = picture.tiles.shape
    codes, inverse = np.unique(_codes(picture), return_inverse=True)
    inverse = inverse.reshape(height, width)
    bank = np.stack([_tile(cell, int(code), theme) for code in codes])
    if mask is not None:  # each tile a second time, dimmed
        dim = np.rint(
            bank * np.float32(0.45) + np.asarray(PALETTES[theme].fog, np.float32) * np.float32(0.55)
        ).astype(np.uint8)
        bank, inverse = np.concatenate([bank, dim]), inverse + len(codes) * ~mask
    image = bank[inverse].transpose(0, 2, 1, 3, 4).reshape(height * cell, width * cell, 3)
    if mask is not None:
        _outline(image, mask, cell, _colours(picture)[seat] if seat is not None else (120, 120, 120))
    return image


def draw_figures(
    image: UInt8[np.ndarray, "h w 3"],
    picture: Picture,
    cell: int = 32,
    seat: int | None = None,
    headings: bool = False,
    view: int | View | None = None,
) -> UInt8[np.ndarray, "h w 3"]:
    """Draws who is present into `image` (in place) and returns it. Those who share a cell stand side by side."""
    colours = _colours(picture)
    seen = np.ones(picture.tiles.shape, bool) if view is None else _mask(picture, seat, view)
    for one, (middle, size) in places(picture).items():
        row, column = (int(p) for p in picture.position[one])
        heading = int(picture.heading[one]) if headings else None
        sprite = sprites.figure(
            cell, colours[one], SEATS[one % len(SEATS)], middle, size, heading, one == seat
        )
        part = image[row * cell : (row + 1) * cell, column * cell : (column + 1) * cell]
        strength = np.float32(1 if seen[row, column] else 0.4)
        part[:] = np.rint(sprites.over(sprite * strength, part / np.float32(255)) * 255)
    return image


def places(picture: Picture) -> dict[int, tuple[tuple[float, float], float]]:
    """Where in its cell each present seat is drawn, (x, y) from the middle in cells, and how large."""
    together: dict[tuple[int, int], list[int]] = {}
    for seat in np.flatnonzero(picture.present):
        row, column = picture.position[seat]
        together.setdefault((int(row), int(column)), []).append(int(seat))
    result = {}
    for seats in together.values():
        for seat, place in zip(seats, _side_by_side(len(seats)), strict=True):
            result[seat] = place
    return result


@lru_cache(maxsize=64)
def _side_by_side(count: int) -> tuple[tuple[tuple[float, float], float], ...]:
    """Places for `count` figures in one cell."""
    if count == 1:
        return (((0.0, 0.0), 1.0),)
    if count == 2:
        return (((-0.2, -0.13), 0.68), ((0.2, 0.13), 0.68))
    columns = int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    size = 1.04 / columns
    return tuple(
        (((i % columns - (columns - 1) / 2) / columns, (i // columns - (rows - 1) / 2) / columns), size)
        for i in range(count)
    )


def _colours(picture: Picture) -> tuple[Colour, ...]:
    return picture.colours or seat_colours(len(picture.present))


def _check(picture: Picture, cell: int, seat: int | None, theme: str) -> None:
    if not 1 <= cell <= MAX_CELL:
        raise SocialRLError(f"cell: {cell}", f"give 1..{MAX_CELL} pixels")
    if theme not in PALETTES:
        raise unknown("theme", theme, PALETTES)
    if seat is not None and not 0 <= seat < len(picture.present):
        raise SocialRLError(f"seat: {seat}", f"there are {len(picture.present)} seats, from 0")
    if len(_colours(picture)) != len(picture.present):
        raise SocialRLError(
            f"colours: {len(_colours(picture))} for {len(picture.present)} seats", "give one RGB per seat"
        )


# The ground. A cell's code: its tile, 8 bits for the neighbours that are walls (water for water, bridges),
# and its mark: 1 for a flooded bridge, 1 + the kind that a goal shows, SECRET for a goal that shows nothing,
# else 0; and UNNOTED on top of it.

SECRET, UNNOTED = 10, 128

AROUND = ((-1, 0), (0, 1), (1, 0), (0, -1), (-1, 1), (1, 1), (1, -1), (-1, -1))
UP, RIGHT, DOWN, LEFT = (1 << i for i in range(4))
# corner -> the bits of the two sides and of the diagonal next to it, and its direction (x, y)
CORNERS = (
    (UP, RIGHT, 16, (1, -1)),
    (DOWN, RIGHT, 32, (1, 1)),
    (DOWN, LEFT, 64, (-1, 1)),
    (UP, LEFT, 128, (-1, -1)),
)


def _codes(picture: Picture) -> Int[np.ndarray, "H W"]:
    tiles = picture.tiles
    wall, wet = tiles == WALL, (tiles == WATER) | (tiles == BRIDGE)
    masks = []
    for here in (wall, wet):
        padded = np.pad(here, 1, constant_values=True)
        height, width = here.shape
        bits = [
            padded[1 + r : 1 + r + height, 1 + c : 1 + c + width].astype(np.int32) << i
            for i, (r, c) in enumerate(AROUND)
        ]
        masks.append(np.bitwise_or.reduce(bits))
    mark = ((tiles == BRIDGE) & picture.flooded).astype(np.int32)
    for number, look in enumerate(picture.looks or ()):
        mark[tiles == GOAL + number] = 1 + look
    if picture.secret:
        mark[(tiles >= GOAL) & (tiles < COIN)] = SECRET
    if not picture.notes:
        mark = mark | UNNOTED
    return tiles.astype(np.int32) | np.where(wet, masks[1], masks[0]) << 8 | mark << 16


@lru_cache(maxsize=4096)
def _tile(cell: int, code: int, theme: str) -> UInt8[np.ndarray, "cell cell 3"]:
    """One finished cell of the ground."""
    palette = PALETTES[theme]
    base = np.broadcast_to(np.asarray(palette.floor, np.float32) / 255, (cell, cell, 3))
    for sprite in _layers(cell, code & 255, code >> 8 & 255, code >> 16, palette):
        base = sprites.over(sprite, base)
    return np.rint(base * 255).astype(np.uint8)


def _layers(cell: int, tile: int, mask: int, mark: int, palette: Palette) -> list[Sprite]:
    """What lies on the floor, from the bottom up."""
    noted, mark = not mark & UNNOTED, mark & ~UNNOTED
    if tile == WALL:
        return [_floor(cell, 0, palette), _wall(cell, mask, palette)]
    if tile in (WATER, BRIDGE):
        layers = [_floor(cell, 0, palette), _water(cell, mask, palette)]
        if tile == BRIDGE:
            layers += [_bridge(cell, palette), *([sprites.note(cell, "~")] if mark and noted else [])]
        return layers
    floor = _floor(cell, mask & (UP | LEFT), palette)
    if tile == FLOOR:
        return [floor]
    if tile == LITTER:
        return [floor, sprites.litter(cell)]
    if GOAL <= tile < GOAL + 9:
        plate = [] if mark == SECRET else [sprites.goal(cell, mark - 1 if mark else None)]
        return [floor, *plate, *([sprites.note(cell, str(tile - GOAL + 1))] if noted else [])]
    if COIN <= tile < COIN + len(COLOURS):
        return [floor, sprites.coin(cell, tile - COIN)]
    return [floor, sprites.strange(cell)]


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


# What a seat sees.


def _mask(picture: Picture, seat: int | None, view: int | View) -> Bool[np.ndarray, "H W"]:
    height, width = picture.tiles.shape
    if isinstance(view, np.ndarray):
        if view.shape != (height, width) or view.dtype != np.bool_:
            raise SocialRLError(
                f"view: {view.dtype} {view.shape}", f"a mask is bool ({height}, {width}), one per cell"
            )
        return view
    if isinstance(view, int):
        if seat is None:
            raise SocialRLError(f"view: {view} cells around whom?", "give `seat` too")
        row, column = (int(p) - view // 2 for p in picture.position[seat])
        view = (row, column, view, view)
    row, column, rows, columns = view
    mask = np.zeros((height, width), bool)
    mask[max(0, row) : max(0, row + rows), max(0, column) : max(0, column + columns)] = True
    return mask


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


def seen_by(world: Any, state: Any, seat: int) -> Bool[np.ndarray, "H W"]:
    """Which cells a seat has in sight, as `draw(view=...)` takes them: ahead of it and not hidden by walls
    where seats turn, around it where the view is partial, all of them else. An absent seat sees none."""
    shape, config = state.tiles.shape, world.config
    if not state.present[seat]:
        return np.zeros(shape, bool)
    (row, column), reach = (int(p) for p in state.position[seat]), np.arange(config.view)
    if "forward" in world.spec.actions:
        ahead, aside = np.meshgrid(reach[::-1], reach - config.view // 2, indexing="ij")
        offsets = ((-ahead, aside), (aside, ahead), (ahead, -aside), (-aside, -ahead))[
            int(state.heading[seat])
        ]
    elif config.observation == "partial":
        offsets = np.meshgrid(reach - config.view // 2, reach - config.view // 2, indexing="ij")
    else:
        return np.ones(shape, bool)
    rows, columns = row + offsets[0], column + offsets[1]
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    walls = np.ones(rows.shape, bool)
    walls[inside] = np.asarray(state.tiles)[rows[inside], columns[inside]] == WALL
    seen = inside & _lit(~walls) if "forward" in world.spec.actions and config.occlusion else inside
    mask = np.zeros(shape, bool)
    mask[rows[seen], columns[seen]] = True
    return mask


def _lit(clear: Bool[np.ndarray, "V V"]) -> Bool[np.ndarray, "V V"]:
    """Which cells of a view are seen from the middle of its last row: the rule of `sight.visible`, cell by
    cell.
    """
    size, half = len(clear), len(clear) // 2
    seen, reached = np.zeros((size, size), bool), {half}
    for row in reversed(range(size)):
        onwards = set()
        for step, columns in ((1, range(half, size)), (-1, range(half, -1, -1))):
            through = False  # whether sight comes from the cell before, along the row
            for column in columns:
                seen_here = through or column in reached
                through = seen_here and bool(clear[row, column])
                seen[row, column] |= seen_here
                if through:
                    onwards |= {column, column + step}
        reached = onwards
    return seen

"""The world: the grid, the paths of the seats, the view of the chosen seat, and whom the novice follows."""

import dataclasses
import math
from functools import lru_cache

import numpy as np
import pygame
from jaxtyping import Float

from socialrl.record.explanation import moves
from socialrl.scene import Scene
from socialrl.viewer.paint import Brush, Point, disc, from_array
from socialrl.viewer.panel import Panel
from socialrl_envs.render import MAX_CELL, Picture, draw_figures, draw_ground, places
from socialrl_envs.sprites import WHITE, Colour, Real, mix
from socialrl_envs.tiles import WALL

TRAIL = 14  # states, as far back as trails go


def board(rect: pygame.Rect, scene: Scene) -> tuple[pygame.Rect, int]:
    """The place of the grid within the panel, and the pixels of a cell."""
    height, width = scene.replay.tiles.shape[2:]
    cell = min(MAX_CELL, max(1, min(rect.width // width, rect.height // height)))
    result = pygame.Rect(0, 0, cell * width, cell * height)
    result.center = rect.center
    return result, cell


def draw(brush: Brush, rect: pygame.Rect, scene: Scene) -> None:
    """The ground, trails, figures, and the arrow to the agent that is followed."""
    area, cell = board(rect, scene)
    picture = dataclasses.replace(scene.replay.picture(scene.episode, scene.t), seat=scene.chosen)
    image = _ground(picture, scene, cell)
    on_board = Brush(image, brush.theme, brush.scale)
    if not _ghosts(on_board, scene, cell):
        _trails(on_board, scene, cell)
    draw_figures(pygame.surfarray.pixels3d(image).swapaxes(0, 1), picture, cell)
    if not scene.ended:
        _follow(on_board, scene, picture, cell)
    brush.surface.blit(image, area)
    if scene.ended and not scene.clip:
        _banner(brush, area, scene)


def _ground(picture: Picture, scene: Scene, cell: int) -> pygame.Surface:
    """The ground of a picture, with what the chosen seat does not see dimmed: a new surface."""
    mask = scene.visible() if scene.view and picture.present[scene.chosen] else None
    if mask is not None and mask[picture.tiles != WALL].all():
        mask = None  # nothing is hidden
    cells = (picture.tiles, picture.notes, picture.kinds, mask)
    data = tuple(None if array is None else array.tobytes() for array in cells)
    return _still(data, picture.tiles.shape, picture.seat_colours()[scene.chosen], cell, scene.theme).copy()


@lru_cache(maxsize=32)
def _still(
    data: tuple[bytes | None, ...], shape: tuple[int, int], colour: Colour, cell: int, theme: str
) -> pygame.Surface:
    """The ground, often the same for many steps. data: tiles, notes, kinds, and what is visible."""
    types = (np.uint8, np.uint8, np.uint8, np.bool_)
    tiles, notes, kinds, visible = (
        None if part is None else np.frombuffer(part, dtype).reshape(shape)
        for part, dtype in zip(data, types, strict=True)
    )
    assert tiles is not None
    nobody = np.zeros(1, int)
    picture = Picture(
        tiles=tiles,
        position=np.zeros((1, 2), int),
        heading=nobody,
        present=nobody.astype(bool),
        colours=(colour,),
        seat=0,
        visible=visible,
        notes=notes,
        kinds=kinds,
    )
    return from_array(draw_ground(picture, cell, theme))


def _trails(brush: Brush, scene: Scene, cell: int) -> None:
    """Dots along the paths of the last TRAIL states, fainter with age; the seats' are side by side."""
    replay, seats = scene.replay, len(scene.replay.agents)
    first = max(0, scene.t - TRAIL)
    position = replay.position[scene.episode, first : scene.t + 1].astype(float)
    present = replay.present[scene.episode, first : scene.t + 1]
    for seat in range(seats):
        aside = (seat - (seats - 1) / 2) * min(0.1, 0.5 / seats)
        colour = replay.colours[seat]
        for i in range(len(position) - 1):
            if (
                not (present[i, seat] and present[i + 1, seat])
                or (position[i, seat] == position[i + 1, seat]).all()
            ):
                continue
            age = (len(position) - 1 - i) / (TRAIL + 1)
            dot = disc(max(1, round(cell * 0.075 * (1.15 - age))), colour, round(230 * (1 - age) ** 1.2))
            for share in (0.0, 1 / 3, 2 / 3):
                row, column = (
                    position[i, seat] + (position[i + 1, seat] - position[i, seat]) * share + 0.5 + aside
                )
                brush.icon(dot, (column * cell, row * cell))


def _ghosts(brush: Brush, scene: Scene, cell: int) -> bool:
    """Dots along the paths of the recorded and the chosen other way, if it was asked what if; the stronger
    the more continuations take them. Whether there are any.
    """
    if scene.what_if is None or scene.what_if.answer is None:
        return False
    ways = scene.what_if.shown(scene.which, scene.episode, scene.t)
    for number, way in enumerate(ways):
        colour, aside = scene.what_if.answer.colour(way), 0.14 * (2 * number - 1)
        for (start, end), share in zip(*moves(way), strict=True):
            dot = disc(max(2, round(cell * 0.07)), colour, round(30 + 225 * float(share)))
            for part in (1 / 6, 1 / 2, 5 / 6):
                row, column = start + (end - start) * part + 0.5 + aside
                brush.icon(dot, (column * cell, row * cell))
    return bool(ways)


def _centre(picture: Picture, seat: int, cell: int) -> tuple[Point, Real]:
    """The centre of a present seat on the board, in pixels, and the radius of its figure."""
    (x, y), size = places(picture)[seat]
    row, column = (int(p) for p in picture.position[seat])
    return ((column + 0.5 + x) * cell, (row + 0.5 + y) * cell), 0.41 * size * cell


def _follow(brush: Brush, scene: Scene, picture: Picture, cell: int) -> None:
    """A curved arrow from the novice to the agent that it follows, if both are present."""
    novice, followed = scene.replay.novices[scene.novice], scene.replay.seat_of(scene.source, scene.novice)
    if followed == novice or not (picture.present[novice] and picture.present[followed]):
        return
    (start, radius), (end, other) = _centre(picture, novice, cell), _centre(picture, followed, cell)
    points = _curve(start, end, radius, other, cell)
    colour = scene.replay.colours[followed]
    casing = WHITE if scene.theme == "light" else mix(colour, WHITE, 0.85)
    area = pygame.Rect(*(points.min(axis=0) - cell / 2), *(np.ptp(points, axis=0) + cell)).clip(
        brush.surface.get_rect()
    )
    fine = Brush(
        pygame.Surface((2 * area.width, 2 * area.height), pygame.SRCALPHA, 32), brush.theme, brush.scale
    )
    fine.surface.fill((*casing, 0))
    points = 2 * (points - area.topleft)
    width = max(3.0, cell * 0.17)
    _arrow(fine, points, width + max(2.0, cell * 0.09), casing, max(1.0, cell * 0.045))
    _arrow(fine, points, width, mix(colour, (0, 0, 0), 0.1))
    brush.surface.blit(pygame.transform.smoothscale(fine.surface, area.size), area)


def _curve(start: Point, end: Point, radius: Real, other: Real, cell: int) -> Float[np.ndarray, "points 2"]:
    """Points of an arc from the rim of one figure to that of the other; near figures have a rounder one."""
    a, b = np.array(start), np.array(end)
    along = b - a
    length = math.hypot(*along)
    normal = np.array([along[1], -along[0]]) / max(length, 1e-6)
    if normal[1] > 0 or (normal[1] == 0 and normal[0] < 0):
        normal = -normal
    control = (a + b) / 2 + normal * max(0.16 * length, 1.1 * cell - 0.3 * length)
    a = a + (control - a) / max(math.hypot(*(control - a)), 1e-6) * radius
    b = b + (control - b) / max(math.hypot(*(control - b)), 1e-6) * other * 1.06
    t = np.linspace(0, 1, 32)[:, None]
    return (1 - t) ** 2 * a + 2 * t * (1 - t) * control + t**2 * b


def _arrow(
    brush: Brush,
    points: Float[np.ndarray, "points 2"],
    width: Real,
    colour: Colour,
    rim: Real = 0.0,
) -> None:
    """An arrow along the points with its head at the last one. rim: this much is added around the head."""
    length = float(np.hypot(*np.diff(points, axis=0).T).sum())
    head = min((width - 2 * rim) * 3.2, 0.5 * length)
    tip = points[-1]
    shaft = points[np.hypot(*(points - tip).T) >= head * 0.7]
    if len(shaft) < 2:
        shaft = points[:2]
    direction = np.gradient(shaft, axis=0)
    direction /= np.maximum(np.hypot(*direction.T)[:, None], 1e-6)
    side = np.stack([-direction[:, 1], direction[:, 0]], axis=1) * width / 2
    brush.polygon([tuple(p) for p in [*(shaft + side), *(shaft - side)[::-1]]], colour)
    ahead = tip - shaft[-1]
    ahead = ahead / max(math.hypot(*ahead), 1e-6)
    across = np.array([-ahead[1], ahead[0]]) * (head * 0.55 + 1.6 * rim)
    base = tip - ahead * (head + rim)
    brush.polygon([tuple(tip + ahead * 1.8 * rim), tuple(base + across), tuple(base - across)], colour)


def _banner(brush: Brush, area: pygame.Rect, scene: Scene) -> None:
    """A banner that says how the episode ended."""
    last = (scene.episode, scene.steps - 1)
    how = (
        "the task ended"
        if scene.replay.terminated[last]
        else "time ran out"
        if scene.replay.truncated[last]
        else "the recording ends"
    )
    pill = pygame.Rect(0, 0, min(area.width, brush.px(270)), brush.px(34))
    pill.midbottom = (area.centerx, area.bottom - brush.px(10))
    brush.box(pill, brush.theme.ink, radius=17)
    text = f"end of the episode: {how}"
    brush.text(text, pill.center, 15, brush.theme.card, anchor="center", width=pill.width - brush.px(20))


def click(rect: pygame.Rect, scene: Scene, point: tuple[int, int]) -> Scene:
    """The scene of the seat whose figure was clicked."""
    area, cell = board(rect, scene)
    picture = scene.replay.picture(scene.episode, scene.t)
    x, y = point[0] - area.left, point[1] - area.top
    for seat in places(picture):
        (cx, cy), radius = _centre(picture, seat, cell)
        if math.hypot(x - cx, y - cy) <= radius:
            return scene.of_seat(seat)
    return scene


PANEL = Panel(title="World", slot="main", order=0, draw=draw, click=click)

"""The world: the grid, where everybody came from, what the chosen seat sees, and whom the novice follows now."""

import math
from functools import lru_cache

import numpy as np
import pygame

from socialrl.viewer.paint import Brush, Point, disc, from_array
from socialrl.viewer.scene import Scene
from socialrl_envs.render import MAX_CELL, Picture, draw_figures, draw_ground, places
from socialrl_envs.sprites import WHITE, Real, mix
from socialrl_envs.tiles import WALL

SLOT, ORDER = "main", 0
TRAIL = 14  # states


def board(rect: pygame.Rect, scene: Scene) -> tuple[pygame.Rect, int]:
    """Where the grid lies within the panel, and the pixels of a cell."""
    height, width = scene.replay.tiles.shape[2:]
    cell = min(MAX_CELL, max(1, min(rect.width // width, rect.height // height)))
    result = pygame.Rect(0, 0, cell * width, cell * height)
    result.center = rect.center
    return result, cell


def draw(brush: Brush, rect: pygame.Rect, scene: Scene) -> None:
    """Ground, trails, figures, the arrow to whom is followed."""
    area, cell = board(rect, scene)
    picture = scene.replay.picture(scene.episode, scene.t)
    mask = scene.visible() if scene.view and picture.present[scene.chosen] else None
    if mask is not None and mask[picture.tiles != WALL].all():
        mask = None  # it sees everything
    seen = None if mask is None else mask.tobytes()
    image = _ground(
        picture.tiles.tobytes(), picture.tiles.shape, seen, scene.chosen, cell, scene.theme
    ).copy()
    on_board = Brush(image, brush.theme, brush.scale)
    _trails(on_board, scene, cell)
    draw_figures(
        pygame.surfarray.pixels3d(image).swapaxes(0, 1),
        picture,
        cell,
        scene.chosen,
        "forward" in scene.replay.actions,
    )
    if not scene.ended:
        _follow(on_board, scene, picture, cell)
    brush.surface.blit(image, area)
    if scene.ended:
        _banner(brush, area, scene)


@lru_cache(maxsize=32)
def _ground(
    tiles: bytes, shape: tuple[int, ...], seen: bytes | None, seat: int, cell: int, theme: str
) -> pygame.Surface:
    """The ground, which often stays the same for many steps. seen: the mask of cells in view, None for all."""
    mask = None if seen is None else np.frombuffer(seen, bool).reshape(shape)
    nobody = np.zeros(seat + 1, int)
    cells = np.frombuffer(tiles, np.uint8).reshape(shape)
    picture = Picture(cells, np.stack([nobody, nobody], axis=1), nobody, nobody.astype(bool))
    return from_array(draw_ground(picture, cell, seat, mask, theme))


def _trails(brush: Brush, scene: Scene, cell: int) -> None:
    """Dots where everybody was in the last states, smaller and fainter with age, each agent beside the
    others.
    """
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


def _centre(picture: Picture, seat: int, cell: int) -> tuple[Point, Real]:
    """Where a present seat is drawn on the board, and the radius of its figure."""
    (x, y), size = places(picture)[seat]
    row, column = (int(p) for p in picture.position[seat])
    return ((column + 0.5 + x) * cell, (row + 0.5 + y) * cell), 0.41 * size * cell


def _follow(brush: Brush, scene: Scene, picture: Picture, cell: int) -> None:
    """A curved arrow from the novice to whom it follows, if both are there."""
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


def _curve(start: Point, end: Point, radius: Real, other: Real, cell: int) -> np.ndarray:
    """Points of an arc that bulges upwards from the rim of one figure to the rim of the other, the more the
    nearer they are.
    """
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
    brush: Brush, points: np.ndarray, width: Real, colour: tuple[int, int, int], rim: Real = 0.0
) -> None:
    """A ribbon along the points that ends in a head at the last of them; rim: so much is added around the
    head.
    """
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
    """How the episode ended."""
    last = (scene.episode, scene.steps - 1)
    how = (
        "the task ended"
        if scene.replay.terminated[last]
        else "time ran out"
        if scene.replay.truncated[last]
        else "cut here"
    )
    pill = pygame.Rect(0, 0, min(area.width, brush.px(270)), brush.px(34))
    pill.midbottom = (area.centerx, area.bottom - brush.px(10))
    brush.box(pill, brush.theme.ink, radius=17)
    text = f"end of the episode: {how}"
    brush.text(text, pill.center, 15, brush.theme.card, anchor="center", width=pill.width - brush.px(20))


def click(rect: pygame.Rect, scene: Scene, point: tuple[int, int]) -> Scene:
    """A click on a figure chooses its seat."""
    area, cell = board(rect, scene)
    picture = scene.replay.picture(scene.episode, scene.t)
    x, y = point[0] - area.left, point[1] - area.top
    for seat in places(picture):
        (cx, cy), radius = _centre(picture, seat, cell)
        if math.hypot(x - cx, y - cy) <= radius:
            return scene.of_seat(seat)
    return scene

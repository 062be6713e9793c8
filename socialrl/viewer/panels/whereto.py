"""Where the novice expects to go, by its successor features, beside where it really went from here."""

import numpy as np
import pygame
from jaxtyping import Float

from socialrl.record.replay import Replay
from socialrl.viewer.paint import Brush, from_array
from socialrl.viewer.scene import Scene
from socialrl_envs.render import OKABE_ITO
from socialrl_envs.tiles import WALL

SLOT, ORDER, TITLE = "tab", 4, "Where to"
DISCOUNT, AHEAD = 0.95, 100  # of what really followed


def visits(replay: Replay, episode: int, t: int, seat: int) -> Float[np.ndarray, "H W"]:
    """How often a seat was in each cell from state t on, discounted by 0.95 a step; the most is 1."""
    last = replay.steps(episode) + 1
    position = replay.position[episode, t : min(last, t + AHEAD), seat].astype(int)
    present = replay.present[episode, t : min(last, t + AHEAD), seat]
    result = np.zeros(replay.tiles.shape[2:], np.float64)
    np.add.at(result, (position[:, 0], position[:, 1]), DISCOUNT ** np.arange(len(position)) * present)
    return result / max(result.max(), 1e-9)


def draw(brush: Brush, rect: pygame.Rect, scene: Scene) -> None:
    """Two heat maps."""
    replay = scene.replay
    seat, at = replay.novices[scene.novice], (scene.episode, min(scene.t, scene.steps - 1), scene.novice)
    really = visits(replay, scene.episode, scene.t, seat)
    expected = None if replay.occupancy is None else replay.occupancy[at] / 255
    half = (rect.width - brush.px(14)) // 2
    parts = (("expects to go", expected), ("really went, discounted by 0.95 a step", really))
    for number, (label, heat) in enumerate(parts):
        area = pygame.Rect(rect.left + number * (half + brush.px(14)), rect.top, half, rect.height)
        brush.text(label, area.topleft, 13, brush.theme.quiet, width=half)
        if heat is None:
            note = "no successor map in this replay"
            brush.text(note, area.center, 13, brush.theme.quiet, anchor="center", width=half)
            continue
        _heat(brush, area, heat, replay.tiles[scene.episode, scene.t] == WALL, seat)


def _heat(brush: Brush, area: pygame.Rect, heat: np.ndarray, wall: np.ndarray, seat: int) -> None:
    """A cell is the more in the seat's colour the more is expected of it; walls are grey."""
    card, colour = np.array(brush.theme.page), np.array(OKABE_ITO[seat % len(OKABE_ITO)])
    image = np.rint(card + (colour - card) * np.sqrt(heat)[..., None])
    image[wall] = brush.theme.line
    top, (rows, columns) = brush.px(22), heat.shape
    cell = max(1, min((area.height - top) // rows, area.width // columns))
    picture = pygame.transform.scale(from_array(image.astype(np.uint8)), (cell * columns, cell * rows))
    brush.surface.blit(picture, (area.left, area.top + top))

"""Where the novice expects to go, by the policy that its successor features give its source, beside where it
really went.
"""

import numpy as np
import pygame
from jaxtyping import Float

from socialrl.record.replay import AHEAD, DISCOUNT, Replay
from socialrl.viewer.paint import Brush, from_array
from socialrl.viewer.scene import Scene
from socialrl_envs.sprites import Colour
from socialrl_envs.tiles import WALL

SLOT, ORDER, TITLE = "tab", 4, "Where to"


def visits(replay: Replay, episode: int, t: int, seat: int) -> Float[np.ndarray, "H W"]:
    """How often a seat was in each cell in the AHEAD steps from state t on, discounted by DISCOUNT a step;
    the most is 1.
    """
    last = replay.steps(episode) + 1
    position = replay.position[episode, t : min(last, t + AHEAD + 1), seat].astype(int)
    present = replay.present[episode, t : min(last, t + AHEAD + 1), seat]
    result = np.zeros(replay.tiles.shape[2:], np.float64)
    np.add.at(result, (position[:, 0], position[:, 1]), DISCOUNT ** np.arange(len(position)) * present)
    return result / max(result.max(), 1e-9)


def draw(brush: Brush, rect: pygame.Rect, scene: Scene) -> None:
    """Two heat maps."""
    replay = scene.replay
    seat, at = replay.novices[scene.novice], (scene.episode, min(scene.t, scene.steps - 1), scene.novice)
    really = visits(replay, scene.episode, scene.t, seat)
    expected = None if replay.occupancy is None else replay.occupancy[at] / 255
    source = scene.source if not scene.ended else 0
    wish = "expects to go" if not source else f"expects to go, as it believes {replay.sources[source]} would"
    half = (rect.width - brush.px(14)) // 2
    parts = ((wish, expected), (f"really went, by {DISCOUNT} a step", really))
    for number, (label, heat) in enumerate(parts):
        area = pygame.Rect(rect.left + number * (half + brush.px(14)), rect.top, half, rect.height)
        brush.text(label, area.topleft, 13, brush.theme.quiet, width=half)
        if heat is None:
            lone = len(replay.sources) == 1
            note = "only a policy, no successor features" if lone else "no successor map in this replay"
            brush.text(note, area.center, 13, brush.theme.quiet, anchor="center", width=half)
            continue
        colour = replay.colours[replay.seat_of(source, scene.novice) if number == 0 else seat]
        _heat(brush, area, heat, replay.tiles[scene.episode, scene.t] == WALL, colour)


def _heat(brush: Brush, area: pygame.Rect, heat: np.ndarray, wall: np.ndarray, colour: Colour) -> None:
    """A cell is the more in the colour the more is expected of it; walls are grey."""
    page = np.array(brush.theme.page)
    image = np.rint(page + (np.array(colour) - page) * np.sqrt(heat)[..., None])
    image[wall] = brush.theme.line
    top, (rows, columns) = brush.px(22), heat.shape
    cell = max(1, min((area.height - top) // rows, area.width // columns))
    picture = pygame.transform.scale(from_array(image.astype(np.uint8)), (cell * columns, cell * rows))
    brush.surface.blit(picture, (area.left, area.top + top))

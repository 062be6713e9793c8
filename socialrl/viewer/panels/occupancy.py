"""The predicted occupancy of the novice, beside the cells that it really visited.

The prediction is recorded for learners with successor features: where the novice expects to be if it acts as
the source that it follows would.
"""

import numpy as np
import pygame
from jaxtyping import Bool, Float

from socialrl.record.replay import AHEAD, DISCOUNT, Replay
from socialrl.scene import Scene
from socialrl.viewer.paint import Brush, from_array
from socialrl.viewer.panel import Panel
from socialrl_envs.sprites import Colour
from socialrl_envs.tiles import WALL


def visits(replay: Replay, episode: int, t: int, seat: int) -> Float[np.ndarray, "H W"]:
    """How often a seat was in each cell in the AHEAD steps from state t on, discounted by DISCOUNT per step.

    The largest entry is 1, unless the seat was absent throughout.
    """
    last = replay.steps(episode) + 1
    position = replay.position[episode, t : min(last, t + AHEAD + 1), seat].astype(int)
    present = replay.present[episode, t : min(last, t + AHEAD + 1), seat]
    result = np.zeros(replay.tiles.shape[2:], np.float64)
    np.add.at(result, (position[:, 0], position[:, 1]), DISCOUNT ** np.arange(len(position)) * present)
    return result / max(result.max(), 1e-9)


def draw(brush: Brush, rect: pygame.Rect, scene: Scene) -> None:
    """Two heat maps: the predicted occupancy, where it was recorded, and the visits."""
    replay = scene.replay
    seat, at = replay.novices[scene.novice], (scene.episode, min(scene.t, scene.steps - 1), scene.novice)
    visited = visits(replay, scene.episode, scene.t, seat)
    predicted = None if replay.occupancy is None else replay.occupancy[at] / 255
    source = scene.source if not scene.ended else 0
    title = "predicted" if not source else f"predicted, acting as {replay.sources[source]}"
    half = (rect.width - brush.px(14)) // 2
    parts = ((title, predicted), (f"visited, discounted by {DISCOUNT} per step", visited))
    for number, (label, heat) in enumerate(parts):
        area = pygame.Rect(rect.left + number * (half + brush.px(14)), rect.top, half, rect.height)
        brush.text(label, area.topleft, 13, brush.theme.quiet, width=half)
        if heat is None:
            lone = len(replay.sources) == 1
            note = "not recorded: no successor features" if lone else "not recorded in this replay"
            brush.text(note, area.center, 13, brush.theme.quiet, anchor="center", width=half)
            continue
        colour = replay.colour_of(source, scene.novice) if number == 0 else replay.colours[seat]
        _heat(brush, area, heat, replay.tiles[scene.episode, scene.t] == WALL, colour)


def _heat(
    brush: Brush,
    area: pygame.Rect,
    heat: Float[np.ndarray, "H W"],
    wall: Bool[np.ndarray, "H W"],
    colour: Colour,
) -> None:
    """A heat map, from the page's colour (0) to the given one (1), with grey walls."""
    page = np.array(brush.theme.page)
    image = np.rint(page + (np.array(colour) - page) * np.sqrt(heat)[..., None])
    image[wall] = brush.theme.line
    top, (rows, columns) = brush.px(22), heat.shape
    cell = max(1, min((area.height - top) // rows, area.width // columns))
    picture = pygame.transform.scale(from_array(image.astype(np.uint8)), (cell * columns, cell * rows))
    brush.surface.blit(picture, (area.left, area.top + top))


PANEL = Panel(title="Occupancy", slot="tab", order=4, draw=draw)

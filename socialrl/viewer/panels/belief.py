"""What the novice believes of every cell: what it remembers, where others were, and where another is going.

It is recorded for learners that keep a map of what they have seen, and drawn on the grid of the world. The
novice's own cell has its colour; the figures' true places are those of the world beside it.
"""

import numpy as np
import pygame
from jaxtyping import Float, UInt8

from socialrl.scene import Scene
from socialrl.scene.themes import Theme
from socialrl.viewer.paint import Brush, from_array
from socialrl.viewer.panel import Panel
from socialrl_envs.picture import OKABE_ITO
from socialrl_envs.sprites import Colour, mix

HOT = OKABE_ITO[5]
CAPTIONS = ("seen, paid, lost by", "others were", "another is going")


def missing(scene: Scene) -> str:
    """What is shown if no belief was recorded."""
    return "This replay holds no belief" if scene.replay.belief is None else ""


def draw(brush: Brush, rect: pygame.Rect, scene: Scene) -> None:
    """Three maps, side by side."""
    replay = scene.replay
    assert replay.belief is not None
    t = min(scene.t, replay.steps(scene.episode) - 1)
    seat, belief = replay.novices[scene.novice], replay.belief[scene.episode, t, scene.novice] / 255
    gap = brush.px(14)
    width = (rect.width - 2 * gap) // len(CAPTIONS)
    pictures = maps(belief, brush.theme)
    row, column = replay.position[scene.episode, t, seat]
    for number, (caption, picture) in enumerate(zip(CAPTIONS, pictures, strict=True)):
        if replay.present[scene.episode, t, seat]:
            picture[row, column] = replay.colours[seat]
        area = pygame.Rect(rect.left + number * (width + gap), rect.top, width, rect.height)
        brush.text(caption, area.topleft, 13, brush.theme.quiet, width=width)
        top, (rows, columns) = brush.px(22), picture.shape[:2]
        cell = max(1, min((area.height - top) // rows, area.width // columns))
        drawn = pygame.transform.scale(from_array(picture), (cell * columns, cell * rows))
        brush.surface.blit(drawn, (area.left, area.top + top))


def maps(belief: Float[np.ndarray, "4 H W"], theme: Theme) -> list[UInt8[np.ndarray, "H W 3"]]:
    """An image for each caption. belief: from 0 to 1, in the planes of `types.BELIEFS`."""
    seen, paid, others, going = belief
    ground = np.empty((*seen.shape, 3), np.float64)
    ground[:] = theme.page
    ground[seen >= 0.25] = mix(theme.page, theme.line, 0.45)
    ground[seen >= 0.75] = mix(theme.line, theme.quiet, 0.45)
    remembered = ground.copy()
    remembered[paid >= 0.25] = theme.penalty
    remembered[paid >= 0.75] = theme.reward
    heats = [_heat(ground, plane, HOT) for plane in (others, going)]
    return [np.rint(image).astype(np.uint8) for image in (remembered, *heats)]


def _heat(
    ground: Float[np.ndarray, "H W 3"], heat: Float[np.ndarray, "H W"], colour: Colour
) -> Float[np.ndarray, "H W 3"]:
    """The ground, towards the colour where the heat is high."""
    return ground + (np.array(colour) - ground) * np.sqrt(heat)[..., None]


PANEL = Panel(title="Belief", slot="tab", order=5, draw=draw, missing=missing)

"""The predicted and the actual next view of the novice, and their difference over the episode."""

import numpy as np
import pygame
from jaxtyping import UInt8

from socialrl.scene import Scene
from socialrl.scene.measures import error
from socialrl.viewer import plot
from socialrl.viewer.paint import Brush, from_array
from socialrl.viewer.panel import Panel
from socialrl_envs.render import OKABE_ITO
from socialrl_envs.sprites import Colour
from socialrl_envs.tiles import RGB as CHANNELS


def palette(channels: tuple[str, ...]) -> tuple[Colour, ...]:
    """A colour for each channel of a view, light enough for a black ground; RGB views have their own."""
    if channels == CHANNELS:
        return (255, 0, 0), (0, 255, 0), (0, 0, 255)
    bright = [colour for colour in OKABE_ITO if max(colour) > 100]
    return ((130, 134, 142), *(bright[(i + 4) % len(bright)] for i in range(len(channels) - 1)))


def in_colours(view: UInt8[np.ndarray, "V U C"], channels: tuple[str, ...]) -> UInt8[np.ndarray, "V U 3"]:
    """A view as an image: on black, every channel adds its colour times its entry."""
    colours = np.array(palette(channels), np.float32)
    return np.clip(view.astype(np.float32) / 255 @ colours, 0, 255).astype(np.uint8)


def _legend(brush: Brush, rect: pygame.Rect, channels: tuple[str, ...]) -> None:
    """The names of the channels with their colours, in rows of four, as far as there is room."""
    width, line = rect.width // 4, brush.px(20)
    for i, (name, colour) in enumerate(zip(channels, palette(channels), strict=True)):
        x, y = rect.left + i % 4 * width, rect.top + i // 4 * line
        if y + line <= rect.bottom:
            brush.box(pygame.Rect(x, y + brush.px(5), brush.px(9), brush.px(9)), colour, 2)
            room = width - brush.px(20)
            brush.text(
                name.replace("_", " "),
                (x + brush.px(14), y + line // 2),
                12,
                brush.theme.quiet,
                anchor="midleft",
                width=room,
            )


def missing(scene: Scene) -> str:
    """What is shown if no predictions were recorded."""
    recorded = scene.replay.prediction is not None and scene.replay.observed is not None
    return "" if recorded else "This replay holds no predictions of the next view"


def draw(brush: Brush, rect: pygame.Rect, scene: Scene) -> None:
    """The two views side by side, the error beside them, the channels below."""
    replay, theme = scene.replay, brush.theme
    errors = error(replay, scene.episode, scene.novice)
    at = (scene.episode, min(scene.t, len(errors) - 1), scene.novice)
    side = max(8, min(rect.height - brush.px(22 + 28), round(rect.width * 0.29)))
    views = (("predicted", replay.prediction), ("actual", replay.observed))
    for number, (label, recorded) in enumerate(views):
        if recorded is None:
            continue
        left = rect.left + number * (side + brush.px(10))
        brush.text(label, (left, rect.top), 13, theme.quiet, width=side)
        picture = pygame.transform.scale(from_array(in_colours(recorded[at], replay.channels)), (side, side))
        brush.surface.blit(picture, (left, rect.top + brush.px(22)))
    left = rect.left + 2 * (side + brush.px(10))
    brush.text(f"mean error {errors[at[1]]:.3f}", (left, rect.top), 13, theme.quiet, width=rect.right - left)
    area = pygame.Rect(left, rect.top + brush.px(22), rect.right - left, side)
    plot.draw(brush, area, errors[None], (theme.penalty,), scene.t, "")
    low = area.bottom + brush.px(8)
    _legend(brush, pygame.Rect(rect.left, low, rect.width, rect.bottom - low), replay.channels)


PANEL = Panel(title="Prediction", slot="tab", order=3, draw=draw, missing=missing)

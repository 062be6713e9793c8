"""What the novice expected to see next, what it saw, and how far the two are apart over the episode."""

from functools import lru_cache

import numpy as np
import pygame
from jaxtyping import Float, UInt8

from socialrl.record.replay import Replay
from socialrl.viewer import plot
from socialrl.viewer.paint import Brush, from_array
from socialrl.viewer.scene import Scene
from socialrl_envs.render import OKABE_ITO

SLOT, ORDER, TITLE = "tab", 3, "Prediction"


@lru_cache(maxsize=16)
def error(replay: Replay, episode: int, novice: int) -> Float[np.ndarray, " steps"]:
    """The mean absolute difference of expected and seen, 0..1, at every step."""
    assert replay.prediction is not None
    assert replay.observed is not None
    expected, seen = (replay.during(name, episode)[:, novice] for name in ("prediction", "observed"))
    return np.abs(expected.astype(np.float32) - seen).mean(axis=(1, 2, 3)) / 255


def in_colours(view: UInt8[np.ndarray, "V U C"]) -> UInt8[np.ndarray, "V U 3"]:
    """A view as a picture: every channel adds its own colour, on black."""
    palette = np.array([OKABE_ITO[(i + 4) % len(OKABE_ITO)] for i in range(view.shape[2] - 1)], np.float32).reshape(-1, 3)
    palette = np.concatenate([np.array([(130, 134, 142)], np.float32), palette])
    return np.clip(view.astype(np.float32) / 255 @ palette, 0, 255).astype(np.uint8)


def draw(brush: Brush, rect: pygame.Rect, scene: Scene) -> None:
    """Expected and seen side by side, the error below."""
    replay, theme = scene.replay, brush.theme
    if replay.prediction is None or replay.observed is None:
        brush.text("This replay holds no predictions of what is seen next", rect.topleft, 14, theme.quiet, width=rect.width)
        return
    errors = error(replay, scene.episode, scene.novice)
    at = (scene.episode, min(scene.t, len(errors) - 1), scene.novice)
    side = max(8, min(rect.height - brush.px(24), rect.width // 4))
    for number, (label, view) in enumerate((("expected", replay.prediction[at]), ("seen", replay.observed[at]))):
        left = rect.left + number * (side + brush.px(10))
        brush.text(label, (left, rect.top), 13, theme.quiet, width=side)
        picture = pygame.transform.scale(from_array(in_colours(view)), (side, side))
        brush.surface.blit(picture, (left, rect.top + brush.px(22)))
    left = rect.left + 2 * (side + brush.px(10))
    brush.text(f"mean error {errors[at[1]]:.3f}", (left, rect.top), 13, theme.quiet, width=rect.right - left)
    area = pygame.Rect(left, rect.top + brush.px(22), rect.right - left, side)
    plot.draw(brush, area, errors[None], (theme.penalty,), scene.t, "")

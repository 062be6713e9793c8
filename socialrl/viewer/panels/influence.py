"""Social influence over time: how much seeing the others changes what the novice is about to do."""

import numpy as np
import pygame

from socialrl.viewer import plot
from socialrl.viewer.paint import Brush
from socialrl.viewer.scene import Scene

SLOT, ORDER, TITLE = "tab", 2, "Influence"


def draw(brush: Brush, rect: pygame.Rect, scene: Scene) -> None:
    """KL(pi(.|o) || pi(.|o with the others hidden)) at every step."""
    replay, theme = scene.replay, brush.theme
    influence = replay.during("influence", scene.episode)[:, scene.novice]
    if np.isnan(influence).all():
        brush.text(
            "This learner has no policy to measure influence on",
            rect.topleft,
            14,
            theme.quiet,
            width=rect.width,
        )
        return
    now = "" if scene.t >= len(influence) else f": {influence[scene.t]:.3f} nats now"
    brush.text(
        f"What seeing the others changes in the policy{now}", rect.topleft, 14, theme.quiet, width=rect.width
    )
    area = pygame.Rect(rect.left, rect.top + brush.px(26), rect.width, max(1, rect.height - brush.px(28)))
    seat = replay.novices[scene.novice]
    plot.draw(brush, area, influence[None], (replay.colours[seat],), scene.t, "nats")

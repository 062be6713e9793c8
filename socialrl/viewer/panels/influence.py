"""The social influence over the episode: how much the sight of the others changes the novice's policy."""

import numpy as np
import pygame

from socialrl.viewer import plot
from socialrl.viewer.paint import Brush
from socialrl.viewer.panel import Panel
from socialrl.viewer.scene import Scene


def missing(scene: Scene) -> str:
    """What is shown if no influence was recorded."""
    influence = scene.replay.during("influence", scene.episode)[:, scene.novice]
    return "This learner has no policy to measure influence on" if np.isnan(influence).all() else ""


def draw(brush: Brush, rect: pygame.Rect, scene: Scene) -> None:
    """KL(pi(.|o) || pi(.|o with the others hidden)) at every step, in nats."""
    replay, theme = scene.replay, brush.theme
    influence = replay.during("influence", scene.episode)[:, scene.novice]
    now = "" if scene.t >= len(influence) else f": {influence[scene.t]:.3f} nats now"
    title = f"Influence of the others on the policy{now}"
    brush.text(title, rect.topleft, 14, theme.quiet, width=rect.width)
    area = pygame.Rect(rect.left, rect.top + brush.px(26), rect.width, max(1, rect.height - brush.px(28)))
    seat = replay.novices[scene.novice]
    plot.draw(brush, area, influence[None], (replay.colours[seat],), scene.t, "nats")


PANEL = Panel(title="Influence", slot="tab", order=2, draw=draw, missing=missing)

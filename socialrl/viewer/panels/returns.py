"""The return of every seat so far; no learner is shown the reward of another."""

import numpy as np
import pygame

from socialrl.viewer import plot
from socialrl.viewer.paint import Brush
from socialrl.viewer.panel import Panel
from socialrl.viewer.scene import Scene


def draw(brush: Brush, rect: pygame.Rect, scene: Scene) -> None:
    """One line per seat, and its return up to now."""
    replay = scene.replay
    total = np.cumsum(replay.during("reward", scene.episode), axis=0).T
    seats = range(len(total))
    colours = replay.colours
    now = total[:, scene.t - 1] if scene.t else np.zeros(len(total))
    brush.text(
        "Return of every seat so far, which learners are not shown",
        rect.topleft,
        14,
        brush.theme.quiet,
        width=rect.width,
    )
    names = brush.px(140)
    area = pygame.Rect(
        rect.left, rect.top + brush.px(26), rect.width - names, max(1, rect.height - brush.px(28))
    )
    plot.draw(brush, area, total, colours, scene.t, "")
    row = min(brush.px(22), area.height // max(1, len(total)))
    if row < 6:
        return
    for seat in seats:
        y = area.top + row * seat + row // 2
        brush.box(
            pygame.Rect(area.right + brush.px(8), y - brush.px(4), brush.px(8), brush.px(8)), colours[seat], 2
        )
        left = area.right + brush.px(22)
        right = brush.text(f"{now[seat]:.4g}", (rect.right, y), 13, bold=True, anchor="midright").left
        ink = brush.theme.ink if seat in replay.novices else brush.theme.quiet
        brush.text(
            replay.agents[seat], (left, y), 13, ink, anchor="midleft", width=right - left - brush.px(4)
        )


PANEL = Panel(title="Returns", slot="tab", order=1, draw=draw)

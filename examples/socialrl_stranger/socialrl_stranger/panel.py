"""A panel of the viewer: what the step that is shown brought to each seat."""

import pygame

from socialrl.scene import Scene
from socialrl.viewer.paint import Brush
from socialrl.viewer.panel import Panel


def draw(brush: Brush, rect: pygame.Rect, scene: Scene) -> None:
    """A line per seat with the reward of the last step; empty before the first one."""
    rewards = scene.replay.during("reward", scene.episode)
    for row, agent in enumerate(scene.replay.agents):
        text = "" if scene.t == 0 else f"{agent}: {rewards[scene.t - 1][row]:+.2f}"
        brush.text(text, (rect.left, rect.top + row * brush.px(18)), 14, width=rect.width)


PANEL = Panel(title="Rewards", slot="tab", order=200, draw=draw)

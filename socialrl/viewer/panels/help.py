"""The keys and the mouse, over the whole window."""

import dataclasses

import pygame

from socialrl.scene import Scene
from socialrl.scene.commands import COMMANDS
from socialrl.viewer.paint import Brush
from socialrl.viewer.panel import Panel
from socialrl_envs.sprites import mix

LINE = 27


def is_open(scene: Scene) -> bool:
    """Whether the help was asked for."""
    return scene.help


def click(rect: pygame.Rect, scene: Scene, point: tuple[int, int]) -> Scene:
    """The scene without the help, wherever the click is."""
    return dataclasses.replace(scene, help=False)


def draw(brush: Brush, rect: pygame.Rect, scene: Scene) -> None:
    """The table of commands, in two columns."""
    veil = pygame.Surface(rect.size)
    veil.fill(brush.theme.page)
    veil.set_alpha(190)
    brush.surface.blit(veil, rect)
    rows = -(-len(COMMANDS) // 2)
    card = pygame.Rect(0, 0, min(rect.width, brush.px(760)), min(rect.height, brush.px(LINE * rows + 136)))
    card.center = rect.center
    brush.frame(card, brush.theme.line, brush.theme.card, width=1, radius=14)
    inner = card.inflate(-brush.px(56), -brush.px(44))
    brush.text("Keys", inner.topleft, 24)
    width = inner.width // 2
    for i, command in enumerate(COMMANDS):
        x, y = inner.left + (i // rows) * width, inner.top + brush.px(50 + LINE * (i % rows))
        _key(brush, command.label, x, y)
        left = x + brush.px(104)
        brush.text(command.text, (left, y), 15, anchor="midleft", width=width - brush.px(110))
    mouse = (
        "Mouse: drag the timeline, wheel for single steps, click a figure for its view, a title for its tab"
    )
    brush.text(mouse, inner.bottomleft, 14, brush.theme.quiet, anchor="bottomleft", width=inner.width)


def _key(brush: Brush, label: str, x: int, y: int) -> None:
    """The cap of a key."""
    cap = pygame.Rect(x, 0, brush.px(90), brush.px(24))
    cap.centery = y
    brush.frame(cap, brush.theme.line, mix(brush.theme.card, brush.theme.line, 0.35), width=1, radius=6)
    brush.text(label, cap.center, 13, anchor="center", width=cap.width - 4)


PANEL = Panel(title="Keys", slot="overlay", order=0, draw=draw, click=click, is_open=is_open)

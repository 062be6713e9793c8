"""Lists of all replays and episodes, over the whole window: a click chooses one."""

import dataclasses

import pygame

from socialrl.scene import Scene
from socialrl.viewer.paint import Brush
from socialrl.viewer.panel import Panel
from socialrl_envs.sprites import mix

LINE, TOP = 28, 64


def is_open(scene: Scene) -> bool:
    """Whether the lists were asked for."""
    return scene.picker


def _card(rect: pygame.Rect, scale: float) -> pygame.Rect:
    card = pygame.Rect(0, 0, min(rect.width, round(820 * scale)), min(rect.height, round(600 * scale)))
    card.center = rect.center
    return card


def _scale(rect: pygame.Rect) -> float:
    return max(0.3, min(rect.width / 1280, rect.height / 800))


def rows(rect: pygame.Rect, scene: Scene) -> list[tuple[str, int, pygame.Rect]]:
    """("replay" or "episode", index, rectangle) of every row; of many, of those around the chosen one."""
    scale = _scale(rect)
    card, line, top = _card(rect, scale), max(8, round(LINE * scale)), round(TOP * scale)
    half, fit = card.width // 2, max(1, (card.height - top - round(20 * scale)) // line)
    found = []
    lists = (("replay", len(scene.replays), scene.which), ("episode", scene.replay.episodes, scene.episode))
    for column, (kind, count, chosen) in enumerate(lists):
        first = min(max(0, chosen - fit // 2), max(0, count - fit))
        for i in range(first, min(count, first + fit)):
            left = card.left + column * half + round(16 * scale)
            place = pygame.Rect(left, card.top + top + (i - first) * line, half - round(32 * scale), line)
            found.append((kind, i, place))
    return found


def draw(brush: Brush, rect: pygame.Rect, scene: Scene) -> None:
    """Two lists: replays with arm and seed, and episodes with length and return."""
    theme, scale = brush.theme, _scale(rect)
    card = _card(rect, scale)
    brush.frame(card, theme.line, theme.card, width=1, radius=14)
    brush = Brush(brush.surface, theme, scale)
    for column, title in enumerate(("Replays", "Episodes")):
        at = (card.left + column * card.width // 2 + brush.px(24), card.top + brush.px(20))
        brush.text(title, at, 20, width=card.width // 2 - brush.px(40))
    replay, novice = scene.replay, scene.replay.novices[scene.novice]
    for kind, i, place in rows(rect, scene):
        if i == (scene.which if kind == "replay" else scene.episode):
            brush.box(place, mix(theme.card, theme.line, 0.6), 6)
        other = scene.replays[i] if kind == "replay" else replay
        text = f"{other.arm}, seed {other.seed}" if kind == "replay" else f"episode {i + 1}"
        note = (
            f"{other.episodes} episodes"
            if kind == "replay"
            else f"{replay.steps(i):,} steps, {replay.returns(i)[novice]:.4g}"
        )
        right = brush.text(
            note, (place.right - brush.px(8), place.centery), 13, theme.quiet, anchor="midright"
        ).left
        left = place.left + brush.px(8)
        brush.text(text, (left, place.centery), 14, anchor="midleft", width=right - left - brush.px(8))


def click(rect: pygame.Rect, scene: Scene, point: tuple[int, int]) -> Scene:
    """The scene of the row that was clicked, or without the lists after a click outside of the card."""
    for kind, i, place in rows(rect, scene):
        if place.collidepoint(point):
            after = scene.in_replay(i) if kind == "replay" else scene.in_episode(i)
            return dataclasses.replace(after, picker=kind == "replay")
    return (
        scene if _card(rect, _scale(rect)).collidepoint(point) else dataclasses.replace(scene, picker=False)
    )


PANEL = Panel(title="Replays", slot="overlay", order=1, draw=draw, click=click, is_open=is_open)

"""One frame: a scene drawn on a surface of any size, for the window and for files."""

import dataclasses
from typing import Unpack

import numpy as np
import pygame
from jaxtyping import UInt8

from socialrl.record.replay import Replay
from socialrl.scene import Scene, SceneOptions, check_state
from socialrl.scene.themes import find_theme
from socialrl.viewer import timeline
from socialrl.viewer.paint import Brush, text_width, to_array
from socialrl.viewer.panel import Panel, draw_panel, panel_height, shown
from socialrl.viewer.panels import panels
from socialrl.viewer.timeline import Timeline
from socialrl_envs.errors import SocialRLError
from socialrl_envs.sprites import Real

MIN_SIZE, MAX_SIZE = (160, 120), (7680, 4320)
TAB = 250  # the height that the tab card would like
CARD = 18  # between the edge of a side card and what is in it


@dataclasses.dataclass(frozen=True)
class Layout:
    """The rectangles of the cards in the window, and of what lies in them.

    head: the title. main: one card with the boards of all panes. side: one card per side panel, of the first
    pane and then of the second. tab: the card below them, None while two replays are compared. foot: the card
    of the timeline.
    """

    scale: Real
    head: pygame.Rect
    main: pygame.Rect
    side: tuple[pygame.Rect, ...]
    tab: pygame.Rect | None
    foot: pygame.Rect
    panes: int = 1

    def _px(self, length: Real) -> int:
        return max(1, round(length * self.scale))

    @property
    def main_inner(self) -> pygame.Rect:
        return self.main.inflate(-2 * self._px(12), -2 * self._px(12))

    @property
    def boards(self) -> tuple[pygame.Rect, ...]:
        """The rectangle of each pane within the main card."""
        if self.panes == 1:
            return (self.main_inner,)
        gap = self._px(12)
        halves = _in_a_row(self.main, self.panes, gap)
        side = self.side[0]
        below, width = side.top > self.main.top, halves[0].width - 2 * gap
        size = (
            (width, side.top - self.main.top - 2 * gap)
            if below
            else (width - side.width, self.main.height - 2 * gap)
        )
        return tuple(pygame.Rect(h.left + gap, h.top + gap, max(1, size[0]), max(1, size[1])) for h in halves)

    @property
    def titles(self) -> tuple[tuple[Panel, pygame.Rect], ...]:
        """The tabs and the rectangles of their titles."""
        if self.tab is None:
            return ()
        tabs = panels("tab")
        bar = pygame.Rect(self.tab.left, self.tab.top, self.tab.width, self._px(40))
        wishes = [text_width(panel.title, self._px(14), bold=True) for panel in tabs]
        row = _by_width(bar.inflate(-2 * self._px(8), -2 * self._px(6)), wishes, 2)
        return tuple(zip(tabs, row, strict=True))

    @property
    def tab_inner(self) -> pygame.Rect | None:
        """The rectangle of the tab card below the titles."""
        if self.tab is None:
            return None
        rect, top = self.tab.inflate(-2 * self._px(CARD), 0), self._px(46)
        return pygame.Rect(rect.left, rect.top + top, rect.width, max(1, rect.height - top - self._px(12)))

    @property
    def timeline(self) -> Timeline:
        return Timeline(self.foot.inflate(-2 * self._px(18), -2 * self._px(12)), self.scale)


def layout(size: tuple[int, int], scene: Scene) -> Layout:
    """The rectangles of head, world, side panels and timeline in a window of this size.

    The side panels form a column that takes what the grid leaves free, within bounds; in an upright window
    they form a row below the world. Of two replays side by side each has its decision beside or below it.
    """
    width, height = size
    rows, cells = scene.replay.tiles.shape[2:]
    upright = width < 1.1 * height
    scale = max(0.3, min(width / (900 if upright else 1280), height / (1000 if upright else 800)))

    def px(length: Real) -> int:
        return max(1, round(length * scale))

    pad = px(12)
    page = pygame.Rect(pad, 0, max(1, width - 2 * pad), height)
    head = pygame.Rect(page.left, 0, page.width, px(54))
    foot = pygame.Rect(page.left, 0, page.width, min(px(timeline.height(scene) + 24), height // 2))
    foot.bottom = height - pad
    room = pygame.Rect(page.left, head.bottom, page.width, max(2, foot.top - pad - head.bottom))
    if scene.beside is not None:
        wish = max(
            px(panel_height(panel, pane, 400) + 2 * CARD) for pane in scene.panes for panel in panels("side")
        )
        halves = _in_a_row(room, 2, pad)
        low, wide = (min(wish, room.height * 45 // 100), 100) if upright else (room.height, 50)
        side = [
            pygame.Rect(h.right - h.width * wide // 100, h.bottom - low, h.width * wide // 100, low)
            for h in halves
        ]
        return Layout(scale, head, room, tuple(side), None, foot, 2)
    wishes = [px(panel_height(panel, scene, 400) + 2 * CARD) for panel in panels("side")]
    if upright:
        low = min(max(*wishes, px(300)), round(room.height * 0.55))
        main = pygame.Rect(room.left, room.top, room.width, max(1, room.height - low - pad))
        side = _in_a_row(pygame.Rect(room.left, main.bottom + pad, room.width, low), len(wishes) + 1, pad)
    else:
        free = room.width - pad - px(24) - round((room.height - px(24)) * cells / rows)
        column = min(max(px(400), min(px(560), free)), room.width // 2)
        main = pygame.Rect(room.left, room.top, max(1, room.width - column - pad), room.height)
        side = _in_a_column(
            pygame.Rect(main.right + pad, room.top, column, room.height), [*wishes, px(TAB)], pad
        )
    return Layout(scale, head, main, side[:-1], side[-1], foot)


def _in_a_row(rect: pygame.Rect, count: int, gap: int) -> tuple[pygame.Rect, ...]:
    width = max(1, (rect.width - gap * (count - 1)) // count)
    return tuple(
        pygame.Rect(rect.left + i * (width + gap), rect.top, width, rect.height) for i in range(count)
    )


def _by_width(rect: pygame.Rect, wishes: list[int], gap: int) -> tuple[pygame.Rect, ...]:
    """Rectangles side by side that share what the wished widths leave equally; narrower in proportion without
    room.
    """
    room = max(len(wishes), rect.width - gap * (len(wishes) - 1))
    spare = max(0, room - sum(wishes)) / len(wishes)
    squeeze = min(1.0, room / max(1, sum(wishes)))
    found, left = [], float(rect.left)
    for wish in wishes:
        width = wish * squeeze + spare
        found.append(pygame.Rect(round(left), rect.top, max(1, round(width)), rect.height))
        left += width + gap
    return tuple(found)


def _in_a_column(rect: pygame.Rect, wishes: list[int], gap: int) -> tuple[pygame.Rect, ...]:
    """Rectangles of the wished heights, the last one down to the end; lower in proportion without room."""
    squeeze = min(1.0, (rect.height - gap * (len(wishes) - 1)) / sum(wishes))
    cards, top = [], rect.top
    for i, wish in enumerate(wishes):
        last = i == len(wishes) - 1
        cards.append(
            pygame.Rect(
                rect.left, top, rect.width, max(1, rect.bottom - top if last else int(wish * squeeze))
            )
        )
        top = cards[-1].bottom + gap
    return tuple(cards)


def paint(scene: Scene, size: tuple[int, int]) -> pygame.Surface:
    """The scene as a new surface."""
    surface = pygame.Surface(size, 0, 32)
    where = layout(size, scene)
    brush = Brush(surface, find_theme(scene.theme), where.scale)
    surface.fill(brush.theme.page)
    _head(brush, where.head, scene)
    brush.box(where.main, brush.theme.card)
    side = panels("side")
    for number, (pane, board) in enumerate(zip(scene.panes, where.boards, strict=True)):
        for panel in panels("main"):
            draw_panel(panel, brush, board, pane)
        for panel, card in zip(side, where.side[number * len(side) :], strict=False):
            brush.box(card, brush.theme.card)
            surface.set_clip(card)
            draw_panel(panel, brush, card.inflate(-2 * brush.px(CARD), -2 * brush.px(CARD)), pane)
            surface.set_clip(None)
    _tab(brush, where, scene)
    brush.box(where.foot, brush.theme.card)
    surface.set_clip(where.foot)
    where.timeline.draw(brush, scene)
    surface.set_clip(None)
    for panel in panels("overlay"):
        if shown(panel, scene):
            draw_panel(panel, brush, surface.get_rect(), scene)
    return surface


def _tab(brush: Brush, where: Layout, scene: Scene) -> None:
    """Draws the titles of all tabs, and the chosen tab."""
    if where.tab is None or where.tab_inner is None:
        return
    brush.box(where.tab, brush.theme.card)
    brush.surface.set_clip(where.tab)
    for number, (panel, rect) in enumerate(where.titles):
        here = number == scene.tab % len(where.titles)
        if here:
            brush.box(rect, brush.theme.page, 6)
        colour = brush.theme.ink if here else brush.theme.quiet
        brush.text(panel.title, rect.center, 14, colour, bold=here, anchor="center", width=rect.width - 2)
    brush.surface.set_clip(where.tab_inner.inflate(brush.px(12), brush.px(4)))
    draw_panel(panels("tab")[scene.tab % len(where.titles)], brush, where.tab_inner, scene)
    brush.surface.set_clip(None)


def _head(brush: Brush, rect: pygame.Rect, scene: Scene) -> None:
    """Draws the title, what is shown, and how it plays."""
    replay, theme = scene.replay, brush.theme
    x = rect.right
    if scene.hints:
        state = f"playing · {scene.speed} steps/s" if scene.playing else "paused"
        state += " · loop" if scene.loop else ""
        text = f"{state} · h help"
        text = f"{scene.verdict} · {text}" if scene.verdict else text
        x = brush.text(text, (x, rect.centery), 15, theme.quiet, anchor="midright").left - brush.px(24)
    episode = f"episode {scene.episode + 1} of {replay.episodes}"
    if len(scene.replays) > 1:
        episode = f"replay {scene.which + 1} of {len(scene.replays)} · {episode}"
    x = brush.text(f"{episode}", (x, rect.centery), 15, anchor="midright").left
    room = x - brush.px(16) - rect.left
    title = f"{replay.experiment} · {replay.arm}"
    if scene.beside is not None:
        other = scene.replays[scene.beside]
        title = f"{title}, seed {replay.seed} | {other.arm}, seed {other.seed}"
    end = brush.text(title, (rect.left, rect.centery), 22, anchor="midleft", width=room).right
    about = f"seed {replay.seed} · after {replay.step:,} steps"
    end += brush.px(14)
    if scene.beside is None and x - end > brush.px(60):
        brush.text(
            about,
            (end, rect.centery + brush.px(1)),
            15,
            theme.quiet,
            anchor="midleft",
            width=x - end - brush.px(16),
        )


def draw_frame(
    replay: Replay,
    episode: int,
    t: int,
    size: tuple[int, int] = (1280, 800),
    theme: str = "light",
    **options: Unpack[SceneOptions],
) -> UInt8[np.ndarray, "h w 3"]:
    """State t of an episode as the window shows it, but without hints on keys unless `options` says so.

    Raises SocialRLError for an episode, a step, a size or a theme that does not exist.
    """
    check(replay, episode, t, size)
    fields: SceneOptions = {"hints": False, **options}
    scene = Scene(replays=(replay,), names=(replay.name,), episode=episode, t=t, theme=theme, **fields)
    return to_array(paint(scene, size))


def check(replay: Replay, episode: int, t: int, size: tuple[int, int]) -> None:
    """Raises SocialRLError for an episode or a step that the replay does not have, or an impossible size."""
    check_state(replay, episode, t)
    if not all(low <= n <= high for n, low, high in zip(size, MIN_SIZE, MAX_SIZE, strict=True)):
        raise SocialRLError(
            f"size: {size[0]} x {size[1]}", "give from {} x {} to {} x {}".format(*MIN_SIZE, *MAX_SIZE)
        )

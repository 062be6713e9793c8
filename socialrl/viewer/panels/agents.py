"""Every seat: its colour, how often it was followed in this episode, and its preferences."""

import pygame

from socialrl.scene import Scene
from socialrl.viewer.paint import Brush, coin, figure
from socialrl.viewer.panel import Panel
from socialrl_envs.sprites import Real, mix
from socialrl_envs.tiles import SEATS

ROW, HEAD = 46, 34


def draw(brush: Brush, rect: pygame.Rect, scene: Scene) -> None:
    """A title and one row per seat."""
    brush.text(
        "Agents, and the share of steps on which each is followed",
        rect.topleft,
        15,
        brush.theme.quiet,
        width=rect.width,
    )
    replay = scene.replay
    by_seat: dict[int, float] = {}
    for source, share in enumerate(replay.share(scene.episode, scene.novice).values()):
        if source == 0 or replay.source_seats[source] is not None:
            seat = replay.seat_of(source, scene.novice)
            by_seat[seat] = by_seat.get(seat, 0.0) + share
    top = rect.top + brush.px(HEAD)
    row = min(brush.px(ROW), max(1, (rect.bottom - top) // len(replay.agents)))
    for seat in range(len(replay.agents)):
        _seat(
            brush, pygame.Rect(rect.left, top + seat * row, rect.width, row), scene, seat, by_seat.get(seat)
        )


def _seat(brush: Brush, rect: pygame.Rect, scene: Scene, seat: int, share: Real | None) -> None:
    """One seat: figure, name, preferences, and a bar for the share if it can be followed."""
    replay, theme = scene.replay, brush.theme
    present = bool(replay.present[scene.episode, scene.t, seat])
    colour = replay.colours[seat]
    shown = colour if present else mix(colour, theme.card, 0.6)
    size = min(brush.px(38), rect.height)
    brush.icon(figure(max(4, size), shown, SEATS[seat % len(SEATS)]), (rect.left + size / 2, rect.centery))
    left = rect.left + size + brush.px(8)
    name = replay.agents[seat] + ("" if present else ", away")
    line = rect.centery - (0 if share is None else brush.px(9))
    names_end = (
        rect.right
        if replay.preferences is None
        else _preferences(brush, rect, replay.preferences[seat], replay.cumulants, line)
    )
    brush.text(
        name,
        (left, line),
        15,
        theme.ink if present else theme.quiet,
        bold=seat == scene.chosen,
        anchor="midleft",
        width=names_end - left - brush.px(6),
    )
    if share is None:
        return
    percent = brush.px(44)
    track = pygame.Rect(left, rect.centery + brush.px(6), max(1, rect.right - left - percent), brush.px(8))
    brush.box(track, theme.line, 4)
    if share > 0:
        brush.box(
            pygame.Rect(track.left, track.top, max(brush.px(8), round(track.width * share)), track.height),
            colour,
            4,
        )
    brush.text(f"{share:.0%}", (rect.right, track.centery), 14, theme.quiet, anchor="midright")


def _preferences(
    brush: Brush, rect: pygame.Rect, worth: tuple[Real, ...], cumulants: tuple[str, ...], y: int
) -> int:
    """A seat's preference for each cumulant, written leftwards from the right end; returns its left end."""
    x = rect.right
    for value, name in reversed(list(zip(worth, cumulants, strict=True))[:6]):
        theme = brush.theme
        colour = theme.reward if value > 0 else theme.penalty if value < 0 else theme.quiet
        x = brush.text(
            f"{value:+.2g}" if value else "0", (x, y), 14, colour, bold=True, anchor="midright"
        ).left
        icon = coin(brush.px(24), name)
        if icon is None:
            x = brush.text(f"{name} ", (x, y), 13, theme.quiet, anchor="midright").left
        else:
            brush.icon(icon, (x - icon.get_width() / 2, y))
            x -= icon.get_width()
        x -= brush.px(5)
    return x


PANEL = Panel(title="Agents", slot="tab", order=0, draw=draw)

"""The picture of a session: the view of the person's seat or the whole grid, score, the other seats, keys."""

import dataclasses

import pygame

from socialrl.play import keys
from socialrl.play.session import Session
from socialrl.play.sight import about, how_it_ended, others, picture, seat_colour, worth
from socialrl.scene.themes import find_theme
from socialrl.viewer.paint import Brush, coin, figure, from_array
from socialrl_envs.render import MAX_CELL, draw_figures, draw_ground
from socialrl_envs.tiles import SEATS

MIN_SIZE, MAX_SIZE = (320, 240), (7680, 4320)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Look:
    """How a session is shown. fog: only what the seat sees. help: with the rules and keys over it. commands:
    (key, meaning) of the keys that do not move. banner: a line over the grid. blind: nothing says who the
    others are, and whether there are any, but the grid.
    """

    fog: bool = True
    help: bool = False
    theme: str = "light"
    commands: keys.Commands = keys.COMMANDS
    banner: str = ""
    blind: bool = False


def paint(session: Session, look: Look, size: tuple[int, int]) -> pygame.Surface:
    """A session as a new surface of this size, in pixels."""
    surface = pygame.Surface(size, 0, 32)
    scale = max(0.3, min(size[0] / 1280, size[1] / 800))
    brush = Brush(surface, find_theme(look.theme), scale)
    surface.fill(brush.theme.page)
    pad = brush.px(14)
    column = min(brush.px(372), size[0] // 2)
    side = pygame.Rect(size[0] - pad - column, pad, column, size[1] - 2 * pad)
    main = pygame.Rect(pad, pad, side.left - 2 * pad, size[1] - 2 * pad)
    brush.box(main, brush.theme.card)
    _world(brush, main.inflate(-2 * pad, -2 * pad), session, look)
    top = _you(brush, side, session, look.blind)
    if not look.blind:
        top = _others(brush, pygame.Rect(side.left, top + pad, side.width, side.bottom - top - pad), session)
    keys.draw(
        brush,
        pygame.Rect(side.left, top + pad, side.width, side.bottom - top - pad),
        session,
        look.fog,
        look.commands,
    )
    if look.help:
        keys.draw_help(brush, surface.get_rect(), session, look.commands)
    return surface


def _world(brush: Brush, rect: pygame.Rect, session: Session, look: Look) -> None:
    """The grid, and over it how the episode ended, or that the person is absent."""
    if look.banner:
        brush.text(look.banner, rect.topleft, 18, brush.theme.quiet, width=rect.width)
        rect = pygame.Rect(rect.left, rect.top + brush.px(30), rect.width, rect.height - brush.px(30))
    shown = picture(session, session.seat, look.fog)
    height, width = shown.tiles.shape
    cell = min(MAX_CELL, max(1, min(rect.width // width, rect.height // height)))
    image = draw_figures(draw_ground(shown, cell, look.theme), shown, cell)
    area = pygame.Rect(0, 0, cell * width, cell * height)
    area.center = rect.center
    brush.surface.blit(from_array(image), area)
    if session.ended:
        _pill(brush, area, f"{how_it_ended(session)}: {session.score:+.4g} · n next episode")
    elif not session.present:
        _pill(brush, area, "you are not on the grid now; any move lets time pass")


def _pill(brush: Brush, area: pygame.Rect, text: str) -> None:
    pill = pygame.Rect(0, 0, min(area.width, brush.px(430)), brush.px(44))
    pill.midbottom = (area.centerx, area.bottom - brush.px(16))
    brush.box(pill, brush.theme.ink, radius=22)
    brush.text(text, pill.center, 18, brush.theme.card, anchor="center", width=pill.width - brush.px(28))


def _you(brush: Brush, rect: pygame.Rect, session: Session, blind: bool) -> int:
    """Draws the card with the person's seat, score and time; returns its lower end. blind: the seat is but a
    letter.
    """
    theme, spec, seat = brush.theme, session.spec, session.seat
    values = worth(session, session.seat)
    inner = brush.card_at(rect, 246 if values else 214)
    icon = figure(brush.px(56), seat_colour(session.spec, seat), SEATS[seat % len(SEATS)])
    middle = inner.top + brush.px(46)
    brush.icon(icon, (inner.left + brush.px(28), middle))
    left = inner.left + brush.px(70)
    brush.text("You are", (left, middle - brush.px(14)), 15, theme.quiet, anchor="midleft")
    name = SEATS[seat % len(SEATS)] if blind else spec.agents[seat]
    brush.text(name, (left, middle + brush.px(10)), 24, anchor="midleft", width=inner.right - left)
    y = inner.top + brush.px(108)
    brush.text("score", (inner.left, y), 16, theme.quiet, anchor="midleft")
    end = brush.text(f"{session.score:.4g}", (inner.right, y), 40, bold=True, anchor="midright").left
    if session.reward:
        colour = theme.reward if session.reward > 0 else theme.penalty
        brush.text(
            f"{session.reward:+.4g}",
            (end - brush.px(16), y + brush.px(4)),
            22,
            colour,
            bold=True,
            anchor="midright",
        )
    _time(brush, pygame.Rect(inner.left, inner.top + brush.px(148), inner.width, brush.px(10)), session)
    if values:
        _coins(brush, inner, inner.top + brush.px(220), values)
    return inner.bottom


def _time(brush: Brush, track: pygame.Rect, session: Session) -> None:
    """The part of the episode that has passed, and the number of the episode."""
    theme, horizon = brush.theme, session.spec.horizon
    brush.box(track, theme.line, 5)
    if session.t:
        done = pygame.Rect(
            track.left, track.top, max(track.height, round(track.width * session.t / horizon)), track.height
        )
        brush.box(done, seat_colour(session.spec, session.seat), 5)
    y = track.bottom + brush.px(18)
    brush.text(f"step {session.t} of {horizon}", (track.left, y), 15, theme.quiet, anchor="midleft")
    text = f"episode {len(session.episodes)}"
    if session.scores:
        text += f" · best before {max(session.scores):.4g}"
    brush.text(text, (track.right, y), 15, theme.quiet, anchor="midright")


def _coins(brush: Brush, inner: pygame.Rect, y: int, worth: list[tuple[str, float]]) -> None:
    width = inner.width / max(3, len(worth))
    for number, (name, value) in enumerate(worth):
        x, theme = inner.left + round(number * width), brush.theme
        colour = theme.reward if value > 0 else theme.penalty if value < 0 else theme.quiet
        icon = coin(brush.px(26), name)
        if icon is None:
            x = brush.text(name, (x, y), 14, theme.quiet, anchor="midleft", width=width * 0.6).right
        else:
            brush.icon(icon, (x + icon.get_width() / 2, y))
            x += icon.get_width()
        brush.text(
            f"{value:+.4g}" if value else "0", (x + brush.px(6), y), 17, colour, bold=True, anchor="midleft"
        )


def _others(brush: Brush, rect: pygame.Rect, session: Session) -> int:
    """Draws the card with the other seats; returns its lower end."""
    spec = session.spec
    seats = others(session, session.seat)
    if not seats:
        return rect.top - brush.px(14)
    row = min(brush.px(52), max(1, rect.height // (2 * len(seats))))
    inner = brush.card_at(rect, row * len(seats) / brush.scale + 24)
    for number, seat in enumerate(seats):
        y, left = inner.top + brush.px(12) + number * row + row // 2, inner.left + row
        icon = figure(min(brush.px(38), row), seat_colour(session.spec, seat), SEATS[seat % len(SEATS)])
        brush.icon(icon, (inner.left + row * 0.4, y))
        brush.text(spec.agents[seat], (left, y - row * 0.18), 16, anchor="midleft", width=inner.right - left)
        text = about(session, seat, session.seat)
        brush.text(
            text, (left, y + row * 0.2), 14, brush.theme.quiet, anchor="midleft", width=inner.right - left
        )
    return inner.bottom

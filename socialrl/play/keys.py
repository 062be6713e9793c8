"""How the keys and the rules of a session are shown."""

import pygame

from socialrl.play import moves
from socialrl.play.session import Session
from socialrl.viewer.paint import Brush, text_width
from socialrl_envs.sprites import Real, mix

Commands = tuple[tuple[str, str], ...]
COMMANDS: Commands = (
    ("f", "your view, or the whole grid"),
    ("n", "next episode"),
    ("t", "light, dark"),
    ("h", "keys and rules"),
    ("esc", "quit, and write files"),
)
MARKING: Commands = (("g", "good: what the agent just did"), ("b", "bad: what the agent just did"))


def draw(brush: Brush, rect: pygame.Rect, session: Session, fog: bool, commands: Commands = COMMANDS) -> None:
    """The keys, closer together where there is little room. commands: (key, meaning), besides the moves."""
    rows = [*moves.moves(session.world), *commands]
    line = min(brush.px(31), (rect.height - brush.px(24)) // len(rows))
    if line < brush.px(18):
        return
    inner = brush.card_at(rect, line * len(rows) / brush.scale + 24)
    for number, (key, text) in enumerate(rows):
        if key == "f":
            text = "show the whole grid" if fog else "show only your view"
        _row(brush, inner, inner.top + brush.px(12) + line * number + line // 2, key, text, line)


def _row(brush: Brush, inner: pygame.Rect, y: int, key: str, text: str, line: int) -> None:
    """One line: the cap of a key and its meaning."""
    cap = pygame.Rect(inner.left, 0, brush.px(66), min(brush.px(25), line - 2))
    cap.centery = y
    brush.frame(cap, brush.theme.line, mix(brush.theme.card, brush.theme.line, 0.35), width=1, radius=6)
    if key in ("up", "down", "left", "right"):
        brush.action(key, cap.center, 15, brush.theme.ink)
    else:
        brush.text(key, cap.center, 14, anchor="center", width=cap.width - 4)
    left = cap.right + brush.px(12)
    brush.text(text, (left, y), 15, anchor="midleft", width=inner.right - left)


def draw_help(brush: Brush, rect: pygame.Rect, session: Session, commands: Commands = COMMANDS) -> None:
    """The rules of the world and all keys, over the whole window. commands: as in `draw`."""
    veil = pygame.Surface(rect.size)
    veil.fill(brush.theme.page)
    veil.set_alpha(200)
    brush.surface.blit(veil, rect)
    rows, size, line, step = (
        [*moves.moves(session.world), *commands],
        brush.px(15),
        brush.px(22),
        brush.px(31),
    )
    card = pygame.Rect(0, 0, min(rect.width, brush.px(820)), 0)
    lines = rules(session, size, card.width - brush.px(60))
    card.height = min(rect.height, brush.px(116) + line * len(lines) + step * len(rows))
    card.center = rect.center
    brush.frame(card, brush.theme.line, brush.theme.card, width=1, radius=14)
    inner = card.inflate(-brush.px(60), -brush.px(48))
    brush.text(session.spec.name, inner.topleft, 26)
    top = inner.top + brush.px(44)
    for number, text in enumerate(lines):
        brush.text(text, (inner.left, top + line * number), 15, brush.theme.quiet, width=inner.width)
    top += line * len(lines) + brush.px(28)
    for number, (key, text) in enumerate(rows):
        _row(brush, inner, top + step * number, key, text, step)


def rules(session: Session, size: int, width: Real) -> list[str]:
    """The docstring of the world's module, in lines of at most `width` pixels in a font of this size."""
    lines: list[str] = []
    for paragraph in moves.rules(session.world):
        lines += [""] * (1 + bool(lines))
        for word in paragraph.split():
            longer = f"{lines[-1]} {word}".strip()
            lines = [*lines[:-1], longer] if text_width(longer, size) <= width else [*lines, word]
    return lines

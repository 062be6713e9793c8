"""The picture of a page of a study: a title, paragraphs, and the keys that leave it."""

import re

import pygame

from socialrl.people.plan import Part
from socialrl.scene.themes import find_theme
from socialrl.viewer.paint import Brush, text_width
from socialrl_envs.sprites import Real

AGREE = "y  I agree and take part      n  I do not"
ONWARD = "enter  go on"
SIZES = (19, 17, 15, 13, 11)  # of letters; the largest that fits is taken
WIDTH = 760  # of the text, in pixels of a window of 1280 x 800


def paint_page(part: Part, theme: str, size: tuple[int, int], note: str = "") -> pygame.Surface:
    """A page as a new surface of this size, in pixels. note: a small line at its foot, such as how to stop.

    Text that is too long for the window is drawn smaller.
    """
    surface = pygame.Surface(size, 0, 32)
    brush = Brush(surface, find_theme(theme), max(0.3, min(size[0] / 1280, size[1] / 800)))
    surface.fill(brush.theme.page)
    card = pygame.Rect(0, 0, min(size[0], brush.px(WIDTH + 120)), size[1] - brush.px(80))
    card.center = surface.get_rect().center
    brush.frame(card, brush.theme.line, brush.theme.card, width=1, radius=14)
    inner = card.inflate(-brush.px(120), -brush.px(88))
    brush.text(part.page, inner.topleft, 30, width=inner.width)
    top, foot = inner.top + brush.px(60), inner.bottom - brush.px(52)
    points = next((p for p in SIZES if _height(brush, part.text, p, inner.width) <= foot - top), SIZES[-1])
    for number, line in enumerate(wrapped(part.text, brush.px(points), inner.width)):
        place = (inner.left, top + round(number * brush.px(points) * 1.5))
        brush.text(line, place, points, width=inner.width)
    brush.text(AGREE if part.consent else ONWARD, (inner.left, foot), 19, bold=True, width=inner.width)
    brush.text(note, (inner.left, foot + brush.px(30)), 14, brush.theme.quiet, width=inner.width)
    return surface


def paint_end(title: str, text: str, theme: str, size: tuple[int, int]) -> pygame.Surface:
    """The page after the last one."""
    return paint_page(Part(page=title, text=text), theme, size, "esc closes the window")


def _height(brush: Brush, text: str, points: int, width: Real) -> int:
    """The height of a text in pixels."""
    return round(len(wrapped(text, brush.px(points), width)) * brush.px(points) * 1.5)


def wrapped(text: str, size: int, width: Real) -> list[str]:
    """A text in lines of at most `width` pixels in a font of this size; an empty line between paragraphs.

    Words of a paragraph flow, whatever its line breaks in the file; "- " at the head of one begins another.
    """
    lines: list[str] = []
    for paragraph in text.strip().split("\n\n"):
        lines += [""] * bool(lines)
        for item in re.split(r"\n(?=- )", paragraph):
            line = ""
            for word in item.split():
                longer = f"{line} {word}".strip()
                if line and text_width(longer, size) > width:
                    lines.append(line)
                    longer = word
                line = longer
            lines.append(line)
    return lines

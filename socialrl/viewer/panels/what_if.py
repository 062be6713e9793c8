"""What would have become of the decision, had it been another: differences in return, see `explaining`."""

import math

import pygame

from socialrl.record.explanation import Explanation, Gain, Way
from socialrl.scene import Scene
from socialrl.viewer.paint import Brush, text_width
from socialrl.viewer.panel import Panel
from socialrl_envs.sprites import Real

TITLE = "What if"
HINT = (
    "Press w to ask: what if it had followed another here? The episode is continued from this step by the "
    "same agent, 64 times with fresh random numbers, with this decision and with each other one."
)
HEAD, ROW, FOOT, ACTION = 24, 30, 40, 26


def draw(brush: Brush, rect: pygame.Rect, scene: Scene) -> None:
    """The question, and a row per other decision: its name, its action, and its gain on an axis."""
    asked = scene.what_if
    if asked is None:
        _paragraph(brush, rect, HINT)
        return
    where = f"Step {asked.asked.step} of episode {asked.asked.episode + 1}"
    if asked.answer is None:
        text = asked.trouble or "continuing the episode with every other decision ..."
        _paragraph(brush, rect, f"{where}: {text}")
        return
    found = asked.answer
    action = found.replay.actions[found.recorded.action[0]]
    said = f"{where}: it {found.recorded.words} ({action}). Difference in return, had it ..."
    brush.text(said, rect.topleft, 14, brush.theme.quiet, width=rect.width)
    room = pygame.Rect(rect.left, rect.top + brush.px(HEAD), rect.width, rect.height - brush.px(HEAD + FOOT))
    row = min(brush.px(ROW), room.height // max(1, len(found.others)))
    if row >= 6:
        _rows(
            brush, pygame.Rect(room.left, room.top, room.width, row * len(found.others)), found, asked.chosen
        )
    note = (
        f"Dot: mean; dark: its 95 % interval; light: standard deviation of {found.continuations} pairs. "
        "w shows the paths of the next one."
    )
    _paragraph(brush, pygame.Rect(rect.left, rect.bottom - brush.px(FOOT - 6), rect.width, FOOT), note, 12)


def _paragraph(brush: Brush, rect: pygame.Rect, text: str, size: int = 14) -> None:
    """The text in lines that fit the rectangle."""
    words, y, line = text.split(), rect.top, ""
    for word in [*words, ""]:
        longer = f"{line} {word}".strip()
        if word and text_width(longer, brush.px(size)) <= rect.width:
            line = longer
            continue
        brush.text(line, (rect.left, y), size, brush.theme.quiet, width=rect.width)
        y, line = y + brush.px(size + 5), word


def _rows(brush: Brush, rect: pygame.Rect, found: Explanation, chosen: int) -> None:
    """A row per other way; that whose paths are shown is written in bold."""
    gains = [found.gain(way) for way in found.others]
    names = max(text_width(way.words, brush.px(13), bold=True) for way in found.others) + brush.px(20)
    numbers = text_width("+00.00 ± 00.00", brush.px(13), bold=True)
    left = rect.left + min(names, rect.width // 2) + brush.px(ACTION)
    axis = pygame.Rect(left, rect.top, max(1, rect.right - numbers - brush.px(10) - left), rect.height)
    reach = max(max(abs(gain.mean) + _known(gain.spread), 1e-6) for gain in gains)
    row = rect.height // len(gains)
    middle = axis.centerx
    brush.surface.fill(brush.theme.line, (middle, axis.top, max(1, brush.px(1)), axis.height))
    for number, (way, gain) in enumerate(zip(found.others, gains, strict=True)):
        y = rect.top + row * number + row // 2
        here = number == chosen
        ink = brush.theme.ink if here else brush.theme.quiet
        box = pygame.Rect(rect.left, y - brush.px(5), brush.px(10), brush.px(10))
        brush.box(box, found.colour(way), 3)
        width = min(names, rect.width // 2) - brush.px(18)
        brush.text(way.words, (rect.left + brush.px(16), y), 13, ink, here, anchor="midleft", width=width)
        action = _action(found, way)
        if action:
            brush.action(action, (left - brush.px(ACTION // 2), y), 13, ink, width=brush.px(ACTION))
        _gain(brush, axis, y, gain, reach)
        text = f"{gain.mean:+.2f} ± {_known(gain.spread):.2f}"
        brush.text(text, (rect.right, y), 13, ink, here, anchor="midright", width=numbers)


def _action(found: Explanation, way: Way) -> str:
    """The action of a way, if all its continuations begin with the same."""
    return found.replay.actions[way.action[0]] if (way.action == way.action[0]).all() else ""


def _known(number: float) -> float:
    return 0.0 if math.isnan(number) else number


def _gain(brush: Brush, axis: pygame.Rect, y: int, gain: Gain, reach: Real) -> None:
    """A dot at the mean, on lines of its interval and of its spread; 0 is in the middle of the axis."""
    theme = brush.theme
    colour = theme.reward if gain.low > 0 else theme.penalty if gain.high < 0 else theme.ink
    half = axis.width / 2 - brush.px(6)

    def x(value: float) -> int:
        return axis.centerx + round(half * max(-1.0, min(1.0, value / reach)))

    def line(low: float, high: float, thick: int, ink: tuple[int, int, int]) -> None:
        area = pygame.Rect(x(low), y - thick // 2, max(1, x(high) - x(low)), max(1, thick))
        brush.surface.fill(ink, area)

    spread = _known(gain.spread)
    line(gain.mean - spread, gain.mean + spread, brush.px(2), theme.line)
    if not math.isnan(gain.low):
        line(gain.low, gain.high, brush.px(4), colour)
    radius = brush.px(4)
    brush.box(pygame.Rect(x(gain.mean) - radius, y - radius, 2 * radius, 2 * radius), colour, 4)


PANEL = Panel(title=TITLE, slot="tab", order=9, draw=draw)

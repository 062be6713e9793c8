"""The timeline: per novice a ribbon in the colour of whom it follows at every step, rewards, and a cursor.

A novice that cannot follow others has a ribbon in its own colour, stronger where seeing the others changes
its policy more. What does not depend on the current step is drawn once per episode and size.
"""

import dataclasses
import itertools
from functools import lru_cache

import numpy as np
import pygame
from jaxtyping import Float, Int, Integer, UInt8

from socialrl.record.replay import Replay
from socialrl.scene import Scene
from socialrl.scene.measures import has_influence, strengths
from socialrl.scene.themes import find_theme
from socialrl.viewer.paint import Brush, from_array, luminance
from socialrl_envs.sprites import Colour, Real

RIBBON, MARGIN, GAP, PRESENCE, TICKS, AXIS, TOP = 24, 5, 4, 6, 30, 20, 26
MOST = 6  # bars of presence, at most


def height(scene: Scene) -> Real:
    """The height it would like, in lengths of a 1280 x 800 window."""
    return TOP + sum(_rows(pane.replay) for pane in scene.panes) + AXIS


def _rows(replay: Replay) -> Real:
    return len(replay.novices) * (RIBBON + MARGIN + GAP) + PRESENCE * len(_coplayers(replay)) + TICKS


def _coplayers(replay: Replay) -> list[int]:
    """The co-players whose presence is shown."""
    return [seat for seat in range(len(replay.agents)) if seat not in replay.novices][:MOST]


def columns(steps: int, width: int) -> tuple[Int[np.ndarray, " width"], Int[np.ndarray, " width"]]:
    """The first step of each of `width` pixel columns, and the step after its last."""
    edges = np.arange(width + 1) * steps // width
    return edges[:-1], np.maximum(edges[1:], edges[:-1] + 1)


def shares(
    source: Integer[np.ndarray, " steps"], sources: int, width: int
) -> Float[np.ndarray, "width sources"]:
    """The share of steps of each pixel column in which each source was followed."""
    counts = np.zeros((len(source) + 1, sources), np.int64)
    np.cumsum(source[:, None] == np.arange(sources), axis=0, out=counts[1:])
    first, last = columns(len(source), width)
    return (counts[last] - counts[first]) / (last - first)[:, None]


def ribbon(
    replay: Replay, episode: int, novice: int, width: int, height: int
) -> UInt8[np.ndarray, "height width 3"]:
    """An image with one colour per step; where a pixel holds several steps, colours are stacked by share."""
    source = replay.during("source", episode)[:, novice]
    upto = np.cumsum(shares(source, len(replay.sources), width), axis=1)
    rows = (np.arange(height) + 0.5) / height
    index = (rows[:, None, None] > upto[None, :, :-1]).sum(axis=2)
    colours = [replay.colour_of(source, novice) for source in range(len(replay.sources))]
    return np.array(colours, np.uint8)[index]


def in_columns(values: Float[np.ndarray, " steps"], width: int) -> Float[np.ndarray, " width"]:
    """The mean over the steps of each pixel column."""
    first, last = columns(len(values), width)
    total = np.concatenate([[0.0], np.cumsum(values)])
    return (total[last] - total[first]) / (last - first)


def runs(source: Integer[np.ndarray, " steps"]) -> list[tuple[int, int, int]]:
    """(value, first step, step after the last) of each stretch of steps with one value."""
    edges = [0, *(np.flatnonzero(np.diff(source)) + 1).tolist(), len(source)]
    return [(int(source[a]), a, b) for a, b in itertools.pairwise(edges)]


@dataclasses.dataclass(frozen=True)
class Timeline:
    """The timeline in a rectangle. scale: pixels per length of a 1280 x 800 window."""

    rect: pygame.Rect
    scale: Real

    def x_of(self, step: Real, steps: int) -> Real:
        """The x of the left edge of a step."""
        return self.rect.left + step / steps * self.rect.width

    def step_at(self, x: Real, steps: int) -> int:
        """The state at an x: that of the step there, or the last one at the right edge."""
        share = (x - self.rect.left) / max(1, self.rect.width)
        return steps if share >= 1 else min(max(int(share * steps), 0), steps)

    def draw(self, brush: Brush, scene: Scene) -> None:
        """The ribbons and the cursor."""
        shown = tuple((pane.replay, pane.episode, pane.novice) for pane in scene.panes)
        picture = _still(shown, scene.steps, self.rect.size, scene.theme, self.scale)
        brush.surface.blit(picture, self.rect)
        self._now(brush, scene)
        self._cursor(brush, scene)

    def _now(self, brush: Brush, scene: Scene) -> None:
        """The return of the novice so far, on the side without the label of the cursor."""
        seat = scene.replay.novices[scene.novice]
        rewards = scene.replay.reward[scene.episode, : scene.t, seat]
        theme, y = brush.theme, self.rect.top + brush.px(9)
        last = float(rewards[-1]) if len(rewards) else 0.0
        colour = theme.reward if last > 0 else theme.penalty
        text, change = f"return so far {rewards.sum():.4g}", f"{last:+.4g}" if last else ""
        if scene.t < scene.steps / 2:
            x = brush.text(text, (self.rect.right, y), 15, anchor="midright").left
            brush.text(change, (x - brush.px(12), y), 15, colour, bold=True, anchor="midright")
        else:
            x = brush.text(text, (self.rect.left, y), 15, anchor="midleft").right
            brush.text(change, (x + brush.px(12), y), 15, colour, bold=True, anchor="midleft")

    def _cursor(self, brush: Brush, scene: Scene) -> None:
        theme = brush.theme
        left = self.x_of(min(scene.t, scene.steps - 1), scene.steps)
        right = self.x_of(min(scene.t, scene.steps - 1) + 1, scene.steps)
        x = self.rect.right if scene.ended else (left + right) / 2
        top, bottom = self.rect.top + brush.px(TOP - 3), self.rect.bottom - brush.px(AXIS - 3)
        if right - left >= 6 and not scene.ended:
            box = pygame.Rect(round(left), top, max(3, round(right - left)), bottom - top)
            pygame.draw.rect(brush.surface, theme.accent, box, brush.px(2), brush.px(4))
        else:
            brush.surface.fill(theme.accent, (round(x) - brush.px(1), top, brush.px(2), bottom - top))
        label = f"step {scene.t:,}" if not scene.ended else f"end, {scene.t:,} steps"
        width = brush.px(104)
        pill = pygame.Rect(0, 0, width, brush.px(22))
        pill.midbottom = (
            round(min(max(x, self.rect.left + width / 2), self.rect.right - width / 2)),
            top + brush.px(1),
        )
        brush.box(pill, theme.accent, 6)
        brush.text(label, pill.center, 13, theme.card, anchor="center", width=width - 6)


@lru_cache(maxsize=8)
def _still(
    shown: tuple[tuple[Replay, int, int], ...], span: int, size: tuple[int, int], theme: str, scale: Real
) -> pygame.Surface:
    """The timeline without its cursor. shown: replay, episode and novice of each pane. span: steps over the
    whole width.
    """
    surface = pygame.Surface(size, 0, 32)
    brush = Brush(surface, find_theme(theme), scale)
    surface.fill(brush.theme.card)
    y = brush.px(TOP)
    for replay, episode, novice in shown:
        width = max(1, round(replay.steps(episode) / span * size[0]))
        for m in range(len(replay.novices)):
            _ribbon(brush, replay, episode, m, pygame.Rect(0, y, width, brush.px(RIBBON)))
            _margin(brush, replay, episode, m, pygame.Rect(0, y + brush.px(RIBBON), width, brush.px(MARGIN)))
            y += brush.px(RIBBON + MARGIN + GAP)
        for seat in _coplayers(replay):
            _presence(brush, replay, episode, seat, pygame.Rect(0, y, width, brush.px(PRESENCE - 3)))
            y += brush.px(PRESENCE)
        reward = replay.during("reward", episode)[:, replay.novices[novice]]
        _rewards(brush, reward, pygame.Rect(0, y, width, brush.px(TICKS)))
        y += brush.px(TICKS)
    _axis(brush, span, size)
    return surface


def _margin(brush: Brush, replay: Replay, episode: int, novice: int, rect: pygame.Rect) -> None:
    """A strip under the ribbon, darker for stronger decisions; the mean where a pixel holds several steps."""
    strength = in_columns(strengths(replay, episode, novice), rect.width)
    _band(brush, 0.06 + 0.7 * strength, brush.theme.ink, rect)


def _band(brush: Brush, strength: Float[np.ndarray, " width"], colour: Colour, rect: pygame.Rect) -> None:
    """Columns in mixtures of the card's colour (0) and another (1)."""
    card = np.array(brush.theme.card)
    row = np.rint(card + (np.array(colour) - card) * strength[:, None]).astype(np.uint8)
    brush.surface.blit(
        from_array(np.ascontiguousarray(np.broadcast_to(row, (rect.height, *row.shape)))), rect
    )


def _presence(brush: Brush, replay: Replay, episode: int, seat: int, rect: pygame.Rect) -> None:
    """A bar over the steps in which a co-player is present."""
    colour, steps = replay.colours[seat], replay.steps(episode)
    for there, a, b in runs(replay.present[episode, :steps, seat].astype(int)):
        if there:
            left, right = (round(step / steps * rect.width) for step in (a, b))
            brush.surface.fill(colour, (left, rect.top, max(1, right - left), rect.height))


def _ribbon(brush: Brush, replay: Replay, episode: int, novice: int, rect: pygame.Rect) -> None:
    """The source of every step; for a novice without other sources, the influence in its own colour."""
    if has_influence(replay, episode, novice):
        strength = in_columns(strengths(replay, episode, novice), rect.width)
        _band(brush, 0.15 + 0.85 * strength, replay.colours[replay.novices[novice]], rect)
        return
    image = ribbon(replay, episode, novice, rect.width, rect.height)
    brush.surface.blit(from_array(image), rect)
    steps = replay.steps(episode)
    for source, first, last in runs(replay.during("source", episode)[:, novice]):
        left, right = (round(step / steps * rect.width) for step in (first, last))
        if first and right - left > 2:
            brush.surface.fill(brush.theme.card, (left, rect.top, 1, rect.height))
        if right - left >= brush.px(18):
            bright = luminance(replay.colour_of(source, novice)) > 0.62
            ink = (38, 34, 30) if bright else (255, 255, 255)
            brush.text(
                replay.mark_of(source, novice),
                ((left + right) / 2, rect.centery),
                14,
                ink,
                bold=True,
                anchor="center",
            )


def _rewards(brush: Brush, reward: Float[np.ndarray, " steps"], rect: pygame.Rect) -> None:
    """Bars up for positive and down for negative rewards; the largest where a pixel holds several steps."""
    surface, theme = brush.surface, brush.theme
    surface.fill(theme.line, (rect.left, rect.centery, rect.width, 1))
    largest = float(np.abs(reward).max())
    if not largest:
        return
    steps, half = len(reward), rect.height / 2 - 1
    width = min(max(2, round(rect.width / steps * 0.5)), brush.px(8))
    x = ((np.arange(steps) + 0.5) / steps * rect.width).astype(int)
    for sign, colour in ((1, theme.reward), (-1, theme.penalty)):
        tallest = np.zeros(rect.width + 1)
        np.maximum.at(tallest, x, np.maximum(sign * reward, 0))
        for column in np.flatnonzero(tallest):
            length = max(2, round(half * tallest[column] / largest))
            top = rect.centery - length if sign > 0 else rect.centery + 1
            surface.fill(colour, (rect.left + int(column) - width // 2, top, width, length))


def _axis(brush: Brush, steps: int, size: tuple[int, int]) -> None:
    """Ticks with round step numbers."""
    wanted = max(1, steps * brush.px(90) / max(1, size[0]))
    power = 10 ** int(np.floor(np.log10(wanted)))
    distance = next(int(power * f) for f in (1, 2, 5, 10) if power * f >= wanted)
    y = size[1] - brush.px(AXIS)
    for step in range(0, steps, distance):
        x = (step + 0.5) / steps * size[0]
        brush.surface.fill(brush.theme.line, (round(x), y, 1, brush.px(4)))
        x = max(x, brush.px(4))
        brush.text(f"{step:,}", (x, y + brush.px(5)), 12, brush.theme.quiet, anchor="midtop")

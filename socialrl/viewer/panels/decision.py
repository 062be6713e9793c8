"""The decision of this step: whom the novice follows, and the value of each action to it by each source."""

import dataclasses

import numpy as np
import pygame
from jaxtyping import Float32

from socialrl.scene import Scene
from socialrl.scene.measures import told
from socialrl.viewer.paint import Brush, figure, shade, text_width
from socialrl.viewer.panel import Panel
from socialrl_envs.sprites import Real

ROW, HEAD, LEGEND = 37, 112, 24


def height(scene: Scene, width: Real) -> Real:
    """Room for the headline, one row per source, and notes."""
    return HEAD + ROW * len(scene.replay.sources) + LEGEND * (1 + _has_influence(scene))


def _has_influence(scene: Scene) -> bool:
    """Whether the influence of the others on the policy was recorded."""
    return not np.isnan(scene.replay.influence[scene.episode, 0, scene.novice])


def draw(brush: Brush, rect: pygame.Rect, scene: Scene) -> None:
    """The headline, the table of values, and notes on what they are."""
    replay, theme = scene.replay, brush.theme
    novice = replay.agents[replay.novices[scene.novice]]
    brush.text(f"Decision of {novice}", rect.topleft, 15, theme.quiet, width=rect.width)
    if scene.ended:
        brush.text(
            "No decision: the episode has ended", (rect.left, rect.top + brush.px(32)), 20, width=rect.width
        )
        return
    at = (scene.episode, scene.t, scene.novice)
    values = chances(replay.values[at]) if replay.value_unit == "logit" else replay.values[at]
    action = int(replay.action[scene.episode, scene.t, replay.novices[scene.novice]])
    _headline(brush, rect, scene, values, action)
    y = rect.top + brush.px(HEAD)
    note = "This learner records no values"
    if not np.isnan(values).all():
        note = meaning(scene, novice)
        room = rect.bottom - brush.px(LEGEND * (1 + _has_influence(scene))) - y
        row = min(brush.px(ROW), max(1, room // len(replay.sources)))
        _table(brush, pygame.Rect(rect.left, y, rect.width, row * len(replay.sources)), scene, values, action)
        y += row * len(replay.sources)
    notes = [note]
    if _has_influence(scene):
        notes.append(f"Influence of the others on this action: {replay.influence[at]:.3f} nats")
    for line in notes:
        brush.text(line, (rect.left, y + brush.px(6)), 13, theme.quiet, width=rect.width)
        y += brush.px(LEGEND)


def meaning(scene: Scene, novice: str) -> str:
    """What the numbers of the table are."""
    unit = scene.replay.value_unit
    if unit == "logit":
        several = ", by source" if len(scene.replay.sources) > 1 else ""
        return f"Probability of each action in the policy of {novice}{several}"
    what = "Value of each action" if unit == "reward" else "Value or logit of each action"
    return f"{what} to {novice}" + (", by source" if len(scene.replay.sources) > 1 else "")


def chances(logits: Float32[np.ndarray, "S A"]) -> Float32[np.ndarray, "S A"]:
    """The probabilities of a policy with these logits, of all pairs of a source and an action together; NaN
    where a logit is NaN.
    """
    high = np.max(np.where(np.isnan(logits), -np.inf, logits))
    weight = np.exp(logits - np.where(np.isfinite(high), high, np.float32(0)))
    return weight / np.maximum(np.nansum(weight), np.float32(1e-30))


def _headline(
    brush: Brush, rect: pygame.Rect, scene: Scene, values: Float32[np.ndarray, "S A"], action: int
) -> None:
    """Whom the novice follows, its action, and the value of that beside the best alternative."""
    replay, seat = scene.replay, scene.replay.seat_of(scene.source, scene.novice)
    size, middle = brush.px(46), rect.top + brush.px(50)
    colour, mark = (of(scene.source, scene.novice) for of in (replay.colour_of, replay.mark_of))
    brush.icon(figure(size, colour, mark[0]), (rect.left + size / 2, middle))
    left = rect.left + size + brush.px(10)
    away = "" if replay.present[scene.episode, scene.t, seat] else " (away)"
    itself = "acts by its own values" if len(replay.sources) > 1 else "acts by its own policy"
    said = itself if scene.source == 0 else f"{told(replay.sources[scene.source])}{away}"
    right = rect.right - brush.px(34)
    brush.text(said, (left, middle - brush.px(12)), 22, anchor="midleft", width=right - left)
    why = _reason(replay.sources, values, scene.source, action, replay.value_unit)
    brush.text(
        why, (left, middle + brush.px(13)), 14, brush.theme.quiet, anchor="midleft", width=right - left
    )
    brush.action(
        replay.actions[action], (rect.right - brush.px(15), middle), 26, brush.theme.ink, width=brush.px(60)
    )


def _reason(
    sources: tuple[str, ...], values: Float32[np.ndarray, "S A"], source: int, action: int, unit: str | None
) -> str:
    """The value of the action taken and its margin over the best of the other sources, or its probability."""
    mine = values[source, action]
    if np.isnan(mine) or unit is None:
        return ""
    if unit == "logit":
        return f"with probability {mine:.0%}"
    others = np.delete(values, source, axis=0)
    if np.isnan(others).all():
        return f"value {mine:z.2f}"
    row, _ = np.unravel_index(np.nanargmax(others), others.shape)
    other = int(row) + (int(row) >= source)
    margin = float(mine - np.nanmax(others))
    name = "by its own values" if other == 0 else f"as {sources[other]}"
    return f"value {mine:z.2f}, {abs(margin):.2f} {'more' if margin >= 0 else 'less'} than {name}"


def _number(value: Real, spread: Real, digits: int, unit: str | None) -> str:
    """A value with the spread of an ensemble, or a probability; a dash for NaN."""
    if np.isnan(value):
        return "-"
    if unit == "logit":
        return f"{value:.0%}"
    return f"{value:z.{digits}f}" + ("" if np.isnan(spread) else f" ±{spread:.{digits}f}")


@dataclasses.dataclass(frozen=True)
class _Table:
    """The table of values: its place, and what stands in it.

    names: pixels for the names of sources, in front of the columns. texts: one per source and action. sizes:
    of the font of names and of texts, in lengths of a 1280 x 800 window.
    """

    rect: pygame.Rect
    values: Float32[np.ndarray, "S A"]
    names: int
    texts: list[list[str]]
    sizes: tuple[Real, Real]

    @property
    def row(self) -> int:
        """The height of a row in pixels."""
        return self.rect.height // len(self.values)

    @property
    def column(self) -> Real:
        """The width of a column in pixels."""
        return (self.rect.width - self.names) / self.values.shape[1]

    def cell(self, s: int, a: int, gap: int) -> pygame.Rect:
        """The rectangle of a value, with a gap around it."""
        left = round(self.rect.left + self.names + a * self.column)
        box = pygame.Rect(left, self.rect.top + s * self.row, round(self.column), self.row)
        gap = min(gap, self.row // 4)
        return box.inflate(-gap, -gap)

    def strength(self, s: int, a: int) -> Real:
        """How dark a cell is, 0..1, by where its value lies between the lowest and the highest."""
        value = float(self.values[s, a])
        if np.isnan(value):
            return 0.0
        low, high = float(np.nanmin(self.values)), float(np.nanmax(self.values))
        return 0.07 + 0.78 * ((value - low) / (high - low) if high > low else 1.0)


def _laid_out(brush: Brush, rect: pygame.Rect, scene: Scene, values: Float32[np.ndarray, "S A"]) -> _Table:
    """The table of values in a rectangle; its fonts are as large as the room allows."""
    replay = scene.replay
    widest = max(text_width(source, brush.px(14), bold=True) for source in replay.sources)
    names = min(brush.px(26 + 5 + 8) + widest, round(rect.width * 0.4))
    size = min(14, 0.62 * (rect.height // len(values)) / brush.scale)
    at = (scene.episode, scene.t, scene.novice)
    spread = np.full_like(values, np.nan) if replay.spread is None else replay.spread[at]
    digits = 2 if float(np.nanmax(np.abs(values))) < 100 else 0
    texts = [
        [_number(value, about, digits, replay.value_unit) for value, about in zip(*row, strict=True)]
        for row in zip(values.tolist(), spread.tolist(), strict=True)
    ]
    widest = max(text_width(text, brush.px(size), bold=True) for row in texts for text in row)
    room = (rect.width - names) / values.shape[1] - brush.px(6)
    return _Table(rect, values, names, texts, (size, max(8, min(size, size * room / widest))))


def _table(
    brush: Brush, rect: pygame.Rect, scene: Scene, values: Float32[np.ndarray, "S A"], action: int
) -> None:
    """A table with a row per source and a column per action.

    A darker cell has a higher value; the action taken is outlined.
    """
    replay, theme, table = scene.replay, brush.theme, _laid_out(brush, rect, scene, values)
    for a, name in enumerate(replay.actions):
        colour = theme.ink if a == action else theme.quiet
        middle = (rect.left + table.names + (a + 0.5) * table.column, rect.top - brush.px(14))
        brush.action(name, middle, 14, colour, width=table.column - 2)
    for s in range(len(replay.sources)):
        _name(brush, table, scene, s)
        best = -1 if np.isnan(values[s]).all() else int(np.nanargmax(values[s]))
        colour = replay.colour_of(s, scene.novice)
        for a, text in enumerate(table.texts[s]):
            box = table.cell(s, a, brush.px(4))
            tint, ink = shade(theme, colour, table.strength(s, a))
            if s == scene.source and a == action:
                brush.frame(box.inflate(brush.px(3), brush.px(3)), theme.ink, tint, width=2.5, radius=7)
            else:
                brush.box(box, tint, 5)
            bold = a == best
            brush.text(text, box.center, table.sizes[1], ink, bold, anchor="center", width=box.width)


def _name(brush: Brush, table: _Table, scene: Scene, s: int) -> None:
    """The figure and the name of a source, in front of its row."""
    replay, here = scene.replay, s == scene.source
    icon = min(brush.px(26), table.row)
    y = table.rect.top + s * table.row + table.row / 2
    image = figure(max(4, icon), replay.colour_of(s, scene.novice), replay.mark_of(s, scene.novice)[0])
    brush.icon(image, (table.rect.left + icon / 2, y))
    ink = brush.theme.ink if here else brush.theme.quiet
    left, width = table.rect.left + icon + brush.px(5), table.names - icon - brush.px(8)
    brush.text(replay.sources[s], (left, y), table.sizes[0], ink, here, anchor="midleft", width=width)


PANEL = Panel(title="Decision", slot="side", order=0, draw=draw, height=height)

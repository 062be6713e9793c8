"""The decision of this step: whom the novice follows, and the value of each action to it by each source."""

import numpy as np
import pygame
from jaxtyping import Float32

from socialrl.viewer.paint import Brush, figure, shade, text_width
from socialrl.viewer.panel import Panel
from socialrl.viewer.scene import Scene
from socialrl_envs.sprites import Real
from socialrl_envs.tiles import SEATS

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
        return f"Probability of each action in the policy of {novice}"
    what = "Value of each action" if unit == "reward" else "Value or logit of each action"
    return f"{what} to {novice}" + (", by source" if len(scene.replay.sources) > 1 else "")


def chances(logits: Float32[np.ndarray, "S A"]) -> Float32[np.ndarray, "S A"]:
    """The probabilities of a policy with these logits, row by row; NaN where a logit is NaN."""
    high = np.max(np.where(np.isnan(logits), -np.inf, logits), axis=1, keepdims=True)
    weight = np.exp(logits - np.where(np.isfinite(high), high, 0))
    return weight / np.maximum(np.nansum(weight, axis=1, keepdims=True), np.float32(1e-30))


def _headline(
    brush: Brush, rect: pygame.Rect, scene: Scene, values: Float32[np.ndarray, "S A"], action: int
) -> None:
    """Whom the novice follows, its action, and the value of that beside the best alternative."""
    replay, seat = scene.replay, scene.replay.seat_of(scene.source, scene.novice)
    size, middle = brush.px(46), rect.top + brush.px(50)
    brush.icon(figure(size, replay.colours[seat], SEATS[seat % len(SEATS)]), (rect.left + size / 2, middle))
    left = rect.left + size + brush.px(10)
    away = "" if replay.present[scene.episode, scene.t, seat] else " (away)"
    itself = "acts by its own values" if len(replay.sources) > 1 else "acts by its own policy"
    said = itself if scene.source == 0 else f"follows {replay.sources[scene.source]}{away}"
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


def _table(
    brush: Brush, rect: pygame.Rect, scene: Scene, values: Float32[np.ndarray, "S A"], action: int
) -> None:
    """A table with a row per source and a column per action.

    A darker cell has a higher value; the action taken is outlined.
    """
    replay, theme = scene.replay, brush.theme
    widest = max(text_width(source, brush.px(14), bold=True) for source in replay.sources)
    names = min(brush.px(26 + 5 + 8) + widest, round(rect.width * 0.4))
    columns = len(replay.actions)
    step = (rect.width - names) / columns
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    top, row_height = rect.top, rect.height // len(replay.sources)
    size = min(14, 0.62 * row_height / brush.scale)
    for a, name in enumerate(replay.actions):
        colour = theme.ink if a == action else theme.quiet
        brush.action(
            name, (rect.left + names + (a + 0.5) * step, top - brush.px(14)), 14, colour, width=step - 2
        )
    at = (scene.episode, scene.t, scene.novice)
    spread = np.full_like(values, np.nan) if replay.spread is None else replay.spread[at]
    digits = 2 if max(abs(low), abs(high)) < 100 else 0
    pairs = zip(values.tolist(), spread.tolist(), strict=True)
    texts = [
        [_number(*one, digits, replay.value_unit) for one in zip(row, about, strict=True)]
        for row, about in pairs
    ]
    widest = max(text_width(text, brush.px(size), bold=True) for row in texts for text in row)
    fitting = max(8, min(size, size * (step - brush.px(6)) / widest))
    for s, source in enumerate(replay.sources):
        seat, y, here = replay.seat_of(s, scene.novice), top + s * row_height, s == scene.source
        colour = replay.colours[seat]
        icon = min(brush.px(26), row_height)
        brush.icon(
            figure(max(4, icon), colour, SEATS[seat % len(SEATS)]), (rect.left + icon / 2, y + row_height / 2)
        )
        middle = (rect.left + icon + brush.px(5), y + row_height / 2)
        ink = theme.ink if here else theme.quiet
        brush.text(source, middle, size, ink, bold=here, anchor="midleft", width=names - icon - brush.px(8))
        best = -1 if np.isnan(values[s]).all() else int(np.nanargmax(values[s]))
        for a in range(columns):
            value = float(values[s, a])
            box = pygame.Rect(round(rect.left + names + a * step), y, round(step), row_height)
            box = box.inflate(-min(brush.px(4), row_height // 4), -min(brush.px(4), row_height // 4))
            strength = (
                0.0
                if np.isnan(value)
                else 0.07 + 0.78 * ((value - low) / (high - low) if high > low else 1.0)
            )
            tint, ink = shade(theme, colour, strength)
            if here and a == action:
                brush.frame(box.inflate(brush.px(3), brush.px(3)), theme.ink, tint, width=2.5, radius=7)
            else:
                brush.box(box, tint, 5)
            brush.text(
                texts[s][a], box.center, fitting, ink, bold=a == best, anchor="center", width=box.width
            )


PANEL = Panel(title="Decision", slot="side", order=0, draw=draw, height=height)

"""The concepts that the novice reads at this step, against the truth; a click sets one and asks what if.

Left, a row per concept: what the novice takes it for, in red where the truth is another. Right, the values of
the chosen concept, the darker the more probable to the novice, the true one outlined: a click on one asks
what the novice had done, had it read that value. Below, the answer: the action then, and the difference in
return.
"""

import dataclasses
import math

import numpy as np
import pygame
from jaxtyping import Float32

from socialrl.scene import Scene
from socialrl.viewer.paint import Brush, shade
from socialrl.viewer.panel import Panel
from socialrl_envs.concepts import Concept
from socialrl_envs.sprites import Real

LONGEST = 8  # rows of a column of concepts
LIST, FOOT = 0.67, 0.15  # shares of the width for the concepts, of the height for the answer
HINT = "Click a concept, then a value: what had the novice done, had it read that?"


def missing(scene: Scene) -> str:
    """What is shown if no concepts were recorded."""
    return "" if scene.replay.concepts else "This novice reads no concepts (option concepts of ppo)"


@dataclasses.dataclass(frozen=True)
class _Places:
    """Where things stand in the panel: a rectangle per concept, one per value of the chosen one, and the
    line below.
    """

    rows: tuple[pygame.Rect, ...]
    values: tuple[pygame.Rect, ...]
    foot: pygame.Rect


def _places(rect: pygame.Rect, scene: Scene) -> _Places:
    concepts = scene.replay.concepts
    foot = round(rect.height * FOOT)
    columns = -(-len(concepts) // LONGEST)
    per_column = -(-len(concepts) // columns)
    width, height = round(rect.width * LIST) // columns, (rect.height - foot) // per_column
    rows = tuple(
        pygame.Rect(
            rect.left + i // per_column * width,
            rect.top + i % per_column * height,
            width - width // 30,
            height,
        )
        for i in range(len(concepts))
    )
    left = rect.left + round(rect.width * LIST)
    room = pygame.Rect(left, rect.top, rect.right - left, rect.height - foot)
    values = _value_places(room, _chosen(scene)[1])
    return _Places(rows, values, pygame.Rect(rect.left, rect.bottom - foot, rect.width, foot))


def _value_places(room: pygame.Rect, concept: Concept) -> tuple[pygame.Rect, ...]:
    """A square of cells and a box for "nowhere" beside it, or a row per value; below the concept's name."""
    title = room.height // 8
    room = pygame.Rect(room.left, room.top + title, room.width, room.height - title)
    if concept.kind == "cell":
        cell = max(1, min(room.height, round(room.width * 0.66)) // concept.side)
        cells = [
            pygame.Rect(room.left + column * cell, room.top + row * cell, cell, cell)
            for row in range(concept.side)
            for column in range(concept.side)
        ]
        beside = room.left + cell * concept.side + cell // 3
        return (*cells, pygame.Rect(beside, room.top, max(1, room.right - beside), 2 * cell))
    height = min(room.height // len(concept.values), room.height // 4)
    return tuple(
        pygame.Rect(room.left, room.top + i * height, room.width, height) for i in range(len(concept.values))
    )


def _chosen(scene: Scene) -> tuple[int, Concept]:
    number = min(scene.concept, len(scene.replay.concepts) - 1)
    return number, scene.replay.concepts[number]


def _at(scene: Scene) -> tuple[int, int, int]:
    """Where the replay's arrays hold the step that is shown, the last one after the end."""
    return scene.episode, min(scene.t, scene.replay.steps(scene.episode) - 1), scene.novice


def _true(scene: Scene, number: int) -> int | None:
    """The index of a concept's true value; None where it has none."""
    assert scene.replay.concept_truth is not None
    value = int(scene.replay.concept_truth[(*_at(scene), number)])
    return value if 0 <= value < len(scene.replay.concepts[number].values) else None


def _read(scene: Scene, number: int) -> Float32[np.ndarray, " values"]:
    """How probable the novice holds each value of a concept."""
    assert scene.replay.concept_read is not None
    concept = scene.replay.concepts[number]
    whole = scene.replay.concept_read[(*_at(scene), number)][: len(concept.values)]
    return whole.astype(np.float32) / np.float32(255)


def draw(brush: Brush, rect: pygame.Rect, scene: Scene) -> None:
    """The concepts, the values of the chosen one, and the answer."""
    places = _places(rect, scene)
    for number, row in enumerate(places.rows):
        _row(brush, row, scene, number)
    _values(brush, places, scene)
    line = answer(scene)
    size = min(14, 0.6 * places.foot.height / brush.scale)
    brush.text(
        line, (rect.left, places.foot.centery), size, brush.theme.quiet, anchor="midleft", width=rect.width
    )


def _row(brush: Brush, rect: pygame.Rect, scene: Scene, number: int) -> None:
    """A concept: its name, and what it is taken for."""
    concept, read, true = scene.replay.concepts[number], _read(scene, number), _true(scene, number)
    theme, taken = brush.theme, int(read.argmax())
    colour = theme.line if true is None else theme.reward if taken == true else theme.penalty
    mark = max(4, round(rect.height * 0.36))
    dot = pygame.Rect(rect.left, rect.centery - mark // 2, mark, mark)
    brush.box(dot, colour, 3)
    size, here = min(12, 0.62 * rect.height / brush.scale), number == _chosen(scene)[0]
    left, middle = dot.right + brush.px(4), rect.left + round(rect.width * 0.56)
    brush.text(
        concept.name,
        (left, rect.centery),
        size,
        bold=here,
        anchor="midleft",
        width=middle - left - brush.px(4),
    )
    ink = theme.penalty if true is not None and taken != true else theme.quiet
    said, room = concept.values[taken], rect.right - middle
    brush.text(said, (middle, rect.centery), size, ink, anchor="midleft", width=room)


def _values(brush: Brush, places: _Places, scene: Scene) -> None:
    """The values of the chosen concept: the darker, the more probable; the true one is outlined."""
    (number, concept), theme = _chosen(scene), brush.theme
    read, true = _read(scene, number), _true(scene, number)
    first = places.values[0]
    top = (first.left, first.top - brush.px(3))
    size = min(13, 0.1 * (places.foot.top - places.rows[0].top) / brush.scale)
    brush.text(concept.meaning, top, size, theme.quiet, anchor="bottomleft", width=brush.px(400))
    own = scene.replay.colours[scene.replay.novices[scene.novice]]
    for index, (name, box) in enumerate(zip(concept.values, places.values, strict=True)):
        inner = box.inflate(-max(1, brush.px(2)), -max(1, brush.px(2)))
        tint, ink = shade(theme, own, 0.05 + 0.8 * float(read[index]) ** 0.5)
        if index == true:
            brush.frame(inner, theme.ink, tint, width=2, radius=3)
        else:
            brush.box(inner, tint, 3)
        square = concept.kind == "cell" and index + 1 < len(concept.values)
        label = ("+" if name == "here" else "") if square else name
        if concept.kind != "cell":
            label += f" {read[index]:.0%}"
        if label:
            size = min(12, 0.55 * box.height / brush.scale)
            brush.text(label, inner.center, size, ink, anchor="center", width=inner.width)


def answer(scene: Scene) -> str:
    """What became of the decision with a concept set, in words; how to ask, if nothing is asked here."""
    asked, here = scene.what_if, (scene.which, scene.episode, scene.t, scene.novice)
    if asked is None or not asked.asked.concept:
        return HINT
    if (asked.asked.which, asked.asked.episode, asked.asked.step, asked.asked.novice) != here:
        return HINT
    if asked.answer is None:
        return asked.trouble or f"{asked.asked.concept} as {asked.asked.value}: going on to the end ..."
    [way], found = asked.answer.others[:1], asked.answer
    before, after = (found.replay.actions[one.action[0]] for one in (found.recorded, way))
    gain = found.gain(way)
    spread = 0.0 if math.isnan(gain.spread) else gain.spread
    decided = f"still {after}" if before == after else f"{after}, not {before}"
    return f"Had it {way.words}: {decided}; return {gain.mean:+.2f} ± {spread:.2f}"


def click(rect: pygame.Rect, scene: Scene, point: tuple[Real, Real]) -> Scene:
    """A concept is chosen, or a value of the chosen one is set and asked about."""
    if not scene.replay.concepts:
        return scene
    places, (_, concept) = _places(rect, scene), _chosen(scene)
    for number, row in enumerate(places.rows):
        if row.collidepoint(point):
            return dataclasses.replace(scene, concept=number)
    for name, box in zip(concept.values, places.values, strict=True):
        if box.collidepoint(point):
            return scene.asking_of(concept.name, name)
    return scene


PANEL = Panel(title="Concepts", slot="tab", order=6, draw=draw, missing=missing, click=click)

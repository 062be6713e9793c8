"""Line plots over an episode, drawn once per episode and size, with a marker at the current step."""

from functools import lru_cache

import numpy as np
import pygame
from jaxtyping import Float

from socialrl.scene import Scene
from socialrl.scene.plots import Plot, Plotter
from socialrl.scene.themes import find_theme
from socialrl.viewer.paint import Anchor, Brush
from socialrl.viewer.panel import Panel
from socialrl.viewer.timeline import columns
from socialrl_envs.sprites import Colour, Real

NAMES, LINE, TOP = 140, 22, 26  # lengths of a 1280 x 800 window: the names beside a plot, a line, the title


def plot_panel(title: str, plotter: Plotter, order: int = 100) -> Panel:
    """A tab that shows a plot, in the window and in the page for browsers."""

    def missing(scene: Scene) -> str:
        plot = plotter(scene)
        return plot if isinstance(plot, str) else ""

    def show(brush: Brush, rect: pygame.Rect, scene: Scene) -> None:
        plot = plotter(scene)
        if isinstance(plot, Plot):
            _plot(brush, rect, plot, scene)

    return Panel(title=title, slot="tab", order=order, draw=show, missing=missing, plot=plotter)


def _plot(brush: Brush, rect: pygame.Rect, plot: Plot, scene: Scene) -> None:
    """The title, the lines, and the value of each line now: beside the plot, or of one line in the title."""
    single, now = len(plot.lines) == 1, plot.at(scene.t)
    about = f": {now[0]:.3f} {plot.unit} now" if single and np.isfinite(now[0]) else ""
    brush.text(plot.title + about, rect.topleft, 14, brush.theme.quiet, width=rect.width)
    names = 0 if single else brush.px(NAMES)
    area = pygame.Rect(
        rect.left, rect.top + brush.px(TOP), rect.width - names, rect.height - brush.px(TOP + 2)
    )
    area.height = max(1, area.height)
    draw(brush, area, plot.lines, plot.colours, scene.t, plot.unit)
    row = min(brush.px(LINE), area.height // max(1, len(plot.lines)))
    if single or row < 6:
        return
    for i, name in enumerate(plot.names):
        y = area.top + row * i + row // 2
        mark = pygame.Rect(area.right + brush.px(8), y - brush.px(4), brush.px(8), brush.px(8))
        brush.box(mark, plot.colours[i], 2)
        left = area.right + brush.px(22)
        right = brush.text(
            f"{now[i]:.4g}" if np.isfinite(now[i]) else "-", (rect.right, y), 13, bold=True, anchor="midright"
        ).left
        brush.text(name, (left, y), 13, anchor="midleft", width=right - left - brush.px(4))


def draw(
    brush: Brush,
    rect: pygame.Rect,
    series: Float[np.ndarray, "lines T"],
    colours: tuple[Colour, ...],
    t: int,
    unit: str,
) -> None:
    """Draws one line per row of `series`, with gaps where it is NaN, and a marker at t.

    The highest and the lowest value are written at the ends of the scale, in `unit`.
    """
    if rect.width < 20 or rect.height < 20:
        return
    data = np.ascontiguousarray(series, np.float32)
    picture = _still(data.tobytes(), data.shape, colours, rect.size, brush.theme.name, brush.scale, unit)
    brush.surface.blit(picture, rect)
    x = rect.left + round((min(t, data.shape[1] - 1) + 0.5) / data.shape[1] * rect.width)
    brush.surface.fill(brush.theme.accent, (x, rect.top, brush.px(1.5), rect.height))


@lru_cache(maxsize=16)
def _still(
    data: bytes,
    shape: tuple[int, int],
    colours: tuple[Colour, ...],
    size: tuple[int, int],
    theme: str,
    scale: Real,
    unit: str,
) -> pygame.Surface:
    series = np.frombuffer(data, np.float32).reshape(shape)
    surface = pygame.Surface(size, 0, 32)
    brush = Brush(surface, find_theme(theme), scale)
    surface.fill(brush.theme.card)
    known = series[np.isfinite(series)]
    low, high = (min(0.0, float(known.min())), max(0.0, float(known.max()))) if len(known) else (0.0, 1.0)
    high = high if high > low else low + 1.0
    width, height = size
    top = min(brush.px(16), height // 4)  # where the number of the highest value stands

    def y_of(value: Real) -> Real:
        return top + (height - top - 3) * (high - value) / (high - low)

    surface.fill(brush.theme.line, (0, round(y_of(0.0)), width, 1))
    for line, colour in zip(series, colours, strict=True):
        for run in _points(line, width):
            points = [(x, y_of(value)) for x, value in run]
            if len(points) > 1:
                pygame.draw.lines(surface, colour, False, points, brush.px(2))
    ends: tuple[tuple[float, Anchor, int], ...] = ((high, "topleft", 0), (low, "bottomleft", height - 3))
    for value, anchor, y in ends:
        brush.text(f"{value:.3g} {unit}".strip(), (2, y), 12, brush.theme.quiet, anchor=anchor)
    return surface


def _points(line: Float[np.ndarray, " T"], width: int) -> list[list[tuple[Real, Real]]]:
    """The points of each stretch without NaN; least and largest value where a pixel holds several steps."""
    steps = len(line)
    if steps <= width:
        xs, ys = (np.arange(steps) + 0.5) / steps * width, line
    else:
        first, _ = columns(steps, width)
        ys = np.stack([np.minimum.reduceat(line, first), np.maximum.reduceat(line, first)], axis=1).reshape(
            -1
        )
        xs = np.repeat(np.arange(width), 2)
    stretches: list[list[tuple[Real, Real]]] = [[]]
    for x, y in zip(xs.tolist(), ys.tolist(), strict=True):
        if np.isfinite(y):
            stretches[-1].append((x, y))
        elif stretches[-1]:
            stretches.append([])
    return stretches

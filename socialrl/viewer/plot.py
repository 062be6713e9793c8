"""Line plots over an episode, drawn once per episode and size, with a marker at the current step."""

from functools import lru_cache

import numpy as np
import pygame
from jaxtyping import Float

from socialrl.viewer.paint import Anchor, Brush, find_theme
from socialrl.viewer.timeline import columns
from socialrl_envs.sprites import Colour, Real


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

"""Maps of a grid as small SVG pictures: a shade per cell, on one scale, with a legend."""

import math
from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool, Float

from socialrl.report.decisions import FEWEST, Decisions
from socialrl.report.markup import Markup, join, tag

SHADES = 5  # of a map; the legend shows each
FAINTEST = 0.02  # of the top of a scale; smaller values have no shade
NICE = (1.0, 2.0, 2.5, 5.0, 10.0)  # tops of a scale, times a power of ten
SHADE = "var(--shade)"  # one hue for all maps, so that one legend serves all and a grey print is readable
CELL = 10  # units of a map's own coordinates
ONE = np.ones((1, 1), bool)


def ceiling(maps: Iterable[np.ndarray]) -> float:
    """The top of a common scale: a round number not below the 99 % quantile of all cells, so that a single
    outlier does not make all others pale.
    """
    values = np.concatenate([one[np.isfinite(one)] for one in maps])
    high = float(np.quantile(values, 0.99)) if len(values) else 0.0
    if high <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(high))
    return power * next(nice for nice in NICE if nice * power >= high * (1 - 1e-9))


def scale_legend(top: float, factor: float = 1.0, unit: str = "") -> Markup:
    """The legend of maps whose scale ends at `top`: shades, no shade, dots and walls."""
    edges = [f"{top * k / SHADES * factor:.3g}{unit}" for k in range(SHADES)]
    words = [
        f"under {top * FAINTEST * factor:.2g}{unit}",
        *(f"to {edge}" for edge in edges[1:]),
        f"over {edges[-1]}",
    ]
    ground = tag("path", d=squares(ONE), fill="var(--lines)")
    fills = [ground]
    for k in range(1, SHADES + 1):
        fills.append(join([ground, tag("path", d=squares(ONE), fill=SHADE, fill_opacity=opacity(k))]))
    keys = [
        *zip(fills, words, strict=True),
        (dots(ONE), f"fewer than {FEWEST} steps"),
        (strokes(ONE), "wall"),
    ]
    box = f"0 0 {CELL} {CELL}"
    return tag(
        "ul",
        *(
            tag("li", tag("svg", shape, viewBox=box, class_="key", aria_hidden="true"), text)
            for shape, text in keys
        ),
        class_="legend",
    )


def presence_map(one: Decisions) -> Markup:
    """The shares of steps that novices spent on each cell."""
    spent = one.steps / one.steps.sum()
    top = ceiling([spent[one.enough]])
    words = f"visits: {one.steps.sum():,} steps, darkest over {top * (1 - 1 / SHADES):.1%} of them"
    return heat_map(one, np.where(one.enough, spent, math.nan), top, "var(--ink)", words, words)


def heat_map(
    one: Decisions, values: Float[np.ndarray, "H W"], top: float, colour: str, words: str, title: str
) -> Markup:
    """A picture of the grid with a shade of the colour per cell, none for NaN.

    top: of the scale. words: below the picture. title: for screen readers.
    """
    height, width = values.shape
    known = np.isfinite(values)
    part = np.nan_to_num(values) / top
    shade = np.where(part < FAINTEST, 0, np.clip(np.ceil(part * SHADES), 1, SHADES)).astype(int)
    layers = [
        strokes(one.walls),
        tag("path", d=squares(known), fill="var(--lines)"),
        *(
            tag("path", d=squares(shade == k), fill=colour, fill_opacity=opacity(k))
            for k in range(1, SHADES + 1)
        ),
        dots((one.steps > 0) & ~one.enough),
    ]
    frame = tag(
        "rect", x=0, y=0, width=width * CELL, height=height * CELL, fill="none", stroke="var(--faint)"
    )
    box = f"-1 -1 {width * CELL + 2} {height * CELL + 2}"
    picture = tag("svg", tag("title", title), *layers, frame, viewBox=box, role="img")
    return tag("figure", picture, tag("figcaption", words))


def opacity(shade: int) -> float:
    """The opacity of a shade from 1 to SHADES; the faintest is visible in print."""
    return round(0.1 + 0.9 * shade / SHADES, 2)


def squares(where: Bool[np.ndarray, "H W"]) -> str:
    """An SVG path of a square in each of these cells, with gaps between them."""
    side = CELL - 1
    return _each(where, 0.5, f"h{side}v{side}h-{side}z")


def dots(where: Bool[np.ndarray, "H W"]) -> Markup:
    """A dot in the middle of each of these cells."""
    return tag("path", d=_each(where, CELL / 2 - 1, "h2v2h-2z"), fill="var(--faint)")


def strokes(where: Bool[np.ndarray, "H W"]) -> Markup:
    """A diagonal across each of these cells."""
    return tag("path", d=_each(where, 0.0, f"l{CELL} {CELL}"), stroke="var(--faint)")


def _each(where: Bool[np.ndarray, "H W"], inset: float, outline: str) -> str:
    """An SVG path of the outline in each of these cells, at this distance from its corner."""
    rows, columns = np.nonzero(where)
    return "".join(
        f"M{x * CELL + inset:g} {y * CELL + inset:g}{outline}" for y, x in zip(rows, columns, strict=True)
    )

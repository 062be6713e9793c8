"""Figures of generations: a measure at the end of each, beside the controls."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from socialrl.report import figures, svg
from socialrl.report.figures import WIDTH, Style, Styles
from socialrl.report.reading import Series
from socialrl.report.statistics import intervals
from socialrl.report.svg import Axes


@dataclasses.dataclass(frozen=True)
class Line:
    """A measure over generations, one point each. x: where they stand. control: drawn open and dotted."""

    arm: str
    x: Float[np.ndarray, " points"]
    values: Float[np.ndarray, "points seeds"]
    control: bool = False


def accumulation(
    lines: Sequence[Line], curves: Mapping[str, Series], styles: Styles, name: str, ylabel: str
) -> str:
    """The return at the end of each generation over environment steps, and the learning curves of arms that
    lived once.
    """
    with svg.style():
        made = svg.figure(WIDTH, 4.1)
        axes = made.add_subplot(xlabel="environment steps per seed, over all generations", ylabel=ylabel)
        axes.xaxis.set_major_formatter(svg.compact())
        for arm, series in curves.items():
            figures.curve(axes, figures.thin(series), styles[arm], seeds=False)
        for one in lines:
            _draw(axes, one, styles[one.arm])
        what = f"{ylabel} of {_names(lines)} at the end of each generation"
        return svg.inline(made, name, f"{what}, and of {', '.join(curves) or 'no arm'} that lived once.")


def over_generations(
    lines: Sequence[Line], styles: Styles, name: str, title: str, xlabel: str, share: bool = False
) -> str:
    """A measure over the generations, half a page wide. share: whether it is one of 0 to 1."""
    with svg.style():
        made = svg.figure(WIDTH / 2.1, 2.6)
        axes = made.add_subplot(title=title, xlabel=xlabel)
        numbers = sorted({int(x) for one in lines for x in one.x})
        axes.set_xticks(numbers[:: max(1, len(numbers) // 10)])
        for one in lines:
            _draw(axes, one, styles[one.arm])
        if share:
            axes.set_ylim(-0.03, 1.03)
            axes.yaxis.set_major_formatter(svg.percent())
        return svg.inline(made, name, f"{title}, of {_names(lines)}, over the generations.")


def _draw(axes: Axes, one: Line, look: Style) -> None:
    """Draws the IQM of each point with its 95 % interval, and an open point per seed beside it."""
    bands = intervals(one.values)
    axes.vlines(one.x, bands[:, 1], bands[:, 2], color=look.colour, linewidth=1.0 if one.control else 1.8)
    axes.plot(
        one.x,
        bands[:, 0],
        color=look.colour,
        linestyle=(0, (1.0, 1.5)) if one.control else look.dashes,
        linewidth=1.2 if one.control else 2.2,
        marker=look.marker,
        markersize=5 if one.control else 7,
        markerfacecolor=svg.PAPER if one.control else look.colour,
        markeredgecolor=look.colour if one.control else svg.PAPER,
        zorder=3,
    )


def _names(lines: Sequence[Line]) -> str:
    return ", ".join(dict.fromkeys(one.arm for one in lines))

"""The figures of the report, each a function from numbers to one inline <svg>.

Arms differ in colour (the palette of Okabe and Ito; a test checks it for colour-blind readers), marker and
line style, so that a grey print is readable. Thin lines and open points are single seeds, thick lines are
interquartile means, and bands are their 95 % intervals.
"""

import dataclasses
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from socialrl.report import svg
from socialrl.report.reading import Series
from socialrl.report.statistics import Estimate, intervals
from socialrl.report.svg import Axes
from socialrl_envs.render import OKABE_ITO

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#666666")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
_DASHES = ("-", (0, (5.0, 1.5)), (0, (1.0, 1.0)), (0, (6.0, 1.5, 1.0, 1.5)), (0, (8.0, 2.0, 3.0, 2.0)))
_HATCHES = ("//", "\\\\", "||", "--", "xx", "++", "////")  # lines only; dots and rings make the file large
WIDTH = 9.15  # inches: the width of the page, so that text has its nominal size
POINTS = 200  # the most points of a curve; longer ones are averaged in bins


@dataclasses.dataclass(frozen=True)
class Style:
    """Colour, marker and line of an arm in all figures."""

    colour: str
    marker: str
    dashes: str | tuple[int, tuple[float, ...]]


Styles = Mapping[str, Style]


def arm_styles(arms: Mapping[str, str]) -> dict[str, Style]:
    """A style per arm, by label. Colours, markers and lines repeat with different periods: 280 styles are
    distinct.

    arms: name by label. Arms of the same name in several runs have the same colour and differ in marker and
    line.
    """
    styles = {}
    for i, name in enumerate(dict.fromkeys(arms.values())):
        labels = [label for label, its in arms.items() if its == name]
        first = Style(_COLOURS[i % len(_COLOURS)], _MARKERS[i % len(_MARKERS)], _DASHES[i % len(_DASHES)])
        styles |= dict(zip(labels, variants(first, len(labels)), strict=True))
    return {label: styles[label] for label in arms}


def variants(style: Style, count: int) -> list[Style]:
    """Styles for several lines of one arm: all in its colour, the first with its marker and dashes."""
    marker, dashes = _MARKERS.index(style.marker), _DASHES.index(style.dashes)
    return [
        Style(style.colour, _MARKERS[(marker + i) % len(_MARKERS)], _DASHES[(dashes + i) % len(_DASHES)])
        for i in range(count)
    ]


def source_colours(sources: Sequence[str]) -> dict[str, str]:
    """A colour "#rrggbb" per source, "self" first: in the order in which `socialrl_envs.render` colours
    seats.
    """
    names = dict.fromkeys(["self", *sources])
    return {
        name: "#{:02x}{:02x}{:02x}".format(*OKABE_ITO[i % len(OKABE_ITO)]) for i, name in enumerate(names)
    }


def thin(series: Series) -> Series:
    """The series with at most POINTS points: means of neighbours, in steps and values, NaN left out."""
    if len(series) <= POINTS:
        return series
    bins = np.array_split(np.arange(len(series)), POINTS)
    rows = [series.values[members] for members in bins]
    finite = [np.isfinite(row) for row in rows]
    sums = [np.where(ok, row, 0.0).sum(axis=0) for row, ok in zip(rows, finite, strict=True)]
    counts = [ok.sum(axis=0) for ok in finite]
    values = [np.where(n > 0, s / np.maximum(n, 1), np.nan) for s, n in zip(sums, counts, strict=True)]
    return Series(
        np.array([series.steps[members].mean() for members in bins]).astype(np.int64), np.array(values)
    )


def learning_curves(curves: Mapping[str, Series], styles: Styles, name: str, ylabel: str) -> str:
    """Per arm the IQM with its 95 % band over environment steps, and a thin line per seed."""
    with svg.style():
        made = svg.figure(WIDTH, 4.1)
        axes = made.add_subplot(xlabel="environment steps per seed", ylabel=ylabel)
        axes.xaxis.set_major_formatter(svg.compact())
        for arm, series in curves.items():
            curve(axes, thin(series), styles[arm])
        return svg.inline(
            made, name, f"Learning curves of {', '.join(curves)}: {ylabel} over environment steps."
        )


def curve(axes: Axes, series: Series, look: Style, seeds: bool = True) -> None:
    """Draws the IQM of a series, its pointwise 95 % band and, if `seeds` is True, a thin line per seed."""
    bands = intervals(series.values)
    if seeds:
        axes.plot(series.steps, series.values, color=look.colour, linewidth=0.8, alpha=0.6, zorder=2)
    axes.fill_between(
        series.steps, bands[:, 1], bands[:, 2], color=look.colour, alpha=0.18, linewidth=0, zorder=1
    )
    axes.plot(series.steps, bands[:, 0], zorder=3, **line(look, len(series)))


def final_scores(
    scores: Mapping[str, tuple[np.ndarray, Estimate]], styles: Styles, name: str, xlabel: str
) -> str:
    """A row per arm: an open point per seed, and the IQM as a filled point with its 95 % interval."""
    with svg.style():
        made = svg.figure(WIDTH, 0.75 + 0.42 * len(scores))
        axes = made.add_subplot(xlabel=xlabel)
        axes.grid(axis="y", visible=False)
        axes.set_yticks(range(len(scores)), broken(scores))
        axes.set_ylim(len(scores) - 0.4, -0.6)
        for row, (arm, (seeds, estimate)) in enumerate(scores.items()):
            look = styles[arm]
            finite = seeds[np.isfinite(seeds)]
            axes.plot(
                finite,
                np.full(len(finite), row + 0.2),
                "o",
                markersize=5,
                color="none",
                markeredgecolor=look.colour,
            )
            if estimate.bounded:
                axes.plot(
                    [estimate.low, estimate.high],
                    [row - 0.12] * 2,
                    color=look.colour,
                    linewidth=3,
                    solid_capstyle="butt",
                )
            axes.plot(
                estimate.value,
                row - 0.12,
                look.marker,
                color=look.colour,
                markersize=8,
                markeredgecolor=svg.PAPER,
            )
        return svg.inline(
            made,
            name,
            f"Final scores of {', '.join(scores)}: every seed, interquartile mean and 95 % interval.",
        )


def shares(by_arm: Mapping[str, Mapping[str, float]], colours: Mapping[str, str], name: str) -> str:
    """A bar per arm, split by the source that was followed (means over seeds)."""
    with svg.style():
        made = svg.figure(WIDTH, 0.7 + 0.38 * len(by_arm))
        axes = made.add_subplot(xlabel="share of steps", xlim=(0, 1))
        axes.xaxis.set_major_formatter(svg.percent())
        axes.grid(axis="y", visible=False)
        axes.set_yticks(range(len(by_arm)), broken(by_arm))
        axes.set_ylim(len(by_arm) - 0.45, -0.55)
        for row, parts in enumerate(by_arm.values()):
            stacked(axes, row, parts, colours, least=0.06)
        return svg.inline(
            made, name, f"Share of steps on which each source was followed, for {', '.join(by_arm)}."
        )


def stacked(
    axes: Axes, row: int, parts: Mapping[str, float], colours: Mapping[str, str], least: float
) -> None:
    """Draws a bar of shares by source. least: the smallest share whose number is written on it."""
    left = 0.0
    for source, share in parts.items():
        axes.barh(row, share, left=left, height=0.62, **fill(source, colours))
        if share >= least:
            box = {"boxstyle": "round,pad=0.15", "facecolor": svg.PAPER, "edgecolor": "none", "alpha": 0.85}
            axes.text(left + share / 2, row, f"{share:.0%}", ha="center", va="center", fontsize=9, bbox=box)
        left += share


def shares_over(
    steps: np.ndarray,
    parts: Mapping[str, np.ndarray],
    colours: Mapping[str, str],
    name: str,
    what: str,
    xlabel: str,
    top: float | None = 1.0,
) -> str:
    """Stacked areas of the shares by source (means over seeds).

    what: arm and axis, for the description. top: the end of the axis; None fits the areas.
    """
    with svg.style():
        made = svg.figure(WIDTH / 2.1, 2.3)
        axes = made.add_subplot(xlabel=xlabel, ylabel="share of steps")
        axes.xaxis.set_major_formatter(svg.compact())
        axes.yaxis.set_major_formatter(svg.percent())
        axes.margins(x=0)
        below = np.zeros(len(steps))
        for source, share in parts.items():
            axes.fill_between(steps, below, below + share, **fill(source, colours))
            below = below + share
        axes.set_ylim(0, top)
        return svg.inline(made, name, f"Share of steps on which each source was followed: {what}.")


def broken(labels: Iterable[str]) -> list[str]:
    """The labels, long ones broken into several lines."""
    return ["\n".join(textwrap.wrap(label, 28)) for label in labels]


def over_episode(curves: Mapping[str, Series], styles: Styles, name: str, ylabel: str) -> str:
    """A measure over an episode's steps: per arm the IQM with its 95 % band, and a thin line per seed."""
    with svg.style():
        made = svg.figure(WIDTH, 3.2)
        axes = made.add_subplot(xlabel="step of the episode", ylabel=ylabel)
        for arm, series in curves.items():
            curve(axes, series, styles[arm])
        axes.set_ylim(bottom=0)
        return svg.inline(made, name, f"{ylabel} of {', '.join(curves)} over the steps of an episode.")


def few_shot(curves: Mapping[str, tuple[np.ndarray, list[Estimate]]], styles: Styles, name: str) -> str:
    """Return against episodes of the new task, by method; the axis is logarithmic in 1 + episodes."""
    with svg.style():
        made = svg.figure(WIDTH, 3.6)
        few_shot_curves(made.add_subplot(), curves, styles)
        return svg.inline(made, name, f"Few-shot transfer of {', '.join(curves)}: return against episodes.")


def comparisons(
    curves: Mapping[str, tuple[np.ndarray, list[Estimate]]],
    styles: Styles,
    name: str,
    title: str,
    level: float | None,
) -> str:
    """Return against answers, by method. level: the return by the true reward, a dashed line."""
    with svg.style():
        made = svg.figure(WIDTH / 2.1, 3.2)
        axes = made.add_subplot(title=title)
        few_shot_curves(axes, curves, styles, "answers")
        if level is not None:
            axes.axhline(level, color=svg.INK, linewidth=1.4, linestyle=(0, (4.0, 2.0)))
        text = f"Comparisons, {title}: return against answers, {', '.join(curves)}."
        return svg.inline(made, name, text)


def few_shot_curves(
    axes: Axes,
    curves: Mapping[str, tuple[np.ndarray, list[Estimate]]],
    styles: Styles,
    counted: str = "episodes of the new task",
) -> None:
    """Draws the curves of `few_shot` into given axes. counted: what the other axis counts."""
    axes.set(xlabel=counted, ylabel="return")
    ticks = sorted({int(n) for episodes, _ in curves.values() for n in episodes})
    axes.set_xticks(np.log1p(ticks), [f"{tick:,}" for tick in ticks])
    for row, (method, (episodes, estimates)) in enumerate(curves.items()):
        shift = 0.035 * (row - (len(curves) - 1) / 2)  # so that intervals do not overlap
        x, y = np.log1p(episodes) + shift, np.array([e.value for e in estimates])
        low, high = np.array([e.low for e in estimates]), np.array([e.high for e in estimates])
        axes.vlines(x, low, high, color=styles[method].colour, linewidth=1.6)
        axes.plot(x, y, **line(styles[method], len(x)))


def diagnostic(curves: Mapping[str, Series], styles: Styles, name: str, title: str) -> str:
    """One training metric: per arm the IQM, and a thin line per seed."""
    with svg.style():
        made = svg.figure(WIDTH / 3.2, 2.0)
        axes = made.add_subplot(title=title)
        axes.xaxis.set_major_formatter(svg.compact())
        axes.tick_params(labelsize=8)
        for arm, full in curves.items():
            series, look = thin(full), styles[arm]
            middle = intervals(series.values, resamples=1)[:, 0]
            axes.plot(series.steps, series.values, color=look.colour, linewidth=0.5, alpha=0.35)
            axes.plot(series.steps, middle, color=look.colour, linewidth=1.5, linestyle=look.dashes)
        return svg.inline(made, name, f"{title} of {', '.join(curves)} over training.")


def swatch(style: Style, name: str) -> str:
    """A small picture of an arm's line and marker, for legends and tables."""
    with svg.style():
        made = svg.figure(0.45, 0.17)
        axes = made.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set(xlim=(-1, 1), ylim=(-1, 1))
        axes.plot([-1, 1], [0, 0], color=style.colour, linestyle=style.dashes, linewidth=2)
        axes.plot(0, 0, style.marker, color=style.colour, markersize=7, markeredgecolor=svg.PAPER)
        made.set_layout_engine("none")
        return svg.inline(made, name, "")


def source_swatch(source: str, colours: Mapping[str, str], name: str) -> str:
    """A small picture of a source's fill, for legends."""
    with svg.style():
        made = svg.figure(0.3, 0.17)
        made.set_layout_engine("none")
        axes = made.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.fill_between([0, 1], [0, 0], [1, 1], **fill(source, colours))
        axes.margins(0)
        return svg.inline(made, name, "")


def line(look: Style, points: int) -> dict[str, Any]:
    """Arguments of `axes.plot` for a line of so many points in this style."""
    return {
        "color": look.colour,
        "linestyle": look.dashes,
        "linewidth": 2.2,
        "marker": look.marker,
        "markersize": 6,
        "markevery": max(1, points // 8),
        "markeredgecolor": svg.PAPER,
        "markeredgewidth": 0.8,
    }


def fill(source: str, colours: Mapping[str, str]) -> dict[str, Any]:
    """Arguments of bars and areas for a source: its colour and, except for "self", a hatch."""
    others = [name for name in colours if name != "self"]
    hatch = None if source == "self" else _HATCHES[others.index(source) % len(_HATCHES)]
    return {"facecolor": colours[source], "hatch": hatch, "edgecolor": svg.PAPER, "linewidth": 0}


def mean_over_seeds(values: Float[np.ndarray, "points seeds"]) -> Float[np.ndarray, " points"]:
    """The mean of the finite values at each point; 0 where there is none."""
    finite = np.isfinite(values)
    return np.where(finite, values, 0.0).sum(axis=1) / np.maximum(finite.sum(axis=1), 1)

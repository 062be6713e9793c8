"""Figures of the social protocol: bars by condition and arm, and measures over an episode."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from socialrl.report import svg
from socialrl.report.figures import WIDTH, Style, Styles
from socialrl.report.statistics import interval, intervals
from socialrl.report.svg import Axes

PerSeed = Float[np.ndarray, " seeds"]


def bars(
    groups: Mapping[str, Mapping[str, PerSeed]],
    styles: Styles,
    name: str,
    ylabel: str,
    levels: Mapping[str, float] | None = None,
) -> str:
    """A group of bars per condition, a bar per arm: IQM, 95 % interval, and an open point per seed.

    levels: height of a dashed line across a group, by group.
    """
    with svg.style():
        made = svg.figure(WIDTH, 3.6)
        axes = made.add_subplot(ylabel=ylabel)
        axes.grid(axis="x", visible=False)
        axes.axhline(0, color=svg.FAINT, linewidth=0.8)
        axes.set_xticks(
            range(len(groups)), [title.replace(" ", "\n").replace("=", "=\n") for title in groups]
        )
        arms = list(dict.fromkeys(arm for group in groups.values() for arm in group))
        width = 0.8 / len(arms)
        for place, (title, group) in enumerate(groups.items()):
            for number, arm in enumerate(arms):
                if arm in group:
                    _bar(axes, place + (number - (len(arms) - 1) / 2) * width, width, group[arm], styles[arm])
            if levels is not None and np.isfinite(level := levels.get(title, np.nan)):
                axes.hlines(
                    level, place - 0.46, place + 0.46, color=svg.INK, linewidth=1.4, linestyle=(0, (4.0, 2.0))
                )
        return svg.inline(made, name, f"{ylabel} of {', '.join(arms)} under {', '.join(groups)}.")


def _bar(axes: Axes, x: float, width: float, seeds: PerSeed, look: Style) -> None:
    """Draws one bar with its interval, seeds and marker."""
    estimate, finite = interval(seeds), seeds[np.isfinite(seeds)]
    if not len(finite):
        return
    axes.bar(x, estimate.value, width * 0.92, color=look.colour, alpha=0.35, linewidth=0)
    spread = (np.arange(len(finite)) - (len(finite) - 1) / 2) * width * 0.5 / len(finite)
    axes.plot(
        x + spread,
        finite,
        "o",
        markersize=3.5,
        color="none",
        markeredgecolor=look.colour,
        markeredgewidth=0.8,
    )
    if estimate.bounded:
        axes.vlines(x, estimate.low, estimate.high, color=look.colour, linewidth=2.4)
    axes.plot(x, estimate.value, look.marker, color=look.colour, markersize=7, markeredgecolor=svg.PAPER)


def over_episode(
    curves: Mapping[str, Float[np.ndarray, "bins seeds"]],
    styles: Styles,
    name: str,
    title: str,
    ylabel: str,
    level: float | None = None,
) -> str:
    """A measure over the episode: per arm the IQM, its 95 % band, and a thin line per seed. level: height of
    a dashed line.
    """
    with svg.style():
        made = svg.figure(WIDTH / 2.1, 2.6)
        axes = made.add_subplot(title=title, xlabel="share of the episode", ylabel=ylabel, xlim=(0, 1))
        axes.xaxis.set_major_formatter(svg.percent())
        for arm, values in curves.items():
            look, bands = styles[arm], intervals(values)
            x = (np.arange(len(values)) + 0.5) / len(values)
            axes.plot(x, values, color=look.colour, linewidth=0.6, alpha=0.5)
            axes.fill_between(x, bands[:, 1], bands[:, 2], color=look.colour, alpha=0.18, linewidth=0)
            axes.plot(
                x,
                bands[:, 0],
                color=look.colour,
                linestyle=look.dashes,
                linewidth=2,
                marker=look.marker,
                markersize=5,
            )
        if level is not None:
            axes.axhline(level, color=svg.INK, linewidth=1.4, linestyle=(0, (4.0, 2.0)))
        axes.set_ylim(bottom=0)
        return svg.inline(made, name, f"{title}: {ylabel} of {', '.join(curves)} over the episode.")

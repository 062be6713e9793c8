"""Figures of the protocol `worth_of_following`: what decisions to follow were worth, by source and over
training.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from socialrl.report import figures, svg
from socialrl.report.figures import WIDTH, Styles
from socialrl.report.reading import Series
from socialrl.report.statistics import interval

Worths = Mapping[str, Mapping[str, Float[np.ndarray, " seeds"]]]  # arm -> source -> worth of every seed


def by_source(worths: Worths, styles: Styles, name: str, title: str) -> str:
    """A row per arm and source: an open point per seed, a filled point with a bar for the IQM and its
    interval; the dashed line is acting for oneself.
    """
    rows = [(arm, source, seeds) for arm, found in worths.items() for source, seeds in found.items()]
    with svg.style():
        made = svg.figure(WIDTH, 0.9 + 0.36 * len(rows))
        axes = made.add_subplot(xlabel="worth of a decision to follow, in return")
        axes.grid(axis="y", visible=False)
        several = len(worths) > 1
        names = [f"{arm}: {source}" if several else source for arm, source, _ in rows]
        axes.set_yticks(range(len(rows)), figures.broken(names))
        axes.set_ylim(len(rows) - 0.45, -0.55)
        axes.axvline(0, color=svg.INK, linewidth=1.4, linestyle=(0, (4.0, 2.0)))
        for row, (arm, _, seeds) in enumerate(rows):
            look, finite, estimate = styles[arm], seeds[np.isfinite(seeds)], interval(seeds)
            place = np.full(len(finite), row + 0.18)
            axes.plot(finite, place, "o", markersize=4, color="none", markeredgecolor=look.colour)
            if estimate.bounded:
                ends = [estimate.low, estimate.high]
                axes.plot(ends, [row - 0.1] * 2, color=look.colour, linewidth=3, solid_capstyle="butt")
            if np.isfinite(estimate.value):
                axes.plot(
                    estimate.value,
                    row - 0.1,
                    look.marker,
                    color=look.colour,
                    markersize=7,
                    markeredgecolor=svg.PAPER,
                )
        axes.margins(x=0.08)
        return svg.inline(made, name, f"{title}: worth of decisions to follow, of {', '.join(worths)}.")


def over_training(curves: Mapping[str, Series], styles: Styles, name: str) -> str:
    """The worth of all decisions to follow over training: per arm the IQM with its 95 % band, and a thin line
    per seed.
    """
    with svg.style():
        made = svg.figure(WIDTH, 3.2)
        axes = made.add_subplot(xlabel="environment steps per seed", ylabel="worth of following")
        axes.xaxis.set_major_formatter(svg.compact())
        axes.axhline(0, color=svg.INK, linewidth=1.4, linestyle=(0, (4.0, 2.0)))
        for arm, series in curves.items():
            figures.curve(axes, series, styles[arm])
        return svg.inline(made, name, f"Worth of decisions to follow, of {', '.join(curves)}, over training.")

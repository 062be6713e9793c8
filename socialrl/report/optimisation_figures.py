"""Figures of policies that were improved on an inferred reward: how far they went, and what it was worth."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from socialrl.report import svg
from socialrl.report.figures import WIDTH, Styles
from socialrl.report.statistics import interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class Path:
    """Where training led: the distance from the reference policy, and the true and the inferred reward of a
    step, record by record.
    """

    kl: Float[np.ndarray, " points"]
    true: Float[np.ndarray, " points"]
    proxy: Float[np.ndarray, " points"]


def over_distance(paths: Mapping[str, Path], styles: Styles, name: str) -> str:
    """Per arm the inferred reward (above) and the true reward (below) over the distance from the reference,
    each on its own scale; a marker at the end of training.
    """
    with svg.style():
        made = svg.figure(WIDTH, 5.2)
        above = made.add_subplot(211, ylabel="inferred reward per step")
        below = made.add_subplot(
            212, sharex=above, xlabel="KL(policy || reference), nats", ylabel="true reward per step"
        )
        above.tick_params(labelbottom=False)
        for arm, path in paths.items():
            look = styles[arm]
            for axes, values in ((above, path.proxy), (below, path.true)):
                axes.plot(path.kl, values, color=look.colour, linewidth=1.8)
                axes.plot(path.kl[-1], values[-1], look.marker, color=look.colour, markersize=7)
        return svg.inline(
            made, name, f"Inferred and true reward over the distance from the reference, {', '.join(paths)}."
        )


def risk(found: Mapping[str, Mapping[str, Float[np.ndarray, " seeds"]]], styles: Styles, name: str) -> str:
    """Per arm a point: the mean gain over the reference with its 95 % interval, and the share of runs below
    it. found: gain and below of every seed.
    """
    with svg.style():
        made = svg.figure(WIDTH, 3.6)
        axes = made.add_subplot(xlabel="gain over the reference, in return", ylabel="share of runs below it")
        axes.yaxis.set_major_formatter(svg.percent())
        axes.axvline(0, color=svg.INK, linewidth=1.4, linestyle=(0, (4.0, 2.0)))
        for arm, values in found.items():
            look, gain = styles[arm], interval(values["gain"])
            share = float(np.nanmean(values["below"]))
            if gain.bounded:
                axes.plot([gain.low, gain.high], [share] * 2, color=look.colour, linewidth=2.5)
            axes.plot(gain.value, share, look.marker, color=look.colour, markersize=9)
        axes.margins(x=0.1, y=0.15)
        return svg.inline(made, name, f"Risk against gain, of {', '.join(found)}.")

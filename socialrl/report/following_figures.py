"""Figures of the protocol `following`: sources followed, their usefulness, and arrivals in floods."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from socialrl.report import figures, svg
from socialrl.report.figures import WIDTH, Style, Styles
from socialrl.report.statistics import interval
from socialrl.report.svg import Axes

Values = Mapping[str, Float[np.ndarray, " seeds"]]
RARELY = 0.01  # share of steps below which the precision of a kind is not drawn, because it has too few steps


def mean(values: Float[np.ndarray, " seeds"] | None) -> float:
    """The mean over the seeds that have a number; NaN if there is none."""
    finite = np.array([]) if values is None else values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")


def who(rows: Mapping[str, Values], colours: Mapping[str, str], styles: Styles, name: str, title: str) -> str:
    """A row per arm: shares by kind of source; usefulness of the followed kinds; return.

    rows: measures by arm. colours: by kind of source. title: company and condition, for the description.
    """
    with svg.style():
        made = svg.figure(WIDTH, 0.85 + 0.5 * len(rows))
        shares, right, returns = made.subplots(1, 3, sharey=True, width_ratios=(3, 2, 2))
        for axes, what in (
            (shares, "source followed"),
            (right, "useful where followed"),
            (returns, "return"),
        ):
            axes.set_title(what)
            axes.grid(axis="y", visible=False)
        for axes in (shares, right):
            axes.set_xlim(0, 1)
            axes.xaxis.set_major_formatter(svg.percent())
        shares.set_yticks(range(len(rows)), figures.broken(rows))
        shares.set_ylim(len(rows) - 0.45, -0.55)
        for row, (arm, values) in enumerate(rows.items()):
            parts = {kind: mean(values.get(f"share/{kind}")) for kind in colours}
            figures.stacked(
                shares, row, {kind: share for kind, share in parts.items() if share > 0}, colours, least=0.1
            )
            followed = [kind for kind, share in parts.items() if kind != "self" and share >= RARELY]
            for number, kind in enumerate(followed):
                place = row + 0.2 * (number - (len(followed) - 1) / 2)
                blindly, there = (
                    mean(values.get(f"{measure}/{kind}")) for measure in ("useful", "precision")
                )
                _useful(right, place, blindly, there, colours[kind])
            _score(returns, row, values["return"], styles[arm])
        _level(right, mean(np.array([mean(values.get("chance")) for values in rows.values()])))
        _level(returns, mean(np.array([mean(values.get("planner_return")) for values in rows.values()])))
        returns.margins(x=0.08)
        return svg.inline(
            made,
            name,
            f"{title}: sources followed by {', '.join(rows)}, their usefulness, and returns.",
        )


def _useful(axes: Axes, y: float, blindly: float, where_followed: float, colour: str) -> None:
    """Draws the usefulness of a kind: open over all steps, filled over those on which it was followed."""
    axes.plot([blindly, where_followed], [y, y], color=colour, linewidth=1.6)
    axes.plot(blindly, y, "o", markersize=6, color=svg.PAPER, markeredgecolor=colour, markeredgewidth=1.4)
    axes.plot(where_followed, y, "o", markersize=6, color=colour, markeredgecolor=svg.PAPER)


def _score(axes: Axes, row: int, seeds: Float[np.ndarray, " seeds"], look: Style) -> None:
    """Draws a return: open points per seed; a filled point with a bar for the IQM and its interval."""
    estimate, finite = interval(seeds), seeds[np.isfinite(seeds)]
    axes.plot(
        finite, np.full(len(finite), row + 0.2), "o", markersize=4, color="none", markeredgecolor=look.colour
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
        estimate.value, row - 0.12, look.marker, color=look.colour, markersize=7, markeredgecolor=svg.PAPER
    )


def _level(axes: Axes, x: float) -> None:
    """Draws a dashed vertical line, unless x is NaN."""
    if np.isfinite(x):
        axes.axvline(x, color=svg.INK, linewidth=1.4, linestyle=(0, (4.0, 2.0)))


def arrivals(
    curves: Mapping[str, Mapping[float, Float[np.ndarray, " seeds"]]], styles: Styles, name: str
) -> str:
    """Share of floods in which the novice arrives, against the share of training episodes with a flood: IQM
    with its interval, and an open point per seed.
    """
    with svg.style():
        made = svg.figure(WIDTH, 3.4)
        axes = made.add_subplot(
            xlabel="share of training episodes with a flood", ylabel="arrivals in a flood", ylim=(-0.03, 1.03)
        )
        ticks = sorted({flood for curve in curves.values() for flood in curve})
        axes.set_xticks(np.log(ticks), [f"{tick:.0%}" for tick in ticks])
        axes.set_xlim(np.log(ticks[0]) - 0.3, np.log(ticks[-1]) + 0.3)
        axes.yaxis.set_major_formatter(svg.percent())
        for number, (arm, curve) in enumerate(curves.items()):
            look, shift = (
                styles[arm],
                0.04 * (number - (len(curves) - 1) / 2),
            )  # so that intervals do not overlap
            floods = sorted(curve)
            x, found = np.log(floods) + shift, [interval(curve[flood]) for flood in floods]
            for place, flood in zip(x, floods, strict=True):
                seeds = curve[flood]
                axes.plot(
                    np.full(len(seeds), place),
                    seeds,
                    "o",
                    markersize=3.5,
                    color="none",
                    markeredgecolor=look.colour,
                )
            axes.vlines(x, [e.low for e in found], [e.high for e in found], color=look.colour, linewidth=2)
            axes.plot(x, [e.value for e in found], **figures.line(look, len(x)))
        return svg.inline(
            made,
            name,
            f"Share of floods in which {', '.join(curves)} arrive against their share in training.",
        )


def over_episode(
    curves: Mapping[str, tuple[Float[np.ndarray, " parts"], Float[np.ndarray, " parts"]]],
    styles: Styles,
    name: str,
    what: str,
) -> str:
    """A share by the part of the episode, with a base rate dashed. curves: both, by arm. what: the share in
    words.
    """
    with svg.style():
        made = svg.figure(WIDTH, 3.2)
        axes = made.add_subplot(xlabel="part of the episode", ylabel=what, ylim=(-0.03, 1.03))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(svg.percent())
        axes.set_xlim(0, 1)
        for arm, (right, base) in curves.items():
            x, look = (np.arange(len(right)) + 0.5) / len(right), styles[arm]
            axes.plot(x, right, **figures.line(look, len(x)))
            axes.plot(x, base, color=look.colour, linewidth=1.4, linestyle=(0, (4.0, 2.0)))
        return svg.inline(made, name, f"{what} over the episode: {', '.join(curves)}.")


def against_uncertainty(curves: Mapping[str, Float[np.ndarray, " bins"]], styles: Styles, name: str) -> str:
    """The share of steps on which a co-player is followed, by the uncertainty of the own policy. curves: of
    equal parts of the uncertainties from 0 to 1, by arm.
    """
    with svg.style():
        made = svg.figure(WIDTH, 3.2)
        axes = made.add_subplot(
            xlabel="uncertainty of the own policy, entropy / log actions",
            ylabel="followed",
            ylim=(-0.03, 1.03),
        )
        axes.yaxis.set_major_formatter(svg.percent())
        axes.set_xlim(0, 1)
        for arm, share in curves.items():
            x = (np.arange(len(share)) + 0.5) / len(share)
            axes.plot(x, share, **figures.line(styles[arm], len(x)))
        return svg.inline(made, name, f"Followed by own uncertainty: {', '.join(curves)}.")

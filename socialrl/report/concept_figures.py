"""Figures of named concepts: what setting each is worth, and how right each is read."""

from collections.abc import Mapping, Sequence

from socialrl.report import svg
from socialrl.report.figures import WIDTH, Styles, broken
from socialrl.report.scores import PerSeed
from socialrl.report.statistics import interval

ROW = 0.34  # inches of a row
APART = 0.22  # of a row, between the arms of one row


def rows(
    arms: Mapping[str, Mapping[str, PerSeed]],
    styles: Styles,
    name: str,
    xlabel: str,
    beside: Mapping[str, float] | None = None,
) -> str:
    """A row per condition with a point per arm: the interquartile mean and its 95 % interval.

    arms: per arm the seeds' values, by condition. beside: a value to compare with, by condition, drawn as an
    upright stroke; without it a line at 0.
    """
    conditions = list(dict.fromkeys(condition for found in arms.values() for condition in found))
    with svg.style():
        made = svg.figure(WIDTH, 0.75 + ROW * len(conditions))
        axes = made.add_subplot(xlabel=xlabel)
        axes.set_yticks(range(len(conditions)), broken(conditions))
        axes.set_ylim(len(conditions) - 0.4, -0.6)
        if beside is None:
            axes.axvline(0, color=svg.INK, linewidth=1.4, linestyle=(0, (4.0, 2.0)))
        for row, condition in enumerate(conditions):
            if beside is not None and condition in beside:
                axes.plot([beside[condition]] * 2, [row - 0.4, row + 0.4], color=svg.FAINT, linewidth=2.5)
            for shift, (arm, found) in zip(shifts(len(arms)), arms.items(), strict=True):
                if condition in found:
                    point(axes, row + shift, found[condition], styles, arm)
        return svg.inline(made, name, f"{xlabel} of {', '.join(arms)}, for each of {', '.join(conditions)}.")


def point(axes: svg.Axes, row: float, values: PerSeed, styles: Styles, arm: str) -> None:
    """Draws the interquartile mean of the seeds and its interval, in an arm's style."""
    look, estimate = styles[arm], interval(values)
    if estimate.bounded:
        axes.plot([estimate.low, estimate.high], [row, row], color=look.colour, linewidth=2.5)
    axes.plot(estimate.value, row, look.marker, color=look.colour, markersize=6)


def shifts(count: int) -> Sequence[float]:
    """Where in a row each of so many arms stands, around 0, at most half a row apart in all."""
    apart = min(APART, 0.6 / max(count - 1, 1))
    return [apart * (i - (count - 1) / 2) for i in range(count)]

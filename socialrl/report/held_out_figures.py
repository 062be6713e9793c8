"""The heat map of a measure between 0 and 1 by level and arm."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from socialrl.report import svg
from socialrl.report.figures import WIDTH
from socialrl.report.following_figures import mean

SHADE = "#0072b2"
DARKEST = 0.75  # opacity of 1


def heat_map(
    values: Float[np.ndarray, "levels columns"], levels: Sequence[str], columns: Sequence[str], name: str
) -> str:
    """A row per level, a column per condition, each cell shaded by its value with the percentage in it; the
    levels are ordered by their mean, the easiest first.
    """
    order = np.argsort([-mean(row) for row in values], kind="stable")
    with svg.style():
        made = svg.figure(min(WIDTH, 3.2 + 0.8 * len(columns)), 2.2 + 0.24 * len(levels))
        axes = made.add_subplot()
        axes.grid(visible=False)
        axes.set_xlim(-0.5, len(columns) - 0.5)
        axes.set_ylim(len(levels) - 0.5, -0.5)
        axes.set_yticks(range(len(levels)), [levels[int(i)] for i in order])
        axes.xaxis.tick_top()
        axes.set_xticks(range(len(columns)), columns, rotation=35, ha="left", rotation_mode="anchor")
        axes.tick_params(length=0)
        for edge in axes.spines.values():
            edge.set_visible(False)
        for row, level in enumerate(order):
            for column, value in enumerate(values[level]):
                if np.isnan(value):
                    continue
                axes.barh(row, 0.96, 0.92, column - 0.48, color=SHADE, alpha=DARKEST * value, linewidth=0)
                axes.text(
                    column,
                    row,
                    f"{value:.0%}".rstrip("%"),
                    ha="center",
                    va="center",
                    fontsize=9,
                    color=svg.INK,
                )
        return svg.inline(made, name, f"Solve rates on {len(levels)} levels: {'; '.join(columns)}.")

"""Section: training metrics of the learners."""

import numpy as np

from socialrl.report import figures
from socialrl.report.legends import arm_legend
from socialrl.report.markup import Markup, figure, fold, tag
from socialrl.report.reading import Series
from socialrl.report.section import Body, Context, ReportSection
from socialrl.report.tables import returns_first


def render(context: Context) -> Body | None:
    """A small figure per metric, of all arms over the steps."""
    study, styles = context.study, context.styles
    names = returns_first(name for arm in study.arms for name in arm.metrics("train"))
    pictures = []
    for i, name in enumerate(names):
        curves = {arm.label: s for arm in study.arms if len(s := _finite(arm.series("train", name)))}
        if curves:
            pictures.append(figure(Markup(figures.diagnostic(curves, styles, f"train{i}", name))))
    if not pictures:
        return None
    legend = arm_legend([arm.label for arm in study.arms], styles, "train-key")
    note = tag("p", "Thick lines: interquartile mean over seeds. Thin lines: each seed.", class_="note")
    grid = tag("div", *pictures, class_="grid")
    return (fold(f"{len(pictures)} training metrics", note, legend, grid),)


def _finite(series: Series) -> Series:
    """The points of a series at which a seed has a number."""
    keep = np.isfinite(series.values).any(axis=1)
    return Series(series.steps[keep], series.values[keep])


SECTION = ReportSection(title="Diagnostics", anchor="diagnostics", order=140, render=render)

"""The page's section about what the learners logged while training."""

import numpy as np

from socialrl.report import figures
from socialrl.report.figures import Styles
from socialrl.report.legends import arm_legend
from socialrl.report.markup import Markup, Section, figure, fold, section, tag
from socialrl.report.reading import Series, Study
from socialrl.report.tables import returns_first


def diagnostics(study: Study, styles: Styles) -> Section | None:
    """Every training metric of every arm over the steps."""
    names = returns_first(name for arm in study.arms for name in arm.metrics("train"))
    pictures = []
    for i, name in enumerate(names):
        curves = {arm.label: s for arm in study.arms if len(s := _finite(arm.series("train", name)))}
        if curves:
            pictures.append(figure(Markup(figures.diagnostic(curves, styles, f"train{i}", name))))
    if not pictures:
        return None
    legend = arm_legend([arm.label for arm in study.arms], styles, "train-key")
    text = tag(
        "p", "Logged while training. Thick: interquartile mean over seeds; thin: every seed.", class_="note"
    )
    inside = fold(f"{len(pictures)} training metrics", text, legend, tag("div", *pictures, class_="grid"))
    return section("Diagnostics", inside, anchor="diagnostics")


def _finite(series: Series) -> Series:
    keep = np.isfinite(series.values).any(axis=1)
    return Series(series.steps[keep], series.values[keep])

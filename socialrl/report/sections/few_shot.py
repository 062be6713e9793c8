"""Section: few-shot transfer to new tasks, from the records of the protocol `few_shot`."""

import numpy as np

from socialrl.record.labels import FewShot
from socialrl.report import few_shot, figures
from socialrl.report.legends import arm_legend
from socialrl.report.markup import Markup, figure, fold, table
from socialrl.report.reading import Record, Study
from socialrl.report.scores import cell
from socialrl.report.section import Body, Context, ReportSection
from socialrl.report.statistics import interval
from socialrl.report.tables import SHARE

CAPTION = "Interquartile mean over seeds and tasks; intervals resample seeds within each task."
LEAST = 0.005  # share of steps below which a source is not named


def render(context: Context) -> Body | None:
    """The return on new tasks against the episodes of them, by arm and method, as figure and table."""
    points, styles = few_shot.methods(context.study, context.styles)
    if not points:
        return None
    picture = Markup(figures.few_shot(points, styles, "few"))
    rows = [
        (name, f"{count:,}", cell(interval(score)), str(score.shape[1]))
        for name, (episodes, scores) in zip(points, few_shot.curves(context.study).values(), strict=True)
        for count, score in zip(episodes, scores, strict=True)
    ]
    head = ("method", "episodes", "return", "tasks")
    return (
        figure(picture, CAPTION, arm_legend(list(points), styles, "few-key")),
        fold("Numbers", table(head, rows, numeric=(1, 3))),
        followed(context.study),
    )


def followed(study: Study) -> Markup | None:
    """The shares of sources on each new task, of arms that followed any co-player; None if there is none."""
    rows = []
    for arm in study.arms:
        for condition, record in arm.measured(FewShot):
            shares = means(record)
            if "return" in record.values and any(shares[source] > 0 for source in shares if source != "self"):
                named = ", ".join(
                    f"{source} {share:.0%}" for source, share in shares.items() if share >= LEAST
                )
                earned = f"{np.nanmean(record.values['return']):.1f}"
                task = str(list(condition.preference))
                rows.append((arm.label, task, str(condition.episodes), earned, named))
    if not rows:
        return None
    head = ("arm", "new task", "episodes of it", "return", "steps followed")
    return fold("Sources followed on each new task", table(head, rows, numeric=(2, 3)))


def means(record: Record) -> dict[str, float]:
    """The shares of the sources: means over the seeds that have a number."""
    return {
        name.removeprefix(SHARE): float(np.nanmean(values))
        for name, values in record.values.items()
        if name.startswith(SHARE) and np.isfinite(values).any()
    }


SECTION = ReportSection(
    title="Few-shot transfer", anchor="few-shot", order=130, render=render, kinds=(FewShot.kind,)
)

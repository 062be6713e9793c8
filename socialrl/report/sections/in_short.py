"""Section: the result in sentences, the final scores in a table, and each arm against the reference."""

import math
from collections.abc import Mapping

import numpy as np

from socialrl.report import figures
from socialrl.report.figures import Styles
from socialrl.report.markup import Markup, join, table, tag
from socialrl.report.reading import Study
from socialrl.report.scores import PerSeed, chance, returns, seed_cells, standing, verdict
from socialrl.report.section import Body, Context, ReportSection
from socialrl.report.statistics import difference, paired, probability_of_improvement
from socialrl.report.summary import estimate
from socialrl.report.tables import NONE, bracket, number


def render(context: Context) -> Body:
    """Sentences and tables; each arm is compared with the first one of its experiment."""
    groups = [scores for arms in context.study.groups.values() if (scores := returns(arms))]
    if not groups:
        return (tag("p", "No evaluation has been recorded yet."),)
    return (
        *(tag("p", sentence, class_="verdict") for scores in groups for sentence in verdict(scores)),
        score_table(context.study, context.styles),
        *map(comparison_table, groups),
    )


def score_table(study: Study, styles: Styles) -> Markup:
    """A row per arm: IQM, interval, worst seed, each seed in order; a note names arms without a final
    evaluation.
    """
    rows, notes = [], []
    for i, arm in enumerate(study.arms):
        record, result = arm.latest(), estimate(arm)
        name = join([Markup(figures.swatch(styles[arm.label], f"row{i}")), arm.label])
        if record is None or result is None:
            rows.append((name, NONE, NONE, NONE, "no evaluation yet", NONE))
            continue
        if record.kind != "final":
            what = {"eval": "its latest evaluation", "train": "its latest training return"}[record.kind]
            notes.append(f"{arm.label} is not finished: shown is {what}, at step {record.step:,}.")
        seeds = record.values["return"]
        finite = seeds[np.isfinite(seeds)]
        worst = number(float(finite.min())) if finite.size else NONE
        ends = bracket(result.low, result.high)
        rows.append((name, number(result.value), ends, worst, seed_cells(seeds), f"{record.step:,}"))
        missing = int((~np.isfinite(seeds)).sum())
        if missing:
            notes.append(
                f"{arm.label}: {missing} of {len(seeds)} seeds have no finite return; its numbers are over "
                "the others."
            )
    return join(
        [
            table(
                ("arm", "return (IQM)", "95 % interval", "worst seed", "each seed", "steps per seed"),
                rows,
                numeric=(1, 2, 3, 5),
            ),
            *(tag("p", note, class_="note") for note in notes),
        ]
    )


def comparison_table(scores: Mapping[str, PerSeed]) -> Markup | None:
    """Each arm against the first one: difference of IQMs and probability of improvement; None if there is
    only one.
    """
    reference = next(iter(scores))
    rows = []
    for arm, seeds in scores.items():
        if arm == reference:
            continue
        gap, likely = (
            difference(seeds, scores[reference]),
            probability_of_improvement(seeds, scores[reference]),
        )
        rows.append(
            (
                f"{arm} minus {reference}",
                _signed(gap.value),
                bracket(gap.low, gap.high),
                standing(seeds, scores[reference]),
                chance(likely),
                "paired" if paired(seeds, scores[reference]) else "unpaired",
            )
        )
    if not rows:
        return None
    head = (
        "arm minus reference",
        "difference",
        "95 % interval",
        "standing",
        "P(above the reference)",
        "seeds",
    )
    return join([tag("h3", f"Each arm against {reference}"), table(head, rows, numeric=(1, 2))])


def _signed(value: float) -> str:
    return NONE if math.isnan(value) else f"{value:+.2f}"


SECTION = ReportSection(title="Summary", anchor="short", order=10, render=render)

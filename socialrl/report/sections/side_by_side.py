"""Section: a table of learners and worlds, for experiments that cross them: returns after equal seconds of
training, and steps to half of a planner's return.
"""

import functools
from collections.abc import Callable, Mapping, Sequence

from socialrl.report.budgets import PerSeed, steps_to_half, timed
from socialrl.report.crossing import Crossing, crossing
from socialrl.report.markup import Markup, join, table, tag
from socialrl.report.reading import ArmRun
from socialrl.report.scores import cell, heading
from socialrl.report.section import Body, Context, ReportSection
from socialrl.report.statistics import interval
from socialrl.report.tables import NONE

Measure = Callable[[ArmRun], PerSeed | None]
TIMED_NOTE = (
    "Return on held-out levels after as many seconds of training as the quickest arm of the row took for all "
    "of it; seconds without compiling and evaluation, all seeds side by side."
)
HALF_NOTE = (
    "Environment steps until the return on held-out levels is first half of the return of a planner in the "
    "novice's seat. Seeds that never get so far count with all steps of training."
)


def render(context: Context) -> Body | None:
    """Both tables of every run whose arms are a product of learners and conditions."""
    study, parts = context.study, []
    for run in study.runs:
        arms = {arm.name: arm for arm in study.arms if arm.run == run.name}
        crossed = crossing(list(arms))
        if crossed is None:
            continue
        measures: tuple[tuple[str, str, Measure], ...] = (
            ("After equal seconds", TIMED_NOTE, functools.partial(timed, arms=list(arms.values()))),
            ("Steps to half of a planner's return", HALF_NOTE, steps_to_half),
        )
        tables = [one for what in measures if (one := crossed_table(crossed, arms, *what)) is not None]
        if tables:
            parts += [heading(study, str(run.experiment.get("name", run.name))), *tables]
    return tuple(parts) or None


def crossed_table(
    crossed: Crossing,
    arms: Mapping[str, ArmRun],
    title: str,
    note: str,
    measure: Measure,
) -> Markup | None:
    """A row per condition and a column per learner; None if no arm has this measure."""
    learners = list(dict.fromkeys(learner for row in crossed.values() for learner in row))
    rows: list[Sequence[object]] = []
    for condition, row in crossed.items():
        found = {learner: measure(arms[row[learner]]) for learner in learners}
        if any(values is not None for values in found.values()):
            cells = (NONE if values is None else cell(interval(values)) for values in found.values())
            rows.append((condition, *cells))
    if not rows:
        return None
    shown = table(("", *learners), rows)
    return join([tag("h3", title), shown, tag("p", note, class_="note")])


SECTION = ReportSection(title="Side by side", anchor="side_by_side", order=55, render=render)

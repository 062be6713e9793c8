"""Section: learning curves."""

from collections.abc import Sequence

from socialrl.report import figures
from socialrl.report.budgets import PerSeed, area, at_equal_time, seconds_at
from socialrl.report.legends import arm_legend
from socialrl.report.markup import Markup, figure, join, table, tag
from socialrl.report.reading import ArmRun
from socialrl.report.scores import cell, heading
from socialrl.report.section import Body, Context, ReportSection
from socialrl.report.statistics import interval
from socialrl.report.tables import NONE

NOTE = "Thick lines: interquartile mean over seeds, with its pointwise 95 % band. Thin lines: each seed."
BUDGETS = (
    "Mean over training: the area under the curve, divided by its length. After equal time: after as many "
    "seconds of training as the quickest arm of the run took for all of it; seconds without compiling and "
    "evaluation, all seeds side by side."
)
HELD_OUT = " Greedy episodes on levels that are not used for training."


def render(context: Context) -> Body | None:
    """The return of the evaluations over training; the training return if there are no evaluations."""
    study, styles = context.study, context.styles
    kind = "eval" if any("return" in arm.metrics("eval") for arm in study.arms) else "train"
    what = "return on held-out levels" if kind == "eval" else "return in training"
    parts = []
    for i, (title, arms) in enumerate(study.groups.items()):
        curves = {arm.label: series for arm in arms if len(series := arm.series(kind, "return"))}
        if curves:
            picture = Markup(figures.learning_curves(curves, styles, f"curves{i}", what))
            legend = arm_legend(list(curves), styles, f"curve-key{i}")
            parts += [heading(study, title), figure(picture, legend=legend)]
    note = tag("p", NOTE + HELD_OUT if kind == "eval" else NOTE, class_="note")
    budgets = (
        budget_table(arms, title if len(study.groups) > 1 else "") for title, arms in study.groups.items()
    )
    return (*parts, note, *budgets) if parts else None


def budget_table(arms: Sequence[ArmRun], title: str) -> Markup | None:
    """The arms of an experiment at equal budgets of steps and of seconds; None without evaluations.

    Returns after equal time are those of the arms of one run, because its seconds are of one machine. title:
    of the experiment, on a page of several.
    """
    areas = {arm.label: found for arm in arms if (found := area(arm)) is not None}
    if not areas:
        return None
    timed: dict[str, PerSeed] = {}
    for run in dict.fromkeys(arm.run for arm in arms):
        together = [arm for arm in arms if arm.run == run]
        found = at_equal_time(together)
        timed |= {} if found is None else dict(zip((arm.label for arm in together), found, strict=True))
    rows = []
    for arm in arms:
        curve = arm.series("eval", "return")
        spent = seconds_at(arm, [int(curve.steps[-1])]) if len(curve) else None
        rows.append(
            (
                arm.label,
                cell(interval(areas[arm.label])) if arm.label in areas else NONE,
                cell(interval(curve.values[-1])) if len(curve) else NONE,
                cell(interval(timed[arm.label])) if arm.label in timed else NONE,
                NONE if spent is None else f"{spent[0]:,.0f}",
            )
        )
    head = ("arm", "mean over training", "after equal steps", "after equal time", "training, s")
    shown = table(head, rows, numeric=(4,))
    words = f"At equal budgets: {title}" if title else "At equal budgets"
    return join([tag("h3", words), shown, tag("p", BUDGETS, class_="note")])


SECTION = ReportSection(title="Learning curves", anchor="curves", order=30, render=render)

"""Section: returns between those of a random walker and of a planner, from the records of `regret`."""

from socialrl.record.labels import Regret
from socialrl.report.markup import table, tag
from socialrl.report.scores import cell
from socialrl.report.section import Body, Context, ReportSection
from socialrl.report.statistics import interval
from socialrl.report.tables import NONE

COLUMNS = {
    "return": "return",
    "planner_return": "a planner's",
    "walker_return": "a random walker's",
    "regret": "regret",
    "regret_per_step": "per step",
    "score": "score",
}
NOTE = (
    "A planner with the novice's own preferences, which knows what the novice cannot see, and a walker that "
    "draws its actions take the novices' seats, on the same levels beside the same company. Regret: the "
    "planner's return minus the novice's, per episode and per step. Score: 0 is the walker's return, 1 the "
    "planner's, which is competent, not optimal."
)


def render(context: Context) -> Body | None:
    """A row per arm and condition; below it what happened per episode, where the conditions differ."""
    found = [
        (arm.label, labels.condition, record.values)
        for arm in context.study.arms
        for labels, record in arm.measured(Regret)
    ]
    if not found:
        return None
    rows = [
        (
            arm,
            condition,
            *(cell(interval(values[name])) if name in values else NONE for name in COLUMNS),
        )
        for arm, condition, values in found
    ]
    names = list(dict.fromkeys(name for _, _, values in found for name in values if name.startswith(OWN)))
    happened = [
        (arm, condition, *(cell(interval(values[name])) if name in values else NONE for name in names))
        for arm, condition, values in found
    ]
    head = ("arm", "condition", *(name.removeprefix(OWN) for name in names))
    return (
        table(("arm", "condition", *COLUMNS.values()), rows),
        tag("p", NOTE, class_="note"),
        tag("h3", "What happened per episode"),
        table(head, happened),
    )


OWN = "cumulants/"
SECTION = ReportSection(title="Regret", anchor="regret", order=95, render=render, kinds=(Regret.kind,))

"""Section: offline training on demonstrations, before the first step in the world."""

from socialrl.record.labels import Offline
from socialrl.report.markup import table, tag
from socialrl.report.reading import ArmRun
from socialrl.report.scores import cell
from socialrl.report.section import Body, Context, ReportSection
from socialrl.report.statistics import interval
from socialrl.report.tables import NONE

MEASURES = {
    "cloning_accuracy": "cloning accuracy",
    "loss/cloning": "cloning loss",
    "loss/inverse_td": "inverse TD loss",
}
NOTE = (
    "Gradient steps on recorded demonstrations before the first step in the world, without rewards. Accuracy "
    "and losses are means over the last chunk of these steps; the return is that of the first evaluation, "
    "before any reward was seen."
)


def render(context: Context) -> Body | None:
    """A row per arm that trained offline."""
    rows = [row(arm) for arm in context.study.arms if arm.measured(Offline)]
    if not rows:
        return None
    head = ("arm", "gradient steps", *MEASURES.values(), "return afterwards")
    return table(head, rows, numeric=(1,)), tag("p", NOTE, class_="note")


def row(arm: ArmRun) -> tuple[object, ...]:
    """The last offline record of an arm, and the return of the evaluation after it, as the cells of a row."""
    condition, last = arm.measured(Offline)[-1]
    first = next((record.values for record in arm.plain("eval") if record.step == 0), {})
    found = [last.values.get(name) for name in MEASURES] + [first.get("return")]
    cells = [NONE if values is None else cell(interval(values)) for values in found]
    return (arm.label, f"{condition.gradient_steps:,}", *cells)


SECTION = ReportSection(
    title="Offline training", anchor="offline", order=40, render=render, kinds=(Offline.kind,)
)

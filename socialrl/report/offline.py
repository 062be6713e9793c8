"""The page's section about what demonstrations alone taught, before the first step in a world."""

from socialrl.report.markup import Section, section, table, tag
from socialrl.report.reading import ArmRun, Study
from socialrl.report.scores import cell
from socialrl.report.statistics import interval
from socialrl.report.tables import NONE

KIND = "offline"
MEASURES = {
    "cloning_accuracy": "cloning accuracy",
    "loss/cloning": "cloning loss",
    "loss/inverse_td": "inverse TD loss",
}
_NOTE = (
    "Gradient steps on a demonstration file before the first step in the world, without rewards. Accuracy and losses are means "
    "over the last of its chunks; the return is that of the first evaluation, when no reward had been seen."
)


def offline(study: Study) -> Section | None:
    """A row per arm that learnt offline."""
    rows = [row(arm) for arm in study.arms if arm.of(KIND)]
    if not rows:
        return None
    head = ("arm", "gradient steps", *MEASURES.values(), "return after it")
    return section(
        "Demonstrations alone",
        table(head, rows, numeric=(1,)),
        tag("p", _NOTE, class_="note"),
        anchor="offline",
    )


def row(arm: ArmRun) -> tuple[object, ...]:
    """What the last offline record of an arm says, and the evaluation that followed."""
    last = arm.of(KIND)[-1]
    first = next((record.values for record in arm.plain("eval") if record.step == 0), {})
    found = [last.values.get(name) for name in MEASURES] + [first.get("return")]
    cells = [NONE if values is None else cell(interval(values)) for values in found]
    return (arm.label, f"{last.labels.get('gradient_steps', 0):,}", *cells)

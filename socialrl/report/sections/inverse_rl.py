"""Section: inferred and true preferences of the co-players, from the records of the protocol `inverse_rl`."""

import numpy as np

from socialrl.record.labels import InverseRL
from socialrl.report.markup import table, tag
from socialrl.report.reading import Record
from socialrl.report.scores import cell
from socialrl.report.section import Body, Context, ReportSection
from socialrl.report.statistics import interval
from socialrl.report.tables import NONE, number

NOTE = (
    "The learner values held-out steps of the co-players by their inferred preferences; it sees their "
    "actions, never their rewards. Correlation: of these values with the true rewards, over steps. Cosine: "
    "of the true preferences with the weights of the cumulants in the inferred rewards, found by regression; "
    "1 is the same direction. Behaviour does not determine the scale of preferences, so the inferred ones "
    "are scaled to the length of the true ones."
)


def render(context: Context) -> Body | None:
    """A row per arm and co-player, and one per arm for the means over the co-players."""
    rows = [
        (arm.label, condition.agent, *cells(record))
        for arm in context.study.arms
        for condition, record in arm.measured(InverseRL)
    ]
    if not rows:
        return None
    head = ("arm", "preferences of", "cosine", "correlation", "inferred", "true")
    return table(head, rows), tag("p", NOTE, class_="note")


def cells(record: Record) -> tuple[object, ...]:
    """Cosine, correlation, inferred and true preferences, as cells."""
    measures = (record.values.get(name) for name in ("cosine", "correlation"))
    estimates = [NONE if values is None else cell(interval(values)) for values in measures]
    return *estimates, vector(record, "found"), vector(record, "true")


def vector(record: Record, word: str) -> str:
    """Means over seeds of the weights by cumulant, e.g. "red 0.98, green 0.10"."""
    named = {
        name.partition("/")[2]: values
        for name, values in record.values.items()
        if name.startswith(f"{word}/")
    }
    return ", ".join(f"{name} {number(float(np.mean(values)))}" for name, values in named.items()) or NONE


SECTION = ReportSection(
    title="Inferred preferences", anchor="inferred", order=120, render=render, kinds=(InverseRL.kind,)
)

"""The page's section about inferred preferences, of what the protocol `inverse_rl` recorded."""

import numpy as np

from socialrl.report.markup import Section, section, table, tag
from socialrl.report.reading import ArmRun, Record, Study
from socialrl.report.scores import cell
from socialrl.report.statistics import interval
from socialrl.report.tables import NONE, number

KIND = "inverse_rl"
_NOTE = (
    "Each novice says of held-out steps of the others what they are worth to each of them, having seen what they do and never "
    "what they are paid. Correlation: of that with their true rewards, step by step. Cosine: of the worth of each event, read "
    "off by regression, with the true preferences; 1 is their direction. Behaviour tells no scale, so what was found is given "
    "with the length of the truth."
)


def inverse_rl(study: Study) -> Section | None:
    """Inferred against true preferences, one row per arm and co-player."""
    rows = [row(arm, record) for arm in study.arms for record in arm.of(KIND) if "cosine" in record.values]
    if not rows:
        return None
    head = ("arm", "preferences of", "cosine", "correlation", "found", "true")
    return section(
        "Inferred preferences", table(head, rows), tag("p", _NOTE, class_="note"), anchor="inferred"
    )


def row(arm: ArmRun, record: Record) -> tuple[object, ...]:
    """A co-player's, or the means over them."""
    estimates = [cell(interval(record.values[name])) for name in ("cosine", "correlation")]
    return (
        arm.label,
        str(record.labels.get("agent", "")),
        *estimates,
        vector(record, "found"),
        vector(record, "true"),
    )


def vector(record: Record, word: str) -> str:
    """Means over seeds of the numbers per event, e.g. "red 0.98, green 0.10"."""
    named = {
        name.partition("/")[2]: values
        for name, values in record.values.items()
        if name.startswith(f"{word}/")
    }
    return ", ".join(f"{name} {number(float(np.mean(values)))}" for name, values in named.items()) or NONE

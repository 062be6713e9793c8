"""Section: how right named concepts are read, and what setting them does, from the records of
`interventions`.
"""

from collections.abc import Iterable, Iterator, Mapping

from socialrl.record.labels import ALL, NOTHING, OWN, Interventions
from socialrl.report.markup import table, tag
from socialrl.report.scores import PerSeed, cell
from socialrl.report.section import Body, Context, ReportSection
from socialrl.report.statistics import interval
from socialrl.report.tables import NONE

COLUMNS = {
    "return": "return",
    "gain": "gain",
    "agreement": "acts of a planner",
    "differs": "set otherwise",
    "changed": "act changed",
    "repaired": "repaired",
    "broken": "broken",
}
NOTE = (
    "Greedy episodes on the same held-out levels, in which concepts are set at every step. Gain: the return "
    "minus that with nothing set. Acts of a planner: the share of steps with an act that a planner with the "
    "novice's preferences would take. Set otherwise: the share of steps on which a concept is set to another "
    "value than the novice reads; of these, act changed: the share on which it acts otherwise for it. "
    "Repaired: of the acts there that the planner would not take, the share that it would take as set. "
    "Broken: of those that it would take, the share that it no longer would."
)
READ = (
    "The share of steps on which the likeliest value of a concept is the true one, in whole episodes and in "
    "their quarters, beside what its most frequent value alone would reach, and what a linear map of the "
    "residual reaches on other episodes: what leaks past the concepts."
)
SET_TO = {OWN: "nothing set", "truth": "to the truth", "wrong": "to a wrong value"}
QUARTERS = tuple(str(part) for part in range(4))


def render(context: Context) -> Body | None:
    """A table of conditions, and one of how right each concept is read."""
    arms = [(arm.label, list(arm.measured(Interventions))) for arm in context.study.arms]
    conditions = [
        (label, in_words(labels), *_cells(record.values, COLUMNS))
        for label, found in arms
        for labels, record in found
    ]
    if not conditions:
        return None
    read = [
        row
        for label, found in arms
        for labels, record in found
        if labels.value == OWN
        for row in _read(label, record.values)
    ]
    head = ("arm", "concept", "right", *(f"quarter {int(part) + 1}" for part in QUARTERS))
    return (
        table(("arm", "set", *COLUMNS.values()), conditions),
        tag("p", NOTE, class_="note"),
        tag("h3", "How right concepts are read"),
        table((*head, "most frequent value", "from the residual"), read),
        tag("p", READ, class_="note"),
    )


def in_words(labels: Interventions) -> str:
    """What is set, in words."""
    if labels.concept == "residual":
        return "residual to zero" if labels.value == "zero" else "residual to another episode's"
    what = {NOTHING: "", ALL: "all concepts "}.get(labels.concept, f"{labels.concept} ")
    return what + SET_TO.get(labels.value, labels.value)


def _read(label: str, values: Mapping[str, PerSeed]) -> Iterator[tuple[object, ...]]:
    """A row per concept."""
    for name in [key.partition("/")[2] for key in values if key.startswith("majority/")]:
        columns = [f"accuracy/{name}", *(f"accuracy/{name}/{part}" for part in QUARTERS)]
        yield label, name, *_cells(values, (*columns, f"majority/{name}", f"leak/{name}"))


def _cells(values: Mapping[str, PerSeed], names: Iterable[str]) -> list[object]:
    """The estimates of these measures; NONE where there is none."""
    return [cell(interval(values[name])) if name in values else NONE for name in names]


SECTION = ReportSection(
    title="Concepts read and set", anchor="concepts", order=96, render=render, kinds=(Interventions.kind,)
)

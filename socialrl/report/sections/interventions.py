"""Section: how right named concepts are read, and what setting them does, from the records of
`interventions`.
"""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from socialrl.record.labels import ALL, NOTHING, OWN, Interventions
from socialrl.report import concept_figures
from socialrl.report.figures import Styles
from socialrl.report.legends import arm_legend
from socialrl.report.markup import Markup, figure, fold, table, tag
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
WORTH = (
    "What the truth put in for a concept at every step is worth, as the change of the return: interquartile "
    "means and 95 % intervals. Other conditions are in the table below."
)
READ_FIGURE = (
    "How often the likeliest value of a concept is the true one. The upright stroke: what its most frequent "
    "value alone would reach."
)
SET_TO = {OWN: "nothing set", "truth": "to the truth", "wrong": "to a wrong value"}
QUARTERS = tuple(str(part) for part in range(4))

Found = Mapping[str, Mapping[Interventions, Mapping[str, PerSeed]]]  # measures by arm and condition


def render(context: Context) -> Body | None:
    """Figures of what the truth is worth and of how right each concept is read, and both as tables."""
    found: Found = {
        arm.label: {labels: record.values for labels, record in arm.measured(Interventions)}
        for arm in context.study.arms
    }
    found = {arm: of for arm, of in found.items() if of}
    if not found:
        return None
    conditions = [
        (arm, in_words(labels), *_cells(values, COLUMNS))
        for arm, of in found.items()
        for labels, values in of.items()
    ]
    read = [row for arm, of in found.items() for row in _read(arm, unset(of))]
    head = ("arm", "concept", "right", *(f"quarter {int(part) + 1}" for part in QUARTERS))
    groups = list(alike({arm: of for arm, of in found.items() if concepts_of(unset(of))}))
    return (
        *(_worth(group, context.styles, f"concepts-worth{i}") for i, group in enumerate(groups)),
        fold(
            "Every condition",
            table(("arm", "set", *COLUMNS.values()), conditions),
            tag("p", NOTE, class_="note"),
        ),
        tag("h3", "How right concepts are read"),
        *(_accuracy(group, context.styles, f"concepts-read{i}") for i, group in enumerate(groups)),
        fold(
            "Over the episode, and from the residual",
            table((*head, "most frequent value", "from the residual"), read),
            tag("p", READ, class_="note"),
        ),
    )


def unset(of: Mapping[Interventions, Mapping[str, PerSeed]]) -> Mapping[str, PerSeed]:
    """The measures of an arm with nothing set; none if that was not measured."""
    return next((values for labels, values in of.items() if labels.value == OWN), {})


def concepts_of(values: Mapping[str, PerSeed]) -> tuple[str, ...]:
    """The names of the concepts whose reading was measured."""
    return tuple(key.partition("/")[2] for key in values if key.startswith("majority/"))


def alike(found: Found) -> Iterator[Found]:
    """Arms with the same concepts, one group after another."""
    for names in dict.fromkeys(concepts_of(unset(of)) for of in found.values()):
        yield {arm: of for arm, of in found.items() if concepts_of(unset(of)) == names}


def _worth(group: Found, styles: Styles, name: str) -> Markup | None:
    """The figure of the gains with the truth put in; None if it was not."""
    gains: dict[str, Mapping[str, PerSeed]] = {
        arm: {
            "all concepts" if labels.concept == ALL else labels.concept: values["gain"]
            for labels, values in of.items()
            if labels.value == "truth" and "gain" in values
        }
        for arm, of in group.items()
    }
    if not any(gains.values()):
        return None
    picture = concept_figures.rows(gains, styles, name, "change of the return with the truth put in")
    return figure(Markup(picture), WORTH, arm_legend(list(group), styles, f"{name}-key"))


def _accuracy(group: Found, styles: Styles, name: str) -> Markup:
    """The figure of how right each concept is read."""
    own = {arm: unset(of) for arm, of in group.items()}
    names = concepts_of(next(iter(own.values())))
    right = {
        arm: {concept: values[f"accuracy/{concept}"] for concept in names} for arm, values in own.items()
    }
    majority = {
        concept: float(np.nanmean([values[f"majority/{concept}"] for values in own.values()]))
        for concept in names
    }
    picture = concept_figures.rows(right, styles, name, "share of steps read right", majority)
    return figure(Markup(picture), READ_FIGURE, arm_legend(list(group), styles, f"{name}-key"))


def in_words(labels: Interventions) -> str:
    """What is set, in words."""
    if labels.concept == "residual":
        return "residual to zero" if labels.value == "zero" else "residual to another episode's"
    what = {NOTHING: "", ALL: "all concepts "}.get(labels.concept, f"{labels.concept} ")
    return what + SET_TO.get(labels.value, labels.value)


def _read(label: str, values: Mapping[str, PerSeed]) -> Iterator[tuple[object, ...]]:
    """A row per concept."""
    for name in concepts_of(values):
        columns = [f"accuracy/{name}", *(f"accuracy/{name}/{part}" for part in QUARTERS)]
        yield label, name, *_cells(values, (*columns, f"majority/{name}", f"leak/{name}"))


def _cells(values: Mapping[str, PerSeed], names: Iterable[str]) -> list[object]:
    """The estimates of these measures; NONE where there is none."""
    return [cell(interval(values[name])) if name in values else NONE for name in names]


SECTION = ReportSection(
    title="Concepts read and set", anchor="concepts", order=96, render=render, kinds=(Interventions.kind,)
)

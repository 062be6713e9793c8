"""Section: what accumulates over generations, from the records of the protocols `generations` (in weights)
and `lifetimes` (in context).
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from socialrl.record.labels import LIVES, Generations, Lifetimes
from socialrl.report import generation_figures
from socialrl.report.figures import Styles
from socialrl.report.generation_figures import Line
from socialrl.report.legends import arm_legend
from socialrl.report.markup import Markup, figure, fold, table, tag
from socialrl.report.reading import ArmRun, Series, without_seats
from socialrl.report.scores import cell, heading
from socialrl.report.section import Body, Context, ReportSection
from socialrl.report.statistics import interval
from socialrl.report.tables import NONE

PerSeed = Mapping[str, Float[np.ndarray, " seeds"]]
Found = dict[str, dict[int, PerSeed]]  # the measures by condition and generation
ALONE, BESIDE = "never", "full"
IN_WEIGHTS = (
    "Filled: the novice of each generation alone, at the end of its lifetime. Open, dotted: the same novice "
    "beside its elders, the novices of the last generation. With a band: arms that lived once, in the same "
    "world, for as many steps. Interquartile mean over seeds, with its 95 % interval."
)
IN_CONTEXT = (
    "Lifetimes on one level, with the same parameters. Filled: each is another novice's, beside the novice "
    "of the last one, which remembers. Open, dotted: all are one novice's, alone. What a novice knows in its "
    "first trial it has seen others do; what it knows in the last one it can pass on."
)
PASSED_ON = {  # measure: (title, whether it is a share)
    "known/1": ("sequence known in the first trial", True),
    "known/last": ("sequence known in the last trial", True),
    "followed": ("steps in which another is followed", True),
    "influence": ("influence of others, nats per step", False),
}
COLUMNS = {
    "return": "return",
    "return_coplayers": "elders' return",
    "known/1": "known, first trial",
    "known/last": "known, last trial",
    "known_coplayers": "known to the elder",
    "kept": "becomes the elder",
    "followed": "others followed",
    "influence": "influence, nats",
}


def render(context: Context) -> Body | None:
    """Return over generations beside the controls, what was passed on, and who was followed."""
    parts: list[Markup | None] = []
    for number, (title, arms) in enumerate(context.study.groups.items()):
        shown = [*in_weights(arms, context.styles, number), *in_context(arms, context.styles, number)]
        parts += [heading(context.study, title), *shown] if shown else []
    return tuple(parts) if parts else None


def in_weights(arms: Sequence[ArmRun], styles: Styles, number: int) -> Iterator[Markup]:
    """The figures and numbers of arms with generations; nothing if there are none."""
    found = {arm.label: of_generations(arm) for arm in arms}
    found = {arm: conditions for arm, conditions in found.items() if conditions}
    if not found:
        return
    ends = {arm.label: lifetime(arm) for arm in arms if arm.label in found}
    once = lived_once(arms, [arm for arm in arms if arm.label in found])
    lines = [
        line_of(arm, values, "return", control=condition == BESIDE, lifetime=ends[arm])
        for arm, conditions in found.items()
        for condition, values in conditions.items()
    ]
    picture = generation_figures.accumulation(lines, once, styles, f"generations{number}", "return")
    key = arm_legend([*found, *once], styles, f"generations-key{number}")
    yield tag("h3", "Generations in weights")
    yield figure(Markup(picture), IN_WEIGHTS, key)
    yield from passed_on(found, styles, f"weights{number}", "generation", {ALONE: False, BESIDE: True})
    yield numbers(found, {ALONE: "alone", BESIDE: "beside elders"})


def in_context(arms: Sequence[ArmRun], styles: Styles, number: int) -> Iterator[Markup]:
    """The figures and numbers of lifetimes on one level; nothing if none were measured."""
    found = {arm.label: of_lifetimes(arm) for arm in arms}
    found = {arm: conditions for arm, conditions in found.items() if conditions}
    if not found:
        return
    yield tag("h3", "Generations in context")
    drawn = {LIVES[0]: False, LIVES[1]: True}
    yield from passed_on(found, styles, f"context{number}", "lifetime", drawn, {"return": ("return", False)})
    yield arm_legend(list(found), styles, f"lifetimes-key{number}")
    yield tag("p", IN_CONTEXT, class_="note")
    yield numbers(found, {name: name for name in LIVES})


def passed_on(
    found: Mapping[str, Found],
    styles: Styles,
    name: str,
    xlabel: str,
    drawn: Mapping[str, bool],
    first: Mapping[str, tuple[str, bool]] | None = None,
) -> Iterator[Markup]:
    """A small figure for each measure that is recorded. drawn: whether each condition is drawn as a control.
    first: further measures, which come first.
    """
    pictures = []
    for place, (measure, (title, share)) in enumerate((dict(first or {}) | PASSED_ON).items()):
        lines = [
            line_of(arm, conditions[condition], measure, control=control)
            for arm, conditions in found.items()
            for condition, control in drawn.items()
            if condition in conditions
        ]
        lines = [one for one in lines if np.isfinite(one.values).any()]
        if lines:
            made = generation_figures.over_generations(lines, styles, f"{name}-{place}", title, xlabel, share)
            pictures.append(figure(Markup(made)))
    if pictures:
        yield tag("div", *pictures, class_="grid halves")


def numbers(found: Mapping[str, Found], titles: Mapping[str, str]) -> Markup:
    """All measures as a table that unfolds: a row per arm, condition and generation."""
    known = [name for name in COLUMNS if any(measured(v, name) for v in every(found))]
    rows = [
        (arm, titles[condition], str(number), *(of(values, name) for name in known))
        for arm, conditions in found.items()
        for condition, values_by in conditions.items()
        for number, values in values_by.items()
    ]
    head = ("arm", "condition", "generation", *(COLUMNS[name] for name in known))
    return fold("Numbers", table(head, rows))


def every(found: Mapping[str, Found]) -> Iterator[PerSeed]:
    """The measures of all arms, conditions and generations."""
    for conditions in found.values():
        for values in conditions.values():
            yield from values.values()


def measured(values: PerSeed, name: str) -> bool:
    """Whether a measure has a number in some seed."""
    return name in values and bool(np.isfinite(values[name]).any())


def of(values: PerSeed, name: str) -> object:
    """A measure as a cell."""
    return cell(interval(values[name])) if measured(values, name) else NONE


def of_generations(arm: ArmRun) -> Found:
    """The measures of the protocol `generations` by presence and generation."""
    found: Found = {}
    for labels, record in arm.measured(Generations):
        found.setdefault(labels.presence, {})[labels.generation] = with_last(record.values)
    return found


def of_lifetimes(arm: ArmRun) -> Found:
    """The measures of the protocol `lifetimes` by whose lives they are, and lifetime."""
    found: Found = {}
    for labels, record in arm.measured(Lifetimes):
        found.setdefault(labels.lives, {})[labels.generation] = with_last(record.values)
    return {lives: found[lives] for lives in LIVES if lives in found}


def with_last(values: PerSeed) -> PerSeed:
    """The measures with `known/last`, that of the last trial, where there are trials."""
    trials = [int(name[6:]) for name in values if name.startswith("known/")]
    return dict(values) | ({"known/last": values[f"known/{max(trials)}"]} if trials else {})


def line_of(
    arm: str, values: Mapping[int, PerSeed], measure: str, control: bool, lifetime: float = 1.0
) -> Line:
    """A measure over the generations, NaN where it was not measured; x in units of a lifetime's steps."""
    seeds = max(len(one) for by_name in values.values() for one in by_name.values())
    missing = np.full(seeds, np.nan)
    rows = [by_name.get(measure, missing) for by_name in values.values()]
    return Line(arm, lifetime * np.array(list(values), float), np.stack(rows), control)


def lifetime(arm: ArmRun) -> float:
    """Environment steps of a generation."""
    pairs = arm.measured(Generations)
    return pairs[-1][1].step / max(labels.generation for labels, _ in pairs)


def lived_once(arms: Sequence[ArmRun], in_generations: Sequence[ArmRun]) -> dict[str, Series]:
    """Learning curves of the arms without generations that learnt in the world of those with them, whoever
    else lived there.
    """
    worlds = [without_seats(arm.settings.get("world")) for arm in in_generations]
    return {
        arm.label: arm.series("eval", "return")
        for arm in arms
        if arm not in in_generations
        and without_seats(arm.settings.get("world")) in worlds
        and len(arm.series("eval", "return"))
    }


SECTION = ReportSection(
    title="Generations",
    anchor="generations",
    order=97,
    render=render,
    kinds=(Generations.kind, Lifetimes.kind),
)

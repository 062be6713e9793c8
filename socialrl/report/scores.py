"""The page's sections about scores: in short, learning curves, final scores, and how to read the intervals."""

import math
from collections.abc import Iterable, Mapping

import numpy as np

from socialrl.report import figures
from socialrl.report.figures import Styles
from socialrl.report.legends import arm_legend
from socialrl.report.markup import Markup, Section, figure, fold, join, section, table, tag
from socialrl.report.reading import ArmRun, Study
from socialrl.report.statistics import FEW, Estimate, difference, interval, paired, probability_of_improvement
from socialrl.report.summary import estimate
from socialrl.report.tables import NONE, SHARE, bracket, number, returns_first

_OWN_SECTION = (
    "few_shot",
    "following",
    "inverse_rl",
    "offline",
    "social",
)  # kinds that the page shows elsewhere

_METHODS = (
    "Scores are summed up by the interquartile mean (IQM: the mean of the middle half) over {seeds} seeds, with 95 % "
    "percentile bootstrap intervals over seeds, stratified by task where there are several (Agarwal et al., arXiv 2108.13264). "
    "Such intervals are too narrow when seeds are few: for normal scores they hold the true value in about 75 % of experiments "
    "with 3 seeds, 91 % with 5, 94 % with 10. They speak of new seeds of the same experiment, not of other worlds or settings. "
    "“Above” and “below” mean that the interval of the difference leaves out 0, one comparison at a time; "
    "with fewer than 5 seeds no arm is called either."
)


def returns(arms: Iterable[ArmRun]) -> dict[str, np.ndarray]:
    """Every arm's latest return, one number per seed."""
    return {arm.label: record.values["return"] for arm in arms if (record := arm.latest()) is not None}


def in_short(study: Study, styles: Styles) -> Section:
    """The verdict in a sentence or two, the table of final scores, and every arm against the first of its
    experiment.
    """
    groups = [scores for arms in study.groups.values() if (scores := returns(arms))]
    if not groups:
        return section("In short", tag("p", "No evaluation has been recorded yet."), anchor="short")
    return section(
        "In short",
        *(tag("p", sentence, class_="verdict") for scores in groups for sentence in verdict(scores)),
        score_table(study, styles),
        *map(comparison_table, groups),
        anchor="short",
    )


def verdict(scores: Mapping[str, np.ndarray]) -> list[str]:
    """What the numbers say, in words that follow from intervals by rule: no arm is called better without one."""
    estimates = {arm: interval(seeds) for arm, seeds in scores.items()}
    known = {arm: e for arm, e in estimates.items() if not math.isnan(e.value)}
    if not known:
        return ["No arm has a finite return."]
    best = max(known, key=lambda arm: known[arm].value)
    sentences = [f"Highest return: {best}, {_with_interval(known[best])}."]
    reference = next(iter(scores))
    groups: dict[str, list[str]] = {}
    for arm, seeds in scores.items():
        if arm != reference:
            groups.setdefault(standing(seeds, scores[reference]), []).append(arm)
    if groups:
        parts = (f"{words}: {', '.join(arms)}" for words, arms in groups.items())
        sentences.append(f"Compared with {reference}, {'; '.join(parts)}.")
    return sentences


def standing(seeds: np.ndarray, reference: np.ndarray) -> str:
    """above / below / not told apart: whether the 95 % interval of the difference leaves out 0. Too few
    seeds: below FEW.
    """
    gap = difference(seeds, reference)
    if min(np.isfinite(seeds).sum(), np.isfinite(reference).sum()) < FEW:
        return "too few seeds"
    if gap.low > 0:
        return "above"
    return "below" if gap.high < 0 else "not told apart"


def _with_interval(e: Estimate) -> str:
    return (
        f"{number(e.value)} {bracket(e.low, e.high)}"
        if e.bounded
        else f"{number(e.value)} (one seed gives no interval)"
    )


def score_table(study: Study, styles: Styles) -> Markup:
    """Arm, IQM, interval, every seed, lowest to highest as recorded; arms without a final evaluation are
    marked.
    """
    rows, notes = [], []
    for i, arm in enumerate(study.arms):
        record, result = arm.latest(), estimate(arm)
        name = join([Markup(figures.swatch(styles[arm.label], f"row{i}")), arm.label])
        if record is None or result is None:
            rows.append((name, NONE, NONE, NONE, "no evaluation yet", NONE))
            continue
        if record.kind != "final":
            what = {"eval": "its latest evaluation", "train": "its latest training return"}[record.kind]
            notes.append(f"{arm.label} is not finished: shown is {what}, at step {record.step:,}.")
        seeds = record.values["return"]
        finite = seeds[np.isfinite(seeds)]
        worst = number(float(finite.min())) if finite.size else NONE
        ends = bracket(result.low, result.high)
        rows.append((name, number(result.value), ends, worst, seed_cells(seeds), f"{record.step:,}"))
        missing = int((~np.isfinite(seeds)).sum())
        if missing:
            notes.append(
                f"{arm.label}: {missing} of {len(seeds)} seeds have no finite return; the others make its numbers."
            )
    return join(
        [
            table(
                ("arm", "return (IQM)", "95 % interval", "worst seed", "each seed", "steps per seed"),
                rows,
                numeric=(1, 2, 3, 5),
            ),
            *(tag("p", note, class_="note") for note in notes),
        ]
    )


def seed_cells(seeds: np.ndarray) -> Markup:
    """The seeds' numbers in seed order, aligned under one another."""
    return tag("span", *(tag("span", number(float(value), 1)) for value in seeds), class_="seeds")


def comparison_table(scores: Mapping[str, np.ndarray]) -> Markup | None:
    """Every arm against the first: difference of IQMs and probability of improvement, with intervals."""
    reference = next(iter(scores))
    rows = []
    for arm, seeds in scores.items():
        if arm == reference:
            continue
        gap, likely = (
            difference(seeds, scores[reference]),
            probability_of_improvement(seeds, scores[reference]),
        )
        rows.append(
            (
                f"{arm} minus {reference}",
                _signed(gap.value),
                bracket(gap.low, gap.high),
                standing(seeds, scores[reference]),
                chance(likely),
                "paired" if paired(seeds, scores[reference]) else "unpaired",
            )
        )
    if not rows:
        return None
    head = (
        "arm minus reference",
        "difference",
        "95 % interval",
        "standing",
        "P(above the reference)",
        "seeds",
    )
    return join([tag("h3", f"Each arm against {reference}"), table(head, rows, numeric=(1, 2))])


def chance(e: Estimate) -> Markup | str:
    """The probability of improvement; where every pair agrees, a bootstrap interval would claim a certainty
    that it has not.
    """
    if e.value in (0.0, 1.0):
        return f"{e.value:.0f}, in every pair"
    return cell(e)


def _signed(value: float) -> str:
    return NONE if math.isnan(value) else f"{value:+.2f}"


def learning(study: Study, styles: Styles) -> Section | None:
    """Learning curves of the greedy evaluations; of the training returns where a run has no evaluation."""
    kind = "eval" if any("return" in arm.metrics("eval") for arm in study.arms) else "train"
    what = "return on held-out levels" if kind == "eval" else "return while training"
    parts = []
    for i, (title, arms) in enumerate(study.groups.items()):
        curves = {arm.label: series for arm in arms if len(series := arm.series(kind, "return"))}
        if curves:
            picture = Markup(figures.learning_curves(curves, styles, f"curves{i}", what))
            legend = arm_legend(list(curves), styles, f"curve-key{i}")
            parts += [heading(study, title), figure(picture, legend=legend)]
    text = "Thick: interquartile mean over seeds, with its pointwise 95 % band. Thin: every seed, so that none hides."
    if kind == "eval":
        text += " Greedy episodes on levels that training never draws."
    return (
        section("Learning curves", *parts, tag("p", text, class_="note"), anchor="curves") if parts else None
    )


def heading(study: Study, experiment: str) -> Markup | None:
    """The name of an experiment where a page has several."""
    return tag("h3", experiment) if len(study.groups) > 1 else None


def final(study: Study, styles: Styles) -> Section | None:
    """The final scores as a figure, and every other measure of that evaluation as a table."""
    parts, unfinished = [], []
    for i, (title, arms) in enumerate(study.groups.items()):
        scores = {label: (seeds, interval(seeds)) for label, seeds in returns(arms).items()}
        unfinished += [arm.label for arm in arms if arm.label in scores and not arm.finished]
        if scores:
            parts += [
                heading(study, title),
                figure(Markup(figures.final_scores(scores, styles, f"final{i}", "return"))),
            ]
    text = "Open: every seed. Filled, with bar: interquartile mean and its 95 % interval."
    if unfinished:
        text += f" Not finished, so the latest so far: {', '.join(unfinished)}."
    note = tag("p", text, class_="note")
    return (
        section("Final scores", *parts, note, measures(study), further(study), anchor="final")
        if parts
        else None
    )


def measures(study: Study) -> Markup | None:
    """All measures of the last evaluation but the shares: co-players' returns, events per episode."""
    latest = [
        (arm, record) for arm in study.arms if (record := arm.latest()) is not None and record.kind != "train"
    ]
    names = returns_first(
        name for _, record in latest for name in record.values if not name.startswith(SHARE)
    )
    if len(names) < 2:
        return None
    rows = []
    for name in names:
        cells = [
            cell(interval(record.values[name])) if name in record.values else NONE for _, record in latest
        ]
        rows.append((name, *cells))
    note = "IQM and 95 % interval per episode. Returns of co-players are the experimenter's knowledge: no learner sees them."
    head = ("measure", *(arm.label for arm, _ in latest))
    return fold("All measures of the final evaluation", tag("p", note, class_="note"), table(head, rows))


def cell(e: Estimate) -> Markup:
    """An estimate in one cell: the value, then the interval, fainter."""
    return join(
        [number(e.value), tag("span", bracket(e.low, e.high), class_="interval") if e.bounded else None], " "
    )


def further(study: Study) -> Markup | None:
    """What protocols evaluated beyond the experiment's own evaluation: one row per arm, condition and
    measure.
    """
    rows = []
    for arm in study.arms:
        for record in arm.records:
            if record.kind not in _OWN_SECTION and (
                record.labels or record.kind not in ("train", "eval", "final")
            ):
                labels = ", ".join(f"{key} {value}" for key, value in record.labels.items())
                rows += [
                    (arm.label, record.kind, labels, name, cell(interval(v)), seed_cells(v))
                    for name, v in record.values.items()
                ]
    if not rows:
        return None
    return fold(
        "Further evaluations",
        table(("arm", "evaluation", "condition", "measure", "IQM, 95 % interval", "each seed"), rows),
    )


def methods(study: Study) -> Markup:
    """How the numbers were made, in the words a reader needs to trust them."""
    counts = sorted({len(seeds) for seeds in returns(study.arms).values()})
    seeds = " or ".join(str(count) for count in counts) or "no"
    return tag("p", _METHODS.format(seeds=seeds), class_="note")

"""Returns of the arms, what they say in words, and how the page writes an estimate into a cell."""

import math
from collections.abc import Iterable, Mapping

import numpy as np
from jaxtyping import Float

from socialrl.report.markup import Markup, join, tag
from socialrl.report.reading import ArmRun, Study
from socialrl.report.statistics import FEW, Estimate, difference, interval
from socialrl.report.tables import bracket, number, words_of

PerSeed = Float[np.ndarray, " seeds"]
_METHODS = (
    "Scores are aggregated by the interquartile mean (IQM: the mean of the middle half) over {seeds} seeds, "
    "with 95 % percentile bootstrap intervals over seeds, stratified by task where there are several "
    "(Agarwal et al., arXiv 2108.13264). Such intervals are too narrow when seeds are few: for normal scores "
    "they cover the true value in about 75 % of experiments with 3 seeds, 91 % with 5, 94 % with 10. They "
    "are about new seeds of the same experiment, not about other worlds or settings. “Above” and “below” "
    "mean that the interval of the difference excludes 0, for one comparison at a time; with fewer than 5 "
    "seeds no arm is called either."
)


def returns(arms: Iterable[ArmRun]) -> dict[str, PerSeed]:
    """The latest returns of the arms that have any, one number per seed, by label."""
    return {arm.label: record.values["return"] for arm in arms if (record := arm.latest()) is not None}


def verdict(scores: Mapping[str, PerSeed]) -> list[str]:
    """The result in sentences that follow from the intervals by rule. The first arm is the reference."""
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


def standing(seeds: PerSeed, reference: PerSeed) -> str:
    """above or below if the 95 % interval of the difference to the reference excludes 0, else undecided;
    too few seeds if one side has fewer than FEW.
    """
    gap = difference(seeds, reference)
    if min(np.isfinite(seeds).sum(), np.isfinite(reference).sum()) < FEW:
        return "too few seeds"
    if gap.low > 0:
        return "above"
    return "below" if gap.high < 0 else "undecided"


def _with_interval(e: Estimate) -> str:
    return words_of(e) if e.bounded else f"{number(e.value)} (one seed gives no interval)"


def cell(e: Estimate) -> Markup:
    """An estimate as the content of a cell: its value, and its interval in a fainter colour."""
    return join(
        [number(e.value), tag("span", bracket(e.low, e.high), class_="interval") if e.bounded else None], " "
    )


def chance(e: Estimate) -> Markup | str:
    """A probability of improvement as the content of a cell; without interval if all pairs agree, because a
    bootstrap interval would then have no width.
    """
    if e.value in (0.0, 1.0):
        return f"{e.value:.0f}, in all pairs"
    return cell(e)


def seed_cells(seeds: PerSeed) -> Markup:
    """The numbers of the seeds in order, as the content of a cell, aligned in columns."""
    return tag("span", *(tag("span", number(float(value), 1)) for value in seeds), class_="seeds")


def heading(study: Study, experiment: str) -> Markup | None:
    """The name of an experiment as a heading, if the page has several."""
    return tag("h3", experiment) if len(study.groups) > 1 else None


def methods(study: Study) -> Markup:
    """How scores are aggregated: the note at the end of the page."""
    counts = sorted({len(seeds) for seeds in returns(study.arms).values()})
    seeds = " or ".join(str(count) for count in counts) or "no"
    return tag("p", _METHODS.format(seeds=seeds), class_="note")

"""The page's section about the claims of the literature: what was found beside each."""

from typing import Any

import numpy as np

from socialrl.report.markup import Section, section, table, tag
from socialrl.report.protocol import HOME, KIND, TRAINED
from socialrl.report.reading import ArmRun, Study
from socialrl.report.scores import FEW, cell
from socialrl.report.statistics import difference, interval, probability_of_improvement
from socialrl.report.tables import NONE

_RULE = (
    "Reproduced: the 95 % interval of the difference of IQMs leaves out 0 on the claimed side; opposite: on the other side; "
    "undecided: it holds 0. With fewer than 5 seeds there is no verdict. P: share of pairs of seeds that agree."
)


def claims(study: Study) -> Section | None:
    """A row per claim: the two sides in numbers, the probability of improvement, the verdict."""
    rows = [row(study, claim) for run in study.runs for claim in run.experiment.get("claims") or ()]
    if not rows:
        return None
    head = ("claim", "found", "against", "P, 95 % interval", "seeds", "verdict")
    return section("Claims", table(head, rows), tag("p", _RULE, class_="note"), anchor="claims")


def row(study: Study, claim: dict[str, Any]) -> tuple[object, ...]:
    """One claim as the table's cells."""
    name = f"{claim['text']} ({claim['source']})"
    found = sides(study, claim)
    if found is None:
        return (name, NONE, NONE, NONE, NONE, "not measured")
    ours, other = found
    better, worse = (other, ours) if claim.get("below") else (ours, other)
    chance = cell(probability_of_improvement(better, worse))
    return (name, cell(interval(ours)), cell(interval(other)), chance, str(len(ours)), verdict(better, worse))


def verdict(better: np.ndarray, worse: np.ndarray) -> str:
    """What the interval of IQM(better) - IQM(worse) says of the claim that it is positive."""
    if min(np.isfinite(better).sum(), np.isfinite(worse).sum()) < FEW:
        return "too few seeds"
    gap = difference(better, worse)
    if gap.low > 0:
        return "reproduced"
    return "opposite" if gap.high < 0 else "undecided"


def sides(study: Study, claim: dict[str, Any]) -> tuple[np.ndarray, np.ndarray] | None:
    """The claim's two sides, one number per seed each; None if one was not measured."""
    arms = {arm.label: arm for arm in study.arms}
    labels, times, over = dict(claim.get("labels") or ()), claim.get("times", 1.0), claim.get("over")
    ours = scores(arms.get(claim["arm"]), labels, claim.get("measure", "return"))
    if over is None:
        other = None if ours is None else np.full(ours.shape, claim.get("value", 0.0))
    elif over == "expert":
        other = scores(arms.get(claim["arm"]), labels or {"presence": "full"}, "return_coplayers")
    else:
        other = scores(arms.get(over), labels, claim.get("measure", "return"))
    return None if ours is None or other is None else (ours, times * other)


def scores(arm: ArmRun | None, labels: dict[str, str], measure: str) -> np.ndarray | None:
    """A measure of the final evaluation, or of the social protocol's first condition with these labels."""
    if arm is None:
        return None
    if labels:
        wanted = ({"world": HOME, "company": TRAINED} | labels).items()
        record = next((one for one in arm.of(KIND) if wanted <= one.labels.items()), None)
    else:
        record = next(iter(arm.plain("final")), None)
    return None if record is None else record.values.get(measure)

"""The registered analysis of prediction.py: one table from the folders of its runs.

    uv run python experiments/_prediction_analysis.py runs/prediction/0001 [more folders]

docs/preregistration.md says what is computed and why. Claims are about A_full, the greedy return beside
experts on held-out levels, one number per seed, paired by seed. Nothing here may change after the first run
of the registered size has begun, except to mend what does not run; such a change is named in that page.
"""

import itertools
import sys
from collections.abc import Sequence

import numpy as np

from socialrl.record.labels import HOME
from socialrl.report import reading, social_numbers
from socialrl.report.reading import ArmRun
from socialrl.report.statistics import difference, interval

CONDITIONS = (
    "paper",
    "ours",
    *(f"our_{name}" for name in ("world", "views", "prestige", "previous_reward", "entropy", "mirror")),
)
PRIMARY = tuple(("prediction", "ppo", condition) for condition in CONDITIONS)
SECONDARY = tuple(
    ("prediction", other, condition)
    for condition in CONDITIONS[:2]
    for other in ("reconstruction", "additive")
)
STUCK = 1.5  # return above which a seed counts as social: more than one safe tile pays
POWER = 1.96 + 0.84  # standard errors of an effect that a test at 5 % finds in 80 % of the cases


def scores(arm: ArmRun) -> dict[str, np.ndarray]:
    """full, half, never and experts of an arm, one number per seed."""
    return social_numbers.returns(social_numbers.cells_of(arm), HOME, "greedy")


def steps_to_half(arm: ArmRun, experts: np.ndarray) -> np.ndarray:
    """Environment steps until an evaluation first reaches half of the experts' return; inf if none does."""
    series = arm.series("eval", "return")
    reached = series.values >= experts / 2
    return np.where(reached.any(axis=0), series.steps[reached.argmax(axis=0)], np.inf)


def sign_flip(differences: np.ndarray) -> float:
    """The exact two-sided p-value of a mean of paired differences: over all flips of their signs."""
    flips = np.array(list(itertools.product((1, -1), repeat=len(differences))))
    means = np.abs((flips * differences).mean(axis=1))
    return float((means >= abs(differences.mean()) - 1e-12).mean())


def holm(p_values: list[float]) -> list[float]:
    """The p-values, corrected for their number (Holm, 1979)."""
    order, found, highest = np.argsort(p_values), [0.0] * len(p_values), 0.0
    for rank, at in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[at]))
        found[at] = highest
    return found


def row(name: str, arm: ArmRun) -> str:
    """The measures of one arm: IQMs with intervals, seeds above `STUCK`, steps to half of the experts'."""
    found = scores(arm)
    estimates = [interval(found[presence]) for presence in ("full", "half", "never")]
    numbers = "  ".join(f"{e.value:.2f} [{e.low:.2f}, {e.high:.2f}]" for e in estimates)
    above, steps = found["full"] > STUCK, np.median(steps_to_half(arm, found["experts"]))
    share = f"{above.sum()}/{len(above)}"
    return f"{name}  {numbers}  {found['experts'].mean():.2f}  {share}  {steps:,.0f}"


def verdicts(family: Sequence[tuple[str, str, str]], arms: dict[str, ArmRun]) -> list[str]:
    """One line for each claim of a family whose arms are there."""
    there = [claim for claim in family if all(f"{who}_{claim[2]}" in arms for who in claim[:2])]
    pairs = [[scores(arms[f"{who}_{claim[2]}"])["full"] for who in claim[:2]] for claim in there]
    p_values = [sign_flip(one - other) for one, other in pairs]
    lines = []
    for claim, (a, b), p, corrected in zip(there, pairs, p_values, holm(p_values), strict=True):
        found, least = difference(a, b), POWER * np.std(a - b, ddof=1) / np.sqrt(len(a))
        lines.append(
            f"{claim[2]}: {claim[0]} above {claim[1]}  {found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
            f"  {p:.4f}  {corrected:.4f}  {least:.2f}"
        )
    return lines


def report(arms: dict[str, ArmRun]) -> list[str]:
    """The lines of the tables."""
    return [
        "arm  A_full  A_half  A_solo  experts  seeds above 1.5  median steps to half of the experts'",
        *(row(name, arm) for name, arm in arms.items()),
        "",
        "claim  difference of A_full  p  p by Holm  difference that is found in 80 % of the cases",
        *verdicts(PRIMARY, arms),
        "",
        *verdicts(SECONDARY, arms),
    ]


if __name__ == "__main__":
    found = {arm.name: arm for arm in reading.read(sys.argv[1:]).arms if arm.finished}
    print("\n".join(report(found)))

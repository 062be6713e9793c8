"""An experiment's claims with the measured numbers and the verdict on each, as JSON values and as text."""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from typing import TypedDict

import numpy as np
from jaxtyping import Float

from socialrl.coerce import coerce
from socialrl.config import REPORTING, Claim, with_sources
from socialrl.record.labels import HOME, TRAINED, Social
from socialrl.report.budgets import area, at_equal_time, during, steps_to_half, timed
from socialrl.report.reading import ArmRun, JsonObject, Run, Study
from socialrl.report.social_numbers import cells_of, shares
from socialrl.report.statistics import Comparison, Estimate, compare, holm, interval
from socialrl.report.summary import Entry, as_json
from socialrl.report.tables import NONE, aligned, bracket, number

PerSeed = Float[np.ndarray, " seeds"]
ENOUGH = 10  # seeds without which no claim is decided, whatever an experiment declares
TUNING = "tuning only"
AUC = "auc"  # a measure of the learning curve
HALF = "steps_to_half"  # another one
TIMED = "timed"  # the return after equal seconds, of the arms in one world
CT = "ct"  # a measure of all presences of the social protocol together


CURVES: Mapping[str, Callable[[ArmRun], PerSeed | None]] = {AUC: area, HALF: steps_to_half}


@dataclasses.dataclass(frozen=True)
class Finding:
    """A claim and the measurements of it.

    run: the name of the run. found, against: the arm's side and the other one, of the seeds that decide;
    None if one of them is not measured. reporting: whether no seed is one for tuning. needed: the seeds that
    a verdict takes. level: at which the claim is tested, by Holm's procedure over all claims of its run.
    same_time: the arm's side and the other one after equal seconds of training; None if that is not known.
    """

    claim: Claim
    run: str
    found: PerSeed | None
    against: PerSeed | None
    reporting: bool = True
    needed: int = ENOUGH
    level: float = 0.05
    same_time: tuple[PerSeed, PerSeed] | None = None

    @property
    def rival(self) -> str:
        """The other side in words: an arm, "0.9 times expert:", or "" for a number."""
        if self.claim.over is None or self.claim.times == 1:
            return self.claim.over or ""
        return f"{self.claim.times:g} times {self.claim.over}:"

    @property
    def chance(self) -> tuple[PerSeed, PerSeed] | None:
        """The side that is claimed to be higher, and the other one; None if one of them is not measured."""
        if self.found is None or self.against is None:
            return None
        return (self.against, self.found) if self.claim.below else (self.found, self.against)

    @property
    def seeds(self) -> int:
        """The number of seeds that decide: those with a number on both sides."""
        return 0 if self.chance is None else int(min(np.isfinite(side).sum() for side in self.chance))

    @functools.cached_property
    def gap(self) -> Comparison | None:
        """The side that is claimed to be higher minus the other one; None without two seeds on each."""
        return None if self.chance is None else compare(*self.chance)

    @property
    def raw(self) -> Estimate | None:
        """That difference with its 95 % interval, for this claim alone."""
        return None if self.gap is None else self.gap.interval()

    @property
    def corrected(self) -> Estimate | None:
        """That difference with the interval that decides: at the claim's level in Holm's procedure."""
        return None if self.gap is None else self.gap.interval(self.level)

    @property
    def detectable(self) -> float | None:
        """The smallest difference that these seeds would have shown at that level in four of five runs."""
        return None if self.gap is None else self.gap.detectable(self.level)

    @property
    def in_line(self) -> int | None:
        """The number of the arm's seeds that lie on the claimed side of the other side's IQM."""
        if self.found is None or self.against is None:
            return None
        gap = np.asarray(self.found) - interval(self.against).value
        return int(np.sum(gap < 0 if self.claim.below else gap > 0))

    @property
    def verdict(self) -> str:
        """not measured; tuning only; too few seeds; else by the corrected interval of the difference:
        reproduced if it is above 0, opposite if below, undecided if it contains 0.
        """
        if self.found is None or self.against is None:
            return "not measured"
        if not self.reporting:
            return TUNING
        if self.corrected is None or self.seeds < self.needed:
            return "too few seeds"
        if self.corrected.low > 0:
            return "reproduced"
        return "opposite" if self.corrected.high < 0 else "undecided"


def findings(study: Study) -> list[Finding]:
    """All claims of all runs. Raises SocialRLError that names file and key of one that is not a
    `config.Claim`.
    """
    return [finding for run in study.runs for finding in of_run(study, run)]


def of_run(study: Study, run: Run) -> list[Finding]:
    """The claims of a run, each with its level in Holm's procedure over all of them.

    The first `claim_seeds` seeds decide. Claims that are not measured count in the procedure, and so do those
    that were left out with their arms.
    """
    claims = coerce(
        tuple[Claim, ...],
        with_sources(run.experiment.get("claims") or []),
        f"{run.folder / 'config.json'}: claims",
    )
    needed = max(whole_number(run.experiment, "claim_seeds"), ENOUGH)
    found = [
        Finding(
            claim,
            run.name,
            *(None if side is None else side[:needed] for side in sides(study, run, claim)),
            reporting=run.reporting,
            needed=needed,
            same_time=after_equal_time(study, run, claim),
        )
        for claim in claims
    ]
    p_values = [math.nan if one.gap is None else one.gap.p for one in found]
    levels = holm(p_values, family=whole_number(run.experiment, "claims_in_all"))
    return [dataclasses.replace(one, level=level) for one, level in zip(found, levels, strict=True)]


def whole_number(experiment: JsonObject, key: str) -> int:
    """A whole number of an experiment, 0 if it has none."""
    value = experiment.get(key, 0)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def after_equal_time(study: Study, run: Run, claim: Claim) -> tuple[PerSeed, PerSeed] | None:
    """The return of the claim's arm and of the arm that it is compared with, after as many seconds of
    training as the quicker one took; None for other claims, and if seconds or curves are not recorded.
    """
    arms = {arm.name: arm for arm in study.arms if arm.run == run.name}
    pair = [arms.get(name) for name in claim.arms]
    if len(pair) != 2 or claim.labels or claim.measure != "return" or claim.at < 1:
        return None
    returns = at_equal_time([arm for arm in pair if arm is not None])
    if returns is None or len(returns) != 2:
        return None
    return returns[0], claim.times * returns[1]


def sides(study: Study, run: Run, claim: Claim) -> tuple[PerSeed, PerSeed] | tuple[None, None]:
    """The claim's two sides, one number per seed each; None if one of them is not measured."""
    arms = {arm.name: arm for arm in study.arms if arm.run == run.name}
    labels = dict(claim.labels)

    def measured(name: str, labels: dict[str, str]) -> PerSeed | None:
        arm = arms.get(name)
        if arm is not None and claim.measure == TIMED:
            return timed(arm, list(arms.values()))
        return scores(arm, labels, claim.measure, claim.at)

    ours = measured(claim.arm, labels)
    if claim.over is None:
        other = None if ours is None else np.full(ours.shape, claim.value)
    elif claim.over == "expert":
        other = scores(arms.get(claim.arm), labels | {"presence": "full"}, "return_coplayers")
    else:
        other = measured(claim.over, labels | dict(claim.over_labels))
    return (None, None) if ours is None or other is None else (ours, claim.times * other)


def scores(arm: ArmRun | None, labels: dict[str, str], measure: str, at: float = 1.0) -> PerSeed | None:
    """A measure of the final evaluation, or of that after another share of training, or of a protocol's first
    record with these labels, see `config.Claim`; None if there is none.
    """
    if arm is None:
        return None
    if measure in CURVES and not labels:
        return CURVES[measure](arm)
    if at < 1:
        return during(arm, measure, at)
    if measure == CT:
        return transmitted(arm, labels)
    if labels:
        kind, wanted = of_protocol(labels)
        record = next(
            (one for one in arm.of(kind) if all(str(one.labels.get(k)) == wanted[k] for k in wanted)), None
        )
    else:
        record = next(iter(arm.plain("final")), None)
    return None if record is None else record.values.get(measure)


def transmitted(arm: ArmRun, labels: dict[str, str]) -> PerSeed | None:
    """Cultural transmission beside the world's own company, see `social_numbers`; None if not measured.

    labels: the world and the policy, if they are not the experiment's and the first that was measured.
    """
    cells = cells_of(arm)
    policy = labels.get("policy") or next((condition.policy for condition in cells), "")
    found = shares(cells, labels.get("world", HOME), policy)["CT"] if cells else np.full(1, math.nan)
    return None if np.isnan(found).all() else found


def of_protocol(labels: dict[str, str]) -> tuple[str, dict[str, str]]:
    """The kind of the records that a claim is about, by default those of the social protocol, and their
    labels.
    """
    wanted = {name: value for name, value in labels.items() if name != "protocol"}
    kind = labels.get("protocol", Social.kind)
    return kind, {"world": HOME, "company": TRAINED} | wanted if kind == Social.kind else wanted


class ClaimEntry(TypedDict):
    """A claim in summary.json; None where nothing is measured.

    difference: the side that is claimed to be higher minus the other one. raw, corrected: the ends of its
    95 % interval, and of the one at `level`, which decides. same_time: the arm minus the other one after
    equal seconds of training, with its 95 % interval.
    """

    claim: str
    source: str
    paper: str
    arm: str
    over: str | None
    found: Entry | None
    against: Entry | None
    difference: float | None
    p: float | None
    level: float
    raw: list[float] | None
    corrected: list[float] | None
    detectable: float | None
    same_time: list[float] | None
    seeds: int
    seeds_needed: int
    seeds_in_line: int | None
    verdict: str


def summarise_findings(study: Study) -> list[ClaimEntry]:
    """The content of summary.json under `claims`."""
    return [entry(one) for one in findings(study)]


def entry(one: Finding) -> ClaimEntry:
    """A finding as JSON values."""
    gap, raw, corrected = one.gap, one.raw, one.corrected
    same_time = None if one.same_time is None else compare(*one.same_time)
    timed = None if same_time is None else same_time.interval()
    return {
        "claim": one.claim.text,
        "source": one.claim.source,
        "paper": one.claim.paper,
        "arm": one.claim.arm,
        "over": one.claim.over,
        "found": None if one.found is None else as_json(one.found),
        "against": None if one.against is None else as_json(one.against),
        "difference": None if gap is None else gap.value,
        "p": None if gap is None else gap.p,
        "level": one.level,
        "raw": None if raw is None else [raw.low, raw.high],
        "corrected": None if corrected is None else [corrected.low, corrected.high],
        "detectable": one.detectable,
        "same_time": None if timed is None else [timed.value, timed.low, timed.high],
        "seeds": one.seeds,
        "seeds_needed": one.needed,
        "seeds_in_line": one.in_line,
        "verdict": one.verdict,
    }


def format_findings(study: Study) -> str:
    """A line per claim: claim, source, both sides, the difference with its raw and its corrected interval,
    verdict; "" if there are no claims. Ends without a newline.
    """
    found = findings(study)
    rows = [
        (
            _line(one.claim.text),
            attributed(one.claim),
            _number(one.found),
            _number(one.against),
            between(one.raw),
            between(one.corrected),
            one.verdict,
        )
        for one in found
    ]
    head = ("claim", "source", "found", "against", "difference, 95 %", "corrected", "verdict")
    lines = aligned([head, *rows])
    notes = [tuning_note(run) for run in study.runs if not run.reporting]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:], *notes]) if rows else ""


def tuning_note(run: Run) -> str:
    """What a reader of results on seeds for tuning must know, in a sentence."""
    return (
        f"{run.name}: seeds for tuning ({run.seeds}), so its claims have no verdict; what is reported is "
        f"measured on fresh ones: --first_seed {REPORTING}"
    )


def attributed(claim: Claim) -> str:
    """The source of a claim in words: the paper alone where its own settings are tested, "ours, after PAPER"
    where they are not.
    """
    if claim.source == "paper":
        return _line(claim.paper)
    return _line(f"{claim.source}, after {claim.paper}" if claim.paper else claim.source)


def between(estimate: Estimate | None) -> str:
    """The ends of an interval in brackets, or a dash."""
    return NONE if estimate is None else bracket(estimate.low, estimate.high)


def _line(text: str) -> str:
    return " ".join(text.split())


def _number(scores: PerSeed | None) -> str:
    return NONE if scores is None else number(interval(scores).value)

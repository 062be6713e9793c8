"""An experiment's claims with the measured numbers and the verdict on each, as JSON values and as text."""

import dataclasses
from typing import TypedDict

import numpy as np
from jaxtyping import Float

from socialrl.coerce import coerce
from socialrl.config import Claim
from socialrl.record.labels import HOME, TRAINED, Social
from socialrl.report.reading import ArmRun, Run, Study
from socialrl.report.statistics import FEW, difference, interval
from socialrl.report.summary import Entry, as_json
from socialrl.report.tables import NONE, aligned, number

PerSeed = Float[np.ndarray, " seeds"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """A claim and the measurements of it.

    run: the name of the run. found, against: the arm's side and the other one; None if one of them is not
    measured.
    """

    claim: Claim
    run: str
    found: PerSeed | None
    against: PerSeed | None

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
    def in_line(self) -> int | None:
        """The number of the arm's seeds that lie on the claimed side of the other side's IQM."""
        if self.found is None or self.against is None:
            return None
        gap = np.asarray(self.found) - interval(self.against).value
        return int(np.sum(gap < 0 if self.claim.below else gap > 0))

    @property
    def verdict(self) -> str:
        """Reproduced, opposite, undecided, too few seeds, or not measured; see `verdict`."""
        return "not measured" if self.chance is None else verdict(*self.chance)


def findings(study: Study) -> list[Finding]:
    """All claims of all runs. Raises SocialRLError that names file and key of one that is not a
    `config.Claim`.
    """
    return [
        Finding(claim, run.name, *sides(study, run, claim))
        for run in study.runs
        for claim in coerce(
            tuple[Claim, ...], run.experiment.get("claims") or [], f"{run.folder / 'config.json'}: claims"
        )
    ]


def verdict(better: PerSeed, worse: PerSeed) -> str:
    """The verdict on the claim IQM(better) > IQM(worse), by the 95 % interval of their difference.

    "reproduced" if it is above 0, "opposite" if below, "undecided" if it contains 0; "too few seeds" with
    fewer than FEW.
    """
    if min(np.isfinite(better).sum(), np.isfinite(worse).sum()) < FEW:
        return "too few seeds"
    gap = difference(better, worse)
    if gap.low > 0:
        return "reproduced"
    return "opposite" if gap.high < 0 else "undecided"


def sides(study: Study, run: Run, claim: Claim) -> tuple[PerSeed, PerSeed] | tuple[None, None]:
    """The claim's two sides, one number per seed each; None if one of them is not measured."""
    arms = {arm.name: arm for arm in study.arms if arm.run == run.name}
    labels = dict(claim.labels)
    ours = scores(arms.get(claim.arm), labels, claim.measure)
    if claim.over is None:
        other = None if ours is None else np.full(ours.shape, claim.value)
    elif claim.over == "expert":
        other = scores(arms.get(claim.arm), labels | {"presence": "full"}, "return_coplayers")
    else:
        other = scores(arms.get(claim.over), labels, claim.measure)
    return (None, None) if ours is None or other is None else (ours, claim.times * other)


def scores(arm: ArmRun | None, labels: dict[str, str], measure: str) -> PerSeed | None:
    """A measure of the final evaluation, or of a protocol's first record with these labels, see
    `config.Claim`; None if there is none.
    """
    if arm is None:
        return None
    if labels:
        kind, wanted = of_protocol(labels)
        record = next(
            (one for one in arm.of(kind) if all(str(one.labels.get(k)) == wanted[k] for k in wanted)), None
        )
    else:
        record = next(iter(arm.plain("final")), None)
    return None if record is None else record.values.get(measure)


def of_protocol(labels: dict[str, str]) -> tuple[str, dict[str, str]]:
    """The kind of the records that a claim is about, by default those of the social protocol, and their
    labels.
    """
    wanted = {name: value for name, value in labels.items() if name != "protocol"}
    kind = labels.get("protocol", Social.kind)
    return kind, {"world": HOME, "company": TRAINED} | wanted if kind == Social.kind else wanted


class ClaimEntry(TypedDict):
    """A claim in summary.json; None where nothing is measured."""

    claim: str
    source: str
    arm: str
    over: str | None
    found: Entry | None
    against: Entry | None
    seeds_in_line: int | None
    verdict: str


def summarise_findings(study: Study) -> list[ClaimEntry]:
    """The content of summary.json under `claims`."""
    return [
        {
            "claim": one.claim.text,
            "source": one.claim.source,
            "arm": one.claim.arm,
            "over": one.claim.over,
            "found": None if one.found is None else as_json(one.found),
            "against": None if one.against is None else as_json(one.against),
            "seeds_in_line": one.in_line,
            "verdict": one.verdict,
        }
        for one in findings(study)
    ]


def format_findings(study: Study) -> str:
    """A line per claim: claim, source, both sides, verdict; "" if there are no claims. Ends without a
    newline.
    """
    rows = [
        (
            _line(one.claim.text),
            _line(one.claim.source),
            _number(one.found),
            _number(one.against),
            one.verdict,
        )
        for one in findings(study)
    ]
    lines = aligned([("claim", "source", "found", "against", "verdict"), *rows])
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]]) if rows else ""


def _line(text: str) -> str:
    return " ".join(text.split())


def _number(scores: PerSeed | None) -> str:
    return NONE if scores is None else number(interval(scores).value)

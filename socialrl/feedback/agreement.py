"""How far annotators agree, with one another and with themselves, and what makes an annotator suspect."""

import dataclasses
import itertools
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from scipy.stats import binomtest

from socialrl.feedback.clips import Clip
from socialrl.feedback.comparisons import Answer, latest

CHANCE = 0.001  # suspicions have at most this probability in a careful annotator
QUICK = 300  # milliseconds, in which nobody looks at two clips
FEW = 8  # answers, below which nothing is suspected


def cohens_kappa(pairs: Sequence[tuple[str, str]]) -> float:
    """Cohen's (1960) kappa of two people's categories for the same things: 1 agree always, 0 as by chance.

    NaN without a thing, and where both always say the same one thing.
    """
    if not pairs:
        return float("nan")
    count = len(pairs)
    agreed = sum(a == b for a, b in pairs) / count
    one, other = (Counter(side) for side in zip(*pairs, strict=True))
    chance = sum(one[category] * other[category] for category in one) / count**2
    return float("nan") if chance == 1 else (agreed - chance) / (1 - chance)


def krippendorffs_alpha(units: Iterable[Sequence[str]]) -> float:
    """Krippendorff's alpha of nominal categories: 1 agree always, 0 as by chance.

    units: for each thing the categories that people gave it, of any number of them; fewer than two do not
    count. NaN if no thing counts, or if all categories are the same. By coincidences, as in Krippendorff
    (2011), Computing Krippendorff's Alpha-Reliability.
    """
    coincidences: dict[tuple[str, str], float] = defaultdict(float)
    for unit in units:
        for a, b in itertools.permutations(unit, 2):
            coincidences[a, b] += 1 / (len(unit) - 1)
    totals: dict[str, float] = defaultdict(float)
    for (a, _), times in coincidences.items():
        totals[a] += times
    count = sum(totals.values())
    expected = sum(totals[a] * totals[b] for a, b in itertools.permutations(totals, 2))
    if count <= 1 or expected == 0:
        return float("nan")
    observed = sum(times for (a, b), times in coincidences.items() if a != b)
    return 1 - (count - 1) * observed / expected


@dataclasses.dataclass(frozen=True, kw_only=True)
class Annotator:
    """What one annotator did.

    answers: by choice. repeated, contradicted: questions about clips that it had been asked about before,
    and those of them that it answered the other way round. reaction_ms: the median. suspicions: what speaks
    against the answers, a sentence each.
    """

    name: str
    answers: Mapping[str, int]
    repeated: int
    contradicted: int
    reaction_ms: float
    suspicions: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Agreement:
    """What all annotators did. alpha: Krippendorff's, over clips that several were asked about; shared: their
    number. kappa: Cohen's, by pair of annotators. Ties count as a category, "cannot tell" as no answer.
    """

    annotators: tuple[Annotator, ...]
    alpha: float
    shared: int
    kappa: Mapping[tuple[str, str], float]

    def lines(self) -> list[str]:
        """All of it in words, a line each."""
        found = []
        for one in self.annotators:
            counts = ", ".join(f"{count} {choice}" for choice, count in one.answers.items())
            same = f"{one.repeated - one.contradicted} of {one.repeated} repeated the same"
            text = f"{one.name}: {sum(one.answers.values())} answers ({counts})"
            text += f", {same}" if one.repeated else ""
            found += [text, *(f"  beware: {suspicion}" for suspicion in one.suspicions)]
        if self.shared:
            pairs = ", ".join(f"{a} and {b} {value:.2f}" for (a, b), value in self.kappa.items())
            alpha = f"agreement on {self.shared} shared questions: Krippendorff's alpha {self.alpha:.2f}"
            found.append(f"{alpha}; Cohen's kappa {pairs}")
        return found


def agreement(answers: Iterable[Answer]) -> Agreement:
    """What the annotators of these answers did; of several answers to one question the last one counts."""
    counted = latest(answers)
    by_name: dict[str, list[Answer]] = defaultdict(list)
    for one in counted:
        by_name[one.annotator].append(one)
    views = {name: _first_verdicts(own) for name, own in by_name.items()}
    shared = {
        pair: [views[name][pair] for name in views if pair in views[name]]
        for pair in {pair for view in views.values() for pair in view}
    }
    shared = {pair: verdicts for pair, verdicts in shared.items() if len(verdicts) > 1}
    kappa = {}
    for a, b in itertools.combinations(sorted(views), 2):
        both = [(views[a][pair], views[b][pair]) for pair in views[a] if pair in views[b]]
        if both:
            kappa[a, b] = cohens_kappa(both)
    return Agreement(
        annotators=tuple(_annotator(name, by_name[name], views) for name in sorted(by_name)),
        alpha=krippendorffs_alpha(shared.values()),
        shared=len(shared),
        kappa=kappa,
    )


def _first_verdicts(answers: Sequence[Answer]) -> dict[tuple[Clip, Clip], str]:
    """What one annotator said of each pair of clips when it was first asked."""
    found: dict[tuple[Clip, Clip], str] = {}
    for one in answers:
        if one.answer != "cannot_tell":
            found.setdefault(one.pair, one.verdict)
    return found


def _annotator(
    name: str, answers: Sequence[Answer], views: Mapping[str, Mapping[tuple[Clip, Clip], str]]
) -> Annotator:
    repeated, contradicted = _repeats(answers)
    return Annotator(
        name=name,
        answers=dict(Counter(one.answer for one in answers)),
        repeated=repeated,
        contradicted=contradicted,
        reaction_ms=float(statistics.median(one.reaction_ms for one in answers)),
        suspicions=tuple(
            text
            for text in (
                _one_sided(answers),
                _contradictory(repeated, contradicted),
                _against_all(name, views),
                _too_quick(answers),
            )
            if text
        ),
    )


def _repeats(answers: Sequence[Answer]) -> tuple[int, int]:
    """(repeated, contradicted): the questions about clips that were asked about before, and those that were
    answered the other way round.
    """
    seen: dict[tuple[Clip, Clip], str] = {}
    repeated = contradicted = 0
    for one in answers:
        if one.answer == "cannot_tell":
            continue
        before = seen.setdefault(one.pair, one.verdict) if one.pair not in seen else seen[one.pair]
        if one.query == "repeat":
            repeated += 1
            contradicted += {before, one.verdict} == {"first", "second"}
    return repeated, contradicted


def _one_sided(answers: Sequence[Answer]) -> str:
    """Says that one side was chosen more often than chance allows."""
    sides = Counter(one.answer for one in answers if one.answer in ("left", "right"))
    count = sum(sides.values())
    if count < FEW:
        return ""
    side, times = sides.most_common(1)[0]
    if binomtest(times, count).pvalue >= CHANCE:
        return ""
    if times == count:
        return f"always answers {side}, {count} times: the clips cannot have been looked at"
    return f"answers {side} {times} of {count} times, which chance does not explain"


def _contradictory(repeated: int, contradicted: int) -> str:
    """Says that as many repeated questions were contradicted as by guessing."""
    if repeated < 4 or contradicted < repeated / 2:
        return ""
    return f"contradicts itself in {contradicted} of {repeated} repeated questions, as guesses do"


def _against_all(name: str, views: Mapping[str, Mapping[tuple[Clip, Clip], str]]) -> str:
    """Says that the annotator decides against the others more often than chance allows."""
    both = [
        {views[name][pair], view[pair]}
        for other, view in views.items()
        if other != name
        for pair in view
        if pair in views[name]
    ]
    decided = [verdicts for verdicts in both if "tie" not in verdicts]
    against = sum(len(verdicts) == 2 for verdicts in decided)
    if len(decided) < FEW or against <= len(decided) / 2:
        return ""
    if binomtest(against, len(decided), alternative="greater").pvalue >= CHANCE:
        return ""
    return f"decides against the others in {against} of {len(decided)} shared questions: inverted?"


def _too_quick(answers: Sequence[Answer]) -> str:
    """Says that half of the answers came too quickly; 0 is the time of a synthetic teacher."""
    median = statistics.median(one.reaction_ms for one in answers)
    if len(answers) < FEW or not 0 < median < QUICK:
        return ""
    return f"half of the answers took less than {median:.0f} ms"

"""The page's section about the claims of the literature."""

from socialrl.report.findings import Finding, findings
from socialrl.report.markup import Section, join, section, table, tag
from socialrl.report.reading import Study
from socialrl.report.scores import cell
from socialrl.report.statistics import interval, probability_of_improvement
from socialrl.report.tables import NONE, number

_RULE = (
    "Reproduced: the 95 % interval of the difference of IQMs leaves out 0 on the claimed side; opposite: on the other side; "
    "undecided: it holds 0. With fewer than 5 seeds there is no verdict. P: share of pairs of seeds that agree."
)


def claims(study: Study) -> Section | None:
    """A row per claim: the two sides in numbers, the probability of improvement, the verdict."""
    rows = [row(one, several=len(study.runs) > 1) for one in findings(study)]
    if not rows:
        return None
    head = ("claim", "source", "found", "against", "P, 95 % interval", "seeds", "verdict")
    return section("Claims", table(head, rows), tag("p", _RULE, class_="note"), anchor="claims")


def row(one: Finding, several: bool) -> tuple[object, ...]:
    """A finding as the table's cells. several: whether to say of which run it is."""
    name = f"{one.run}: {one.claim.text}" if several else one.claim.text
    if one.found is None or one.against is None or one.chance is None:
        return (name, one.claim.source, NONE, NONE, NONE, NONE, one.verdict)
    ours = join([one.claim.arm, cell(interval(one.found))], " ")
    other = join([one.rival, cell(interval(one.against))], " ") if one.claim.over else number(float(one.against[0]))
    chance = cell(probability_of_improvement(*one.chance))
    return (name, one.claim.source, ours, other, chance, str(len(one.found)), tag("strong", one.verdict))

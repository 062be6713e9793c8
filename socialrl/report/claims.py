"""The page's section about the claims of the literature."""

import numpy as np

from socialrl.report.findings import Finding, findings
from socialrl.report.markup import Section, join, section, table, tag
from socialrl.report.reading import Study
from socialrl.report.scores import cell, chance
from socialrl.report.statistics import interval, probability_of_improvement
from socialrl.report.tables import NONE, number

_RULE = (
    "Reproduced: the 95 % interval of the difference of IQMs leaves out 0 on the claimed side; opposite: on the other side; "
    "undecided: it holds 0. With fewer than 5 seeds there is no verdict. P: share of pairs of seeds that agree. Seeds in line: "
    "those of the arm that are by themselves on the claimed side of the other's IQM."
)


def claims(study: Study) -> Section | None:
    """A row per claim: the two sides in numbers, the probability of improvement, the verdict."""
    rows = [row(one, several=len(study.runs) > 1) for one in findings(study)]
    if not rows:
        return None
    head = ("claim", "verdict", "found", "against", "P, 95 % interval", "seeds in line")
    shown = tag("div", table(head, rows), class_="claims")
    return section("Claims", shown, tag("p", _RULE, class_="note"), anchor="claims")


def row(one: Finding, several: bool) -> tuple[object, ...]:
    """A finding as the table's cells. several: whether to say of which run it is."""
    text = f"{one.run}: {one.claim.text}" if several else one.claim.text
    name = join([text, tag("span", one.claim.source, class_="source")], " ")
    if one.found is None or one.against is None or one.chance is None:
        return (name, one.verdict, NONE, NONE, NONE, NONE)
    ours = join([one.claim.arm, cell(interval(one.found))], " ")
    other = (
        join([one.rival, cell(interval(one.against))], " ")
        if one.claim.over
        else number(float(one.against[0]))
    )
    likely = chance(probability_of_improvement(*one.chance))
    return (
        name,
        tag("strong", one.verdict),
        ours,
        other,
        likely,
        f"{one.in_line} of {np.isfinite(one.found).sum()}",
    )

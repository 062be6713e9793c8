"""Section: the experiment's claims and the verdict on each."""

import numpy as np

from socialrl.report.findings import Finding
from socialrl.report.markup import join, table, tag
from socialrl.report.scores import cell, chance
from socialrl.report.section import Body, Context, ReportSection
from socialrl.report.statistics import interval, probability_of_improvement
from socialrl.report.tables import NONE, number

NOTE = (
    "Reproduced: the 95 % interval of the difference of IQMs excludes 0 on the claimed side. Opposite: it "
    "excludes 0 on the other side. Undecided: it contains 0. With fewer than 5 seeds there is no verdict. P: "
    "share of pairs of seeds in which the claimed side is higher. Seeds in line: seeds of the arm on the "
    "claimed side of the other side's IQM."
)


def render(context: Context) -> Body | None:
    """A row per claim: verdict, both sides, probability of improvement."""
    rows = [row(one, several=len(context.study.runs) > 1) for one in context.findings]
    if not rows:
        return None
    head = ("claim", "verdict", "found", "against", "P, 95 % interval", "seeds in line")
    shown = tag("div", table(head, rows), class_="claims")
    return shown, tag("p", NOTE, class_="note")


def row(one: Finding, several: bool) -> tuple[object, ...]:
    """A finding as the cells of a row. several: whether the run is named, on a page of several."""
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


SECTION = ReportSection(title="Claims", anchor="claims", order=20, render=render)

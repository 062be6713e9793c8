"""Section: the experiment's claims and the verdict on each."""

from socialrl.report.findings import Finding, attributed, between
from socialrl.report.markup import join, table, tag
from socialrl.report.scores import cell, chance
from socialrl.report.section import Body, Context, ReportSection
from socialrl.report.statistics import compare, interval, probability_of_improvement
from socialrl.report.tables import NONE, number

HEAD = (
    "claim",
    "verdict",
    "found",
    "against",
    "difference, 95 % interval",
    "corrected interval",
    "after equal time",
    "P, 95 % interval",
    "seeds in line",
)
NOTE = (
    "Difference: the side that is claimed to be higher minus the other one, of IQMs, with its 95 % interval "
    "for this claim alone. Corrected interval: at the level of Holm's procedure over all claims of the "
    "experiment, measured or not, so that the chance of any false verdict is at most 5 %; it decides. "
    "Reproduced: it excludes 0 on the claimed side. Opposite: it excludes 0 on the other side. Undecided: it "
    "contains 0. The first seeds decide, as many as the experiment declares, at least 10; with fewer, or on "
    "seeds for tuning (below 1000), there is no verdict. After equal time: the arm minus the other one after "
    "as many seconds of training as the quicker one took, with its 95 % interval; it decides nothing. P: "
    "share of pairs of seeds in which the claimed side is higher. Seeds in line: seeds of the arm on the "
    "claimed side of the other side's IQM."
)


def render(context: Context) -> Body | None:
    """A row per claim: verdict, both sides, their difference with its intervals, probability of
    improvement.
    """
    rows = [row(one, several=len(context.study.runs) > 1) for one in context.findings]
    if not rows:
        return None
    shown = tag("div", table(HEAD, rows), class_="claims")
    return shown, tag("p", NOTE, class_="note")


def row(one: Finding, several: bool) -> tuple[object, ...]:
    """A finding as the cells of a row. several: whether the run is named, on a page of several."""
    text = f"{one.run}: {one.claim.text}" if several else one.claim.text
    name = join([text, tag("span", attributed(one.claim), class_="source")], " ")
    if one.found is None or one.against is None or one.chance is None:
        return (name, one.verdict, *(NONE,) * (len(HEAD) - 2))
    ours = join([one.claim.arm, cell(interval(one.found))], " ")
    other = (
        join([one.rival, cell(interval(one.against))], " ")
        if one.claim.over
        else number(float(one.against[0]))
    )
    timed = None if one.same_time is None else compare(*one.same_time)
    return (
        name,
        tag("strong", one.verdict),
        ours,
        other,
        NONE if one.raw is None else cell(one.raw),
        NONE if one.corrected is None else decisive(one),
        NONE if timed is None else cell(timed.interval()),
        chance(probability_of_improvement(*one.chance)),
        f"{one.in_line} of {one.seeds}",
    )


def decisive(one: Finding) -> object:
    """The corrected interval, and what was detectable where it decides nothing."""
    ends = tag("span", between(one.corrected), class_="interval")
    if one.verdict != "undecided" or one.detectable is None:
        return ends
    return join([ends, f"detectable: {number(one.detectable)}"], " ")


SECTION = ReportSection(title="Claims", anchor="claims", order=20, render=render)

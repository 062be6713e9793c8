"""Tables and text in Markdown, for pages that are generated."""

import re
from collections.abc import Sequence

from socialrl.report.findings import ClaimEntry
from socialrl.report.tables import NONE, bracket, number


def plain(text: object) -> str:
    """Text escaped for Markdown, also in a table: one line without markup, links or tags."""
    line = " ".join(str(text).split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*\[|~]|\b_|_\b)", r"\\\1", line)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose cells are Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def claims_table(claims: Sequence[ClaimEntry]) -> str:
    """Claims, both sides, their difference with raw and corrected interval, and verdicts."""
    head = ("claim", "source", "found", "against", "difference, 95 %", "corrected", "equal time", "verdict")
    rows = []
    for one in claims:
        timed = one["same_time"]
        cells = (
            one["claim"],
            source_of(one),
            side(one["arm"], one["found"]),
            side(one["over"] or "", one["against"]) if one["over"] else bare(one["against"]),
            difference(one),
            ends(one["corrected"]),
            NONE if timed is None else f"{number(timed[0])} {ends(timed[1:])}",
        )
        rows.append((*map(plain, cells), f"**{verdict(one)}**"))
    return table(head, rows)


def ends(interval: Sequence[float] | None) -> str:
    """The two ends of an interval in brackets, or a dash."""
    return NONE if interval is None else bracket(interval[0], interval[1])


def source_of(claim: ClaimEntry) -> str:
    """The source of a claim in words, see `findings.attributed`."""
    if claim["source"] == "paper" or not claim["paper"]:
        return claim["paper"] or claim["source"]
    return f"{claim['source']}, after {claim['paper']}"


def side(name: str, entry: object) -> str:
    """A side of a claim: the arm's name and its estimate; a dash if it is not measured."""
    if not isinstance(entry, dict):
        return NONE
    return f"{name} {number(entry['iqm'])} {bracket(entry['low'], entry['high'])}"


def bare(entry: object) -> str:
    """The number that a claim compares with; a dash if nothing is measured."""
    return number(entry["iqm"]) if isinstance(entry, dict) else NONE


def difference(claim: ClaimEntry) -> str:
    """The difference of the sides with its raw interval."""
    raw = claim["raw"]
    return NONE if raw is None else f"{number(claim['difference'])} {ends(raw)}"


def verdict(claim: ClaimEntry) -> str:
    """The verdict, with the number of seeds, and where it is undecided the effect that was detectable."""
    text = f"{claim['verdict']}, n = {claim['seeds']}" if claim["seeds"] else claim["verdict"]
    if claim["verdict"] == "undecided" and claim["detectable"] is not None:
        text += f"; detectable: {number(claim['detectable'])}"
    return text

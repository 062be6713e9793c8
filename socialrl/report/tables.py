"""Numbers and tables as text: for the page's cells, and aligned for a terminal."""

from collections.abc import Iterable, Sequence

from socialrl.report.statistics import Estimate
from socialrl.report.summary import Entry, Summary

SHARE = "share/"
NONE = "-"  # where there is no number


def number(value: float | None, digits: int = 2) -> str:
    """A number with fixed digits, a large or small one in scientific notation; a dash for None or NaN."""
    if value is None or value != value:
        return NONE
    if value and (abs(value) >= 1e5 or abs(value) < 10**-digits):
        return f"{value:.3g}"
    return f"{value + 0.0:.{digits}f}"


def bracket(low: float | None, high: float | None, digits: int = 2) -> str:
    """ "[low, high]", or a dash if one end is None or NaN."""
    if low is None or high is None or low != low or high != high:
        return NONE
    return f"[{number(low, digits)}, {number(high, digits)}]"


def returns_first(metrics: Iterable[str]) -> list[str]:
    """The metrics, each once: the return, the co-players' returns, then the others in their order."""
    return sorted(dict.fromkeys(metrics), key=lambda name: (name != "return", not name.startswith("return")))


def format_table(summary: Summary) -> str:
    """A line per arm: return (IQM, 95 % interval), each seed, shares of sources. Ends without a newline."""
    if not summary:
        return "no evaluation recorded yet"
    rows = [("arm", "return", "95 % interval", "seeds", "followed")]
    unfinished = False
    for arm, metrics in summary.items():
        entry = metrics.get("return", {"iqm": None, "low": None, "high": None, "seeds": [], "kind": "final"})
        star = "" if entry.get("kind", "final") == "final" else "*"
        unfinished |= bool(star)
        seeds = " ".join(number(value, 1) for value in entry["seeds"])
        rows.append(
            (
                arm + star,
                number(entry["iqm"]),
                bracket(entry["low"], entry["high"]),
                seeds,
                _followed(metrics),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(_pad(row, widths)).rstrip() for row in rows]
    lines.insert(1, "-" * max(len(line) for line in lines))
    notes = ["return: interquartile mean over seeds, with its 95 % bootstrap interval"]
    if unfinished:
        notes.append("* not finished: its latest evaluation")
    return "\n".join([*lines, *notes])


def _pad(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """The cells padded to these widths; the second column, of numbers, to the right."""
    return [
        cell.rjust(w) if i == 1 else cell.ljust(w)
        for i, (cell, w) in enumerate(zip(row, widths, strict=True))
    ]


def _followed(metrics: dict[str, Entry]) -> str:
    """Shares of the sources, self first: means over seeds, because interquartile means do not sum to 1."""
    shares = []
    for name, entry in sorted(metrics.items(), key=lambda item: item[0] != SHARE + "self"):
        finite = [value for value in entry["seeds"] if value is not None]
        if name.startswith(SHARE) and finite:
            shares.append(f"{name.removeprefix(SHARE)} {sum(finite) / len(finite):.0%}")
    return "  ".join(shares) or NONE


def words_of(e: Estimate) -> str:
    """An estimate as text: its value, and its interval if it has one."""
    if e.bounded:
        return f"{number(e.value)} {bracket(e.low, e.high)}"
    return number(e.value)


def aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """The rows as lines with columns of equal width."""
    cells = list(rows)
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]

"""The report: reads a run folder's files and tells what came out. It never imports a learner."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from socialrl.report.findings import format_findings, summarise_findings
from socialrl.report.protocol import format_tests, summarise_tests
from socialrl.report.reading import read
from socialrl.report.summary import summarise_study
from socialrl.report.tables import format_table

__all__ = [
    "format_claims",
    "format_evaluation",
    "format_table",
    "summarise",
    "summarise_claims",
    "summarise_evaluation",
    "write_report",
]


def summarise(folders: Path | str | Sequence[Path | str]) -> dict[str, Any]:
    """What summary.json holds of the arms: {arm: {metric: {"iqm", "low", "high", "seeds", "kind", "step"}}}."""
    return summarise_study(read(folders))


def summarise_claims(folders: Path | str | Sequence[Path | str]) -> list[dict[str, Any]]:
    """What summary.json holds under `claims`, see `claims.summarise_findings`; empty if the experiment names
    none.
    """
    return summarise_findings(read(folders))


def format_claims(folders: Path | str | Sequence[Path | str]) -> str:
    """The claims and what was found, for a terminal; "" if the experiment names none."""
    return format_findings(read(folders))


def summarise_evaluation(folders: Path | str | Sequence[Path | str]) -> dict[str, Any]:
    """What evaluation.json holds, see `protocol.summarise_tests`; empty if nothing went through the social
    protocol.
    """
    return summarise_tests(read(folders))


def format_evaluation(folders: Path | str | Sequence[Path | str]) -> str:
    """The social protocol's tables for a terminal; "" if nothing went through it."""
    return format_tests(read(folders))


def write_report(folders: Path | str | Sequence[Path | str], out: Path | str | None = None) -> Path:
    """Writes one self-contained HTML page of a run folder, or of several, and returns its path.

    out: where; None takes report.html in the (first) folder.
    Raises SocialRLError for a folder it cannot read, and where matplotlib or pillow are not installed.
    """
    from socialrl.report.page import write  # it imports matplotlib, which a bare compute node lacks

    return write(read(folders), Path(out) if out is not None else None)

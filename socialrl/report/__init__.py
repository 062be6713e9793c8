"""The report of a run, or of several: one HTML page, and summaries as JSON values and text.

It reads the files of run folders and imports no learner.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from socialrl.report.findings import ClaimEntry, format_findings, summarise_findings
from socialrl.report.reading import read
from socialrl.report.social_numbers import format_tests, summarise_tests
from socialrl.report.summary import Entry, Summary, summarise_study
from socialrl.report.tables import format_table

if TYPE_CHECKING:
    from socialrl.report.section import ReportSection  # it imports matplotlib

Folders = Path | str | Sequence[Path | str]

__all__ = [
    "format_claims",
    "format_evaluation",
    "format_table",
    "summarise",
    "summarise_claims",
    "summarise_evaluation",
    "write_report",
]


def summarise(folders: Folders) -> Summary:
    """The arms' part of summary.json: {arm: {metric: {"iqm", "low", "high", "seeds", "kind", "step"}}}."""
    return summarise_study(read(folders))


def summarise_claims(folders: Folders) -> list[ClaimEntry]:
    """The content of summary.json under `claims`; empty if the experiment has no claims."""
    return summarise_findings(read(folders))


def format_claims(folders: Folders) -> str:
    """The claims and their verdicts as text; "" if the experiment has no claims."""
    return format_findings(read(folders))


def summarise_evaluation(folders: Folders) -> dict[str, list[dict[str, str | dict[str, Entry]]]]:
    """The content of evaluation.json, see `social_numbers.summarise_tests`; empty without records of
    `social`.
    """
    return summarise_tests(read(folders))


def format_evaluation(folders: Folders) -> str:
    """The tables of the protocol `social` as text; "" without records of it."""
    return format_tests(read(folders))


def write_report(
    folders: Folders,
    out: Path | str | None = None,
    sections: "Mapping[str, ReportSection] | None" = None,
) -> Path:
    """Writes one self-contained HTML page of a run folder, or of several, and returns its path.

    out: where; None takes report.html in the (first) folder. sections: further ones by name, besides the
    built-in ones. Raises SocialRLError for a folder that cannot be read, and if matplotlib or pillow are not
    installed.
    """
    from socialrl.report.page import write  # it imports matplotlib, which a compute node may lack

    return write(read(folders), Path(out) if out is not None else None, sections)

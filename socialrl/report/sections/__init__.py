"""The sections of the page, one file each with a `SECTION`: a new file or plug-in needs no other edit."""

from socialrl.registry import SECTION
from socialrl.report.section import ReportSection


def discover() -> dict[str, ReportSection]:
    """The sections by name, built in and of plug-ins."""
    return dict(SECTION.items(ReportSection))

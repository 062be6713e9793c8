"""The sections of the page, one file each, discovered by file stem: a new file needs no other edit."""

from socialrl.report.section import ReportSection
from socialrl_envs import registry


def discover() -> dict[str, ReportSection]:
    """The built-in sections by name."""
    return {
        name: registry.load("report section", __name__, name).SECTION for name in registry.discover(__name__)
    }

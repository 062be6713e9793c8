"""The sources of decisions: which there are in a study, and in what order they are shown."""

from socialrl.report.reading import Study
from socialrl.report.tables import SHARE


def sources_of(study: Study) -> list[str]:
    """All sources that any arm can follow, self first, then by name and number."""
    found = {
        name
        for arm in study.arms
        for kind in ("final", "eval")
        for name in arm.metrics(kind)
        if name.startswith(SHARE)
    }
    return sorted((name.removeprefix(SHARE) for name in found), key=_order)


def _order(source: str) -> tuple[bool, str, int, str]:
    stem, _, number = source.rpartition("_")
    return source != "self", stem, int(number) if number.isdecimal() else -1, source

"""What a section of the report is, and what it may read.

A section is a file in `sections/` whose `SECTION` is a `ReportSection`; it is discovered by its file stem.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from socialrl.report.episodes import Shown
from socialrl.report.figures import Styles
from socialrl.report.findings import Finding
from socialrl.report.markup import Markup
from socialrl.report.reading import Study

Body = tuple[Markup | None, ...]  # the section's elements in order; None is left out


@dataclasses.dataclass(frozen=True, kw_only=True)
class Context:
    """All that a section may show.

    study: the arms of the page, with all their records.
    styles: colour, marker and line of each arm, by label.
    colours: "#rrggbb" of each source of decisions, "self" first.
    shown: the replay that represents each arm.
    findings: the experiments' claims with their verdicts.
    kinds: kinds of records that some section of the page shows.
    """

    study: Study
    styles: Styles
    colours: Mapping[str, str]
    shown: Sequence[Shown]
    findings: Sequence[Finding]
    kinds: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReportSection:
    """A part of the page.

    title: its heading, and its link in the table of contents.
    anchor: the id of its element, unique on the page.
    order: sections with lower numbers come first; the built-in ones have multiples of 10.
    render(context) -> its elements, or None if there is nothing to show; strings are escaped unless they are
    Markup.
    kinds: kinds of records that it shows; all others are listed in a table of further evaluations.
    """

    title: str
    anchor: str
    order: int
    render: Callable[[Context], Body | None]
    kinds: tuple[str, ...] = ()

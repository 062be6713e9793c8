"""The page's section about what memories hold, of what the protocol `memory` recorded."""

import numpy as np

from socialrl.report import social_figures
from socialrl.report.figures import Styles
from socialrl.report.legends import arm_legend
from socialrl.report.markup import Markup, Section, figure, section, table, tag
from socialrl.report.protocol import over_bins
from socialrl.report.reading import Study
from socialrl.report.scores import cell
from socialrl.report.statistics import interval
from socialrl.report.tables import NONE

KIND = "memory"
TITLES = {"full": "the company stays", "half": "it leaves half-way", "never": "alone"}
_NOTE = (
    "A linear map, fitted on one half of the held-out episodes and tested on the other, reads off the novice's memory where "
    "the tile that pays next lies. Shown is how often, of all tiles but the one that paid last, the right one lies nearest to "
    "that place. Dashed: guessing."
)


def memory(study: Study, styles: Styles) -> Section | None:
    """How well the next tile can be read off each arm's memory, over the episode."""
    found = {
        presence: {
            arm.label: record.values for arm in study.arms for record in arm.of(KIND) if _is(record, presence)
        }
        for presence in TITLES
    }
    found = {presence: arms for presence, arms in found.items() if arms}
    if not found:
        return None
    pictures = []
    for presence, arms in found.items():
        curves = {arm: curve for arm, values in arms.items() if len(curve := over_bins(values, "read_right"))}
        guesses = {float(np.nanmean(values["guess"])) for values in arms.values() if "guess" in values}
        level = guesses.pop() if len(guesses) == 1 else None
        if curves:
            name, title = f"memory-{presence}", TITLES[presence]
            drawn = social_figures.over_episode(curves, styles, name, title, "read right", level)
            pictures.append(figure(Markup(drawn)))
    arms = list(dict.fromkeys(arm for by_arm in found.values() for arm in by_arm))
    rows = [(arm, *(_share(found[presence].get(arm)) for presence in found)) for arm in arms]
    return section(
        "What memories hold",
        tag("p", _NOTE, class_="note"),
        tag("div", *pictures, class_="grid halves"),
        arm_legend(arms, styles, "memory-key"),
        table(("arm", *(TITLES[presence] for presence in found)), rows),
        anchor="memory",
    )


def _is(record: object, presence: str) -> bool:
    return getattr(record, "labels", {}).get("presence") == presence


def _share(values: dict[str, np.ndarray] | None) -> object:
    return NONE if values is None or "read_right" not in values else cell(interval(values["read_right"]))

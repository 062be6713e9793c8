"""Section: the linear probe of the recurrent carry, from the records of the protocol `memory`."""

import numpy as np

from socialrl.record.labels import Memory
from socialrl.report import social_figures
from socialrl.report.legends import arm_legend
from socialrl.report.markup import Markup, figure, table, tag
from socialrl.report.reading import Study
from socialrl.report.scores import cell
from socialrl.report.section import Body, Context, ReportSection
from socialrl.report.social_numbers import Measures, over_bins
from socialrl.report.statistics import interval
from socialrl.report.tables import NONE

TITLES = {
    "full": "company present throughout",
    "half": "company present for the first half",
    "never": "alone",
}
NOTE = (
    "A linear map from the recurrent carry to the position of the goal that pays next, fitted on one half of "
    "the held-out episodes and tested on the other. Shown is the share of steps on which, of all goals but "
    "the one that paid last, the right one is nearest to the predicted position. Dashed: a guess."
)
GONE = ", after they have left"
UNTOLD = "Before the novice's own first choice"
UNTOLD_NOTE = (
    "The same share on the steps before the novice has itself visited a goal that was right or wrong, so "
    "that it can know the order from watching alone. The controls are the arm that never met company, and "
    "the column without company, where nothing can be known."
)


def render(context: Context) -> Body | None:
    """A figure per presence, over the episode, and a table."""
    found = by_presence(context.study)
    if not found:
        return None
    pictures = []
    for presence, arms in found.items():
        curves = {arm: curve for arm, values in arms.items() if len(curve := over_bins(values, "read_right"))}
        if curves:
            name, title = f"memory-{presence}", TITLES[presence]
            drawn = social_figures.over_episode(
                curves, context.styles, name, title, "share of right readings", level=guess(arms)
            )
            pictures.append(figure(Markup(drawn)))
    arms = list(dict.fromkeys(arm for by_arm in found.values() for arm in by_arm))
    rows = [(arm, *(share(found[presence].get(arm)) for presence in found)) for arm in arms]
    return (
        tag("p", NOTE, class_="note"),
        tag("div", *pictures, class_="grid halves"),
        arm_legend(arms, context.styles, "memory-key"),
        table(("arm", *(TITLES[presence] for presence in found)), rows),
        *shown_only(found, arms),
    )


def shown_only(found: dict[str, dict[str, Measures]], arms: list[str]) -> Body:
    """The readings on steps before the novice's own first choice; nothing if none were recorded."""
    columns = {
        f"{TITLES[presence]}{words}": [found[presence].get(arm, {}) for arm in arms]
        for presence in found
        for words in ("", *([GONE] if presence == "half" else []))
    }
    rows = [
        (
            arm,
            *(
                share(values[i], "untold_gone" if title.endswith(GONE) else "untold")
                for title, values in columns.items()
            ),
        )
        for i, arm in enumerate(arms)
    ]
    if all(cell == NONE for row in rows for cell in row[1:]):
        return ()
    return tag("h3", UNTOLD), table(("arm", *columns), rows), tag("p", UNTOLD_NOTE, class_="note")


def by_presence(study: Study) -> dict[str, dict[str, Measures]]:
    """{presence: {arm: measures}}, in the order of TITLES; presences without records are left out."""
    found: dict[str, dict[str, Measures]] = {presence: {} for presence in TITLES}
    for arm in study.arms:
        for condition, record in arm.measured(Memory):
            found.setdefault(condition.presence, {})[arm.label] = record.values
    return {presence: found[presence] for presence in TITLES if found[presence]}


def guess(arms: dict[str, Measures]) -> float | None:
    """The share of right guesses, if it is the same for all arms."""
    shares = {float(np.nanmean(values["guess"])) for values in arms.values() if "guess" in values}
    return shares.pop() if len(shares) == 1 else None


def share(values: Measures | None, name: str = "read_right") -> object:
    """The share of right readings over all steps, or over those of another measure, as a cell."""
    return NONE if values is None or name not in values else cell(interval(values[name]))


SECTION = ReportSection(title="Memory probe", anchor="memory", order=110, render=render, kinds=(Memory.kind,))

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
    )


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


def share(values: Measures | None) -> object:
    """The share of right readings over all steps, as a cell."""
    return NONE if values is None or "read_right" not in values else cell(interval(values["read_right"]))


SECTION = ReportSection(title="Memory probe", anchor="memory", order=110, render=render, kinds=(Memory.kind,))

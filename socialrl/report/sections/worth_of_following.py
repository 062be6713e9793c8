"""Section: what decisions to follow others were worth, by source and by phase of training, from the records
of the protocol `worth_of_following`.
"""

from typing import NamedTuple

import numpy as np

from socialrl.record.labels import ALL, WorthOfFollowing
from socialrl.report import worth_figures
from socialrl.report.legends import arm_legend
from socialrl.report.markup import Markup, figure, fold, table, tag
from socialrl.report.reading import ArmRun, Record, Series, Study
from socialrl.report.scores import cell
from socialrl.report.section import Body, Context, ReportSection
from socialrl.report.statistics import FEW, interval
from socialrl.report.tables import NONE, words_of

COLUMNS = ("worth", "discounted", "share", "differs", "worth_if_differs", "pays", "costs", "decisions")
NOTE = (
    "Of the steps of held-out episodes in which another was followed, some are drawn, and each goes on "
    "twice: with the decision as it was made, and with the novice's own choice in its place. Then the same "
    "agent goes on, with the same random numbers. The worth is the difference in the novice's return from "
    "that step on: above 0, following paid. It is the worth of single decisions of an agent that follows "
    "others later, too, and not the difference to an agent that learnt without them."
)
COLUMNS_NOTE = (
    "discounted: with discounted rewards. share: of all steps in which the source was followed. differs: "
    "share of the decisions in which the own choice was another action; where it was the same, the worth is "
    "0. worth_if_differs: of these decisions alone. pays, costs: share of the decisions whose worth is "
    "above, below 0. decisions: how many were drawn per seed."
)


class Measured(NamedTuple):
    """One record of the protocol."""

    arm: ArmRun
    condition: WorthOfFollowing
    record: Record

    @property
    def source(self) -> str:
        """The source with how it relates to the novice, in words."""
        name, kind = self.condition.source, self.condition.relation
        if name == ALL:
            return "all sources"
        return f"{name} ({kind})" if kind and kind not in name else name


def render(context: Context) -> Body | None:
    """The result in sentences, a figure by source per number of steps, one over training, and a table."""
    found = measured(context.study)
    if not found:
        return None
    last = latest(found)
    return (
        tag("p", NOTE, class_="note"),
        tag("ul", *(tag("li", sentence) for sentence in sentences(last))),
        *by_source(last, context),
        over_training(found, context),
        fold("Numbers", tag("p", COLUMNS_NOTE, class_="note"), numbers(found)),
    )


def measured(study: Study) -> list[Measured]:
    """The records of all arms, by arm, step and source."""
    return [
        Measured(arm, condition, record)
        for arm in study.arms
        for condition, record in arm.measured(WorthOfFollowing, phases=True)
        if "worth" in record.values
    ]


def latest(found: list[Measured]) -> list[Measured]:
    """Those of the last phase of training that was measured of each arm and condition."""
    return list({(one.arm.label, one.condition): one for one in found}.values())


def sentences(last: list[Measured]) -> list[str]:
    """Per arm what following was worth in all, called by its interval, with enough seeds."""
    result = []
    for one in last:
        if one.condition.source != ALL or one.condition.instead != 1:
            continue
        worth = one.record.values["worth"]
        estimate, seeds = interval(worth), int(np.isfinite(worth).sum())
        if not seeds:
            said = "followed no one"
        elif seeds < FEW or not estimate.bounded:
            said = f"a decision to follow was worth {words_of(estimate)}; too few seeds to call it"
        else:
            called = "paid" if estimate.low > 0 else "cost" if estimate.high < 0 else "is undecided"
            what = "following" if called != "is undecided" else "whether following paid"
            said = f"{what} {called}: a decision was worth {words_of(estimate)}"
        result.append(f"{one.arm.label}: {said}.")
    return result


def by_source(last: list[Measured], context: Context) -> list[Markup]:
    """A figure per number of steps for which the novice acted for itself instead, of what was followed."""
    pictures = []
    for instead in dict.fromkeys(one.condition.instead for one in last):
        worths: dict[str, dict[str, np.ndarray]] = {}
        for one in last:
            if one.condition.instead == instead and np.isfinite(one.record.values["worth"]).any():
                worths.setdefault(one.arm.label, {})[one.source] = one.record.values["worth"]
        if not worths:
            continue
        title = "Own choice instead, once" if instead == 1 else f"Own choice instead, for {instead} steps"
        drawn = worth_figures.by_source(worths, context.styles, f"worth{instead}", title)
        pictures.append(tag("div", tag("h3", title), figure(Markup(drawn))))
    return pictures


def over_training(found: list[Measured], context: Context) -> Markup | None:
    """Worth of all sources together over the phases of training; None if there is but one."""
    curves: dict[str, Series] = {}
    for label in dict.fromkeys(one.arm.label for one in found):
        records = [
            one.record
            for one in found
            if (one.arm.label, one.condition.source, one.condition.instead) == (label, ALL, 1)
        ]
        if len(records) > 1:
            seeds = min(len(record.values["worth"]) for record in records)
            values = np.stack([record.values["worth"][:seeds] for record in records])
            curves[label] = Series(np.array([record.step for record in records], np.int64), values)
    if not curves:
        return None
    drawn = Markup(worth_figures.over_training(curves, context.styles, "worth-over"))
    legend = arm_legend(list(curves), context.styles, "worth-key")
    return tag("div", tag("h3", "By phase of training"), figure(drawn, None, legend))


def numbers(found: list[Measured]) -> Markup:
    """The table of all numbers."""
    rows = [
        (
            one.arm.label,
            one.source,
            one.condition.instead,
            f"{one.record.step:,}",
            *(_cell(one.record, name) for name in COLUMNS),
        )
        for one in found
    ]
    return table(("arm", "source", "instead", "step", *COLUMNS), rows)


def _cell(record: Record, name: str) -> object:
    return cell(interval(record.values[name])) if name in record.values else NONE


SECTION = ReportSection(
    title="Worth of following",
    anchor="worth",
    order=105,
    render=render,
    kinds=(WorthOfFollowing.kind,),
)

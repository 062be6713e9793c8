"""Section: which sources each arm followed and whether that was useful, from the records of the protocol
`following`.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from socialrl.record.labels import AS_TRAINED, Following
from socialrl.report import figures, following_figures
from socialrl.report.figures import Style, Styles
from socialrl.report.legends import arm_legend, source_legend
from socialrl.report.markup import Markup, figure, fold, table, tag
from socialrl.report.reading import ArmRun, Study
from socialrl.report.scores import cell
from socialrl.report.section import Body, Context, ReportSection
from socialrl.report.statistics import interval
from socialrl.report.tables import NONE, SHARE

FLOODED = "flood 1"  # the condition under which arrivals are shown
ARRIVED = "cumulants/arrived"
KINDS = (
    "equal",
    "overlapping",
    "unrelated",
    "opposite",
    "wanderer",
    "planner",
    "noisy",
    "anti_expert",
    "reckless",
    "lurer",
    "turncoat",
    "blocker",
)  # the order in which kinds of sources are shown
COLUMNS = (
    "return",
    "planner_return",
    "regret",
    "share",
    "precision",
    "any",
    "selectivity",
    "chance",
    "good",
    "recall",
    "right",
    "right_base",
)
_NUMBER = re.compile(r"_\d+$")  # the part of their names in which the arms of one line differ
NOTE = (
    "Greedy episodes on held-out levels. A planner with the novice's own preferences defines the best "
    "actions at each step. Left: whose behaviour was followed, by how the preferences of that source relate "
    "to the novice's. Middle: the share of steps on which the action of a followed source, in the novice's "
    "place, is a best one for the novice; filled over the steps on which it was followed, open over all "
    "steps, dashed for a random action. If filled is to the right of open, the source is followed where it "
    "is useful. Right: return; dashed, the return of the planner in the novice's seat, which is competent "
    "but ignores the other seats."
)
COLUMNS_NOTE = (
    "planner_return: return of the planner. regret: planner_return minus return, below 0 if the novice earns "
    "more. share: of steps on which a co-player was followed. precision: share of these steps on which its "
    "action was a best one. any: the same of the co-players there, followed or not. selectivity: precision "
    "minus any, 0 for blind following. chance: precision of a random action. good: share of all steps on "
    "which the action taken was a best one. recall: the same, over the steps on which some co-player's "
    "action was a best one and the novice's own was not. right: of the steps on which a co-player was "
    "followed, the share in which it was the one whose goals and skill suit the novice best. right_base: the "
    "share of such co-players among those there."
)
WHOM_NOTE = (
    "Of the steps on which a co-player was followed, the share in which it was the right one: the one whose "
    "goals and skill suit the novice best on that level. Dashed: the share of right ones among those there, "
    "which following any of them at random would have. Where who wants what is drawn anew for every level, "
    "the distance to it is what is learnt within the episode. Mean over seeds."
)
BELIEF_NOTE = (
    "Of the steps after which the co-player nearest to the novice went somewhere, the share at which that "
    "was the likeliest cell in the novice's belief. Mean over seeds."
)
UNSURE_NOTE = (
    "The share of steps on which a co-player is followed, by how unsure the novice's own policy is: the "
    "entropy of that policy, as a share of that of a uniform one. Parts with fewer than 1 % of the steps are "
    "left out. Mean over seeds."
)
RARE = 0.01  # share of steps below which a part is left out
PARTS, BINS = 10, 5  # of an episode, and of the uncertainties
ARRIVALS_NOTE = (
    "Levels in which the bridge is flooded: the share of novices that arrive in time, by learner and by the "
    "share of training episodes with a flood. Who neither drowns nor arrives has waited. A novice that "
    "always takes the detour arrives, too; its return on dry levels shows it."
)


class Measured(NamedTuple):
    """One record of the protocol."""

    arm: ArmRun
    condition: Following
    values: dict[str, np.ndarray]


def render(context: Context) -> Body | None:
    """A figure per company and condition, arrivals if there are floods, and a table of all numbers."""
    found = measured(context.study)
    if not found:
        return None
    colours = colours_of(found)
    rows = [
        (
            one.arm.label,
            one.condition.company,
            one.condition.condition,
            *(_cell(one.values.get(name)) for name in COLUMNS),
        )
        for one in found
    ]
    head = ("arm", "company", "condition", *COLUMNS)
    return (
        tag("p", NOTE, class_="note"),
        source_legend(colours, colours, "kind-key"),
        arrivals(found, context.styles),
        over_episode(found, context.styles, "right", "The right one is followed", WHOM_NOTE),
        over_episode(found, context.styles, "belief", "Belief about where another goes", BELIEF_NOTE),
        unsure(found, context.styles),
        *pictures(found, colours, context.styles),
        fold("Numbers", tag("p", COLUMNS_NOTE, class_="note"), table(head, rows)),
    )


def measured(study: Study) -> list[Measured]:
    """The records of all arms that have a return."""
    return [
        Measured(arm, condition, record.values)
        for arm in study.arms
        for condition, record in arm.measured(Following)
        if "return" in record.values
    ]


def _cell(values: Float[np.ndarray, " seeds"] | None) -> object:
    return NONE if values is None else cell(interval(values))


def colours_of(found: Sequence[Measured]) -> dict[str, str]:
    """A colour per kind of source: "self" first, then in the order of KINDS, then others by name."""
    kinds = {name.removeprefix(SHARE) for one in found for name in one.values if name.startswith(SHARE)}
    order = {kind: number for number, kind in enumerate(KINDS)}
    return figures.source_colours(
        sorted(kinds - {"self"}, key=lambda kind: (order.get(kind, len(order)), kind))
    )


def pictures(found: Iterable[Measured], colours: dict[str, str], styles: Styles) -> list[Markup]:
    """A figure per company and condition, of all arms that have it."""
    groups: dict[Following, dict[str, dict[str, np.ndarray]]] = {}
    for one in found:
        groups.setdefault(one.condition, {})[one.arm.label] = one.values
    result = []
    for number, (condition, rows) in enumerate(groups.items()):
        title = f"Beside {condition.company}"
        if condition.condition != AS_TRAINED:
            title += f", {condition.condition}"
        drawn = following_figures.who(rows, colours, styles, f"who{number}", title)
        result.append(tag("div", tag("h3", title), figure(Markup(drawn))))
    return result


def over_episode(
    found: Iterable[Measured], styles: Styles, measure: str, title: str, note: str
) -> Markup | None:
    """A measure over the parts of an episode: a line per arm that has it, with its base rate dashed where
    there is one. None if no arm has it.
    """
    curves: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for one in found:
        parts = [
            np.array([following_figures.mean(one.values.get(f"{name}/{i}")) for i in range(PARTS)])
            for name in (measure, f"{measure}_base")
        ]
        if one.condition.condition == AS_TRAINED and np.isfinite(parts[0]).any():
            curves[one.arm.label] = parts[0], parts[1]
    if not curves:
        return None
    drawn = Markup(following_figures.over_episode(curves, styles, f"{measure}-curve", title))
    legend = arm_legend(list(curves), styles, f"{measure}-key")
    return tag("div", tag("h3", f"{title}, over the episode"), figure(drawn, note, legend))


def unsure(found: Iterable[Measured], styles: Styles) -> Markup | None:
    """The share of followed steps by the uncertainty of the own policy; None if no arm has it."""
    curves: dict[str, np.ndarray] = {}
    for one in found:
        share, steps = (
            np.array([following_figures.mean(one.values.get(f"{name}/{i}")) for i in range(BINS)])
            for name in ("followed_at", "uncertain_at")
        )
        share = np.where(steps >= RARE, share, np.nan)
        if one.condition.condition == AS_TRAINED and np.isfinite(share).any():
            curves[one.arm.label] = share
    if not curves:
        return None
    drawn = Markup(following_figures.against_uncertainty(curves, styles, "unsure-curve"))
    legend = arm_legend(list(curves), styles, "unsure-key")
    return tag("div", tag("h3", "Following when unsure"), figure(drawn, UNSURE_NOTE, legend))


def arrivals(found: Iterable[Measured], styles: Styles) -> Markup | None:
    """The share of floods in which the novice arrives, against the share of floods in training: a line per
    learner and company, through arms that differ in nothing else. None if there are no floods.
    """
    lines: dict[tuple[str, str], dict[float, Measured]] = {}
    for one in found:
        flood = (one.arm.settings.get("world") or {}).get("flood")
        arriving = one.condition.condition == FLOODED and ARRIVED in one.values
        if arriving and isinstance(flood, float) and flood > 0:
            key = str(one.arm.settings.get("learner")), one.condition.company
            lines.setdefault(key, {})[flood] = one
    if not lines:
        return None
    curves: dict[str, dict[float, np.ndarray]] = {}
    looks: dict[str, Style] = {}
    for line in lines.values():
        first = next(iter(line.values())).arm.label
        name = _NUMBER.sub("", first)
        curves[name] = {flood: one.values[ARRIVED] for flood, one in line.items()}
        looks[name] = styles[first]
    drawn = Markup(following_figures.arrivals(curves, looks, "arrivals"))
    legend = arm_legend(list(curves), looks, "arrivals-key")
    return tag("div", tag("h3", "Arrivals in a flood"), figure(drawn, ARRIVALS_NOTE, legend))


SECTION = ReportSection(
    title="Usefulness of following", anchor="following", order=100, render=render, kinds=(Following.kind,)
)

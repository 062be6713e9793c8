"""The page's section about whom each arm followed and whether that was right, of what the protocol
`following` recorded.
"""

import re
from typing import NamedTuple

import numpy as np

from socialrl.report import figures, following_figures
from socialrl.report.figures import Styles
from socialrl.report.legends import arm_legend, source_legend
from socialrl.report.markup import Markup, Section, figure, fold, section, table, tag
from socialrl.report.reading import ArmRun, Study
from socialrl.report.scores import cell
from socialrl.report.statistics import interval
from socialrl.report.tables import NONE

KIND, SHARE, AS_TRAINED, FLOODED = "following", "share/", "as trained", "flood 1"
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
)
COLUMNS = ("return", "planner_return", "regret", "share", "precision", "chance", "good", "recall")
_NUMBER = re.compile(r"_\d+$")  # what tells the arms of one line apart
_NOTE = (
    "Greedy episodes on held-out levels. Beside each company, a planner with the novice's own preferences says which actions "
    "are best at every step. Left: whose behaviour was followed, by how their goals relate to the novice's. Middle: how often "
    "one that was followed would do there, in the novice's place, what is best for the novice (filled), and how often it would "
    "at all steps (open); dashed is a random action. Filled to the right of open: it is followed where it is useful. Right: "
    "return, and dashed that of the planner in the novice's seat, competent but heedless of others."
)
_COLUMNS = (
    "planner_return, regret: of the planner, and what is missing to it (below 0: more than it). share: of steps on which "
    "another was followed. precision: how often that one was useful there. chance: a random action's precision. good: share of "
    "steps on which the action taken was best. recall: the same of those on which another knew better than one's own proposal."
)


class Measured(NamedTuple):
    """One record of the protocol."""

    arm: ArmRun
    company: str
    condition: str
    values: dict[str, np.ndarray]


def following(study: Study, styles: Styles) -> Section | None:
    """A picture per company and condition, survival where there are floods, and all numbers."""
    found = [
        Measured(arm, str(record.labels.get("company")), str(record.labels.get("condition")), record.values)
        for arm in study.arms
        for record in arm.of(KIND)
        if "return" in record.values
    ]
    if not found:
        return None
    colours = colours_of(found)
    rows = [
        (one.arm.label, one.company, one.condition, *(_cell(one.values.get(name)) for name in COLUMNS))
        for one in found
    ]
    head = ("arm", "company", "condition", *COLUMNS)
    return section(
        "Followed whom, and rightly?",
        tag("p", _NOTE, class_="note"),
        source_legend(colours, colours, "kind-key"),
        survival(found, styles),
        *pictures(found, colours, styles),
        fold("Numbers", tag("p", _COLUMNS, class_="note"), table(head, rows)),
        anchor="following",
    )


def _cell(values: np.ndarray | None) -> object:
    return NONE if values is None else cell(interval(values))


def colours_of(found: list[Measured]) -> dict[str, str]:
    """A colour per kind of source, "self" first, then in the order of KINDS."""
    kinds = {name.removeprefix(SHARE) for one in found for name in one.values if name.startswith(SHARE)} - {
        "self"
    }
    return figures.source_colours(
        sorted(kinds, key=lambda kind: (KINDS.index(kind) if kind in KINDS else len(KINDS), kind))
    )


def pictures(found: list[Measured], colours: dict[str, str], styles: Styles) -> list[Markup]:
    """Of arms beside the same company, under the same condition."""
    groups: dict[tuple[str, str], dict[str, dict[str, np.ndarray]]] = {}
    for one in found:
        groups.setdefault((one.company, one.condition), {})[one.arm.label] = one.values
    result = []
    for number, ((company, condition), rows) in enumerate(groups.items()):
        title = f"Beside {company}" + ("" if condition == AS_TRAINED else f", {condition}")
        drawn = following_figures.who(rows, colours, styles, f"who{number}", title)
        result.append(tag("div", tag("h3", title), figure(Markup(drawn))))
    return result


def survival(found: list[Measured], styles: Styles) -> Markup | None:
    """The share of floods survived, by arms that differ in nothing but how often there is one; None if there
    are no floods.
    """
    lines: dict[tuple[str, str], dict[float, Measured]] = {}
    for one in found:
        flood = (one.arm.settings.get("world") or {}).get("flood")
        if (
            one.condition == FLOODED
            and isinstance(flood, float)
            and flood > 0
            and "events/drowned" in one.values
        ):
            lines.setdefault((str(one.arm.settings.get("learner")), one.company), {})[flood] = one
    if not lines:
        return None
    curves, looks = {}, {}
    for line in lines.values():
        name = _NUMBER.sub("", next(iter(line.values())).arm.label)
        curves[name] = {flood: 1 - one.values["events/drowned"] for flood, one in line.items()}
        looks[name] = styles[next(iter(line.values())).arm.label]
    text = (
        "Levels in which the bridge is flooded: the share of novices that do not drown, by learner and by how often it was "
        "flooded in training. Who always takes the way around survives, too: see its return where it is dry."
    )
    drawn = Markup(following_figures.survival(curves, looks, "survival"))
    return tag(
        "div",
        tag("h3", "Floods survived"),
        figure(drawn, text, arm_legend(list(curves), looks, "survival-key")),
    )

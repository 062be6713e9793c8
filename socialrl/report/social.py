"""The page's section about the social protocol: figures and tables of what `protocol` reads."""

import math

import numpy as np

from socialrl.report import social_figures
from socialrl.report.figures import Styles
from socialrl.report.legends import arm_legend
from socialrl.report.markup import Markup, Section, figure, fold, join, section, table, tag
from socialrl.report.protocol import (
    HOME,
    PRESENCES,
    TRAINED,
    Cells,
    Condition,
    Table,
    cells_by_arm,
    companies,
    measure,
    of_each,
    over_bins,
    returns,
    shares,
    tables,
    transfer_worlds,
)
from socialrl.report.reading import Study
from socialrl.report.scores import cell
from socialrl.report.statistics import interval
from socialrl.report.tables import NONE

_NOTE = (
    "Held-out levels, the same ones under every condition. CT, cultural transmission: half of (full - never) plus half of "
    "(half - never), in units of the experts' return. It is low where a novice is good alone: read it beside the returns. "
    "Order recovered: the last visits of the episode, one for each goal, were all right. First choice: the first goal visited "
    "after the others have left, the episode's free first one left out. Scoring: episodes with a return above 1.5."
)


def social(study: Study, styles: Styles) -> Section | None:
    """What each arm does beside others, without them, in bad company and on new worlds."""
    tests = cells_by_arm(study)
    if not tests:
        return None
    policies = of_each(tests, "policy")
    main = policies[0]
    shown = tables(tests, main)
    first, rest = shown[:4], shown[4:]
    parts = [
        tag("p", _NOTE, class_="note"),
        presence_figure(tests, styles, main),
        *map(as_html, first),
        company_figure(tests, styles, main),
        transfer_figure(tests, styles, main),
        influence_figures(tests, styles, main),
        fold("Bad company and new worlds in numbers", *map(as_html, rest)) if rest else None,
        *(
            fold(f"All tables of {policy} actions", *map(as_html, tables(tests, policy)))
            for policy in policies[1:]
        ),
    ]
    return section(f"Social learning ({main} actions)", *parts, anchor="social")


def legend(tests: dict[str, Cells], styles: Styles, name: str) -> Markup:
    """The arms that were tested."""
    return arm_legend(list(tests), styles, name)


def as_html(one: Table) -> Markup:
    """A table with its title; an estimate that is missing is a dash."""
    rows = [
        (*words, *(NONE if math.isnan(e.value) else cell(e) for e in estimates))
        for words, estimates in one.rows
    ]
    return join([tag("h3", one.title), table(one.head, rows)])


def presence_figure(tests: dict[str, Cells], styles: Styles, policy: str) -> Markup:
    """Returns at home by presence."""
    found = {arm: returns(cells, HOME, policy) for arm, cells in tests.items()}
    groups = {presence: {arm: values[presence] for arm, values in found.items()} for presence in PRESENCES}
    experts = np.concatenate([values["experts"] for values in found.values()])
    levels = {presence: interval(experts).value for presence in PRESENCES}
    text = "Return with the company there throughout, for the first half, never. Dashed: what the experts earn themselves."
    drawn = Markup(social_figures.bars(groups, styles, "presence", "return", levels))
    return figure(drawn, text, legend(tests, styles, "presence-key"))


def company_figure(tests: dict[str, Cells], styles: Styles, policy: str) -> Markup | None:
    """Returns at home by company."""
    conditions = companies(tests, policy)
    if not conditions:
        return None
    groups = {
        title: {arm: measure(cells, one) for arm, cells in tests.items()} for title, one in conditions.items()
    }
    text = "Return at home beside others of all kinds, there throughout, and alone."
    picture = figure(
        Markup(social_figures.bars(groups, styles, "company", "return")),
        text,
        legend(tests, styles, "company-key"),
    )
    return join([tag("h3", "Good and bad company"), picture])


def transfer_figure(tests: dict[str, Cells], styles: Styles, policy: str) -> Markup | None:
    """Expert-normalised returns on new worlds."""
    worlds = transfer_worlds(tests, policy)
    if not worlds:
        return None
    groups = {
        world: {arm: shares(cells, world, policy)["full"] for arm, cells in tests.items()}
        for world in [HOME, *worlds]
    }
    alone = {world: [shares(cells, world, policy)["never"] for cells in tests.values()] for world in groups}
    best = {
        world: max((interval(scores).value for scores in found), default=math.nan)
        for world, found in alone.items()
    }
    text = "Return beside experts in units of theirs, at home and on worlds new to the arms. Dashed: the best of them alone."
    drawn = Markup(social_figures.bars(groups, styles, "transfer", "full / experts", best))
    picture = figure(drawn, text, legend(tests, styles, "transfer-key"))
    return join([tag("h3", "New worlds"), picture])


def influence_figures(tests: dict[str, Cells], styles: Styles, policy: str) -> Markup | None:
    """Influence over the episode with the company there throughout and for the first half, of arms that have
    it.
    """
    pictures = []
    for presence, title in (("full", "there throughout"), ("half", "there for the first half")):
        condition = Condition(HOME, policy, TRAINED, presence)
        curves = {
            arm: curve
            for arm, cells in tests.items()
            if len(curve := over_bins(cells.get(condition, {}), "influence"))
        }
        if curves:
            drawn = social_figures.over_episode(
                curves, styles, f"influence-{presence}", title, "nats per step"
            )
            pictures.append(figure(Markup(drawn)))
    if not pictures:
        return None
    text = "KL of the policy from itself with the others hidden from view: how much seeing them changes what it does."
    return join(
        [
            tag("h3", "Social influence over the episode"),
            tag("p", text, class_="note"),
            tag("div", *pictures, class_="grid halves"),
        ]
    )

"""Section: social learning, from the records of the protocol `social`."""

import math

import numpy as np

from socialrl.record.labels import HOME, PRESENCES, TRAINED, Social
from socialrl.report import social_figures
from socialrl.report.figures import Styles
from socialrl.report.legends import arm_legend
from socialrl.report.markup import Markup, figure, fold, join, table, tag
from socialrl.report.scores import cell
from socialrl.report.section import Body, Context, ReportSection
from socialrl.report.social_numbers import (
    FOLDED,
    Cells,
    Table,
    cells_by_arm,
    companies,
    measure,
    over_bins,
    policies_of,
    returns,
    shares,
    tables,
    transfer_worlds,
)
from socialrl.report.statistics import interval
from socialrl.report.tables import NONE

NOTE = (
    "Held-out levels, the same ones under every condition. CT, cultural transmission: half of (full - never) "
    "plus half of (half - never), divided by the experts' return. CT is low where a novice is good alone, so "
    "it should be read together with the returns. Order recovered: the last visits of the episode, one for "
    "each goal, are all right. First choice: the first goal visited after the company has left, the free "
    "first one of the episode left out. Scoring: episodes with a return above 1.5. Steps following: steps "
    "whose decision follows a co-player."
)


FOOTSTEPS = (
    "Share of moves onto a cell where a co-player was at most 10 steps before, while one is there. The table "
    "above has the control, the same of the co-players' moves after the novice: who have the same goals walk "
    "the same ways."
)


def render(context: Context) -> Body | None:
    """Figures and tables of the first policy of the novices; tables of the others, folded."""
    tests, styles = cells_by_arm(context.study), context.styles
    if not tests:
        return None
    main, *others = policies_of(tests)
    shown = tables(tests, main)
    rest = [one for one in shown if one.title in FOLDED]
    first = [one for one in shown if one not in rest]
    return (
        tag("p", f"Actions of the novices: {main}. {NOTE}", class_="note"),
        presence_figure(tests, styles, main),
        *map(as_html, first),
        company_figure(tests, styles, main),
        transfer_figure(tests, styles, main),
        influence_figures(tests, styles, main),
        footsteps_figures(tests, styles, main),
        fold("Company and new worlds in numbers", *map(as_html, rest)) if rest else None,
        *(fold(f"All tables, {policy} actions", *map(as_html, tables(tests, policy))) for policy in others),
    )


def legend(tests: dict[str, Cells], styles: Styles, name: str) -> Markup:
    """The legend of the measured arms."""
    return arm_legend(list(tests), styles, name)


def as_html(one: Table) -> Markup:
    """A table with its title; a missing estimate is a dash."""
    rows = [
        (*words, *(NONE if math.isnan(e.value) else cell(e) for e in estimates))
        for words, estimates in one.rows
    ]
    return join([tag("h3", one.title), table(one.head, rows)])


def presence_figure(tests: dict[str, Cells], styles: Styles, policy: str) -> Markup:
    """Returns at home by presence of the company."""
    found = {arm: returns(cells, HOME, policy) for arm, cells in tests.items()}
    groups = {presence: {arm: values[presence] for arm, values in found.items()} for presence in PRESENCES}
    experts = np.concatenate([values["experts"] for values in found.values()])
    levels = {presence: interval(experts).value for presence in PRESENCES}
    text = (
        "Return with the company present throughout, for the first half, never. Dashed: the experts' own "
        "return."
    )
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
    text = "Return at home by company, present throughout, and alone."
    picture = figure(
        Markup(social_figures.bars(groups, styles, "company", "return")),
        text,
        legend(tests, styles, "company-key"),
    )
    return join([tag("h3", "Company"), picture])


def transfer_figure(tests: dict[str, Cells], styles: Styles, policy: str) -> Markup | None:
    """Normalised returns at home and in transfer worlds."""
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
    text = (
        "Return beside experts divided by theirs, at home and in worlds new to the arms. Dashed: the best "
        "arm alone."
    )
    drawn = Markup(social_figures.bars(groups, styles, "transfer", "full / experts", best))
    picture = figure(drawn, text, legend(tests, styles, "transfer-key"))
    return join([tag("h3", "New worlds"), picture])


def influence_figures(tests: dict[str, Cells], styles: Styles, policy: str) -> Markup | None:
    """Social influence over the episode, with the company present throughout and for the first half; None if
    no arm has it.
    """
    pictures = []
    for presence, title in (("full", "present throughout"), ("half", "present for the first half")):
        condition = Social(HOME, policy, TRAINED, presence)
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
    text = (
        "KL(policy || policy with the others hidden from view): how much seeing the others changes the "
        "policy."
    )
    return join(
        [
            tag("h3", "Social influence over the episode"),
            tag("p", text, class_="note"),
            tag("div", *pictures, class_="grid halves"),
        ]
    )


def footsteps_figures(tests: dict[str, Cells], styles: Styles, policy: str) -> Markup | None:
    """How often a novice, or a person, walks in others' footsteps, over the episode; None if that was not
    measured.
    """
    pictures = []
    for presence, title in (("full", "present throughout"), ("half", "present for the first half")):
        condition = Social(HOME, policy, TRAINED, presence)
        found = {arm: over_bins(cells.get(condition, {}), "trailing") for arm, cells in tests.items()}
        curves = {arm: curve for arm, curve in found.items() if len(curve)}
        if curves:
            name = f"trailing-{presence}"
            drawn = social_figures.over_episode(curves, styles, name, title, "share of moves")
            pictures.append(figure(Markup(drawn)))
    if not pictures:
        return None
    return join(
        [
            tag("h3", "In others' footsteps, over the episode"),
            tag("p", FOOTSTEPS, class_="note"),
            tag("div", *pictures, class_="grid halves"),
        ]
    )


SECTION = ReportSection(
    title="Social learning", anchor="social", order=90, render=render, kinds=(Social.kind,)
)

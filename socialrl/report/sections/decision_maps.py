"""Section: decision maps, the cells and times at which each arm follows co-players or is influenced by them.

From the recorded replays, all seeds and episodes of an arm together. Learners whose decisions have no
sources, such as policy gradients, are shown by their social influence.
"""

from collections.abc import Mapping

from socialrl.report import figures
from socialrl.report.decisions import FEWEST, Decisions, ratio, read_decisions
from socialrl.report.figures import Styles
from socialrl.report.legends import arm_legend, source_legend
from socialrl.report.maps import SHADE, ceiling, heat_map, presence_map, scale_legend
from socialrl.report.markup import Markup, figure, join, tag
from socialrl.report.reading import Series
from socialrl.report.section import Body, Context, ReportSection

NOTE = (
    "All recorded episodes of all seeds together, each on a level of its own. A cell shows the steps that "
    f"novices spent on it; with fewer than {FEWEST} of them it has a dot instead of a shade."
)
INFLUENCE_NOTE = (
    "KL(policy || policy with the others hidden from view) in nats: how much seeing the others changes the "
    "policy. All maps share one scale."
)


def render(context: Context) -> Body | None:
    """Maps and curves of arms that follow others, then of arms with social influence."""
    arms = context.study.arms
    found = {arm.label: decisions for arm in arms if (decisions := read_decisions(arm)) is not None}
    followers = {label: one for label, one in found.items() if one.follows}
    influenced = {label: one for label, one in found.items() if one.has_influence}
    if not followers and not influenced:
        return None
    rest = ", ".join(label for label in found if label not in followers and label not in influenced)
    return (
        tag("p", NOTE, class_="note"),
        following(followers, context.colours) if followers else None,
        influence(influenced, context.styles) if influenced else None,
        tag("p", f"Followed no one in any recorded episode: {rest}.", class_="note") if rest else None,
    )


def following(arms: Mapping[str, Decisions], colours: Mapping[str, str]) -> Markup:
    """Maps of the share of each source, and curves over the episode, of arms that followed others."""
    shown = {label: followed_sources(one) for label, one in arms.items()}
    top = ceiling(one.share(source) for label, one in arms.items() for source in shown[label])
    rows, curves = [], []
    for i, (label, one) in enumerate(arms.items()):
        maps = [presence_map(one)]
        for source in shown[label]:
            name, share = one.sources[source], float(one.cells[source].sum() / one.cells.sum())
            words = f"follows {name}: {share:.0%} of all steps"
            key = Markup(figures.source_swatch(name, colours, f"map{i}-{source}"))
            maps.append(
                heat_map(
                    one, one.share(source), top, SHADE, join([key, words], " "), f"{label} {words}, by cell"
                )
            )
        rows.append(row(label, maps))
        total = one.points.sum(axis=(0, 2))
        parts = {one.sources[source]: ratio(one.points[source].sum(axis=1), total) for source in shown[label]}
        picture = Markup(
            figures.shares_over(
                one.when,
                parts,
                colours,
                f"when{i}",
                f"{label} over the episode",
                xlabel="step of the episode",
                top=None,
            )
        )
        curves.append(tag("figure", tag("h4", label), picture))
    followed = {one.sources[source] for label, one in arms.items() for source in shown[label]}
    return join(
        [
            tag("h3", "Where others are followed"),
            tag(
                "p",
                "Shade: the share of the steps on a cell on which that co-player was followed.",
                class_="note",
            ),
            scale_legend(top, factor=100.0, unit=" %"),
            tag("div", *rows, class_="arms"),
            tag("h3", "When others are followed"),
            tag(
                "p",
                "Share of steps on which each co-player was followed; on the others the novice followed its "
                "own policy.",
                class_="note",
            ),
            source_legend([name for name in colours if name in followed], colours, "when-key"),
            tag("div", *curves, class_="grid halves"),
        ]
    )


def followed_sources(one: Decisions) -> list[int]:
    """The numbers of the co-players that were followed at least once."""
    return [source for source in range(1, len(one.sources)) if one.cells[source].any()]


def influence(arms: Mapping[str, Decisions], styles: Styles) -> Markup:
    """A map of the social influence of each arm that records it, and curves over the episode."""
    top = ceiling(one.influence() for one in arms.values())
    pictures = []
    for label, one in arms.items():
        words = f"influence: {one.cell_nats.sum() / one.cells.sum():.2g} nats per step"
        shaded = heat_map(one, one.influence(), top, SHADE, words, f"{label}: mean social influence by cell")
        pictures.append(row(label, [presence_map(one), shaded]))
    curves = {
        label: Series(one.when, ratio(one.point_nats, one.points.sum(axis=0))) for label, one in arms.items()
    }
    return join(
        [
            tag("h3", "Where others have influence"),
            tag("p", INFLUENCE_NOTE, class_="note"),
            scale_legend(top),
            tag("div", *pictures, class_="arms"),
            tag("h3", "When others have influence"),
            figure(
                Markup(figures.over_episode(curves, styles, "when-influence", "nats per step")),
                "Thick lines: interquartile mean over seeds, with its pointwise 95 % band. Thin lines: each "
                "seed.",
                arm_legend(list(arms), styles, "when-influence-key"),
            ),
        ]
    )


def row(label: str, maps: list[Markup]) -> Markup:
    """The maps of an arm, side by side."""
    return tag("div", tag("h4", label), tag("div", *maps, class_="maps"), class_="arm")


SECTION = ReportSection(title="Decision maps", anchor="decisions", order=70, render=render)

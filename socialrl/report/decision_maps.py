"""The page's section of decision maps: on which cells, and when in the episode, each arm follows others.

Read from the recorded replays, all seeds and episodes of an arm together. A learner whose decisions have no
sources (a policy gradient) is shown by social influence instead: the KL of its policy from itself with the
others hidden from view.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping

import numpy as np
from jaxtyping import Bool, Float, Int

from socialrl.record.replay import Replay, load
from socialrl.report import figures
from socialrl.report.figures import Styles
from socialrl.report.legends import arm_legend, source_legend
from socialrl.report.markup import Markup, Section, figure, join, section, tag
from socialrl.report.reading import ArmRun, Series, Study
from socialrl_envs.errors import SocialRLError
from socialrl_envs.tiles import WALL

FEWEST = 5  # novice steps on a cell, below which the page says nothing about it
BINS = 25  # of an episode, at most
SHADES = 5  # of a map: the legend shows each
FAINTEST = 0.02  # of the top of a scale: less has no shade
NICE = (1.0, 2.0, 2.5, 5.0, 10.0)  # tops of a scale, times a power of ten
SHADE = "var(--shade)"  # one hue for all maps, so that one legend holds and a grey print can be read
CELL = 10  # units of a map's own coordinates
ONE = np.ones((1, 1), bool)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decisions:
    """What an arm's replays say, added up. `S` sources, `P` points of the episode, `K` replays (one per
    seed).

    cells, points: steps in which a novice followed each source, by the cell it stood on and by when it was.
    nats: summed influence, NaN where the learner records none. width: steps of the episode that one point
    stands for.
    """

    sources: tuple[str, ...]
    walls: Bool[np.ndarray, "H W"]
    cells: Int[np.ndarray, "S H W"]
    points: Int[np.ndarray, "S P K"]
    cell_nats: Float[np.ndarray, "H W"]
    point_nats: Float[np.ndarray, "P K"]
    width: int

    @property
    def steps(self) -> Int[np.ndarray, "H W"]:
        """Novice steps on each cell."""
        return self.cells.sum(axis=0)

    @property
    def enough(self) -> Bool[np.ndarray, "H W"]:
        """Cells with at least FEWEST steps."""
        return self.steps >= FEWEST

    @property
    def has_influence(self) -> bool:
        """Whether the learner records its social influence."""
        return bool(np.isfinite(self.cell_nats).all())

    @property
    def follows(self) -> bool:
        """Whether it ever followed anyone."""
        return bool(self.cells[1:].any())

    def share(self, source: int) -> Float[np.ndarray, "H W"]:
        """Of the steps on each cell, the share on which this source was followed; NaN where there were too
        few.
        """
        return ratio(self.cells[source], np.where(self.enough, self.steps, 0))

    def influence(self) -> Float[np.ndarray, "H W"]:
        """Mean nats per step on each cell; NaN where there were too few steps."""
        return ratio(self.cell_nats, np.where(self.enough, self.steps, 0))

    @property
    def when(self) -> Int[np.ndarray, " P"]:
        """The first step of each point of the episode."""
        return np.arange(self.points.shape[1]) * self.width


def decision_maps(study: Study, styles: Styles, colours: Mapping[str, str]) -> Section | None:
    """Where on the grid and when in the episode others are followed, or have influence."""
    found = {arm.label: decisions for arm in study.arms if (decisions := read_decisions(arm)) is not None}
    followers = {label: one for label, one in found.items() if one.follows}
    swayed = {label: one for label, one in found.items() if one.has_influence}
    if not followers and not swayed:
        return None
    rest = [label for label in found if label not in followers and label not in swayed]
    text = (
        "All recorded episodes of all seeds together, each on a level of its own. A cell stands for the steps that the novice "
        f"spent on it; where these are fewer than {FEWEST} there is a dot instead of a shade."
    )
    return section(
        "Decision maps",
        tag("p", text, class_="note"),
        following(followers, colours) if followers else None,
        influence(swayed, styles) if swayed else None,
        tag("p", f"Followed no one in any recorded episode: {', '.join(rest)}.", class_="note")
        if rest
        else None,
        anchor="decisions",
    )


def read_decisions(arm: ArmRun) -> Decisions | None:
    """The decisions in an arm's replays; one that cannot be read, or that is of another world, is left out.
    None: no replay.
    """
    replays = [replay for path in arm.replays.values() if (replay := _load(path)) is not None]
    alike = [replay for replay in replays if _kind(replay) == _kind(replays[0])]
    return add_up(alike) if alike else None


def _load(path: object) -> Replay | None:
    try:
        return load(str(path))
    except SocialRLError:
        return None  # the section of episodes names the file


def _kind(replay: Replay) -> tuple[object, ...]:
    return replay.sources, replay.tiles.shape[2:]


def add_up(replays: list[Replay]) -> Decisions:
    """The decisions of all novices in these replays, of equal sources and grids."""
    first, longest = replays[0], max(int(replay.length.max()) for replay in replays)
    width = math.ceil(longest / BINS)
    sources, grid, points = len(first.sources), first.tiles.shape[2:], math.ceil(longest / width)
    cells, cell_nats = np.zeros((sources, *grid), np.int64), np.zeros(grid)
    when, point_nats = np.zeros((sources, points, len(replays)), np.int64), np.zeros((points, len(replays)))
    walls = np.ones(grid, bool)
    for k, replay in enumerate(replays):
        for episode in range(replay.episodes):
            walls &= (replay.states("tiles", episode) == WALL).all(axis=0)
            step, novice = np.nonzero(replay.states("present", episode)[:-1, list(replay.novices)])
            row, column = replay.states("position", episode)[step, np.array(replay.novices)[novice]].T
            source, nats = (replay.during(name, episode)[step, novice] for name in ("source", "influence"))
            np.add.at(cells, (source, row, column), 1)
            np.add.at(cell_nats, (row, column), nats)
            np.add.at(when[..., k], (source, step // width), 1)
            np.add.at(point_nats[:, k], step // width, nats)
    return Decisions(
        sources=first.sources,
        walls=walls,
        cells=cells,
        points=when,
        cell_nats=cell_nats,
        point_nats=point_nats,
        width=width,
    )


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, NaN where the whole is nothing."""
    return np.divide(part, whole, out=np.full(np.shape(whole), math.nan), where=whole > 0)


def following(arms: Mapping[str, Decisions], colours: Mapping[str, str]) -> Markup:
    """For arms that followed others: maps of the shares by source, and the shares over the episode."""
    shown = {label: _followed(one) for label, one in arms.items()}
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
            figures.shares_over(one.when, parts, colours, f"when{i}", f"{label} over the episode", top=None)
        )
        curves.append(tag("figure", tag("h4", label), picture))
    followed = {one.sources[source] for label, one in arms.items() for source in shown[label]}
    return join(
        [
            tag("h3", "Where others are followed"),
            tag(
                "p",
                "Shade: of the steps on the cell, the share on which that co-player was followed.",
                class_="note",
            ),
            scale(top, factor=100.0, unit=" %"),
            tag("div", *rows, class_="arms"),
            tag("h3", "When others are followed"),
            tag(
                "p",
                "Share of steps on which each co-player was followed; on the others the novice acted for itself.",
                class_="note",
            ),
            source_legend([name for name in colours if name in followed], colours, "when-key"),
            tag("div", *curves, class_="grid halves"),
        ]
    )


def _followed(one: Decisions) -> list[int]:
    """The sources but the novice itself that were followed at all."""
    return [source for source in range(1, len(one.sources)) if one.cells[source].any()]


def influence(arms: Mapping[str, Decisions], styles: Styles) -> Markup:
    """For arms that record their influence: a map of it each, and all of them over the episode."""
    top = ceiling(one.influence() for one in arms.values())
    pictures = []
    for label, one in arms.items():
        words = f"influence: {one.cell_nats.sum() / one.cells.sum():.2g} nats per step"
        shaded = heat_map(one, one.influence(), top, SHADE, words, f"{label}: mean social influence by cell")
        pictures.append(row(label, [presence_map(one), shaded]))
    curves = {
        label: Series(one.when, ratio(one.point_nats, one.points.sum(axis=0))) for label, one in arms.items()
    }
    text = (
        "KL of the policy from itself with the others hidden from view, in nats: how much seeing them changes what the novice "
        "does. All maps share one scale."
    )
    return join(
        [
            tag("h3", "Where others have influence"),
            tag("p", text, class_="note"),
            scale(top),
            tag("div", *pictures, class_="arms"),
            tag("h3", "When others have influence"),
            figure(
                Markup(figures.over_episode(curves, styles, "when-influence", "nats per step")),
                "Thick: interquartile mean over seeds, with its pointwise 95 % band. Thin: every seed.",
                arm_legend(list(arms), styles, "when-influence-key"),
            ),
        ]
    )


def ceiling(maps: Iterable[np.ndarray]) -> float:
    """The top of a scale for these maps: a round number above 99 of 100 cells, so that one odd cell does not
    pale the rest.
    """
    values = np.concatenate([one[np.isfinite(one)] for one in maps])
    high = float(np.quantile(values, 0.99)) if len(values) else 0.0
    if high <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(high))
    return power * next(nice for nice in NICE if nice * power >= high * (1 - 1e-9))


def scale(top: float, factor: float = 1.0, unit: str = "") -> Markup:
    """The legend of maps that end at `top`: what each shade, a dot, and no shade at all mean."""
    edges = [f"{top * k / SHADES * factor:.3g}{unit}" for k in range(SHADES)]
    words = [
        f"under {top * FAINTEST * factor:.2g}{unit}",
        *(f"to {edge}" for edge in edges[1:]),
        f"over {edges[-1]}",
    ]
    ground = tag("path", d=squares(ONE), fill="var(--lines)")
    fills = [ground]
    for k in range(1, SHADES + 1):
        fills.append(join([ground, tag("path", d=squares(ONE), fill=SHADE, fill_opacity=opacity(k))]))
    keys = [
        *zip(fills, words, strict=True),
        (dots(ONE), f"fewer than {FEWEST} steps"),
        (strokes(ONE), "wall"),
    ]
    box = f"0 0 {CELL} {CELL}"
    return tag(
        "ul",
        *(
            tag("li", tag("svg", shape, viewBox=box, class_="key", aria_hidden="true"), text)
            for shape, text in keys
        ),
        class_="legend",
    )


def row(label: str, maps: list[Markup]) -> Markup:
    """The maps of an arm beside one another."""
    return tag("div", tag("h4", label), tag("div", *maps, class_="maps"), class_="arm")


def presence_map(one: Decisions) -> Markup:
    """Where the novice was: the ground on which the other maps stand."""
    spent = one.steps / one.steps.sum()
    top = ceiling([spent[one.enough]])
    words = f"where it was: {one.steps.sum():,} steps, strongest over {top * (1 - 1 / SHADES):.1%} of them"
    return heat_map(one, np.where(one.enough, spent, math.nan), top, "var(--ink)", words, words)


def heat_map(
    one: Decisions, values: Float[np.ndarray, "H W"], top: float, colour: str, words: str, title: str
) -> Markup:
    """A small picture of the grid, a shade of the colour per cell; NaN: none. words: below it. title: for
    screen readers.
    """
    height, width = values.shape
    known = np.isfinite(values)
    part = np.nan_to_num(values) / top
    shade = np.where(part < FAINTEST, 0, np.clip(np.ceil(part * SHADES), 1, SHADES)).astype(int)
    layers = [
        strokes(one.walls),
        tag("path", d=squares(known), fill="var(--lines)"),
        *(
            tag("path", d=squares(shade == k), fill=colour, fill_opacity=opacity(k))
            for k in range(1, SHADES + 1)
        ),
        dots((one.steps > 0) & ~one.enough),
    ]
    frame = tag(
        "rect", x=0, y=0, width=width * CELL, height=height * CELL, fill="none", stroke="var(--faint)"
    )
    box = f"-1 -1 {width * CELL + 2} {height * CELL + 2}"
    picture = tag("svg", tag("title", title), *layers, frame, viewBox=box, role="img")
    return tag("figure", picture, tag("figcaption", words))


def opacity(shade: int) -> float:
    """Of a shade from 1 to SHADES; even the faintest is seen on paper."""
    return round(0.1 + 0.9 * shade / SHADES, 2)


def squares(where: Bool[np.ndarray, "H W"]) -> str:
    """These cells as the outline of an SVG path, a little apart from one another."""
    side = CELL - 1
    return _each(where, 0.5, f"h{side}v{side}h-{side}z")


def dots(where: Bool[np.ndarray, "H W"]) -> Markup:
    """A small square in the middle of each of these cells."""
    return tag("path", d=_each(where, CELL / 2 - 1, "h2v2h-2z"), fill="var(--faint)")


def strokes(where: Bool[np.ndarray, "H W"]) -> Markup:
    """A diagonal across each of these cells."""
    return tag("path", d=_each(where, 0.0, f"l{CELL} {CELL}"), stroke="var(--faint)")


def _each(where: Bool[np.ndarray, "H W"], inset: float, outline: str) -> str:
    """The outline drawn at each of these cells, begun so far from its corner."""
    rows, columns = np.nonzero(where)
    return "".join(
        f"M{x * CELL + inset:g} {y * CELL + inset:g}{outline}" for y, x in zip(rows, columns, strict=True)
    )

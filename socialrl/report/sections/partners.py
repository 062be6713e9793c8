"""Section: cross-play matrices, from the records of `partners`: what each arm earned beside every partner,
and beside every seed of every arm.
"""

import re

import numpy as np
from jaxtyping import Float

from socialrl.record.labels import ALL, HELD_OUT, ITSELF, MET, Partners
from socialrl.report import svg
from socialrl.report.markup import Markup, tag
from socialrl.report.reading import ArmRun
from socialrl.report.section import Body, Context, ReportSection
from socialrl.report.statistics import interval

KINDS = (ITSELF, MET, HELD_OUT)
FIXED_NOTE = (
    "Mean return of the novices per episode, beside fixed partners in the columns; nobody learns here. "
    "planner: a scripted convention, with its preference for each kind of goal and for a mistake. exported: "
    "an agent from a file. Numbers are interquartile means over seeds."
)
TRAINED_NOTE = (
    "The same beside agents that were trained in this run. itself: the agent of the same seed in both seats; "
    "own arm: other seeds of the same arm; met: agents that were partners in training; held out: agents that "
    "never were."
)
SEEDS_NOTE = (
    "Cross-play of single seeds: row s, column t is the return of the arm's seed s beside the partner arm's "
    "seed t; darker is higher. A dark diagonal in a pale square is a convention that only its own seed knows."
)
_SHIFT = re.compile(r"\+(\d+)")
OWN = "own arm"
WIDTH = 9.5  # inches, of the widest picture
Means = dict[str, dict[bool, dict[str, float]]]


def render(context: Context) -> Body | None:
    """The matrices of arms and partners, and below them those of the seeds."""
    found = {arm.label: by_column(arm) for arm in context.study.arms if arm.measured(Partners)}
    if not found:
        return None
    squares = [
        (arm.label, partner, square)
        for arm in context.study.arms
        for partner, square in of_seeds(arm).items()
        if square.size > 1
    ]
    body: list[Markup | None] = [
        matrix([label for label, means in found.items() if means[trained]], found, trained, note)
        for trained, note in ((False, FIXED_NOTE), (True, TRAINED_NOTE))
    ]
    if squares:
        body += [tag("h3", "Seed by seed"), figure(seeds_figure(squares), SEEDS_NOTE)]
    return tuple(body)


def column(one: Partners, arm: str) -> str:
    """The heading of the column in which a record of an arm is shown, "" if it is of a single seed."""
    if one.group == "convention":
        return "all conventions" if one.partner == ALL else one.partner
    if one.group == "exported":
        return f"{one.partner}, exported"
    if one.seed not in KINDS:
        return ""
    if one.seed == ITSELF:
        return ITSELF
    return f"{OWN if one.partner == arm else one.partner}, {one.seed}"


def by_column(arm: ArmRun) -> dict[bool, dict[str, float]]:
    """The interquartile means over seeds of an arm's return by the heading of the column: beside fixed
    partners (False), and beside agents that were trained in the run (True).
    """
    found: dict[bool, dict[str, float]] = {False: {}, True: {}}
    for one, record in arm.measured(Partners):
        if name := column(one, arm.name):
            found[one.group == "agent"][name] = interval(record.values["return"]).value
    return found


def of_seeds(arm: ArmRun) -> dict[str, Float[np.ndarray, "S S"]]:
    """Partner's arm -> the returns of each seed (rows) beside each seed of that arm, NaN where unknown."""
    found: dict[str, dict[int, np.ndarray]] = {}
    for one, record in arm.measured(Partners):
        shift = _SHIFT.fullmatch(one.seed)
        if one.group == "agent" and shift:
            found.setdefault(one.partner, {})[int(shift[1])] = record.values["return"]
    return {partner: square(shifts) for partner, shifts in found.items()}


def square(shifts: dict[int, np.ndarray]) -> Float[np.ndarray, "S S"]:
    """result[s, (s + k) % S] = shifts[k][s]."""
    count = len(next(iter(shifts.values())))
    result = np.full((count, count), np.nan)
    for shift, values in shifts.items():
        result[np.arange(count), (np.arange(count) + shift) % count] = values
    return result


def figure(picture: str, words: str) -> Markup:
    """A picture with words below it."""
    return tag("figure", Markup(picture), tag("figcaption", words))


def matrix(rows: list[str], found: Means, trained: bool, note: str) -> Markup | None:
    """A shaded table with the mean return of each arm (rows) beside each partner, None if there is none."""
    if not rows:
        return None
    columns = list(dict.fromkeys(name for row in rows for name in found[row][trained]))
    if trained:
        columns.sort(key=lambda name: (name != ITSELF, not name.startswith(OWN), name.startswith(ALL)))
    values = np.array([[found[row][trained].get(name, np.nan) for name in columns] for row in rows])
    with svg.style():
        made = svg.figure(min(1.9 + 0.9 * len(columns), WIDTH), 1.5 + 0.42 * len(rows))
        axes = made.add_subplot()
        shade(axes, values, np.nanmin(values), np.nanmax(values))
        axes.set_xticks(range(len(columns)), columns, rotation=40, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(rows)), rows)
        for (y, x), value in np.ndenumerate(values):
            if np.isfinite(value):
                axes.text(x, y, f"{value:.1f}", ha="center", va="center", fontsize=8.5)
        words = "Returns of arms (rows) beside partners (columns)."
        return figure(svg.inline(made, f"partners-{'trained' if trained else 'fixed'}", words), note)


def seeds_figure(squares: list[tuple[str, str, Float[np.ndarray, "S S"]]]) -> str:
    """The matrices of the seeds side by side, on one scale, as an <svg>."""
    low = min(float(np.nanmin(one)) for _, _, one in squares)
    high = max(float(np.nanmax(one)) for _, _, one in squares)
    across = min(4, len(squares))
    down = -(-len(squares) // across)
    with svg.style():
        made = svg.figure(2.25 * across, 2.35 * down)
        for place, (arm, partner, values) in enumerate(squares, start=1):
            axes = made.add_subplot(down, across, place, title=arm, xlabel=f"{partner}, seed")
            shade(axes, values, low, high)
            axes.set_xticks([])
            axes.set_yticks([])
        words = f"Cross-play of seeds, shaded from {low:.2f} (pale) to {high:.2f} (dark)."
        return svg.inline(made, "cross-play", words)


def shade(axes: svg.Axes, values: Float[np.ndarray, "R C"], low: float, high: float) -> None:
    """Draws a square per cell in one hue, the higher the darker, nothing for NaN."""
    room = max(high - low, 1e-9)
    for (y, x), value in np.ndenumerate(values):
        if np.isfinite(value):
            axes.add_patch(svg.square(float(x), float(y), 0.08 + 0.6 * (float(value) - low) / room))
    axes.set_xlim(-0.5, values.shape[1] - 0.5)
    axes.set_ylim(values.shape[0] - 0.5, -0.5)
    axes.set_aspect("equal" if values.shape[0] == values.shape[1] else "auto")
    axes.grid(visible=False)


SECTION = ReportSection(
    title="Partners never met", anchor="partners", order=92, render=render, kinds=(Partners.kind,)
)

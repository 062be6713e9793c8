"""The page of a result: a radar of the questions, tables of scores and returns, and the rules."""

import math
from collections.abc import Sequence

import numpy as np

from socialrl.benchmark.results import Result
from socialrl.benchmark.scores import QUESTIONS, scale
from socialrl.benchmark.suite import CONDITIONS, EPISODES, SEEDS, STEPS, WORLDS
from socialrl.report import svg
from socialrl.report.markup import Markup, figure, fold, table, tag
from socialrl.report.page import page_style
from socialrl.report.tables import number

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#666666")
DASHES = ("-", (0, (5.0, 1.5)), (0, (1.0, 1.0)), (0, (6.0, 1.5, 1.0, 1.5)))
ABOUT = (
    "Does an agent profit by good company, and is it unharmed by bad? A score of 1 is the best, 0 the worst; "
    "a dash: the question could not be put, because the agent was not entered in a world in which it can, or "
    "earns nothing there that could be added to or lost. Returns are on a scale on which random actions have "
    "0 and a planner that knows the world has 1, both in the agent's place, on the same levels and beside "
    "the same company."
)
RULE = (
    "What may be tuned on: levels of any seed of the six worlds, alone or beside the worlds' own co-players, "
    "with one setting of a learner for all six. The companies opposed, hostile and turning, the new wants, "
    "and levels that follow from a salt are for the test alone. State how many settings were tried. An "
    "evaluator may keep the salt secret; results name its digest only."
)


def render(result: Result, others: Sequence[Result] = ()) -> str:
    """The page as HTML with everything in it. others: results to compare with."""
    every = [result, *others]
    facts = result.facts
    seeds = "1 seed" if facts["seeds"] == 1 else f"{facts['seeds']} seeds"
    made = (
        f"{facts['entrant']}: {facts['kind']} ({facts['learner']}), {facts['steps']:,} steps, {seeds}, "
        f"{facts['episodes']} episodes per condition and seed, "
        f"{len(result.worlds)} of {len(WORLDS)} worlds, salt {facts['salt']}. The full suite: all worlds, "
        f"{STEPS:,} steps, {SEEDS} seeds, {EPISODES} episodes."
    )
    main = tag(
        "main",
        tag("h1", f"Never worse than alone: {result.name}"),
        tag("p", ABOUT),
        tag("p", made, class_="note"),
        figure(Markup(radar(every)), None, legend(every)),
        tag("h2", "Scores"),
        score_table(every),
        tag("h2", "By world"),
        world_table(result),
        fold(
            "Returns beside each company, between random actions (0) and a planner (1)", scale_table(result)
        ),
        tag("h2", "Rules"),
        tag("p", RULE),
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"Never worse than alone: {result.name}"),
        tag("style", Markup(page_style())),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, tag('body', main), lang='en')}\n"


def label(result: Result) -> str:
    """The entrant with what tells it apart."""
    return f"{result.name} ({len(result.worlds)} worlds)"


def radar(results: Sequence[Result]) -> str:
    """A line per result around a circle, a spoke per question; there is a gap where one could not be put."""
    angles = np.linspace(0, 2 * math.pi, len(QUESTIONS), endpoint=False)
    with svg.style():
        made = svg.figure(7.6, 5.4)
        axes = made.add_subplot(projection="polar")
        axes.set_theta_offset(math.pi / 2)  # pyright: ignore[reportAttributeAccessIssue]
        axes.set_theta_direction(-1)  # pyright: ignore[reportAttributeAccessIssue]
        axes.set_ylim(0, 1)
        axes.set_yticks([0.25, 0.5, 0.75, 1.0], ["", "0.5", "", "1"])
        axes.set_xticks(angles, QUESTIONS)
        axes.tick_params(axis="x", pad=22)
        for i, result in enumerate(results):
            values = np.array([result.overall[question] for question in QUESTIONS])
            round_again = np.append(values, values[0]), np.append(angles, angles[0])
            colour, dash = COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)]
            axes.plot(
                round_again[1],
                round_again[0],
                color=colour,
                linestyle=dash,
                linewidth=2.6 if i == 0 else 1.6,
                marker="o",
                markersize=6 if i == 0 else 4,
            )
            if i == 0 and np.isfinite(values).all():
                axes.fill(angles, values, color=colour, alpha=0.12, linewidth=0)
        words = ", ".join(f"{q} {number(results[0].overall[q])}" for q in QUESTIONS)
        return svg.inline(made, "radar", f"Scores of {results[0].name}: {words}.")


def legend(results: Sequence[Result]) -> Markup:
    """Names in the colours of the radar."""
    items = [
        tag("li", tag("span", "■ ", style=f"color:{COLOURS[i % len(COLOURS)]}"), label(one))
        for i, one in enumerate(results)
    ]
    return tag("ul", *items, class_="note")


def score_table(results: Sequence[Result]) -> Markup:
    """A row per result, a column per question."""
    rows = [
        (
            label(one),
            *(number(one.overall[question]) for question in QUESTIONS),
            f"{sum(value == 1 for value in one.safe.values())} of {len(one.safe)}",
            f"{one.facts['steps']:,}",
            one.facts["seeds"],
        )
        for one in results
    ]
    return table(("entrant", *QUESTIONS, "worlds never worse than alone", "steps", "seeds"), rows)


def world_table(result: Result) -> Markup:
    """A row per world: the score of every question, and the share of seeds never worse than alone."""
    rows = []
    for world, found in result.by_world.items():
        cells = [number(_mean(found[question])) if question in found else "-" for question in QUESTIONS]
        rows.append((world, *cells, f"{result.safe[world]:.0%}"))
    return table(("world", *QUESTIONS, "seeds never worse than alone"), rows)


def scale_table(result: Result) -> Markup:
    """The entrant's return in every company of every world, on the scale from random actions to a planner."""
    rows = [
        (world, *(number(_mean(scale(measured, condition))) for condition in CONDITIONS))
        for world, measured in result.worlds.items()
    ]
    return table(("world", *CONDITIONS), rows)


def _mean(values: np.ndarray) -> float:
    finite = np.asarray(values, float)[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else math.nan

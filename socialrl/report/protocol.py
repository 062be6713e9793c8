"""What the social protocol found, as numbers: cultural transmission and its parts, and the tables that page
and terminal show.

    CT = 1/2 (full - never) / E + 1/2 (half - never) / E

full, half, never: the novice's return with its company there throughout, for the first half, never; E: the
company's own return on the same levels (Bhoopchand et al., Nature Communications 2023, arXiv 2203.00715). All
of it seed by seed, then summed up.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from socialrl.report.reading import ArmRun, Study
from socialrl.report.statistics import NOTHING, Estimate, interval
from socialrl.report.summary import as_json
from socialrl.report.tables import NONE, bracket, number

KIND, HOME, TRAINED = "social", "home", "trained"
PRESENCES = ("full", "half", "never")
PerSeed = Float[np.ndarray, " seeds"]


class Condition(NamedTuple):
    """The labels of a record: world, the novice's policy, the company and how long it is there."""

    world: str
    policy: str
    company: str
    presence: str


Cells = dict[Condition, dict[str, np.ndarray]]  # measures by name, one number per seed


class Table(NamedTuple):
    """Rows begin with as many words as `head` has more entries than the row has estimates."""

    title: str
    head: tuple[str, ...]
    rows: list[tuple[tuple[str, ...], tuple[Estimate, ...]]]


def cells_of(arm: ArmRun) -> Cells:
    """All conditions that an arm was tested under; records of other labels are passed over."""
    found = {}
    for record in arm.of(KIND):
        if all(isinstance(record.labels.get(name), str) for name in Condition._fields):
            found[Condition(*(record.labels[name] for name in Condition._fields))] = record.values
    return found


def cells_by_arm(study: Study) -> dict[str, Cells]:
    """The arms that were tested, by label."""
    return {arm.label: cells for arm in study.arms if (cells := cells_of(arm))}


def of_each(tests: dict[str, Cells], field: str) -> list[str]:
    """What a field of the conditions takes over all arms, in order of appearance."""
    return list(dict.fromkeys(getattr(condition, field) for cells in tests.values() for condition in cells))


def measure(cells: Cells, condition: Condition, name: str = "return") -> PerSeed:
    """A measure under a condition, NaN for every seed if there is none."""
    seeds = max(len(values) for measures in cells.values() for values in measures.values())
    return cells.get(condition, {}).get(name, np.full(seeds, math.nan))


def over_bins(measures: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """The measures `<name>/<bin>` as (bins, seeds), or an empty array where nothing was measured."""
    head = f"{name}/"
    bins = [key for key in measures if key.startswith(head) and np.isfinite(measures[key]).any()]
    return np.array([measures[key] for key in sorted(bins, key=lambda key: int(key[len(head) :]))])


def returns(cells: Cells, world: str, policy: str) -> dict[str, PerSeed]:
    """full, half, never beside the world's own company, and `experts`: what that company earns itself."""
    full = Condition(world, policy, TRAINED, "full")
    found = {presence: measure(cells, full._replace(presence=presence)) for presence in PRESENCES}
    return found | {"experts": measure(cells, full, "return_coplayers")}


def transmission(full: PerSeed, half: PerSeed, never: PerSeed, experts: PerSeed) -> PerSeed:
    """CT of every seed, see above; NaN where the experts earn nothing."""
    return (normalised(full - never, experts) + normalised(half - never, experts)) / 2


def normalised(score: PerSeed, experts: PerSeed) -> PerSeed:
    """A score in units of what the experts earn; NaN where they earn nothing."""
    return np.divide(score, experts, out=np.full(score.shape, math.nan), where=experts > 0)


def estimate(scores: Float[np.ndarray, "seeds *tasks"]) -> Estimate:
    """IQM and interval to a hundredth, as tables show them."""
    found = interval(scores)
    return Estimate(*(round(x, 2) + 0.0 for x in (found.value, found.low, found.high)))


def tables(tests: dict[str, Cells], policy: str) -> list[Table]:
    """Every table of one policy of the novices that has something to show."""
    makers = (returns_table, transmission_table, following_table, memory_table, company_table, transfer_table)
    return [table for maker in makers if (table := maker(tests, policy)).rows and len(table.head) > 1]


def returns_table(tests: dict[str, Cells], policy: str) -> Table:
    """Returns at home, by arm."""
    rows = [
        ((arm,), tuple(map(estimate, returns(cells, HOME, policy).values()))) for arm, cells in tests.items()
    ]
    return Table(
        "Return with its company there throughout, for the first half, never",
        ("arm", *PRESENCES, "experts"),
        rows,
    )


def transmission_table(tests: dict[str, Cells], policy: str) -> Table:
    """Expert-normalised returns at home, and CT, by arm."""
    rows = [
        ((arm,), tuple(map(estimate, shares(cells, HOME, policy).values()))) for arm, cells in tests.items()
    ]
    return Table(
        "The same in units of the experts' own, and cultural transmission", ("arm", *PRESENCES, "CT"), rows
    )


def shares(cells: Cells, world: str, policy: str) -> dict[str, PerSeed]:
    """full, half, never as parts of the experts' own return, and `CT`."""
    found = returns(cells, world, policy)
    return {name: normalised(found[name], found["experts"]) for name in PRESENCES} | {
        "CT": transmission(**found)
    }


def following_table(tests: dict[str, Cells], policy: str) -> Table:
    """Who follows in which episodes, by arm."""
    columns = {
        "scoring": ("full", "scoring"),
        "clockwise": ("full", "return_clockwise"),
        "counterclockwise": ("full", "return_counterclockwise"),
        "order recovered": ("full", "recovered"),
        "penalties": ("full", "penalties"),
        "penalties alone": ("never", "penalties"),
        "steps as another": ("full", "followed"),
    }
    return _columns_table("Following: with its company there throughout", columns, tests, policy)


def memory_table(tests: dict[str, Cells], policy: str) -> Table:
    """What is left once the company has left, by arm."""
    columns = {
        "return of second half": ("half", "return_second_half"),
        "order recovered": ("half", "recovered"),
        "first choice right": ("half", "first_choice"),
        "a choice made": ("half", "first_choice_made"),
    }
    return _columns_table("Remembering: after its company has left half-way", columns, tests, policy)


def _columns_table(
    title: str, columns: dict[str, tuple[str, str]], tests: dict[str, Cells], policy: str
) -> Table:
    """Measures at home by arm; title of a column -> (presence, measure). What no arm has is left out."""
    conditions = {
        name: (Condition(HOME, policy, TRAINED, presence), key) for name, (presence, key) in columns.items()
    }
    present = {
        name: column
        for name, column in conditions.items()
        if any(np.isfinite(measure(cells, *column)).any() for cells in tests.values())
    }
    rows = [
        ((arm,), tuple(estimate(measure(cells, *one)) for one in present.values()))
        for arm, cells in tests.items()
    ]
    return Table(title, ("arm", *present), rows)


def companies(tests: dict[str, Cells], policy: str) -> dict[str, Condition]:
    """The conditions at home that compare companies, by title; empty if there is but the world's own."""
    others = [company for company in of_each(tests, "company") if company != TRAINED]
    found = {f"beside {company}": Condition(HOME, policy, company, "full") for company in others}
    own = {presence: Condition(HOME, policy, TRAINED, presence) for presence in ("full", "never")}
    return {"its own company": own["full"], **found, "nobody": own["never"]} if found else {}


def company_table(tests: dict[str, Cells], policy: str) -> Table:
    """Returns beside each company, there throughout."""
    shown = companies(tests, policy)
    rows = [
        ((arm,), tuple(estimate(measure(cells, one)) for one in shown.values()))
        for arm, cells in tests.items()
        if shown
    ]
    return Table("Return beside others of all kinds, there throughout", ("arm", *shown), rows)


def transfer_worlds(tests: dict[str, Cells], policy: str) -> list[str]:
    """The worlds but home in which novices of this policy were tested."""
    conditions = [condition for cells in tests.values() for condition in cells if condition.policy == policy]
    return [world for world in dict.fromkeys(condition.world for condition in conditions) if world != HOME]


def transfer_table(tests: dict[str, Cells], policy: str) -> Table:
    """Each new world by arm; then over all of them, seeds resampled within each world."""
    worlds, rows = transfer_worlds(tests, policy), []
    for world in worlds:
        for arm, cells in tests.items():
            scores = [*returns(cells, world, policy).values(), *shares(cells, world, policy).values()]
            rows.append(((world, arm), tuple(estimate(scores[i]) for i in (0, 2, 3, 4, 6, 7))))
    for arm, cells in tests.items() if len(worlds) > 1 else ():
        parts = [list(shares(cells, world, policy).values()) for world in worlds]
        over_all = [estimate(np.stack([part[i] for part in parts], axis=1)) for i in (0, 2, 3)]
        rows.append((("all of them", arm), (NOTHING, NOTHING, NOTHING, *over_all)))
    head = ("world", "arm", "full", "never", "experts", "full / experts", "never / experts", "CT")
    return Table("Return on worlds that it was not trained in", head, rows)


def summarise_tests(study: Study) -> dict[str, Any]:
    """What evaluation.json holds: {arm: [{world, policy, company, presence, measures: {name: {iqm, low, high,
    seeds}}}]}, with the expert-normalised returns and CT among the measures of a world's own company in full
    presence. Null: no number."""
    return {
        arm: [_entry(cells, condition) for condition in cells] for arm, cells in cells_by_arm(study).items()
    }


def _entry(cells: Cells, condition: Condition) -> dict[str, Any]:
    measures = dict(cells[condition])
    if (condition.company, condition.presence) == (TRAINED, "full"):
        parts = shares(cells, condition.world, condition.policy)
        measures |= {"transmission": parts.pop("CT")} | {
            f"{name}_normalised": values for name, values in parts.items()
        }
    return condition._asdict() | {"measures": {name: as_json(values) for name, values in measures.items()}}


def format_tests(study: Study) -> str:
    """The tables as text, "" if nothing was tested: all of the first policy, two of each other. Ends without
    a newline.
    """
    tests, parts = cells_by_arm(study), []
    for rank, policy in enumerate(of_each(tests, "policy")):
        parts += [_text(table, policy) for table in tables(tests, policy)[: None if rank == 0 else 2]]
    return "\n\n".join(parts)


def _text(table: Table, policy: str) -> str:
    rows = [table.head, *((*words, *map(words_of, estimates)) for words, estimates in table.rows)]
    lines = aligned(rows)
    return "\n".join([f"{table.title} ({policy})", lines[0], "-" * max(map(len, lines)), *lines[1:]])


def words_of(e: Estimate) -> str:
    """An estimate as text: the value, its interval behind it."""
    return (
        f"{number(e.value)} {bracket(e.low, e.high)}"
        if e.bounded
        else number(e.value)
        if e.value == e.value
        else NONE
    )


def aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """The rows as lines with columns of equal width."""
    table = list(rows)
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]

"""The numbers of the social protocol: cultural transmission and its parts, and the tables that page and
terminal show.

    CT = 1/2 (full - never) / E + 1/2 (half - never) / E

full, half, never: the novice's return with its company present throughout, for the first half, never; E: the
company's own return on the same levels (Bhoopchand et al., Nature Communications 2023, arXiv 2203.00715). CT
is computed per seed and then aggregated over seeds.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from socialrl.record.labels import HOME, PERSON, PRESENCES, TRAINED, Social
from socialrl.report.reading import ArmRun, Study
from socialrl.report.statistics import NOTHING, Estimate, interval
from socialrl.report.summary import Entry, as_json
from socialrl.report.tables import aligned, words_of

PerSeed = Float[np.ndarray, " seeds"]


BY_COMPANY, NEW_WORLDS = FOLDED = (
    "Return by company, present throughout",
    "Return in worlds that are new to the arms",
)  # titles of tables that the page folds
LEADER = "trailing_of/"  # before the name of a co-player
Measures = dict[str, np.ndarray]  # one number per seed, by measure
Cells = dict[Social, Measures]  # by condition


class Table(NamedTuple):
    """A table of estimates. Each row has its words, then its estimates, together one per entry of `head`."""

    title: str
    head: tuple[str, ...]
    rows: list[tuple[tuple[str, ...], tuple[Estimate, ...]]]


def cells_of(arm: ArmRun) -> Cells:
    """The measures of an arm under all conditions of the social protocol."""
    return {condition: record.values for condition, record in arm.measured(Social)}


def cells_by_arm(study: Study) -> dict[str, Cells]:
    """The arms that the social protocol measured, by label. People act in one way: where there are agents,
    they stand beside each of the agents' policies.
    """
    found = {arm.label: cells for arm in study.arms if (cells := cells_of(arm))}
    policies = [policy for policy in policies_of(found) if policy != PERSON] or [PERSON]

    def beside(condition: Social) -> list[Social]:
        alike = policies if condition.policy == PERSON else [condition.policy]
        return [dataclasses.replace(condition, policy=policy) for policy in alike]

    return {
        arm: {one: values for condition, values in cells.items() for one in beside(condition)}
        for arm, cells in found.items()
    }


def policies_of(tests: dict[str, Cells]) -> list[str]:
    """The novices' policies over all arms, in order of appearance."""
    return list(dict.fromkeys(condition.policy for cells in tests.values() for condition in cells))


def measure(cells: Cells, condition: Social, name: str = "return") -> PerSeed:
    """A measure under a condition; NaN for every seed if it was not measured."""
    seeds = max(len(values) for measures in cells.values() for values in measures.values())
    return cells.get(condition, {}).get(name, np.full(seeds, math.nan))


def over_bins(measures: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """The measures `<name>/<bin>` as an array (bins, seeds); empty if none is measured."""
    head = f"{name}/"
    bins = [key for key in measures if key.startswith(head) and np.isfinite(measures[key]).any()]
    return np.array([measures[key] for key in sorted(bins, key=lambda key: int(key[len(head) :]))])


def returns(cells: Cells, world: str, policy: str) -> dict[str, PerSeed]:
    """The returns full, half and never, beside the world's own company, and `experts`: that company's own
    return.
    """
    full = Social(world, policy, TRAINED, "full")
    found = {presence: measure(cells, dataclasses.replace(full, presence=presence)) for presence in PRESENCES}
    return found | {"experts": measure(cells, full, "return_coplayers")}


def transmission(full: PerSeed, half: PerSeed, never: PerSeed, experts: PerSeed) -> PerSeed:
    """CT of every seed, see the module's docstring; NaN where the experts' return is not positive."""
    return (normalised(full - never, experts) + normalised(half - never, experts)) / 2


def normalised(score: PerSeed, experts: PerSeed) -> PerSeed:
    """A score divided by the experts' return; NaN where that is not positive."""
    return np.divide(score, experts, out=np.full(score.shape, math.nan), where=experts > 0)


def estimate(scores: Float[np.ndarray, "seeds *tasks"]) -> Estimate:
    """IQM and interval, rounded to a hundredth as tables show them."""
    found = interval(scores)
    return Estimate(*(round(x, 2) + 0.0 for x in (found.value, found.low, found.high)))


def tables(tests: dict[str, Cells], policy: str) -> list[Table]:
    """All tables of one policy of the novices that have rows and columns."""
    makers = (
        returns_table,
        transmission_table,
        following_table,
        memory_table,
        footsteps_table,
        seconds_table,
        company_table,
        transfer_table,
    )
    return [table for maker in makers if (table := maker(tests, policy)).rows and len(table.head) > 1]


def returns_table(tests: dict[str, Cells], policy: str) -> Table:
    """Returns at home, by arm."""
    rows = [
        ((arm,), tuple(map(estimate, returns(cells, HOME, policy).values()))) for arm, cells in tests.items()
    ]
    return Table(
        "Return with the company present throughout (full), for the first half (half), never",
        ("arm", *PRESENCES, "experts"),
        rows,
    )


def transmission_table(tests: dict[str, Cells], policy: str) -> Table:
    """Normalised returns at home, and CT, by arm."""
    rows = [
        ((arm,), tuple(map(estimate, shares(cells, HOME, policy).values()))) for arm, cells in tests.items()
    ]
    return Table(
        "Return divided by the experts' own, and cultural transmission (CT)", ("arm", *PRESENCES, "CT"), rows
    )


def shares(cells: Cells, world: str, policy: str) -> dict[str, PerSeed]:
    """full, half and never divided by the experts' own return, and `CT`."""
    found = returns(cells, world, policy)
    return {name: normalised(found[name], found["experts"]) for name in PRESENCES} | {
        "CT": transmission(**found)
    }


def following_table(tests: dict[str, Cells], policy: str) -> Table:
    """Measures of following at home, by arm."""
    columns = {
        "scoring": ("full", "scoring"),
        "clockwise": ("full", "return_clockwise"),
        "counterclockwise": ("full", "return_counterclockwise"),
        "order recovered": ("full", "recovered"),
        "penalties": ("full", "penalties"),
        "penalties, never": ("never", "penalties"),
        "steps following": ("full", "followed"),
    }
    return _columns_table("Following: company present throughout", columns, tests, policy)


def memory_table(tests: dict[str, Cells], policy: str) -> Table:
    """Measures of remembering at home, by arm: after the company has left."""
    columns = {
        "return, second half": ("half", "return_second_half"),
        "order recovered": ("half", "recovered"),
        "first choice right": ("half", "first_choice"),
        "choice made": ("half", "first_choice_made"),
    }
    return _columns_table("Remembering: company present for the first half", columns, tests, policy)


def footsteps_table(tests: dict[str, Cells], policy: str) -> Table:
    """Who comes after whom at home, by arm: see `protocols/_trailing.py`."""
    columns = {
        "in others' footsteps": ("full", "trailing"),
        "others in its own": ("full", "trailed"),
        "difference": ("full", "trailing_gain"),
    }
    leaders = [
        name for cells in tests.values() for measures in cells.values() for name in measures
        if name.startswith(LEADER)
    ]  # fmt: skip
    columns |= {f"of {name.removeprefix(LEADER)}": ("full", name) for name in dict.fromkeys(leaders)}
    return _columns_table("In whose footsteps: share of moves, company present", columns, tests, policy)


def seconds_table(tests: dict[str, Cells], policy: str) -> Table:
    """People's time to a key, by arm; only people have one."""
    columns = {presence: (presence, "seconds") for presence in PRESENCES}
    people = {
        arm: cells for arm, cells in tests.items() if any("seconds" in values for values in cells.values())
    }
    return _columns_table("Time to a key: median, in seconds", columns, people, policy)


def _columns_table(
    title: str, columns: dict[str, tuple[str, str]], tests: dict[str, Cells], policy: str
) -> Table:
    """Measures at home by arm. columns: title -> (presence, measure); one that no arm has is left out."""
    conditions = {
        name: (Social(HOME, policy, TRAINED, presence), key) for name, (presence, key) in columns.items()
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


def companies(tests: dict[str, Cells], policy: str) -> dict[str, Social]:
    """The conditions at home that compare companies, by title; empty if only the world's own was measured."""
    measured = dict.fromkeys(condition.company for cells in tests.values() for condition in cells)
    others = [company for company in measured if company != TRAINED]
    found = {f"beside {company}": Social(HOME, policy, company, "full") for company in others}
    own = {presence: Social(HOME, policy, TRAINED, presence) for presence in ("full", "never")}
    return {"own company": own["full"], **found, "alone": own["never"]} if found else {}


def company_table(tests: dict[str, Cells], policy: str) -> Table:
    """Returns beside each company, present throughout."""
    shown = companies(tests, policy)
    rows = [
        ((arm,), tuple(estimate(measure(cells, one)) for one in shown.values()))
        for arm, cells in tests.items()
        if shown
    ]
    return Table(BY_COMPANY, ("arm", *shown), rows)


def transfer_worlds(tests: dict[str, Cells], policy: str) -> list[str]:
    """The transfer worlds in which this policy was measured."""
    conditions = [condition for cells in tests.values() for condition in cells if condition.policy == policy]
    return [world for world in dict.fromkeys(condition.world for condition in conditions) if world != HOME]


def transfer_table(tests: dict[str, Cells], policy: str) -> Table:
    """Returns in each transfer world, by arm; then over all of them, seeds resampled within each world."""
    worlds, rows = transfer_worlds(tests, policy), []
    for world in worlds:
        for arm, cells in tests.items():
            scores = [*returns(cells, world, policy).values(), *shares(cells, world, policy).values()]
            rows.append(((world, arm), tuple(estimate(scores[i]) for i in (0, 2, 3, 4, 6, 7))))
    for arm, cells in tests.items() if len(worlds) > 1 else ():
        parts = [list(shares(cells, world, policy).values()) for world in worlds]
        over_all = [estimate(np.stack([part[i] for part in parts], axis=1)) for i in (0, 2, 3)]
        rows.append((("all", arm), (NOTHING, NOTHING, NOTHING, *over_all)))
    head = ("world", "arm", "full", "never", "experts", "full / experts", "never / experts", "CT")
    return Table(NEW_WORLDS, head, rows)


def summarise_tests(study: Study) -> dict[str, list[dict[str, str | dict[str, Entry]]]]:
    """The content of evaluation.json: {arm: [{world, policy, company, presence, measures: {name: {iqm, low,
    high, seeds}}}]}; null for a missing number. The normalised returns and CT are among the measures of a
    world's own company in full presence."""
    return {
        arm: [_entry(cells, condition) for condition in cells] for arm, cells in cells_by_arm(study).items()
    }


def _entry(cells: Cells, condition: Social) -> dict[str, str | dict[str, Entry]]:
    measures = dict(cells[condition])
    if (condition.company, condition.presence) == (TRAINED, "full"):
        parts = shares(cells, condition.world, condition.policy)
        measures |= {"transmission": parts.pop("CT")} | {
            f"{name}_normalised": values for name, values in parts.items()
        }
    return dict(vars(condition)) | {"measures": {name: as_json(values) for name, values in measures.items()}}


def format_tests(study: Study) -> str:
    """The tables as text: all of the first policy, the first two of the others. "" if nothing was measured;
    ends without a newline."""
    tests, parts = cells_by_arm(study), []
    for rank, policy in enumerate(policies_of(tests)):
        parts += [_text(table, policy) for table in tables(tests, policy)[: None if rank == 0 else 2]]
    return "\n\n".join(parts)


def _text(table: Table, policy: str) -> str:
    rows = [table.head, *((*words, *map(words_of, estimates)) for words, estimates in table.rows)]
    lines = aligned(rows)
    return "\n".join([f"{table.title} ({policy})", lines[0], "-" * max(map(len, lines)), *lines[1:]])

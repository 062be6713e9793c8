"""The section of the protocol `interventions`: figures and tables of conditions and of concepts."""

import numpy as np
import pytest

from socialrl.report import concept_figures, write_report
from socialrl.report.figures import arm_styles
from tests.report.fake_run import line, write_run
from tests.report.test_page import Page


def five(**values):
    return {name: [value] * 5 for name, value in values.items()}


def interventions(concept, value, **values):
    return line("a", "interventions", 100, five(**values), {"concept": concept, "value": value})


ACTS = {"gain": 0.0, "agreement": 0.5, "differs": 0.25, "changed": 0.75, "repaired": 0.625, "broken": 0.125}
RIGHT = {"accuracy/danger": 0.9, "accuracy/danger/0": 0.8, "majority/danger": 0.7, "leak/danger": 0.65}
LINES = [
    interventions("nothing", "own", **{"return": 3.0}, **ACTS, **RIGHT),
    interventions("all", "truth", **{"return": 4.0}, **ACTS | {"gain": 1.0}),
    interventions("residual", "permuted", **{"return": 2.5}, **ACTS | {"gain": -0.5}),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    final = [line(arm, "final", 100, five(**{"return": 1.0})) for arm in "ab"]
    return write_run(tmp_path_factory.mktemp("runs") / "001", [*final, *LINES])


def test_conditions_and_concepts_are_shown(folder):
    page = Page(write_report(folder))
    assert "concepts" in page.ids
    assert page.row("a", "all concepts to the truth")[3].startswith("1.00")
    assert page.row("a", "residual to another episode's")[3].startswith("-0.50")
    read = page.row("a", "danger")
    assert [read[i][:4] for i in (2, 3, 4, 7, 8)] == ["0.90", "0.80", "-", "0.70", "0.65"]
    assert "Further evaluations" not in page.source


def test_figures_show_what_the_truth_is_worth_and_how_right_each_concept_is_read(folder):
    page = Page(write_report(folder))
    assert "change of the return with the truth put in of a, for each of all concepts." in page.source
    assert "share of steps read right of a, for each of danger." in page.source


def test_arms_that_lack_a_condition_have_no_point_there():
    """Of two arms one has both conditions; a stroke stands where there is something to compare with."""
    styles, ones = arm_styles({"a": "a", "b": "b"}), np.ones(5)
    found = {"a": {"x": ones, "y": 2 * ones}, "b": {"y": 3 * ones}}
    picture = concept_figures.rows(found, styles, "name", "label", {"x": 0.5})
    assert [picture.count(f"fill: {styles[arm].colour}") for arm in "ab"] == [2, 1]
    assert sum(concept_figures.shifts(4)) == pytest.approx(0)

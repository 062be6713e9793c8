"""The section of the protocol `interventions`: tables of conditions and of concepts."""

import pytest

from socialrl.report import write_report
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

"""The social protocol in the report: cultural transmission on agents whose numbers are known, tables, the
page's section.
"""

import math

import numpy as np
import pytest

from socialrl.record.labels import Social
from socialrl.report import format_evaluation, summarise, summarise_evaluation, write_report
from socialrl.report.reading import read
from socialrl.report.social_numbers import (
    cells_by_arm,
    cells_of,
    measure,
    normalised,
    shares,
    tables,
    transmission,
)
from tests.report.fake_run import line, write_run
from tests.report.test_page import Page

# What an agent of a kind earns of 16 with its company there throughout, for the first half, and never.
AGENTS = {
    "follower": (16.0, 8.0, 0.0),
    "rememberer": (16.0, 16.0, 0.0),
    "independent": (16.0, 16.0, 16.0),
    "blind": (4.0, 4.0, 4.0),
    "complete": (
        14.8,
        13.9,
        12.5,
    ),  # follows, remembers and explores alone: a better agent than a follower, of a lower CT
}
CT = {"follower": 0.75, "rememberer": 1.0, "independent": 0.0, "blind": 0.0, "complete": 0.11562}


def lines_of(arm, returns, world="home", policy="greedy", shift=0.0):
    """The records of an agent, five seeds that differ by a hundredth (or, with a shift, by much)."""
    wobble = np.linspace(-1, 1, 5) * (0.01 + shift)
    for presence, value in zip(("full", "half", "never"), returns, strict=True):
        labels = {"world": world, "policy": policy, "company": "trained", "presence": presence}
        values = {
            "return": (value + wobble).tolist(),
            "return_coplayers": [16.0 if presence == "full" else 7.0] * 5,
            "penalties": [1.0] * 5,
            "first_choice": [0.9] * 5 if presence == "half" else [None] * 5,
            "influence/0": [0.5] * 5,
            "influence/1": [0.25] * 5,
        }
        yield line(arm, "social", 100, values, labels)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    lines = [line("follower", "final", 100, [1.0] * 5)]
    for arm, returns in AGENTS.items():
        lines += lines_of(arm, returns)
        lines += lines_of(arm, returns, policy="sampled")
    for world, factor in (("goals=4", 0.5), ("layout=maze", 0.25)):
        lines += lines_of("follower", tuple(factor * value for value in AGENTS["follower"]), world)
    company = {"world": "home", "policy": "greedy", "company": "anti_expert", "presence": "full"}
    lines.append(line("follower", "social", 100, [-8.0] * 5, company))
    return write_run(tmp_path_factory.mktemp("runs") / "001", lines, tuple(AGENTS))


@pytest.mark.parametrize("kind", AGENTS)
def test_transmission_of_known_agents(kind):
    full, half, never = (np.full(3, value) for value in AGENTS[kind])
    np.testing.assert_allclose(transmission(full, half, never, np.full(3, 16.0)), CT[kind], atol=1e-5)


def test_experts_that_earn_nothing_give_no_number():
    assert np.isnan(normalised(np.ones(2), np.array([0.0, -1.0]))).all()
    assert normalised(np.array([3.0, 3.0]), np.array([2.0, 0.0]))[0] == 1.5


def test_shares_are_taken_seed_by_seed(folder):
    cells = cells_by_arm(read(folder))["rememberer"]
    found = shares(cells, "home", "greedy")
    np.testing.assert_allclose(found["full"], (16 + np.linspace(-0.01, 0.01, 5)) / 16)
    np.testing.assert_allclose(found["CT"], 1.0)
    assert np.isnan(measure(cells, Social("nowhere", "greedy", "trained", "full"))).all()


def test_tables_show_arms_by_condition(folder):
    tests = cells_by_arm(read(folder))
    made = {table.title: table for table in tables(tests, "greedy")}
    returns, transmitted, *_ = made.values()
    assert returns.head == ("arm", "full", "half", "never", "experts")
    assert {words[0]: [e.value for e in row] for words, row in returns.rows} == {
        a: [*r, 16.0] for a, r in AGENTS.items()
    }
    assert {words[0]: row[-1].value for words, row in transmitted.rows} == {
        arm: round(ct, 2) for arm, ct in CT.items()
    }
    assert all(e.low <= e.value <= e.high for _, row in transmitted.rows for e in row)
    remembering = made["Remembering: company present for the first half"]
    assert remembering.head == ("arm", "first choice right")  # what nobody measured has no column
    assert remembering.rows[0][1][0].value == 0.9
    company = made["Return by company, present throughout"]
    assert company.head == ("arm", "own company", "beside anti_expert", "alone")
    assert [e.value for e in company.rows[0][1]] == [16.0, -8.0, 0.0]
    assert math.isnan(company.rows[1][1][1].value)  # the others were not tested so


def test_transfer_worlds_one_by_one_and_together(folder):
    *_, table = tables(cells_by_arm(read(folder)), "greedy")
    rows = {words: [e.value for e in row] for words, row in table.rows if words[1] == "follower"}
    assert rows["goals=4", "follower"] == [8.0, 0.0, 16.0, 0.5, 0.0, 0.38]
    assert rows["layout=maze", "follower"] == [4.0, 0.0, 16.0, 0.25, 0.0, 0.19]
    assert rows["all", "follower"][3] == 0.38  # the mean of the middle half of ten scores around 0.5 and 0.25
    blind = next(row for words, row in table.rows if words == ("goals=4", "blind"))
    assert all(math.isnan(e.value) for e in blind)


def test_the_numbers_as_json(folder):
    found = summarise_evaluation(folder)
    assert set(found) == set(AGENTS)
    full = next(one for one in found["complete"] if (one["policy"], one["presence"]) == ("greedy", "full"))
    assert full["measures"]["transmission"]["iqm"] == pytest.approx(CT["complete"], abs=1e-4)
    assert full["measures"]["half_normalised"]["iqm"] == pytest.approx(13.9 / 16)
    assert full["measures"]["first_choice"] == {"iqm": None, "low": None, "high": None, "seeds": [None] * 5}
    assert "return" in summarise(folder)["follower"]  # the protocol is no arm's final score


def test_text_for_a_terminal(folder):
    text = format_evaluation(folder)
    lines = [" ".join(row.split()) for row in text.splitlines()]
    assert (
        "rememberer 1.00 [1.00, 1.00] 1.00 [1.00, 1.00] 0.00 [-0.00, 0.00] 1.00 [1.00, 1.00]".replace(
            "-0.00", "0.00"
        )
        in lines
    )
    assert sum(row.endswith("(sampled)") for row in lines) == 2
    assert all(row == row.rstrip() for row in text.splitlines())


def test_the_page_has_a_section_with_figures_and_every_number_once(folder, tmp_path):
    page = Page(write_report(folder, tmp_path / "page.html"))
    assert "<h2>Social learning</h2>" in page.source
    assert "Actions of the novices: greedy." in page.source
    assert page.row("follower", "16.00 [15.99, 16.01]")[1:] == [
        "16.00 [15.99, 16.01]",
        "8.00 [7.99, 8.01]",
        "0.00 [-0.01, 0.01]",
        "16.00 [16.00, 16.00]",
    ]
    assert "Further evaluations" not in page.source
    for picture in ("Social influence over the episode", "Company", "New worlds"):
        assert f"<h3>{picture}</h3>" in page.source
    again = Page(write_report(folder, tmp_path / "again.html"))
    assert again.source == page.source


def test_a_run_that_was_not_tested_has_no_section(tmp_path):
    folder = write_run(tmp_path / "001", [line("a", "final", 1, [1.0, 2.0])])
    assert format_evaluation(folder) == ""
    assert summarise_evaluation(folder) == {}
    assert "Social learning" not in write_report(folder).read_text()


def test_records_of_other_labels_are_passed_over(tmp_path):
    folder = write_run(tmp_path / "001", [line("a", "social", 1, [1.0], {"world": "home"})])
    assert cells_of(read(folder).arms[0]) == {}

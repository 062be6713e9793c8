"""The section of the protocol `reference`: risk and gain, and the path of inferred and true reward."""

import numpy as np
import pytest

from socialrl.report import write_report
from socialrl.report.reading import read
from socialrl.report.sections.over_optimisation import path
from tests.report.fake_run import line, write_run
from tests.report.test_page import Page


def train(step, kl):
    return line(
        "b",
        "train",
        step,
        {"reference_kl": [kl] * 5, "true_reward": [-kl] * 5, "proxy_reward": [2 * kl] * 5},
    )


MEASURED = {
    "return": [2.0, 1.0, 0.0, -1.0, 0.5],
    "reference_return": [1.0] * 5,
    "gain": [1.0, 0.0, -1.0, -2.0, -0.5],
    "below": [0.0, 0.0, 1.0, 1.0, 1.0],
    "proxy_gain": [3.0] * 5,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    lines = [line(arm, "final", 100, [1.0] * 5) for arm in "ab"]
    lines += [train(step, kl) for step, kl in ((10, 0.0), (50, 0.5), (100, 1.0))]
    lines.append(line("b", "reference", 100, MEASURED, {"policy": "sampled"}))
    return write_run(tmp_path_factory.mktemp("runs") / "001", lines)


def test_risk_and_gain_are_shown(folder):
    page = Page(write_report(folder))
    assert "over-optimisation" in page.ids
    row = page.row("b", "sampled")
    assert row[5] == "60% of 5"
    assert row[6].startswith("3.00")
    assert "Risk against gain" in page.source
    assert "Further evaluations" not in page.source


def test_a_path_begins_where_the_reference_is_left(folder):
    first, second = read(folder).arms
    assert path(first) is None
    found = path(second)
    np.testing.assert_allclose((found.kl, found.true, found.proxy), [[0.5, 1], [-0.5, -1], [1, 2]])

"""The section of the protocol `following`: its pictures and numbers, arrivals, and claims about it."""

import numpy as np
import pytest

from socialrl.report import summarise_claims, write_report
from socialrl.report.findings import of_protocol
from socialrl.report.reading import read
from socialrl.report.sections.following import arrivals, colours_of, measured
from tests.report.fake_run import line, write_run
from tests.report.test_page import Page

VALUES = {
    "return": [9.0] * 5,
    "planner_return": [14.0] * 5,
    "regret": [5.0] * 5,
    "share": [0.25] * 5,
    "precision": [0.875] * 5,
    "any": [0.6] * 5,
    "selectivity": [0.28] * 5,
    "chance": [0.3] * 5,
    "good": [0.7] * 5,
    "recall": [None] * 5,
}
KINDS = {"self": (0.75, 0.6, 0.6), "wanderer": (0.0, 0.3, None), "equal": (0.25, 0.5, 0.875)}


def record(arm, condition="as trained", company="1 wanderer, 1 equal", **more):
    """One record; kinds have (share, useful, precision)."""
    kinds = {
        f"{name}/{kind}": [number] * 5
        for kind, numbers in KINDS.items()
        for name, number in zip(("share", "useful", "precision"), numbers, strict=True)
    }
    return line(arm, "following", 100, VALUES | kinds | more, {"company": company, "condition": condition})


def test_the_section_has_a_picture_per_company_and_all_numbers(tmp_path):
    lines = [line("a", "final", 100, [9.0] * 5), record("a"), record("b"), record("b", company="1 <b>equal")]
    page = Page(write_report(write_run(tmp_path / "run", lines)))
    assert "following" in page.ids
    row = page.row("a", "1 wanderer, 1 equal")
    assert [cell.split(" ")[0] for cell in row[3:]] == [
        "9.00",
        "14.00",
        "5.00",
        "0.25",
        "0.88",
        "0.60",
        "0.28",
        "0.30",
        "0.70",
        "-",
        "-",
        "-",
    ]
    assert page.source.count("<h3>Beside ") == 2
    assert "Beside 1 &lt;b&gt;equal" in page.source
    assert "Arrivals in a flood" not in page.source


def test_kinds_keep_their_order_and_self_comes_first(tmp_path):
    study = read(write_run(tmp_path / "run", [record("a")]))
    assert list(colours_of(measured(study))) == ["self", "equal", "wanderer"]


def flooded_run(folder):
    """Arms in worlds of several floods: x_5 arrives in 1 of 10 floods, x_50 in 9 of 10, y_5 always."""
    arrived = {"x_5": 0.1, "x_50": 0.9, "y_5": 1.0}
    arms = [
        {
            "name": arm,
            "learner": {"name": arm[0]},
            "world": {"name": "flooded_road", "flood": int(arm[2:]) / 100},
        }
        for arm in arrived
    ]
    claims = [
        {
            "text": "most arrive",
            "source": "aim",
            "arm": arm,
            "value": 0.8,
            "measure": "cumulants/arrived",
        }
        | {"labels": [["protocol", "following"], ["condition", "flood 1"]]}
        for arm in ("x_5", "x_50")
    ]
    lines = []
    for arm, share in arrived.items():
        spread = (share + np.linspace(-0.01, 0.01, 10)).clip(0, 1).tolist()
        lines += [record(arm, "flood 0"), record(arm, "flood 1", **{"cumulants/arrived": spread})]
    experiment = {"name": "floods", "question": "?", "arms": arms, "claims": claims, "first_seed": 1000}
    return write_run(
        folder,
        lines,
        experiment=experiment,
    )


def test_arrivals_in_floods_are_drawn_against_how_rare_they_are(tmp_path):
    folder = flooded_run(tmp_path / "run")
    page = Page(write_report(folder))
    assert "Arrivals in a flood" in page.source
    assert "Share of floods in which x, y arrive against their share in training." in page.source
    assert page.source.count("<h3>Beside 1 wanderer, 1 equal, flood") == 2


def test_a_claim_may_be_about_any_protocols_record(tmp_path):
    verdicts = [claim["verdict"] for claim in summarise_claims(flooded_run(tmp_path / "run"))]
    assert verdicts == ["opposite", "reproduced"]


@pytest.mark.parametrize(
    ("labels", "kind", "wanted"),
    [
        ({"presence": "half"}, "social", {"world": "home", "company": "trained", "presence": "half"}),
        ({"protocol": "social", "world": "w"}, "social", {"world": "w", "company": "trained"}),
        ({"protocol": "following", "condition": "flood 1"}, "following", {"condition": "flood 1"}),
    ],
)
def test_labels_of_a_claim_pick_a_protocol_and_its_condition(labels, kind, wanted):
    assert of_protocol(labels) == (kind, wanted)


def test_without_floods_there_is_no_picture_of_them(tmp_path):
    study = read(write_run(tmp_path / "run", [record("a", "flood 1")]))
    assert len(measured(study)) == 1
    assert arrivals(measured(study), {}) is None


def test_following_when_unsure_is_drawn_of_arms_that_measure_it(tmp_path):
    """A part with fewer than one step in a hundred is left out, and an arm without the measure."""
    unsure = {f"followed_at/{i}": [0.2 * i] * 5 for i in range(5)}
    unsure |= {f"uncertain_at/{i}": [share] * 5 for i, share in enumerate((0.6, 0.3, 0.095, 0.0, 0.005))}
    lines = [record("a", **unsure), record("b")]
    page = Page(write_report(write_run(tmp_path / "run", lines)))
    assert "Following when unsure" in page.source
    assert "Followed by own uncertainty: a." in page.source
    without = Page(write_report(write_run(tmp_path / "without", [record("b")])))
    assert "Following when unsure" not in without.source

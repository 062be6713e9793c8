"""The section of the protocol `worth_of_following`: by source, by phase of training, and in words."""

import pytest

from socialrl.report import write_report
from socialrl.report.reading import read
from socialrl.report.sections.worth_of_following import latest, measured, sentences
from tests.report.fake_run import line, write_run
from tests.report.test_page import Page


def record(arm, source, worth, step=100, relation="", instead=1):
    values = {"worth": worth, "share": [0.25] * 5, "pays": [0.5] * 5, "decisions": [48] * 5}
    labels = {"source": source, "relation": relation, "instead": instead}
    return line(arm, "worth_of_following", step, values, labels)


GOOD, BAD, NEITHER = [0.5, 0.6, 0.4, 0.5, 0.7], [-0.5, -0.6, -0.4, -0.5, -0.7], [-0.1, 0.2, 0.1, -0.2, 0.0]
LINES = [
    record("a", "all", NEITHER, step=50),
    record("a", "expert_0", NEITHER, step=50, relation="equal"),
    record("a", "all", GOOD),
    record("a", "expert_0", GOOD, relation="equal"),
    record("a", "wanderer_0", BAD, relation="wanderer"),
    record("b", "all", NEITHER),
    record("b", "<i>expert_0", [None] * 5),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "001", [line("a", "final", 100, [9.0] * 5), *LINES])


def test_the_section_shows_sources_phases_and_all_numbers(folder):
    page = Page(write_report(folder))
    assert "worth" in page.ids
    assert page.row("a", "expert_0 (equal)", "1", "100")[4].startswith("0.53")
    assert page.row("a", "wanderer_0", "1", "100")[4].startswith("-0.53")
    assert page.row("a", "all sources", "1", "50")
    assert page.row("b", "<i>expert_0", "1", "100")[4] == "-"
    assert "&lt;i&gt;expert_0" in page.source
    assert "<i>expert_0" not in page.source
    assert page.source.count("By phase of training") == 1
    assert "Further evaluations" not in page.source


def test_sentences_follow_from_the_interval_of_the_last_phase(folder):
    first, second = sentences(latest(measured(read(folder))))
    assert first.startswith("a: following paid: a decision was worth 0.53 [0.4")
    assert second.startswith("b: whether following paid is undecided")


@pytest.mark.parametrize(
    ("worth", "words"),
    [
        (BAD, "following cost: a decision was worth -0.53"),
        ([None] * 5, "followed no one"),
        ([0.5, 0.6, None, None, None], "too few seeds to call it"),
    ],
)
def test_other_sentences(tmp_path, worth, words):
    study = read(write_run(tmp_path / "run", [record("a", "all", worth)]))
    [sentence] = sentences(measured(study))
    assert words in sentence

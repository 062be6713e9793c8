"""Sections of the page: discovered, ordered, handed in; one that fails costs one line of the page."""

import pytest

from socialrl.record.labels import SCHEMAS
from socialrl.report import write_report
from socialrl.report.markup import Markup, tag
from socialrl.report.page import render
from socialrl.report.reading import read
from socialrl.report.section import ReportSection
from socialrl.report.sections import discover
from tests.report.fake_run import full_run, line, write_replay, write_run
from tests.report.test_page import Page


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "001"
    lines = [line("a", "final", 9, [1.0, 3.0]), line("a", "mine", 9, {"score": [7.0, 9.0]}, {"x": "y"})]
    return read(write_run(folder, lines, ("a",)))


def test_the_built_in_sections_are_discovered_and_differ(study):
    sections = discover()
    assert {"in_short", "learning", "final", "episodes", "social", "settings", "reproduce"} <= set(sections)
    for name, section in sections.items():
        assert isinstance(section, ReportSection), name
    for facts in ("anchor", "title", "order"):
        assert len({getattr(section, facts) for section in sections.values()}) == len(sections)
    shown = [kind for section in sections.values() for kind in section.kinds]
    assert len(shown) == len(set(shown))
    assert set(shown) <= set(SCHEMAS)


def mine(context):
    [record] = context.study.arms[0].of("mine")
    return tag("p", f"<b>scores</b> {record.values['score'].mean():.1f}"), None


def test_a_section_that_is_handed_in_is_shown_in_its_place(study):
    section = ReportSection(title="Mine & yours", anchor="mine", order=25, render=mine, kinds=("mine",))
    page = render(study, {"mine": section})
    assert (
        '<section id="mine"><h2>Mine &amp; yours</h2><p>&lt;b&gt;scores&lt;/b&gt; 8.0</p></section>' in page
    )
    assert '<a href="#mine">Mine &amp; yours</a>' in page
    anchors = [part.partition('"')[0] for part in page.split('<section id="')[1:]]
    assert anchors == ["short", "mine", "final", "settings", "reproduce"]
    assert "Further evaluations" not in page  # its section shows that kind
    assert "Further evaluations" in render(study)


def test_a_section_without_content_is_left_out(study):
    section = ReportSection(title="Nothing", anchor="nothing", order=25, render=lambda context: None)
    assert render(study, {"nothing": section}) == render(study)


def raising(context):
    raise ValueError("no <such>\nthing")


def raising_late(context):
    return (Markup(part) for part in ("<p>begun</p>", 1 / 0))


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (raising, "The section mine could not be made: ValueError: no &lt;such&gt; thing"),
        (raising_late, "The section mine could not be made: ZeroDivisionError: division by zero"),
        (lambda context: 3, "The section mine could not be made: Type"),
    ],
)
def test_a_section_that_raises_becomes_a_line_and_the_rest_is_written(study, function, says):
    section = ReportSection(title="Mine", anchor="mine", order=25, render=function)
    page = render(study, {"mine": section})
    assert says in page
    assert "begun" not in page
    heading, rest = "<h2>Mine</h2>", render(study)
    start = page.index('<section id="mine">')
    end = page.index("</section>", start) + len("</section>")
    link = '<a href="#mine">Mine</a>'
    assert heading in page[start:end]
    assert (page[:start] + page[end:]).replace(link, "") == rest


def test_a_report_takes_further_sections(tmp_path):
    folder = write_run(tmp_path / "r", [line("a", "mine", 9, {"score": [7.0]}, {"x": "y"})], ("a",))
    section = ReportSection(title="Mine", anchor="mine", order=5, render=mine)
    assert "mine" in Page(write_report(folder, sections={"mine": section})).ids


def test_no_built_in_section_fails_on_a_full_run(tmp_path):
    folder = full_run(tmp_path / "001", points=7, arms=("dqn", "psiphi"))
    write_replay(folder / "replays" / "dqn-seed0.npz", steps=5)
    assert "could not be made" not in write_report(folder).read_text()


def test_records_whose_labels_do_not_fit_are_listed_among_the_further_ones(tmp_path):
    odd = line("a", "few_shot", 9, [4.0, 6.0], {"preference": "x", "method": "w", "episodes": 10})
    page = Page(write_report(write_run(tmp_path / "r", [line("a", "final", 9, [1.0, 3.0]), odd], ("a",))))
    assert page.row("a", "few_shot")[2:5] == [
        "preference x, method w, episodes 10",
        "return",
        "5.00 [4.00, 6.00]",
    ]
    assert "Few-shot transfer" not in page.source


def test_seeds_are_named_by_their_numbers(tmp_path):
    lines = [line("a", "final", 9, [9.0, 5.0, 1.0])]
    experiment = {"name": "one", "arms": [{"name": "a"}], "seeds": 3, "first_seed": 1000}
    folder = write_run(tmp_path / "r", lines, ("a",), experiment=experiment)
    for seed in range(3):
        write_replay(folder / "replays" / f"a-seed{seed}.npz", steps=6, seed=seed)
    page = Page(write_report(folder))
    assert "3 seeds (1000 to 1002)" in page.source
    assert "seed 1001, episode" in page.source
    assert page.row("first seed") == ["first seed", "1000"]


def test_regret_and_readings_without_own_evidence_are_shown(tmp_path):
    """An arm that was never shown anything is the control of one that was."""
    seeds = [0.1 * i for i in range(5)]
    scores = {"return": 2.0, "planner_return": 4.0, "walker_return": 1.0, "regret": 2.0, "score": 1 / 3}
    scores["regret_per_step"] = 0.25
    happened = {"cumulants/arrived": 0.5, "planner/arrived": 1.0}
    lines = [
        line("a", "final", 9, seeds),
        line(
            "a", "regret", 9, {k: [v] * 5 for k, v in (scores | happened).items()}, {"condition": "flood 1"}
        ),
    ]
    for arm, read_right in (("a", 0.9), ("alone", 0.5)):
        for presence in ("full", "half", "never"):
            values = {"read_right": [0.95] * 5, "guess": [0.5] * 5, "untold": [read_right] * 5}
            values |= {"untold_gone": [read_right - 0.1] * 5} if presence == "half" else {}
            lines.append(line(arm, "memory", 9, values, {"presence": presence}))
    page = Page(write_report(write_run(tmp_path / "run", lines, ("a", "alone"))))
    assert {"regret", "memory"} <= set(page.ids)
    assert [cell.split()[0] for cell in page.row("a", "flood 1")[2:]] == [
        "2.00",
        "4.00",
        "1.00",
        "2.00",
        "0.25",
        "0.33",
    ]
    assert "arrived" in page.source
    assert "planner/arrived" not in page.source
    shown = [row for row in page.cells if row[0] == "alone" and len(row) == 5]
    assert [cell.split()[0] for cell in shown[0][1:]] == ["0.50", "0.50", "0.40", "0.50"]


def test_learners_are_shown_at_equal_budgets(tmp_path):
    page = Page(write_report(full_run(tmp_path / "run", seeds=5, points=31)))
    [row] = [row for row in page.cells if row[0] == "dqn" and len(row) == 5 and row[4] == "41"]
    whole, end, same = (float(cell.split()[0]) for cell in row[1:4])
    assert whole < end  # it learns
    assert same == end  # all arms took as long

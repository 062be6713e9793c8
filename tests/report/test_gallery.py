"""The gallery of experiments: small pictures, and a page of what was asked, claimed and found."""

import io

import pytest
from PIL import Image

from socialrl.report import figures
from socialrl.report.crossing import crossing
from socialrl.report.gallery import LIMIT, main, picture, write_gallery
from socialrl.report.markdown import plain
from socialrl.report.reading import read
from socialrl.report.results import command
from socialrl_envs import SocialRLError
from tests.report.fake_run import full_run, line, write_run

CLAIMS = [
    {"text": "a is above b|<b>", "source": "paper", "paper": "*somebody* 2021", "arm": "a", "over": "b"},
    {"text": "never measured", "source": "aim", "arm": "a", "value": 1.0, "labels": [["presence", "half"]]},
]


def run_of(folder, command="socialrl run x.py --out /far/away --seeds 5", **changes):
    lines = [
        line(arm, kind, step, [s / 2 + shift for s in range(10)])
        for arm, shift in (("a", 9.0), ("b", 1.0))
        for kind, step in (("eval", 1), ("eval", 2), ("final", 2))
    ]
    experiment = {
        "name": "one",
        "question": "Does it?",
        "arms": [{"name": "a"}, {"name": "b"}],
        "claims": CLAIMS,
        "seeds": 10,
        "first_seed": 1000,
    } | changes
    return write_run(folder, lines, experiment=experiment, command=command)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    base = tmp_path_factory.mktemp("gallery")
    runs = [run_of(base / "one"), full_run(base / "two", seeds=5, points=31)]
    places = (base / "docs" / "experiments.md", base / "assets" / "experiments", base / "results")
    paths = write_gallery(runs, *places)
    assert [path.relative_to(base).as_posix() for path in paths] == [
        "results/one.json",
        "assets/experiments/one.png",
        "results/coin_grid.json",
        "assets/experiments/coin_grid.png",
        "docs/experiments.md",
    ]
    return paths[1], paths[3], paths[4]


def test_pictures_are_small_and_not_empty(gallery):
    for path in gallery[:2]:
        data = path.read_bytes()
        assert len(data) <= LIMIT
        with Image.open(io.BytesIO(data)) as image:
            assert image.width == 1440
            seen = {colour for _, colour in image.convert("RGB").getcolors(1 << 20) or ()}
        first, second, third = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00), (0x00, 0x9E, 0x73)
        for colour in (
            first,
            second if path == gallery[0] else third,
        ):  # those of two arms in it are still told apart
            assert min(sum(abs(a - b) for a, b in zip(colour, one, strict=True)) for one in seen) < 24


def test_the_page_has_a_chapter_per_run(gallery):
    page = gallery[2].read_text()
    assert [line for line in page.splitlines() if line.startswith("## ")] == ["## coin_grid", "## one"]
    assert "Does it?" in page
    assert "![Learning curves, final scores and verdicts of one](../assets/experiments/one.png)" in page
    assert "socialrl run x.py --seeds 5\n" in page
    assert "/far/away" not in page
    table = [line for line in page.splitlines() if line.startswith("|")]
    [told] = [row for row in table if "above b" in row]
    assert told.startswith(
        r"| a is above b\|&lt;b&gt; | \*somebody\* 2021 | a 11.25 \[10.10, 12.40] | b 3.25"
    )
    assert r" | 8.00 \[" in told
    assert told.endswith("| - | **reproduced, n = 10** |")
    assert "| never measured | aim | - | - | - | - | - | **not measured** |" in table
    assert [row for row in table if row.startswith("| psiphi_no_gpi | 15.")]  # without claims the arms
    assert "*On seeds for tuning: nothing here is decided.*" in page  # of the second run
    assert page.count("not tuned by the same search") == 2


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("socialrl run e.py --resume", "socialrl run e.py"),
        ("socialrl run e.py --resume runs/e/001 --world.size 7", "socialrl run e.py --world.size 7"),
        ("socialrl run e.py --out=d --platform cpu", "socialrl run e.py"),
        ("", "socialrl run experiments/one.py"),
        ("rm -r 'x", "socialrl run experiments/one.py"),
    ],
)
def test_commands_say_nothing_of_where_they_were_typed(tmp_path, typed, shown):
    assert command(read(run_of(tmp_path / "r", typed)).runs[0]) == shown


def test_new_tasks_are_the_main_result_where_there_are_any(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(figures, "few_shot_curves", lambda axes, points, styles: drawn.append(points))
    picture(read(run_of(tmp_path / "without")))
    assert not drawn
    measured = [
        line(
            "a",
            "few_shot",
            2,
            [1.0, 2.0, 3.0],
            {"preference": task, "episodes": episodes, "method": "adapted"},
        )
        for task in ([1.0, 0.0], [0.0, 1.0])
        for episodes in (1, 10)
    ]
    picture(read(write_run(tmp_path / "with", [*measured, line("a", "final", 2, [1.0])])))
    ((name, (episodes, estimates)),) = drawn[0].items()
    assert (name, episodes.tolist()) == ("a: adapted", [1, 10])
    assert [estimate.value for estimate in estimates] == [2.0, 2.0]


@pytest.mark.parametrize(
    ("learners", "conditions"),
    [
        (("psiphi", "psiphi_ungated", "dqn"), ("equal", "no_equal", "each_kind")),
        (("a", "b_b", "b"), ("5", "15", "50")),
    ],
)
def test_learners_that_meet_every_condition_are_told_by_their_names(learners, conditions):
    names = [f"{learner}_{condition}" for condition in conditions for learner in learners]
    found = crossing(names)
    assert found == {
        condition: {learner: f"{learner}_{condition}" for learner in learners} for condition in conditions
    }
    assert crossing(names[:-1]) is None
    assert crossing([f"arm_{i}" for i in range(12)]) is None
    assert crossing(names[:4]) is None


def test_many_arms_are_shown_in_panels_of_a_condition_each(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        figures, "curve", lambda axes, *rest: drawn.append((axes.get_subplotspec().get_geometry()[:2], axes))
    )
    arms = [f"{learner}_{condition}" for condition in ("x", "y", "z") for learner in ("a", "b", "c")]
    lines = [
        line(arm, kind, step, [1.0, 2, 3, 4, 5])
        for arm in arms
        for kind, step in (("eval", 1), ("eval", 2), ("final", 2))
    ]
    worlds = {
        "x": {"name": "coin_grid", "size": 9, "experts": 1},
        "y": {"name": "coin_grid", "size": 9, "experts": 2},
        "z": {"name": "coin_grid", "size": 15, "experts": 1},
    }
    experiment = {
        "name": "many",
        "question": "Who?",
        "arms": [{"name": arm, "world": worlds[arm[-1]]} for arm in arms],
    }
    picture(read(write_run(tmp_path / "r", lines, arms=tuple(arms), experiment=experiment)))
    assert {geometry for geometry, _ in drawn} == {(2, 2)}
    assert len(drawn) == 9
    x, y, z = dict.fromkeys(axes for _, axes in drawn)
    returns = x.get_shared_y_axes()
    assert returns.joined(x, y)
    assert not returns.joined(x, z)


def test_text_is_no_markdown():
    assert plain("a_b _c_ `x` [y](z)\n# <i>") == r"a_b \_c\_ \`x\` \[y](z) # &lt;i&gt;"


def test_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([str(run_of(tmp_path / "r"))]) == 0
    made = ["experiments/results/one.json", "assets/experiments/one.png", "docs/experiments.md"]
    assert capsys.readouterr().out.split() == made
    assert main(["nowhere"]) == 2
    assert "nowhere: no such run folder" in capsys.readouterr().err


def test_a_name_cannot_lead_out_of_the_folder(tmp_path):
    places = (tmp_path / "p.md", tmp_path / "pictures", tmp_path / "results")
    kept, drawn, _ = write_gallery([run_of(tmp_path / "r", name="../../up")], *places)
    assert kept.parent == tmp_path / "results"
    assert drawn.parent == tmp_path / "pictures"
    assert drawn.exists()


def test_two_runs_of_one_experiment_are_refused(tmp_path):
    runs = [run_of(tmp_path / name) for name in ("1", "2")]
    with pytest.raises(SocialRLError, match="two runs of one"):
        write_gallery(runs, tmp_path / "p.md", tmp_path, tmp_path)

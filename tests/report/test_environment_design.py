"""The section on environment design: levels drawn by hand, kept levels and their pictures, collapse."""

import base64
import io
import re

import numpy as np
import pytest

from socialrl.record.levels import KeptLevel, save
from socialrl.report import kept_levels
from socialrl.report.page import context_of
from socialrl.report.reading import read
from socialrl.report.sections.environment_design import SECTION, collapses
from tests.report.fake_run import line, write_run

Image = pytest.importorskip("PIL.Image")
LEVEL = "#######\n#A.1..#\n#...#.#\n#.#...#\n#....B#\n#######\n"
NEVER = "presence: [[1.0, 0.0, 0.0, 2.0], [0.0, 0.0, 0.0, 2.0]]\n"


def solved(arm, level, presence, values, **more):
    return line(arm, "held_out", 30, {"solved": values} | more, {"level": level, "presence": presence})


def shown(study):
    return SECTION.render(context_of(study, frozenset()))


@pytest.fixture
def study(tmp_path):
    """Two arms on two levels; the first kept levels at two checkpoints, one seed of the second collapsed."""
    lines = []
    for arm, easy, hard in (("plr", [1.0, 0.5], [0.25, 0.25]), ("paired", [0.0, 0.5], [0.0, 0.0])):
        lines += [solved(arm, "easy", "full", easy), solved(arm, "hard", "full", hard)]
        sums = {"iqm_solved": easy, "worst_solved": hard, "iqm_score": easy, "worst_score": [-0.5, 0.0]}
        lines.append(solved(arm, "all", "full", easy, **sums))
        lines.append(line(arm, "final", 30, easy))
    for step, regret in ((10, [0.5, 0.5]), (20, [0.4, 0.001]), (30, [0.4, 0.0])):
        lines.append(line("paired", "train", step, {"paired/regret": regret, "paired/entropy": [3.0, 2.0]}))
    folder = write_run(tmp_path / "run", lines, ("plr", "paired"))
    for step in (10, 30):
        levels = [KeptLevel(LEVEL + NEVER, 0.75, 3), KeptLevel(LEVEL, float("nan"), 0)][: step // 10]
        save(folder / "levels" / "plr" / "seed_0" / f"step_{step}.txt", levels)
    return read(folder)


def test_levels_arms_and_what_was_kept_are_shown(study):
    body = "".join(map(str, filter(None, shown(study))))
    for text in ("solved, IQM", "with company", "score 0.75, replayed 3 times", "easy", "hard"):
        assert text in body
    assert body.count("<figcaption>score") == 1  # the other has none
    easy, hard = body.index(">easy<"), body.index(">hard<")
    assert easy < hard  # the easiest first
    numbers = [int(x) for x in re.findall(r">(\d+)</text>", body[body.index("<svg") :])]
    assert sorted(numbers) == [0, 25, 25, 75]
    assert body.count("data:image/png") == 2
    images = re.findall(r"data:image/gif;base64,([^\"]+)", body)
    assert len(images) == 1
    with Image.open(io.BytesIO(base64.b64decode(images[0]))) as moving:
        assert moving.n_frames == 2  # one level, then two of them side by side
        width = 7 * kept_levels.CELL
        assert moving.size == (2 * width + kept_levels.GAP, 6 * kept_levels.CELL + kept_levels.BAR)
        first = np.asarray(moving.convert("RGB"))
    assert (first[:, width:] == 255).all()


def test_a_coplayer_that_never_comes_is_not_drawn():
    alone, both = kept_levels.picture(LEVEL + NEVER), kept_levels.picture(LEVEL)
    cell = kept_levels.CELL
    rows, columns = np.nonzero((alone != both).any(-1))
    assert set(rows // cell) == {4}
    assert set(columns // cell) == {5}


def test_a_collapsed_adversary_is_said(study):
    plr, paired = study.arms
    assert collapses(plr) == []
    said = ["paired: in 1 of 2 seeds the adversary found no level with regret at the end."]
    assert collapses(paired) == said
    assert said[0] in "".join(map(str, filter(None, shown(study))))


def test_a_damaged_file_costs_a_line_and_a_plain_run_has_no_section(study, tmp_path):
    folder = study.runs[0].folder
    (folder / "levels" / "plr" / "seed_0" / "step_20.txt").write_text("#####\n")
    assert "no level begins there" in "".join(map(str, filter(None, shown(study))))
    plain = read(write_run(tmp_path / "plain", [line("a", "final", 9, [1.0])], ("a",)))
    assert shown(plain) is None

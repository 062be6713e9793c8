"""The table of learners and worlds."""

import json

from socialrl.report.reading import read
from socialrl.report.section import Context
from socialrl.report.sections import side_by_side
from tests.report.fake_run import line, write_run

LEARNERS, WORLDS = ("fast", "slow", "late"), ("here", "there", "afar")
RATE = {"fast": 1.0, "slow": 2.0, "late": 1.0}  # seconds per 10 steps
HEIGHT = {"here": 4.0, "there": 8.0, "afar": 16.0}


def rendered(folder, learners=LEARNERS):
    """The section's elements. Returns grow in a straight line for 20 steps, but the late one's."""
    lines, arms, timing = [], [], []
    for place, top in HEIGHT.items():
        for learner in learners:
            name = f"{learner}_{place}"
            arms.append({"name": name, "world": {"name": place}})
            for step in (0, 10, 20):
                share = step / 20 if learner != "late" else float(step == 20)
                lines.append(line(name, "eval", step, [share * top] * 5))
                if step:
                    timing.append({"arm": name, "step": step, "seconds": RATE[learner]})
            measured = {"return": [top] * 5, "planner_return": [top] * 5}
            lines.append(line(name, "regret", 20, measured, {"condition": "as trained"}))
    experiment = {"name": "x", "question": "q", "seeds": 5, "arms": arms}
    run = write_run(folder, lines, experiment=experiment)
    (run / "timing.jsonl").write_text("".join(json.dumps(one) + "\n" for one in timing))
    context = Context(study=read(run), styles={}, colours={}, shown=(), findings=())
    return side_by_side.render(context)


def cells(table):
    """The first number of each cell, row by row."""
    rows = table.split("<tr>")[2:]
    return [[float(part.split("<")[0].split()[0]) for part in row.split("<td>")[1:]] for row in rows]


def test_returns_after_equal_seconds_and_steps_to_half_of_a_planners(tmp_path):
    _, same, half = rendered(tmp_path / "run")
    assert "After equal seconds" in same
    assert cells(same) == [[top, top / 2, top] for top in HEIGHT.values()]  # slow is half through
    assert cells(half) == [[10.0, 10.0, 15.0]] * 3


def test_arms_that_are_no_product_have_no_table(tmp_path):
    assert rendered(tmp_path / "run", learners=("fast", "slow")) is None  # six arms are few

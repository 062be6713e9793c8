"""The notebooks run from top to bottom at a tiny size, and show pictures."""

import ast
from pathlib import Path

import pytest

from tests.docs import notebooks

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "notebooks"
NAMES = sorted(path.name for path in FOLDER.glob("*.ipynb"))

pytest.importorskip("pettingzoo")
pytest.importorskip("PIL")


def rich(shown: list[object]) -> list[str | bytes]:
    """All rich displays of the values, none of them empty."""
    found = [display for value in shown for display in notebooks.displays(value)]
    assert all(found)
    return found


def test_there_are_three():
    assert NAMES == ["agent_and_person.ipynb", "first_run.ipynb", "own_world.ipynb"]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_small_and_without_outputs(name):
    path = FOLDER / name
    assert path.stat().st_size < 20_000
    code = [cell for cell in notebooks.cells(path) if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    for cell in code:
        ast.parse(notebooks.source(cell))
        assert all(len(line) <= 120 for line in notebooks.source(cell).splitlines())


def test_a_first_run_and_its_decisions(tmp_path):
    run, returns, replay, share = notebooks.run(
        FOLDER / "first_run.ipynb", {"STEPS": 800, "ARMS": ("psiphi",), "OUT": str(tmp_path / "run")}
    )[:4]
    assert len(rich([run])) >= 1
    assert len(rich([replay])) >= 1
    assert min(returns) == 0
    assert sum(share.values()) == pytest.approx(1)


def test_a_world_of_your_own():
    shown = notebooks.run(FOLDER / "own_world.ipynb", {"WORLDS": 4})
    assert len(rich(shown)) >= 2
    assert {"novice_0", "expert_0", "expert_1"} in [set(value) for value in shown if isinstance(value, dict)]


def test_a_trained_agent_beside_a_person(monkeypatch):
    monkeypatch.chdir(FOLDER)
    shown = notebooks.run(FOLDER / "agent_and_person.ipynb", {"STEPS": 10})
    assert len(rich(shown)) >= 2
    assert {"agent", "person"} in [set(value) for value in shown if isinstance(value, dict)]

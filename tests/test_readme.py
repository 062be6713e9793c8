"""The commands, recipes and examples of the README work as they are printed there."""

import re
import tomllib
from pathlib import Path

import pytest

from socialrl.cli import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
RECIPES = dict(re.findall(r"`(my_\w+\.py)`[^`]*```python\n(.*?)```", README, re.DOTALL))
TINY = (
    *("--seeds", "1", "--steps", "320", "--chunk", "1"),
    *("--evaluation_episodes", "2", "--final_episodes", "2", "--replay_episodes", "1"),
)


@pytest.fixture
def recipe_folder(tmp_path, monkeypatch):
    """A folder of the user's own that holds the recipes; it is the working directory."""
    for name, code in RECIPES.items():
        (tmp_path / name).write_text(code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def block(start: str) -> str:
    """The only Python block of the README that contains this text."""
    [found] = [code for code in BLOCKS if start in code]
    return found


def test_the_pettingzoo_example_runs():
    pytest.importorskip("pettingzoo")
    names: dict[str, object] = {}
    exec(block("while env.agents"), names)
    assert names["env"].agents == []
    assert set(names["rewards"]) == {"novice_0"}
    assert any(names["truncations"].values())


def test_there_are_three_recipes_of_at_most_fifteen_lines():
    assert sorted(RECIPES) == ["my_experiment.py", "my_learner.py", "my_world.py"]
    for name, code in RECIPES.items():
        assert len(code.splitlines()) <= 15, name


@pytest.mark.parametrize("name", ["my_world.py", "my_learner.py"])
def test_a_plug_in_of_a_recipe_passes_the_conformance_check(name, recipe_folder, capsys):
    assert main(["check", name]) == 0, capsys.readouterr().err


def test_the_experiment_of_the_recipe_runs(recipe_folder):
    assert main(["run", "my_experiment.py", "--arms", "alone", "--out", "run", *TINY]) == 0
    assert (recipe_folder / "run" / "summary.json").exists()
    assert list((recipe_folder / "run" / "replays").iterdir())


def test_the_trained_agent_example_runs(monkeypatch):
    pytest.importorskip("pettingzoo")
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    exec(block("load_agent"), names)
    step, env = names["step"], names["env"]
    assert env.action_space("novice_0").contains(int(step.action))
    assert int(step.decision.source) >= 0
    assert callable(names["apply"])


def test_every_folder_and_link_exists():
    named = re.findall(r"^\| `([^`]+/)`", README, re.MULTILINE) + re.findall(
        r"\]\((?!http)([^)#]+)\)", README
    )
    assert len(named) > 8
    for place in named:
        assert (ROOT / place).exists() or place == "assets/hero.gif", place


def test_its_commands_are_commands(capsys):
    commands = set(
        re.findall(r"socialrl (\w+) ", " ".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL)))
    )
    assert {"run", "view", "check"} <= commands
    for command in commands:
        assert main([command, "--help"]) == 0
    assert "usage: socialrl" in capsys.readouterr().out


def test_the_automatic_build_calls_its_test_command():
    assert "uv run python -m tests\n" in (ROOT / ".ci" / "run").read_text()
    assert "uv run python -m tests " in README


def test_extras_it_names_exist():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"cuda", "dev", "docs"} <= set(project["optional-dependencies"])
    for name in re.findall(r"\.\[(\w+)\]", README) + re.findall(r"--extra (\w+)", README):
        assert name in project["optional-dependencies"]
    assert all("<" not in requirement for requirement in project["dependencies"])


def test_the_table_of_results_is_short():
    table = README.partition("## Results")[2].partition("\n## ")[0]
    assert 1 <= len([line for line in table.splitlines() if line.startswith("| `")]) <= 8

"""What the README tells a newcomer to type is what works."""

import re
import tomllib
from pathlib import Path

import pytest

from socialrl.cli import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_example_runs():
    pytest.importorskip("pettingzoo")
    [code] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)
    assert names["env"].agents == []
    assert set(names["rewards"]) == {"novice_0"}
    assert any(names["truncations"].values())


def test_every_folder_and_link_exists():
    named = re.findall(r"^\| `([^`]+/)`", README, re.MULTILINE) + re.findall(
        r"\]\((?!http)([^)#]+)\)", README
    )
    assert len(named) > 8
    for place in named:
        assert (ROOT / place).exists() or place == "assets/hero.gif", place


def test_its_commands_are_commands(capsys):
    commands = set(
        re.findall(
            r"socialrl (run|view|report|list|\w+) ",
            " ".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL)),
        )
    )
    assert {"run", "view"} <= commands
    for command in commands:
        assert main([command, "--help"]) == 0
    assert "usage: socialrl" in capsys.readouterr().out


def test_the_automatic_build_calls_its_test_command():
    assert "uv run python -m tests\n" in (ROOT / ".ci" / "run").read_text()
    assert "uv run python -m tests " in README


def test_extras_it_names_exist():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"cuda", "dev"} <= set(project["optional-dependencies"])
    for name in re.findall(r"\.\[(\w+)\]", README):
        assert name in project["optional-dependencies"]
    assert all("<" not in requirement for requirement in project["dependencies"])

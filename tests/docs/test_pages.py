"""The Python on the pages compiles, and what needs neither a run nor a file of yours is executed."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from socialrl import overrides
from socialrl.cli import main
from socialrl.config import load_experiment

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT / "docs").as_posix()
    for folder in ("docs", "docs/howto")
    for path in (ROOT / folder).glob("*.md")
    if "```python" in path.read_text(encoding="utf-8")
)
EXECUTED = (
    "concepts.md",
    "howto/adapters.md",
    "howto/coplayer.md",
    "howto/curricula.md",
    "howto/experiments.md",
    "howto/partners.md",
    "howto/world.md",
)
NEEDS = ("runs/", "agent.npz", "assets/agents")  # a block with one of these is compiled only


def blocks(page: str) -> list[str]:
    """The Python blocks of a page of docs/."""
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_its_code_compiles(page):
    for code in blocks(page):
        compile(code, page, "exec")


@pytest.mark.parametrize("page", EXECUTED)
def test_its_code_runs(page, tmp_path, monkeypatch):
    pytest.importorskip("pettingzoo")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    recipes = dict(re.findall(r"`(my_\w+\.py)`[^`]*```python\n(.*?)```", readme, re.DOTALL))
    (tmp_path / "my_world.py").write_text(recipes["my_world.py"], encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "my_world", raising=False)
    names: dict[str, object] = {"__name__": "page"}
    executed = [code for code in blocks(page) if not any(need in code for need in NEEDS)]
    assert executed
    for code in executed:
        exec(compile(code, page, "exec"), names)


SHELL = "\n".join(
    block
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    for block in re.findall(r"```sh\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
)
COMMANDS = sorted(set(re.findall(r"socialrl [a-z]+ [^#\n&|]*", SHELL)))
OWN = {
    "--out": 1,
    "--log": 1,
    "--platform": 1,
    "--devices": 1,
    "--split": 1,
    "--distributed": 1,
    "--resume": 0,
    "--help": 0,
    "--profile": 0,
    "--no-cache": 0,
}  # options of `run`, and how many words follow


def settings(words: list[str]) -> list[str]:
    """The words of a `run` command after the file without its own options: overrides of the experiment."""
    found, rest = [], list(words)
    while rest:
        word = rest.pop(0)
        if word in OWN:
            del rest[: OWN[word]]
        else:
            found.append(word)
    return found


def test_there_are_commands():
    assert len(COMMANDS) > 30


@pytest.mark.parametrize(
    "command", [text for text in COMMANDS if text.startswith("socialrl run experiments/")]
)
def test_the_settings_of_a_run_exist(command):
    _, _, file, *words = shlex.split(command)
    assert overrides.apply(load_experiment(ROOT / file), settings(words)).arms


@pytest.mark.parametrize("name", sorted({text.split()[1] for text in COMMANDS} - {"run"}))
def test_the_options_of_a_command_exist(name, capsys):
    used = {
        word
        for text in COMMANDS
        if text.split()[1] == name
        for word in shlex.split(text)
        if word.startswith("--") and "." not in word
    }
    assert main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert [option for option in sorted(used) if option not in shown] == []

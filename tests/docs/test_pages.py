"""The Python on the pages compiles, and what needs neither a run nor a file of yours is executed."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT / "docs").as_posix()
    for folder in ("docs", "docs/howto")
    for path in (ROOT / folder).glob("*.md")
    if "```python" in path.read_text(encoding="utf-8")
)
EXECUTED = ("concepts.md", "howto/adapters.md", "howto/coplayer.md", "howto/experiments.md", "howto/world.md")
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

"""The documentation site builds strictly, offline and quickly, and documents every module that it names."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD = runpy.run_path(str(ROOT / "docs" / "build.py"))

pytest.importorskip("zensical")
pytest.importorskip("mkdocstrings")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site."""
    out = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "build.py"), "--out", str(out)],
        env=os.environ | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_the_navigation_names_every_page(tmp_path):
    BUILD["stage"](tmp_path)
    pages = {page.relative_to(tmp_path / "docs").as_posix() for page in (tmp_path / "docs").rglob("*.md")}
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    named = re.findall(r"[\w/]+\.md", navigation)
    assert len(named) == len(set(named))
    assert set(named) == pages


def test_every_page_is_written(site):
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    for page in re.findall(r"[\w/]+\.md", navigation):
        assert (site / page).with_suffix(".html").is_file(), page


@pytest.mark.parametrize("page", BUILD["API"])
def test_every_module_of_an_api_page_is_documented(site, page):
    html = (site / "api" / f"{page}.html").read_text(encoding="utf-8")
    modules = re.findall(r"^::: (\S+)", BUILD["api_page"](page, BUILD["API"][page]), re.MULTILINE)
    assert modules
    for module in modules:
        assert f'id="{module}"' in html, module


def test_losses_are_shown_with_shapes(site):
    html = re.sub(r"<[^>]+>", "", (site / "api" / "losses.html").read_text(encoding="utf-8"))
    assert re.search(r"Float32\[Array, (&#39;|&quot;|'|\")\s?T A", html)


def test_no_page_loads_anything_from_another_host(site):
    loaded = re.compile(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"?(?:https?:)?//[^\s\">]+")
    found = {
        match for page in site.rglob("*.html") for match in loaded.findall(page.read_text(encoding="utf-8"))
    }
    assert found == set()

"""Builds the documentation site: `python docs/build.py [--out site]`, or `--serve` to look at it.

The sources are readable without this script: they link to `../assets/...`, `../CONTRIBUTING.md` and the list
of worlds, `README.md`, where these are in the repository. For the site everything is copied into one folder,
the API pages are added, and Zensical builds it from there, strictly: a broken link ends the build.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = {"CONTRIBUTING.md": "CONTRIBUTING.md", "CHANGELOG.md": "CHANGELOG.md", "worlds.md": "docs/README.md"}
MEDIA = ("assets/hero.gif", "assets/experiments/*.png", "examples/notebooks/*.ipynb")
OWN = ("README.md", "*.py", "__pycache__")  # files of docs/ that are not pages
# API page -> patterns of the modules on it; files whose name begins with "_" are private.
API = {
    "socialrl": (
        "socialrl/api.py",
        "socialrl/agents.py",
        "socialrl/population.py",
        "socialrl/config/*.py",
        "socialrl/types.py",
        "socialrl/gpi.py",
    ),
    "learners": ("socialrl/learners/*.py",),
    "losses": ("socialrl/losses/*.py",),
    "protocols": ("socialrl/protocols/*.py", "socialrl/curricula/*.py"),
    "records": ("socialrl/record/[dmr]*.py", "socialrl/record/folder.py", "socialrl/formats/*.py"),
    "environments": ("envs/socialrl_envs/*.py",),
    "worlds": ("envs/socialrl_envs/worlds/*.py",),
    "coplayers": ("envs/socialrl_envs/coplayers/*.py",),
}
TO_ROOT = re.compile(r"\]\((?:\.\./)+(?=(?:assets|examples|CONTRIBUTING\.md|CHANGELOG\.md))")
FROM_ROOT = re.compile(r"\]\(docs/")
LIST_OF_WORLDS = re.compile(r"\]\(((?:\.\./)?)README\.md")


def main() -> int:
    """Builds or serves the site; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python docs/build.py", description="Builds the documentation site."
    )
    parser.add_argument("--out", type=Path, default=ROOT / "site", help="folder of the site (site)")
    parser.add_argument(
        "--serve", action="store_true", help="serve a copy of the present sources on localhost:8000 instead"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stage(Path(folder))
        command = ["serve"] if options.serve else ["build", "--strict"]
        done = subprocess.run([sys.executable, "-m", "zensical", *command], cwd=folder, env=environment())
        if done.returncode == 0 and not options.serve:
            shutil.copytree(Path(folder, "site"), options.out, dirs_exist_ok=True)
    return done.returncode


def stage(folder: Path) -> None:
    """Writes the configuration and all sources of the site into a folder."""
    shutil.copy(ROOT / "mkdocs.yml", folder)
    pages = folder / "docs"
    shutil.copytree(ROOT / "docs", pages, ignore=shutil.ignore_patterns(*OWN))
    for name, source in PAGES.items():
        shutil.copy(ROOT / source, pages / name)
    for path in (path for pattern in MEDIA for path in sorted(ROOT.glob(pattern))):
        place = pages / path.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    for name, patterns in API.items():
        (pages / "api" / f"{name}.md").write_text(api_page(name, patterns), encoding="utf-8")
    for page in pages.rglob("*.md"):
        up = "../" * (len(page.relative_to(pages).parts) - 1)
        text = TO_ROOT.sub(f"]({up}", page.read_text(encoding="utf-8"))
        page.write_text(LIST_OF_WORLDS.sub(r"](\1worlds.md", FROM_ROOT.sub("](", text)), encoding="utf-8")


def environment() -> dict[str, str]:
    """The environment variables of the build: both packages can be found by the documentation's reader."""
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "envs")])}


def api_page(name: str, patterns: tuple[str, ...]) -> str:
    """The Markdown of an API page: mkdocstrings fills in every public module that a pattern names."""
    modules = [module(path) for pattern in patterns for path in sorted(ROOT.glob(pattern)) if is_public(path)]
    if not modules:
        raise FileNotFoundError(f"API page {name}: no module at {', '.join(patterns)}")
    return "\n\n".join([f"# {name}", *(f"::: {one}" for one in modules)]) + "\n"


def is_public(path: Path) -> bool:
    """Whether the module is part of the API: a package's own file counts, other names with "_" do not."""
    return path.stem == "__init__" or not path.stem.startswith("_")


def module(path: Path) -> str:
    """The import path of a file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[1:] if parts[0] == "envs" else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


if __name__ == "__main__":
    sys.exit(main())

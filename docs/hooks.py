"""What MkDocs adds to the files of this folder: pages made from files elsewhere in the repository, and the API pages.

The folder stays readable without MkDocs: its pages link to `../assets/...` and `../CONTRIBUTING.md`, and on the site
these are found at the same place below the root.
"""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
PAGES = {"CONTRIBUTING.md": "CONTRIBUTING.md", "CHANGELOG.md": "CHANGELOG.md", "worlds.md": "docs/README.md"}
MEDIA = ("assets/hero.gif", "assets/experiments/*.png", "examples/notebooks/*.ipynb")
# Title of an API page -> the modules on it, as patterns of paths; files whose name begins with "_" are private.
API = {
    "socialrl": ("socialrl/api.py", "socialrl/config.py", "socialrl/types.py", "socialrl/gpi.py"),
    "learners": ("socialrl/learners/*.py",),
    "losses": ("socialrl/losses/*.py",),
    "protocols": ("socialrl/protocols/*.py", "socialrl/curricula/*.py"),
    "records": ("socialrl/record/[dmr]*.py", "socialrl/record/folder.py"),
    "environments": ("envs/socialrl_envs/*.py",),
    "worlds": ("envs/socialrl_envs/worlds/*.py",),
    "coplayers": ("envs/socialrl_envs/coplayers/*.py",),
}
TO_ROOT = re.compile(r"\]\((?:\.\./)+(?=(?:assets|examples|CONTRIBUTING\.md|CHANGELOG\.md))")
FROM_ROOT = re.compile(r"\]\(docs/")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The files of the site: those of docs/, and what is added."""
    for uri, source in PAGES.items():
        files.append(File.generated(config, uri, content=(ROOT / source).read_text(encoding="utf-8")))
    for path in (path for pattern in MEDIA for path in sorted(ROOT.glob(pattern))):
        files.append(File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)))
    for name, patterns in API.items():
        files.append(File.generated(config, f"api/{name}.md", content=api_page(name, patterns)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The text of a page, with links to files outside of docs/ turned to where the site has them."""
    up = "../" * page.file.src_uri.count("/")
    return FROM_ROOT.sub("](", TO_ROOT.sub(f"]({up}", markdown))


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

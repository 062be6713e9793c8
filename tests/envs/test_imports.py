"""What importing the package brings in, and what it must not."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import socialrl_envs

FOLDER = Path(socialrl_envs.__file__).parent
FOREIGN = {"pettingzoo", "gymnasium", "pygame", "flax", "optax", "orbax", "socialrl", "matplotlib", "PIL"}


def brought_in(code, looked_for=FOREIGN):
    """Which of these packages are loaded after running `code` in a fresh interpreter."""
    check = f"{code}\nimport sys\nprint(sorted({looked_for!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", check], capture_output=True, text=True, check=True
    )
    return ast.literal_eval(done.stdout.splitlines()[-1])


def test_the_package_brings_in_nothing_foreign():
    walk = (
        "import socialrl_envs, importlib\n"
        "from socialrl_envs import conformance, render\n"
        "from socialrl_envs.generators import layouts, mutation\n"
        "[socialrl_envs.make(name) for name in socialrl_envs.names()]\n"
        "[socialrl_envs.registry.coplayer(name) for name in socialrl_envs.coplayer_names()]\n"
        "dir(socialrl_envs)"
    )
    assert brought_in(walk) == []


@pytest.mark.parametrize(
    "code",
    [
        "import socialrl_envs\nsocialrl_envs.names(), socialrl_envs.coplayer_names(), dir(socialrl_envs)",
        "from socialrl_envs import ascii_levels, errors, render, sprites, tiles",
        "import socialrl.viewer.app, socialrl.viewer.exporting",
    ],
)
def test_what_only_shows_pictures_starts_without_jax(code):
    assert brought_in(code, {"jax", "jaxlib"}) == []


def test_public_names_are_there_when_asked_for():
    for name in socialrl_envs.__all__:
        assert getattr(socialrl_envs, name) is not None
        assert name in dir(socialrl_envs)
    assert brought_in(
        "import socialrl_envs\nsocialrl_envs.grid.WALL, socialrl_envs.Level.from_ascii", {"jax"}
    ) == ["jax"]


def test_a_pettingzoo_module_brings_in_no_window():
    assert brought_in(
        "from socialrl_envs import coin_grid_v0\ncoin_grid_v0.parallel_env(render_mode='ansi').reset()"
    ) == [
        "gymnasium",
        "pettingzoo",
    ]


def imported(path):
    """The packages that a file imports anywhere, even inside a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").partition(".")[0]


ADAPTERS = {
    "pettingzoo.py": {"pettingzoo", "gymnasium"},
    "window.py": {"pygame"},
    "gym.py": {"gymnasium"},
    "gallery.py": {"PIL"},
}


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: str(path.relative_to(FOLDER)))
def test_only_the_adapters_import_their_frameworks_and_nobody_the_learners(path):
    assert set(imported(path)) & FOREIGN <= ADAPTERS.get(path.name, set())


def test_an_attribute_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="coin_grid_v9"):
        _ = socialrl_envs.coin_grid_v9
    with pytest.raises(ModuleNotFoundError):
        __import__("socialrl_envs.coin_grd_v0")

"""Strictness for all tests: shapes are checked at every call, dtypes never promote silently, no PRNG key is
used twice.
"""

import gc
import importlib.metadata
import os
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")  # no test needs a device
# With what is set below, programs compile 6x faster; as one part, not 32, by a fifth; by the preset, which
# leaves the bits as they are, by a tenth.
if importlib.metadata.version("jaxlib").startswith("0.10."):  # XLA aborts on a flag it does not know
    os.environ.setdefault(
        "XLA_FLAGS",
        "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
        " --xla_cpu_opt_preset=FAST_COMPILE",
    )
os.environ.setdefault("JAX_ENABLE_COMPILATION_CACHE", "false")  # of processes that tests start
os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("MPLBACKEND", "agg")

import jaxtyping

gc.set_threshold(100_000, 50, 50)  # tracing makes many objects and next to no garbage: 6 % less time
jaxtyping.install_import_hook(
    ["socialrl", "socialrl_envs"], "beartype.beartype"
)  # before any of them is imported

import jax
import optax
import pytest
from jax.experimental.compilation_cache import compilation_cache

from socialrl_envs import plugins
from tests.toys import experiment, toys

__all__ = ["experiment", "toys"]
PROGRAMS = 20_000  # memory maps of a process, several to a program; the system allows about 65,000

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_debug_key_reuse", True)
jax.config.update("jax_disable_most_optimizations", True)  # tests compile much and run little
# Programs are shared by the processes of one run (`python -m tests`), never by two runs: no test must pass on
# what an older source compiled.
PROGRAM_FOLDER = "SOCIALRL_TEST_PROGRAMS"
jax.config.update("jax_enable_compilation_cache", PROGRAM_FOLDER in os.environ)
if PROGRAM_FOLDER in os.environ:
    jax.config.update("jax_compilation_cache_dir", os.environ[PROGRAM_FOLDER])
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)  # those of single operations, too


def _relaxed(function):
    """The function without strict promotion: Adam in optax relies on it (`decay**count` with an integer
    count).
    """

    def call(*arguments):
        with jax.numpy_dtype_promotion("standard"):
            return function(*arguments)

    return call


optax.tree.bias_correction = _relaxed(optax.tree.bias_correction)


# The modules that take longest begin first, so that no worker is left with one of them at the end.
LONG = (
    "envs/test_conformance",
    "learners/test_learners",
    "test_stranger",
    "protocols/test_conformance",
    "learners/test_offline",
    "test_experiments",
    "protocols/test_few_shot",
    "test_studies",
    "test_runs",
    "sweep/test_ray",
)


def pytest_collection_modifyitems(items):
    """Sorts the items of long modules to the front; the order within a module stays."""

    def place(item):
        name = module_of(item.nodeid)
        return LONG.index(name) if name in LONG else len(LONG)

    items.sort(key=place)


# Modules that use what another one trains or compiles: they run after it, in its process.
AFTER = {
    "docs/test_notebooks": "envs/test_conformance",  # worlds of one size, checked op by op
    "docs/test_pages": "envs/test_conformance",
    "test_check": "envs/test_conformance",
    "test_readme": "envs/test_conformance",
    "learners/test_baselines": "learners/test_learners",
    "learners/test_psiphi_published": "learners/test_learners",
    "protocols/test_comparisons": "protocols/test_few_shot",
    "protocols/test_inverse_rl": "protocols/test_few_shot",
    "viewer/test_tour": "record/test_resimulation",
}


def module_of(nodeid):
    """The module of a test, as LONG and AFTER name it."""
    return nodeid.partition("::")[0].removeprefix("tests/").removesuffix(".py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With `--dist loadscope`: gives whole modules to the workers, those of AFTER together with the ones that
    they follow.
    """
    if config.getvalue("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Modules(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return AFTER.get(module_of(nodeid), module_of(nodeid))

    return Modules(config, log)


def pytest_collection_finish():
    """What is imported stays; nobody need look through it for garbage."""
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def few_programs():
    """Forgets compiled programs between modules once there are very many: XLA is known to crash in a process
    full of them.
    """
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > PROGRAMS:
        jax.clear_caches()
        gc.collect()


@pytest.fixture(scope="module")
def kept_programs(tmp_path_factory):
    """What a module compiles again is loaded from a folder, where there is none that all tests share: for
    tests that run one experiment several times.
    """
    if PROGRAM_FOLDER in os.environ:
        yield
        return
    options = {
        "jax_enable_compilation_cache": True,
        "jax_compilation_cache_dir": str(tmp_path_factory.mktemp("programs")),
        "jax_persistent_cache_min_compile_time_secs": 0.2,
    }
    before = {name: getattr(jax.config, name) for name in options}
    for name, value in options.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


@pytest.fixture(autouse=True)
def no_plugins():
    """Nothing that one test allowed is allowed in the next."""
    yield
    plugins.forget()


@pytest.fixture
def in_tmp(tmp_path, monkeypatch):
    """Runs the test in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path

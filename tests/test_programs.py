"""Where compiled programs are kept, and for how long."""

import os

import jax
import pytest

from socialrl import programs

OPTIONS = (
    "jax_enable_compilation_cache",
    "jax_compilation_cache_dir",
    "jax_persistent_cache_min_compile_time_secs",
)


@pytest.fixture
def settings():
    """jax as a user starts it; its settings are put back afterwards."""
    before = {name: getattr(jax.config, name) for name in OPTIONS}
    jax.config.update("jax_enable_compilation_cache", True)
    jax.config.update("jax_compilation_cache_dir", None)
    yield
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.mark.usefixtures("settings")
def test_the_folder_is_in_the_users_caches_one_for_every_processor(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = programs.keep_programs()
    assert folder == tmp_path / "socialrl" / "programs" / programs.processor()
    assert folder.is_dir()
    assert jax.config.jax_compilation_cache_dir == str(folder)


@pytest.mark.usefixtures("settings")
def test_a_folder_that_was_named_is_taken(tmp_path):
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "mine"))  # as jax reads the variable
    assert programs.keep_programs() == tmp_path / "mine"


@pytest.mark.usefixtures("settings")
def test_it_can_be_turned_off_and_a_folder_that_cannot_be_written_is_none(tmp_path):
    (tmp_path / "file").write_text("")
    assert programs.keep_programs(tmp_path / "file") is None
    programs.keep_none()
    assert programs.keep_programs(tmp_path) is None


def test_the_oldest_programs_make_room(tmp_path):
    for age, name in enumerate(("new", "old", "oldest")):
        (tmp_path / f"{name}-cache").write_bytes(b"x" * 100)
        os.utime(tmp_path / f"{name}-cache", (1000 - age, 1000 - age))
    (tmp_path / "note").write_bytes(b"x" * 1000)
    programs._prune(tmp_path, 150)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new-cache", "note"]

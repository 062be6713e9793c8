"""Room for compiled programs, and what equal worlds share."""

import jax
import jax.numpy as jnp
import pytest

import socialrl_envs
from socialrl_envs import programs


@pytest.fixture
def limit(tmp_path, monkeypatch):
    """A function that sets how many memory maps a process may have."""
    monkeypatch.setattr(programs, "LIMIT", tmp_path / "max_map_count")
    monkeypatch.setattr(programs, "_left", 0)
    return lambda most: programs.LIMIT.write_text(f"{most}\n")


def traces():
    """A jitted function, and the list to which every trace of it adds."""
    found = []

    @jax.jit
    def double(x):
        found.append(True)
        return 2 * x

    return double, found


def test_programs_are_forgotten_once_there_are_many_and_compiled_again_when_called(limit):
    double, traced = traces()
    limit(100 * programs.count_maps())
    assert double(jnp.int32(4)) == 8
    assert not programs.make_room()
    assert double(jnp.int32(4)) == 8
    assert len(traced) == 1
    limit(programs.count_maps())
    assert programs.make_room()
    assert double(jnp.int32(4)) == 8
    assert len(traced) == 2
    assert not programs.make_room()  # what is left are not programs


def test_nothing_is_forgotten_while_something_is_traced(limit):
    limit(1)

    @jax.jit
    def make(x):
        assert not programs.make_room()
        return x

    make(jnp.int32(1))
    assert programs.make_room()


@pytest.mark.parametrize("content", ["", "many", None])
def test_where_the_system_does_not_tell_nothing_is_forgotten(limit, content):
    if content is not None:
        programs.LIMIT.write_text(content)
    assert programs.most_maps() == 0
    assert not programs.make_room()


def test_equal_options_give_one_world_as_long_as_it_is_held():
    world = socialrl_envs.make("coin_grid", size=6)
    assert socialrl_envs.make("coin_grid", size=6) is world
    assert socialrl_envs.make("coin_grid", size=7) is not world
    assert {world.step: "compiled"}[socialrl_envs.make("coin_grid", size=6).step] == "compiled"

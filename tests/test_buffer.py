"""The ring of unrolls: what it overwrites, and from where it draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl import buffer as replay

T, WORLDS, ROWS = 3, 2, 6


def unroll(number):
    """Leaves (T, B, ...); every entry says which unroll, world and step it is from."""
    time, world = jnp.mgrid[:T, :WORLDS]
    tag = (100 * number + 10 * world + time).astype(jnp.int32)
    return {"tag": tag, "obs": jnp.broadcast_to(tag[..., None, None], (T, WORLDS, 2, 1)).astype(jnp.uint8)}


@pytest.fixture(scope="module")
def add():
    return jax.jit(replay.add)


def filled(add, unrolls):
    buffer = replay.empty(unroll(0), ROWS)
    for number in range(unrolls):
        buffer = add(buffer, unroll(number))
    return buffer


def numbers(buffer):
    """Which unroll each row is of."""
    return (np.asarray(buffer.data["tag"][:, 0]) // 100).tolist()


def test_an_empty_buffer_has_the_rows_dtypes_and_shapes():
    buffer = replay.empty(unroll(0), ROWS)
    assert buffer.data["tag"].shape == (ROWS, T)
    assert buffer.data["obs"].shape == (ROWS, T, 2, 1)
    assert buffer.data["obs"].dtype == jnp.uint8
    assert int(buffer.added) == 0


def test_worlds_become_rows_and_the_oldest_are_overwritten(add):
    buffer = filled(add, 3)
    np.testing.assert_array_equal(buffer.data["tag"][0], [0, 1, 2])
    np.testing.assert_array_equal(buffer.data["tag"][1], [10, 11, 12])
    assert numbers(buffer) == [0, 0, 1, 1, 2, 2]
    assert numbers(filled(add, 4)) == [3, 3, 1, 1, 2, 2]
    after = filled(add, 8)
    assert numbers(after) == [6, 6, 7, 7, 5, 5]
    assert int(after.added) == 16


def test_a_sample_gives_back_whole_rows(add):
    buffer = filled(add, 3)
    rows = replay.sample(buffer, jax.random.key(0), 50)
    assert rows["tag"].shape == (T, 50)
    np.testing.assert_array_equal(np.diff(rows["tag"], axis=0), 1)  # steps stay in order and together
    assert rows["obs"].dtype == jnp.uint8
    np.testing.assert_array_equal(rows["obs"][..., 0, 0], np.asarray(rows["tag"]).astype(np.uint8))


def test_only_written_rows_are_drawn(add):
    rows = replay.sample(filled(add, 1), jax.random.key(0), 500)
    assert set(np.asarray(rows["tag"][0]).tolist()) == {0, 10}


@pytest.mark.parametrize("unrolls", [3, 5])
def test_draws_are_uniform(add, unrolls):
    """Pearson's chi-square over the six rows: 5 degrees of freedom, 99.9 % quantile 20.5."""
    draws = 6_000
    rows = replay.sample(filled(add, unrolls), jax.random.key(unrolls), draws)
    _, counts = np.unique(np.asarray(rows["tag"][0]), return_counts=True)
    assert len(counts) == ROWS
    expected = draws / ROWS
    assert np.sum((counts - expected) ** 2 / expected) < 20.5

"""Moves, blocking, arrival, and drawing cells."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl_envs import grid
from tests.envs.plain import chi_square, moved

ROOM = np.pad(np.zeros((3, 3), bool), 1, constant_values=True)


def go(position, actions, *, present=None, priority=None, solid=ROOM):
    position = jnp.array(position, jnp.int32)
    target = position + grid.deltas()[jnp.array(actions)]
    here = jnp.ones(len(position), bool) if present is None else jnp.array(present)
    order = None if priority is None else jnp.array(priority, jnp.int32)
    return np.asarray(grid.move(position, target, jnp.array(solid), here, order)).tolist()


@pytest.mark.parametrize(
    ("action", "there"), list(zip(grid.CARDINAL_MOVES, [[1, 2], [2, 3], [3, 2], [2, 1], [2, 2]], strict=True))
)
def test_each_move_goes_where_its_name_says(action, there):
    assert go([[2, 2]], [grid.CARDINAL_MOVES.index(action)]) == [there]


def test_walls_and_the_edge_of_an_unwalled_grid_stop_a_seat():
    assert go([[1, 1]], [0]) == [[1, 1]]
    bare = np.zeros((3, 4), bool)
    assert go([[0, 0], [0, 0], [2, 3], [2, 3]], [0, 3, 1, 2], solid=bare) == [[0, 0], [0, 0], [2, 3], [2, 3]]


def test_an_absent_seat_does_not_move_and_is_not_in_the_way():
    assert go([[1, 1], [1, 2]], [1, 1], present=[True, False], priority=[0, 1]) == [[1, 2], [1, 2]]


def test_seats_overlap_unless_they_block():
    assert go([[1, 1], [1, 3]], [1, 3]) == [[1, 2], [1, 2]]
    assert go([[1, 1], [1, 3]], [1, 3], priority=[0, 1]) == [[1, 2], [1, 3]]
    assert go([[1, 1], [1, 3]], [1, 3], priority=[1, 0]) == [[1, 1], [1, 2]]


def test_blocking_seats_cannot_swap_and_follow_only_a_leader_who_went_before():
    assert go([[1, 1], [1, 2]], [1, 3], priority=[0, 1]) == [[1, 1], [1, 2]]
    assert go([[1, 1], [1, 2]], [1, 1], priority=[1, 0]) == [[1, 2], [1, 3]]
    assert go([[1, 1], [1, 2]], [1, 1], priority=[0, 1]) == [[1, 1], [1, 3]]


@pytest.mark.parametrize("blocking", [False, True])
def test_random_crowds_move_as_the_plain_model_says(blocking):
    rng = np.random.default_rng(0)
    step = jax.jit(jax.vmap(lambda p, t, s, h, o: grid.move(p, t, s, h, o if blocking else None)))
    worlds, seats = 600, 4
    solid = rng.random((worlds, 5, 5)) < 0.25
    position = np.stack([np.argwhere(~s)[rng.permutation((~s).sum())[:seats]] for s in solid]).astype(
        np.int32
    )
    actions = rng.integers(0, 5, (worlds, seats))
    present = rng.random((worlds, seats)) < 0.8
    priority = np.argsort(rng.random((worlds, seats)), axis=1).astype(np.int32)
    target = position + np.asarray(grid.deltas())[actions]
    got = np.asarray(step(*map(jnp.asarray, (position, target.astype(np.int32), solid, present, priority))))
    for i in range(worlds):
        order = tuple(np.argsort(priority[i])) if blocking else None
        assert got[i].tolist() == [
            list(c) for c in moved(position[i], actions[i], solid[i], present[i], order)
        ]


def test_the_first_of_those_who_came_to_one_cell_is_the_lowest_priority_number():
    position = jnp.array([[1, 1], [1, 1], [1, 1], [2, 2]], jnp.int32)
    came = jnp.array([True, False, True, True])
    got = grid.first_to_arrive(position, came, jnp.array([3, 0, 1, 2], jnp.int32))
    assert got.tolist() == [False, False, True, True]


def test_choose_cell_takes_every_cell_of_the_mask_for_an_equal_share_of_the_chance():
    mask = np.random.default_rng(1).random((5, 7)) < 0.4
    cells = np.argwhere(mask)
    uniform = (jnp.arange(len(cells), dtype=jnp.float32) + 0.5) / len(cells)
    chosen, found = jax.vmap(grid.choose_cell, (None, 0))(jnp.array(mask), uniform)
    assert np.asarray(chosen).tolist() == cells.tolist()
    assert bool(found.all())


def test_choose_cell_is_uniform():
    mask = jnp.array(np.random.default_rng(2).random((6, 6)) < 0.5)
    draws = jax.random.uniform(jax.random.key(0), (20_000,))
    chosen, _ = jax.jit(jax.vmap(grid.choose_cell, (None, 0)))(mask, draws)
    assert bool(grid.at(mask, chosen).all())
    _, counts = np.unique(np.asarray(chosen), axis=0, return_counts=True)
    assert len(counts) == int(mask.sum())
    assert chi_square(counts) > 1e-3


def test_choose_cell_stays_inside_at_the_ends_of_the_interval_and_says_if_there_is_none():
    mask = jnp.zeros((3, 3), bool).at[1, 2].set(True).at[2, 0].set(True)
    assert grid.choose_cell(mask, jnp.float32(0.0))[0].tolist() == [1, 2]
    assert grid.choose_cell(mask, jnp.float32(np.nextafter(np.float32(1), np.float32(0))))[0].tolist() == [
        2,
        0,
    ]
    assert not grid.choose_cell(jnp.zeros((3, 3), bool), jnp.float32(0.3))[1]


def test_put_changes_one_cell_and_only_when_told():
    tiles, cell = jnp.zeros((3, 3), jnp.uint8), jnp.array([1, 2], jnp.int32)
    assert np.argwhere(grid.put(tiles, cell, jnp.uint8(7), jnp.array(True)) == 7).tolist() == [[1, 2]]
    assert not grid.put(tiles, cell, jnp.uint8(7), jnp.array(False)).any()


def test_every_tile_has_a_character_of_its_own():
    assert len(grid.TILE_OF_CHAR) == len(grid.CHAR_OF_TILE)
    assert not set(grid.TILE_OF_CHAR) & set("ABCDEFGHIJKLMNOPQRSTUVWXYZ")

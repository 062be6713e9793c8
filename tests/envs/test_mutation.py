"""Random edits of levels: what they change, what they keep, and that levels stay solvable."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl_envs import Level, grid
from socialrl_envs.generators import mutation

EDITS = 200
QUICK = {"xla_backend_optimization_level": 0}


@pytest.mark.parametrize("name", socialrl_envs.names())
def test_two_hundred_levels_and_mutants_in_a_row_are_solvable_and_change(name):
    few = {"coin_grid": {"coins": 1}, "cleanup_office": {"desks": 2, "litter": 2}}.get(name, {})
    world = socialrl_envs.make(name, size=7, layout="cluttered", density=0.2, novices=1, experts=1, **few)

    def chain(key, keys):
        def edit(level, key):
            edit_key, draw_key = jax.random.split(key)
            after = mutation.mutate(level, edit_key, world.task.solid, world.task.solvable)
            return after, (after, world.solvable(after), world.solvable(world.sample_level(draw_key)))

        first = world.sample_level(key).edit()
        return first, jax.lax.scan(edit, first, keys)[1]

    run = jax.jit(chain, compiler_options=QUICK)
    keys = jax.random.split(jax.random.key(1), EDITS)
    first, (mutants, solvable, drawn_solvable) = jax.device_get(run(jax.random.key(0), keys))
    assert solvable.all()
    assert drawn_solvable.all()
    tiles = np.concatenate([first.tiles[None], mutants.tiles])
    walls, items = tiles == grid.WALL, np.where(tiles == grid.WALL, grid.FLOOR, tiles)
    built, opened = (walls[1:] & ~walls[:-1]).sum((1, 2)), (~walls[1:] & walls[:-1]).sum((1, 2))
    assert built.sum() > 5
    assert opened.sum() > 5
    assert ((built + opened) <= 1).all()  # one edit at a time
    assert walls[:, [0, -1]].all()
    assert walls[:, :, [0, -1]].all()
    for kind in range(2, 256):
        count = (tiles == kind).sum((1, 2))
        assert (count == count[0]).all()
    assert (items[1:] != items[:-1]).any((1, 2)).sum() > 10  # items move
    starts = np.concatenate([first.position[None], mutants.position])
    moved = (starts[1:] != starts[:-1]).any(-1).any(0)
    assert moved.all()  # every seat does, in time
    under = np.take_along_axis(tiles.reshape(len(tiles), -1), starts[..., 0] * 7 + starts[..., 1], 1)
    assert (under == grid.FLOOR).all()
    again = jax.device_get(run(jax.random.key(0), jax.random.clone(keys)))[1][0]
    assert np.array_equal(again.tiles, mutants.tiles)
    assert np.array_equal(again.position, mutants.position)


CROWDED = "#####\n#A1B#\n###r#\n###.#\n#####\n"  # 5 cells inside are not walls, one of them is free


def many(edit):
    """Tiles and starts of the crowded level after 200 edits, each of the level as drawn."""
    level = Level.from_ascii(CROWDED)
    edited = jax.jit(jax.vmap(lambda key: edit(level, key)), compiler_options=QUICK)(
        jax.random.split(jax.random.key(0), EDITS)
    )
    return np.asarray(level.tiles), np.asarray(edited.tiles), np.asarray(edited.position)


def test_what_stands_where_a_wall_is_built_goes_to_a_free_cell():
    before, tiles, position = many(mutation.flip_wall)
    walls = (tiles == grid.WALL) != (before == grid.WALL)
    assert (walls.sum((1, 2)) == 1).all()  # every edit flips one cell
    inside = {(r, c) for r in (1, 2, 3) for c in (1, 2, 3)}
    assert {tuple(cell) for cell in np.argwhere(walls)[:, 1:]} == inside
    for kind in (grid.GOAL, grid.COIN):
        assert ((tiles == kind).sum((1, 2)) == 1).all()
    under_goal, under_seat = walls[:, 1, 2], walls[:, 1, 1]
    assert under_goal.any()
    assert (tiles[under_goal, 3, 3] == grid.GOAL).all()
    assert under_seat.any()
    assert (position[under_seat, 0] == [3, 3]).all()
    assert (position[~under_seat, 0] == [1, 1]).all()


def test_an_item_and_a_seat_move_to_free_cells_only():
    _, tiles, position = many(lambda level, key: mutation.move_item(level, key, (grid.WALL,)))
    moved = {tuple(cell) for cell in np.argwhere(tiles == grid.GOAL)[:, 1:]}
    assert moved == {(1, 2), (3, 3)}
    assert (position == [[1, 1], [1, 3]]).all()
    before, tiles, position = many(mutation.move_seat)
    assert (tiles == before).all()
    assert {tuple(map(int, seats.ravel())) for seats in position} == {(3, 3, 1, 3), (1, 1, 3, 3)}


def test_where_nothing_is_free_nothing_moves():
    level = Level.from_ascii("####\n#A1#\n####\n")  # a wall would displace the seat or the item

    @jax.jit
    def edited(key):
        keys = jax.random.split(key, 3)
        moved = mutation.move_item(level, keys[0], (grid.WALL,)), mutation.move_seat(level, keys[1])
        return *moved, mutation.flip_wall(level, keys[2])

    for seed in range(3):
        for after in edited(jax.random.key(seed)):
            assert np.array_equal(after.tiles, level.tiles)
            assert np.array_equal(after.position, level.position)


def test_an_edit_that_leaves_a_level_unsolvable_is_not_made():
    level = Level.from_ascii(CROWDED)
    edit = jax.vmap(lambda key: mutation.mutate(level, key, (grid.WALL,), lambda level: jnp.array(False)))
    never = jax.jit(edit, compiler_options=QUICK)(jax.random.split(jax.random.key(0), 8))
    assert (never.tiles == level.tiles).all()
    assert (never.position == level.position).all()


def test_a_world_mutates_levels_from_text_and_makes_them_ready():
    world = socialrl_envs.make("goal_cycle", size=5, goals=2, novices=1, experts=1)
    level = world.level("#####\n#A12#\n#.B.#\n#...#\n#####\npenalty: 0.5\n")
    mutant = jax.jit(world.mutate, compiler_options=QUICK)(level, jax.random.key(0))
    assert mutant.ready
    assert jax.tree.structure(mutant) == jax.tree.structure(level)
    assert float(mutant.params.penalty) == 0.5

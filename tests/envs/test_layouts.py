"""Walls: connected floors at every density, and levels from files."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl_envs import SocialRLError
from socialrl_envs.generators import layouts
from tests.envs.plain import connected


@cache
def drawer(layout, size):
    one = layouts.find(layout)
    return jax.jit(jax.vmap(lambda key, density: one(key, size, size, density), (0, None)))


def draw(layout, size, density, count=48):
    keys = jax.random.split(jax.random.key(size), count)
    return np.asarray(drawer(layout, size)(keys, jnp.float32(density)))


@pytest.mark.parametrize("layout", sorted(layouts.LAYOUTS))
@pytest.mark.parametrize("size", [5, 10])
def test_floors_are_connected_within_walls_at_every_density(layout, size):
    for density in (0.0, 0.15, 0.5, 0.9, 1.0):
        for solid in draw(layout, size, density):
            assert solid[0].all()
            assert solid[-1].all()
            assert solid[:, 0].all()
            assert solid[:, -1].all()
            assert connected(~solid)


def test_cluttered_has_as_many_walls_as_told_where_that_is_possible():
    for density in (0.0, 0.1, 0.25):
        for solid in draw("cluttered", 10, density):
            assert solid[1:-1, 1:-1].sum() == int(np.float32(density) * 64)
    assert draw("cluttered", 10, 0.6)[:, 1:-1, 1:-1].sum((1, 2)).max() <= int(0.6 * 64)


def test_cluttered_walls_fall_everywhere_and_differ_by_key():
    solids = draw("cluttered", 10, 0.3, count=400)[:, 1:-1, 1:-1]
    assert len(np.unique(solids, axis=0)) == 400
    share = solids.mean(0)
    assert share.min() > 0.15
    assert share.max() < 0.45


def test_four_rooms_has_one_door_in_each_arm():
    for size in (5, 10):
        middle = size // 2
        for solid in draw("four_rooms", size, 0.0):
            arms = [
                solid[1:middle, middle],
                solid[middle + 1 : -1, middle],
                solid[middle, 1:middle],
                solid[middle, middle + 1 : -1],
            ]
            assert [int((~arm).sum()) for arm in arms] == [1, 1, 1, 1]
            assert solid[middle, middle]


def steps_between_floor_cells(solid):
    """How many pairs of floor cells lie side by side."""
    floor = ~solid
    return int((floor[1:] & floor[:-1]).sum() + (floor[:, 1:] & floor[:, :-1]).sum())


@pytest.mark.parametrize("size", [5, 6, 9, 12, 63, 64])
def test_a_maze_has_one_way_only_between_any_two_cells_and_no_thick_walls(size):
    for solid in draw("maze", size, 0.15, count=8):
        assert connected(~solid)
        assert steps_between_floor_cells(solid) == (~solid).sum() - 1  # a tree
        floor = (size - 2) ** 2
        assert (~solid).sum() >= floor - floor // 2  # what worlds count on
        assert (~solid[1:-1]).any(1).all()
        assert (~solid[:, 1:-1]).any(0).all()


def test_mazes_differ_and_every_wall_between_rooms_is_open_in_some():
    solids = draw("maze", 9, 0.0, count=300)
    assert len(np.unique(solids, axis=0)) > 290
    share = (~solids).mean(0)[1:-1, 1:-1]
    between = np.add.outer(np.arange(1, 8), np.arange(1, 8)) % 2 == 1
    assert share[between].min() > 0.3
    assert set(share[~between].tolist()) == {0.0, 1.0}  # posts stand, rooms are open


def test_density_opens_walls_of_a_maze_with_loops():
    counts = []
    for density in (0.0, 0.3, 1.0):
        solids = draw("maze_loops", 9, density)
        counts.append((~solids).sum((1, 2)).mean())
        assert all(connected(~solid) for solid in solids)
    assert counts[0] == 31  # 16 rooms and the 15 ways of a perfect maze
    assert 31 + 0.2 * 9 < counts[1] < 31 + 0.4 * 9
    assert counts[2] == 31 + 9  # and its 9 other walls


def test_a_layout_is_drawn_while_tracing_for_any_shape():
    for name, one in layouts.LAYOUTS.items():
        shape = jax.eval_shape(lambda key, one=one: one(key, 7, 10, jnp.float32(0.2)), jax.random.key(0))
        assert shape.shape == (7, 10), name
        assert shape.dtype == jnp.bool_


def test_an_unknown_layout_names_the_nearest():
    with pytest.raises(SocialRLError, match="did you mean 'cluttered'"):
        layouts.find("clutered")


ROOM = "#####\n#A.r#\n#.gB#\n#..b#\n#####\n"


def read(tmp_path, text, **config):
    path = tmp_path / "level.txt"
    path.write_text(text)
    return socialrl_envs.make("coin_grid", layout=str(path), **({"size": 5, "experts": 1} | config))


def test_a_file_is_the_level_of_every_episode(tmp_path):
    world = read(tmp_path, ROOM + "preferences: [[1, 2, 3], [0, 0, -1]]\n")
    for seed in range(3):
        level = world.sample_level(jax.random.key(seed))
        assert level.to_ascii().startswith(ROOM)
        assert level.params.preferences.tolist() == [[1, 2, 3], [0, 0, -1]]
        assert level.params.preferences.dtype == jnp.float32
        assert level.params.skill.tolist() == [1, 1]
    again = read(tmp_path, world.sample_level(jax.random.key(0)).to_ascii())
    assert again.sample_level(jax.random.key(1)).to_ascii() == level.to_ascii()


@pytest.mark.parametrize(
    ("text", "config", "told"),
    [
        ("#####\n#A?B#\n#####\n", {}, ["level.txt", "line 2", "column 3"]),
        (ROOM, {"experts": 2}, ["level.txt", "3 seats", "it has 2"]),
        (ROOM, {"size": 7}, ["size", "7", "5"]),
        (ROOM.replace("b", "y"), {}, ["level.txt", "row 3, column 3", "'y'", "r g b"]),
        (ROOM.replace("b", "1"), {}, ["level.txt", "row 3, column 3", "'1'"]),
        (ROOM + "skil: [1, 1]\n", {}, ["level.txt", "skil", "did you mean 'skill'"]),
        (ROOM + "skill: [1, 1, 1]\n", {}, ["level.txt", "skill", "(2,)"]),
    ],
)
def test_a_file_that_does_not_fit_is_named_with_what_is_wrong(tmp_path, text, config, told):
    with pytest.raises(SocialRLError) as error:
        read(tmp_path, text, **config)
    for part in told:
        assert part in str(error.value)


def test_a_missing_file_is_named():
    with pytest.raises(SocialRLError, match=r"nowhere/level\.txt"):
        socialrl_envs.make("coin_grid", layout="nowhere/level.txt")


@pytest.mark.parametrize("layout", sorted(layouts.LAYOUTS))
def test_levels_put_everything_on_floor_and_on_cells_of_its_own(layout):
    world = socialrl_envs.make("coin_grid", layout=layout, size=7, experts=3)
    levels = jax.jit(jax.vmap(world.sample_level))(jax.random.split(jax.random.key(0), 64))
    for tiles, position in zip(np.asarray(levels.tiles), np.asarray(levels.position), strict=True):
        assert sorted(tiles[tiles > 1].tolist()) == sorted(world.task.items)
        assert len({tuple(cell) for cell in position}) == 4
        assert (tiles[position[:, 0], position[:, 1]] == 0).all()

"""RGB views: what they show, their mirror images, and every world in pixels."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl.nets.mirror import Mirror
from socialrl_envs.composed import GridWorld
from socialrl_envs.conformance.calls import shapes_and_dtypes
from socialrl_envs.errors import SocialRLError
from socialrl_envs.types import Level
from socialrl_envs.view.pixels import FLOOR_COLOUR, HIDDEN_COLOUR, TILE_COLOURS

OPTIONS = {"novices": 1, "experts": 1, "size": 5, "view": 3, "goals": 2}
LEVEL = """\
#####
#1B.#
#.A.#
#2..#
#####
"""
SIZE = 4


class Seen(NamedTuple):
    """A world, its `reset`, and the views of a state as numbers."""

    world: GridWorld
    reset: Callable[..., Any]
    views: Callable[..., Any]


@pytest.fixture(scope="module")
def worlds():
    """One world in pixels, in channels, and in pixels with prestige."""
    made = [
        socialrl_envs.make("goal_cycle", **OPTIONS, **more)
        for more in ({"pixels": SIZE}, {}, {"pixels": SIZE, "prestige": True})
    ]
    return [Seen(world, jax.jit(world.reset), jax.jit(world.observe)) for world in made]


def begun(seen, level=LEVEL, **seats):
    """Seat A looks up and seat B right."""
    state = seen.reset(Level.from_ascii(level), jax.random.key(0))
    changed = {"heading": jnp.array([0, 1], jnp.int32)} | seats
    return dataclasses.replace(state, seats=dataclasses.replace(state.seats, **changed))


def cell(view, row, column):
    return view[row * SIZE : (row + 1) * SIZE, column * SIZE : (column + 1) * SIZE]


def test_walls_floor_things_and_seats_are_drawn_in_their_cells(worlds):
    view = np.asarray(worlds[0].views(begun(worlds[0])))[0]
    assert view.shape == worlds[0].world.spec.obs_shape == (12, 12, 3)
    assert (cell(view, 0, 1) == TILE_COLOURS[1]).all()
    assert (cell(view, 2, 2) == FLOOR_COLOUR).all()
    assert (cell(view, 1, 0)[1:3, 1:3] == TILE_COLOURS[10]).all()
    assert (cell(view, 1, 0)[0] == FLOOR_COLOUR).all()
    drawn = (cell(view, 1, 1) != FLOOR_COLOUR).any(axis=-1)
    np.testing.assert_array_equal(drawn, drawn[::-1])  # a triangle that points right
    assert drawn[:, 0].sum() > drawn[:, -1].sum() > 0
    assert (cell(view, 2, 1) == FLOOR_COLOUR).all()  # one does not see oneself


def test_hidden_cells_are_black_and_absent_seats_see_and_show_nothing(worlds):
    state = begun(worlds[0], present=jnp.array([True, False]))
    views = np.asarray(worlds[0].views(state))
    assert (views[1] == 0).all()
    assert (cell(views[0], 1, 1) == FLOOR_COLOUR).all()
    hidden = np.asarray(worlds[1].views(state))[0, ..., worlds[1].world.spec.channels.index("unseen")]
    black = np.array([[(cell(views[0], r, c) == HIDDEN_COLOUR).all() for c in range(3)] for r in range(3)])
    np.testing.assert_array_equal(black, hidden == 1)


def test_prestige_turns_a_seat_from_blue_to_red(worlds):
    def colour(prestige):
        state = begun(worlds[2], prestige=jnp.array([0.0, prestige], jnp.float32))
        view = cell(np.asarray(worlds[2].views(state))[0], 1, 1).astype(int)
        return view[(view != FLOOR_COLOUR).any(axis=-1)][0]

    low, middle, high = colour(0.0), colour(1.5), colour(20.0)
    assert low[2] > middle[2] > high[2]
    assert low[0] < middle[0] < high[0]


def test_the_mirrored_world_is_seen_in_the_mirror(worlds):
    """Each seat's look, in each direction, on each side."""
    mirror, pictures = Mirror(worlds[0].world.spec), set()
    bare = LEVEL.replace("1", ".").replace("2", ".")
    state = dataclasses.replace(
        begun(worlds[0]), level=worlds[0].reset(Level.from_ascii(bare), jax.random.key(0)).level
    )
    for heading in range(4):
        beside = []
        for column, facing in ((1, heading), (3, -heading % 4)):
            position = jnp.array([[3, 2], [2, column]], jnp.int32)
            turned = {"heading": jnp.array([0, facing], jnp.int32), "position": position}
            seats = dataclasses.replace(state.seats, **turned)
            beside.append(worlds[0].views(dataclasses.replace(state, seats=seats))[0])
        np.testing.assert_array_equal(mirror.view(beside[0]), beside[1])
        pictures |= {np.asarray(view).tobytes() for view in beside}
    assert len(pictures) == 8


@pytest.mark.parametrize("name", socialrl_envs.names())
def test_every_world_has_views_in_pixels(name):
    world = socialrl_envs.make(name, pixels=3)
    shapes_and_dtypes(world, jax.random.key(0))
    assert world.spec.obs_shape[0] == 3 * world.spec.view.size
    assert world.spec.channels == ("red", "green", "blue")
    assert world.spec.highest == 255


def test_two_pixels_are_too_few():
    with pytest.raises(SocialRLError, match="pixels: 2"):
        socialrl_envs.make("coin_grid", pixels=2)

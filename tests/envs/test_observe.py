"""Views against a slow observer in plain Python."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl_envs import grid
from socialrl_envs.conformance import with_seats
from tests.envs.plain import seen

SIZE, SEATS, COLOURS = 7, 4, 3


def random_states(count, seed=0):
    """Any tiles (walls within too, and holes in the border), any positions, some seats absent."""
    rng = np.random.default_rng(seed)
    kinds = [grid.FLOOR, grid.WALL, *(grid.COIN + k for k in range(COLOURS))]
    return {
        "tiles": rng.choice(kinds, (count, SIZE, SIZE), p=[0.5, 0.2, 0.1, 0.1, 0.1]).astype(np.uint8),
        "position": rng.integers(0, SIZE, (count, SEATS, 2)).astype(np.int32),
        "present": rng.random((count, SEATS)) < 0.75,
    }


@pytest.mark.parametrize("identities", [False, True])
@pytest.mark.parametrize("kind", ["window", "partial", "grid"])
def test_every_view_is_what_the_slow_observer_sees(kind, identities):
    options = {
        "observation": kind,
        "view": 5,
        "identities": identities,
        "size": SIZE,
        "novices": 2,
        "experts": 2,
    }
    world = socialrl_envs.make("coin_grid", colours=COLOURS, **options)
    states = random_states(60)
    level = world.sample_level(jax.random.key(0))

    def look(tiles, position, present):
        state = world.reset(level.edit(tiles=tiles, position=position), jax.random.key(1))
        return world.observe(with_seats(state, present=present))

    given = (jnp.array(states[key]) for key in ("tiles", "position", "present"))
    views = np.asarray(jax.jit(jax.vmap(look))(*given))
    assert views.dtype == np.uint8
    assert views.shape[1:] == (SEATS, *world.spec.obs_shape)
    for i in range(len(views)):
        one = {key: value[i] for key, value in states.items()}
        for seat in range(SEATS):
            expected = seen(one, seat, kind=kind, view=5, colours=COLOURS, identities=identities)
            assert np.array_equal(views[i, seat], expected), (i, seat, world.spec.channels)


def test_a_window_covers_the_whole_inside_from_every_cell():
    world = socialrl_envs.make("coin_grid", size=SIZE, coins=1, novices=1, experts=0)
    level = world.sample_level(jax.random.key(0))
    for row in range(1, SIZE - 1):
        for column in range(1, SIZE - 1):
            state = world.reset(level, jax.random.key(1))
            here = jnp.array([[row, column]], jnp.int32)
            view = world.observe(with_seats(state, position=here))[0]
            assert view[..., 1:4].sum() == 3


def test_as_many_seats_as_there_are_bits_and_no_more():
    world = socialrl_envs.make("coin_grid", novices=28, experts=0, size=9, identities=True)
    state = world.reset(world.sample_level(jax.random.key(0)), jax.random.key(1))
    assert world.observe(state)[0, ..., 4:].sum() == 27
    with pytest.raises(socialrl_envs.SocialRLError, match="at most 28 seats"):
        socialrl_envs.make("coin_grid", novices=29, experts=0, size=9)

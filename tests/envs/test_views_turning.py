"""Forward-facing views against a slow observer in plain Python: any walls, any positions, seats that share
cells.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl_envs import grid
from socialrl_envs.conformance import with_seats
from socialrl_envs.view import bits
from tests.envs.plain_turning import lit, seen
from tests.envs.playing import begin

SEATS = 4


def random_states(count, size, goals, seed=0):
    """Any tiles (walls everywhere, holes in the border), crowded positions, some seats absent."""
    rng = np.random.default_rng(seed)
    kinds = [grid.FLOOR, grid.WALL, *(grid.GOAL + k for k in range(goals))]
    centre = rng.integers(0, size, (count, 1, 2))
    return {
        "tiles": rng.choice(kinds, (count, size, size), p=[0.55, 0.3, *[0.15 / goals] * goals]).astype(
            np.uint8
        ),
        "position": np.clip(centre + rng.integers(-3, 4, (count, SEATS, 2)), 0, size - 1).astype(np.int32),
        "heading": rng.integers(0, 4, (count, SEATS)).astype(np.int32),
        "present": rng.random((count, SEATS)) < 0.85,
        "prestige": rng.uniform(0, 4, (count, SEATS)).astype(np.float32),
    }


def looker(world):
    """A batch of plain states -> the views."""

    def look(tiles, position, heading, present, prestige):
        level = world.sample_level(jax.random.key(0))
        state = world.reset(level.edit(tiles=tiles, position=position, heading=heading), jax.random.key(1))
        fame = {"prestige": prestige} if world.config.prestige else {}
        return world.observe(with_seats(state, present=present, **fame))

    return jax.jit(jax.vmap(look))


@pytest.mark.parametrize("prestige", [False, True])
@pytest.mark.parametrize(
    ("view", "size", "occlusion", "identities"),
    [
        (7, 7, True, True),
        (7, 13, False, False),
        (3, 6, True, False),
        (9, 20, True, True),
        (17, 40, True, False),
    ],
)
def test_every_view_is_what_the_slow_observer_sees(view, size, occlusion, identities, prestige):
    options = {"view": view, "size": size, "occlusion": occlusion, "prestige": prestige, "layout": "open"}
    options["identities"] = identities
    world = socialrl_envs.make("goal_cycle", novices=SEATS, experts=0, **options)
    states = random_states(24, size, 3)
    views = np.asarray(looker(world)(**{name: jnp.asarray(value) for name, value in states.items()}))
    assert views.dtype == np.uint8
    assert views.shape[1:] == (SEATS, *world.spec.obs_shape)
    shown = [{grid.GOAL + k for k in range(3)}]
    for i in range(len(views)):
        one = {name: value[i] for name, value in states.items()}
        glow = [round(255 * float(np.tanh(p / 2))) for p in one["prestige"]] if prestige else None
        for seat in range(SEATS):
            expected = seen(
                one, seat, view=view, kinds=shown, occlusion=occlusion, glow=glow, identities=identities
            )
            got = views[i, seat].astype(int)
            binary = got.shape[-1] - prestige
            assert np.array_equal(got[..., :binary], expected[..., :binary]), (i, seat)
            assert np.abs(got - expected).max() <= 1  # prestige is rounded
    assert views[..., -2 if prestige else -1].any()


@pytest.mark.parametrize("view", [3, 5, 7, 11, 17])
def test_sight_spreads_as_in_the_slow_model_and_is_the_same_for_left_and_right(view):
    rng = np.random.default_rng(view)
    walls = rng.random((400, view, view)) < rng.uniform(0, 0.8, (400, 1, 1))
    weights = 1 << np.arange(view)
    look = jax.jit(lambda words: bits.visible(words.T, view).T)
    rows = np.asarray(look(jnp.asarray((walls * weights).sum(-1).astype(np.uint32))))
    mirrored = np.asarray(look(jnp.asarray((walls[..., ::-1] * weights).sum(-1).astype(np.uint32))))
    got = (rows[..., None] >> np.arange(view)) & 1
    assert np.array_equal(got[..., ::-1], (mirrored[..., None] >> np.arange(view)) & 1)
    for i in range(len(walls)):
        expected = lit({(r, c): bool(walls[i, r, c]) for r in range(view) for c in range(view)}, view)
        assert {tuple(map(int, cell)) for cell in np.argwhere(got[i])} == expected


def test_a_scene_by_hand():
    text = "########\n#......#\n#..1...#\n#.##...#\n#..A.B.#\n#......#\n#......#\n########\nheadings: NW\n"
    world = socialrl_envs.make("goal_cycle", size=8, view=5, goals=2, layout="open", novices=2, experts=0)
    state = begin(world, text)
    view = {name: world.observe(state)[0, ..., c] for c, name in enumerate(world.spec.channels)}
    assert view["wall"].tolist() == [[1, 0, 0, 1, 1], [0] * 5, [0] * 5, [0, 1, 1, 0, 0], [0] * 5]
    assert view["facing_left"].tolist() == [[0] * 5] * 4 + [[0, 0, 0, 0, 1]]
    assert view["unseen"].tolist() == [[0, 1, 1, 0, 0]] * 3 + [[0] * 5] * 2
    assert not view["goal"].any()  # behind the wall
    assert world.observe(state)[1, 4, 2].sum() == 0  # one's own cell

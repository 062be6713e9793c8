"""The rules of coin_grid, one by one, against a plain model of them on thousands of random steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl_envs import Seat, SocialRLError, grid
from tests.envs.plain import chi_square, explain_step
from tests.envs.playing import at, begin, flat, play

FLICKERS = Seat(policy="wanderer", presence="comes_and_goes")
CASES = {
    "default": {},
    "blocking": {"blocking": True, "size": 5, "coins": 1},
    "blocking and absence": {
        "blocking": True,
        "size": 5,
        "coins": 1,
        "experts": (),
        "coplayers": (FLICKERS, FLICKERS),
    },
    "vanishing coins": {"respawn": False, "coins": 4},
    "clutter, four colours": {"layout": "cluttered", "density": 0.3, "colours": 4},
    "absence": {"experts": (), "coplayers": (FLICKERS, FLICKERS), "layout": "four_rooms", "size": 7},
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_every_step_is_one_that_the_rules_allow(case):
    world = socialrl_envs.make("coin_grid", **({"horizon": 30, "size": 6} | CASES[case]))
    config = world.config
    options = {"blocking": config.blocking, "respawn": config.respawn, "colours": config.colours}
    _, (before, actions, after, outcome) = play(world, 32, 30)
    olds, news = flat(before), flat(after)
    for w in range(32):
        for t in range(30):
            old, new = at(olds, w, t), at(news, w, t)
            happened = {"cumulants": outcome.cumulants[w, t]}
            wrong = explain_step(old, actions[w, t].tolist(), new, happened, **options)
            assert not wrong, f"world {w}, step {t}: {wrong}\n{old}\n{actions[w, t]}\n{new}"
    worth = (outcome.cumulants * before.level.params.preferences).sum(-1)
    assert np.allclose(outcome.reward, worth)
    assert outcome.cumulants.sum() > 50
    assert not outcome.terminated.any()
    assert (outcome.truncated == (after.time == 30)).all()


@pytest.mark.parametrize("respawn", [False, True])
def test_coins_are_conserved_or_run_out(respawn):
    world = socialrl_envs.make(
        "coin_grid", size=5, colours=2, coins=2, novices=3, experts=0, respawn=respawn, horizon=60
    )
    _, (_, _, after, outcome) = play(world, 16, 60)
    for colour in range(2):
        count = (after.level.tiles == grid.COIN + colour).sum((2, 3))
        taken = np.cumsum(outcome.cumulants[..., colour].sum(-1), axis=1)
        assert np.array_equal(count, np.full_like(count, 2) if respawn else 2 - taken)


def ring(text, **config):
    """A world and a state for a small hand-drawn level that names no parameters."""
    options = {"size": 5, "coins": 1, "experts": 0, "novices": sum(map(text.count, "AB"))} | config
    world = socialrl_envs.make("coin_grid", **options)
    return world, begin(world, text)


RACE = "#####\n#ArB#\n#...#\n#...#\n#####\n"


@pytest.mark.parametrize("blocking", [False, True])
def test_who_takes_a_coin_that_two_reach_at_once_is_a_fair_draw(blocking):
    world, state = ring(RACE, blocking=blocking)
    step = jax.jit(jax.vmap(world.step, (None, None, 0)))
    _, outcome = step(state, jnp.array([1, 3], jnp.int32), jax.random.split(jax.random.key(1), 4000))
    taken = np.asarray(outcome.cumulants[..., 0])
    assert (taken.sum(1) == 1).all()
    assert chi_square(taken.sum(0)) > 1e-3


def test_a_coin_comes_back_on_any_free_cell_with_equal_chance_and_nowhere_else():
    world, state = ring(RACE)
    step = jax.jit(jax.vmap(world.step, (None, None, 0)))
    after, _ = step(state, jnp.array([1, 4], jnp.int32), jax.random.split(jax.random.key(2), 7000))
    landed = np.argwhere(np.asarray(after.level.tiles) == grid.COIN)[:, 1:]
    assert len(landed) == 7000
    cells, counts = np.unique(landed, axis=0, return_counts=True)
    inside = {(r, c) for r in range(1, 4) for c in range(1, 4)}
    assert {tuple(map(int, cell)) for cell in cells} == inside - {
        (1, 2),
        (1, 3),
    }  # A moved to (1, 2), B stands at (1, 3)
    assert chi_square(counts) > 1e-3


def test_with_blocking_two_who_want_one_cell_get_it_equally_often():
    world, state = ring(RACE.replace("r", "."), blocking=True)
    step = jax.jit(jax.vmap(world.step, (None, None, 0)))
    after, _ = step(state, jnp.array([1, 3], jnp.int32), jax.random.split(jax.random.key(3), 4000))
    columns = np.asarray(after.seats.position)[..., 1]
    assert {tuple(map(int, row)) for row in columns} == {(2, 3), (1, 2)}
    assert chi_square([(columns[:, 0] == 2).sum(), (columns[:, 1] == 2).sum()]) > 1e-3


def test_a_coin_that_lands_nowhere_near_leaves_the_others_alone():
    world, state = ring("#####\n#Arb#\n#g..#\n#...#\n#####\n", respawn=False)
    after, outcome = world.step(state, jnp.array([1], jnp.int32), jax.random.key(1))
    assert outcome.cumulants.tolist() == [[1, 0, 0]]
    assert np.argwhere(np.asarray(after.level.tiles) >= grid.COIN).tolist() == [[1, 3], [2, 1]]


def test_preferences_by_default_and_as_given():
    world = socialrl_envs.make("coin_grid", novices=1, experts=4)
    worth = world.sample_level(jax.random.key(0)).params.preferences.tolist()
    assert worth == [[1, 1, -1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1], [1, -1, -1]]
    seat = Seat(preferences=(0.5, 0.0, 2.0))
    world = socialrl_envs.make("coin_grid", novices=(seat,), experts=0)
    assert world.sample_level(jax.random.key(0)).params.preferences.tolist() == [[0.5, 0, 2]]


def test_a_curriculum_turns_preferences_and_density_without_compiling_anew():
    world = socialrl_envs.make("coin_grid", layout="cluttered", size=8)
    traced = []

    @jax.jit
    def draw(key, overrides):
        traced.append(1)
        return world.sample_level(key, overrides)

    for density in (0.0, 0.25):
        level = draw(
            jax.random.key(0), {"density": jnp.float32(density), "preferences": jnp.full((3, 3), density)}
        )
        assert (level.tiles == grid.WALL).sum() == 28 + int(density * 36)
        assert (level.params.preferences == jnp.float32(density)).all()
    assert len(traced) == 1


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"colours": 5}, ["colours: 5", "1..4"]),
        ({"colours": 0}, ["colours: 0", "1..4"]),
        ({"coins": 0}, ["coins: 0", "at least 1"]),
        ({"coins": 20}, ["size: 9", "larger", "63"]),
        ({"size": 4}, ["size: 4", "5..64"]),
        ({"size": 65}, ["size: 65", "5..64"]),
        ({"horizon": 0}, ["horizon: 0", "at least 1"]),
        ({"view": 4}, ["view: 4", "odd"]),
        ({"view": 1}, ["view: 1", "at least 3"]),
        ({"density": 1.5}, ["density: 1.5", "0..1"]),
        ({"layout": "cluttered", "density": 1.0}, ["size", "floor"]),
        ({"layout": "opne"}, ["'opne'", "did you mean 'open'"]),
        ({"novices": -1}, ["novices: -1", "at least 0"]),
        ({"novices": 0, "experts": 0}, ["nobody lives"]),
        ({"novices": (Seat(preferences=(1.0,)),)}, ["novice_0.preferences", "3"]),
        ({"novices": (Seat(policy="planner"),)}, ["novices", "planner"]),
        ({"experts": (Seat(),)}, ["experts", "learner"]),
        ({"coplayers": (Seat(policy="plannr"),)}, ["'plannr'", "did you mean 'planner'"]),
    ],
)
def test_an_impossible_config_names_the_key_and_the_bound(config, told):
    with pytest.raises(SocialRLError) as error:
        socialrl_envs.make("coin_grid", **config)
    for part in told:
        assert part in str(error.value)

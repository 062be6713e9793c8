"""Distances against breadth-first search, state values against value iteration, planners against an exact
optimum.
"""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl_envs import grid, hosting
from socialrl_envs.planning import values
from tests.envs.plain import MOVES, bfs, moved

SIZE = 7


def fields(count=40, seed=0):
    rng = np.random.default_rng(seed)
    solid = rng.random((count, SIZE, SIZE)) < rng.uniform(0, 0.5, (count, 1, 1))
    gain = rng.choice([0, 0, 0, 1, -1, 0.5], (count, SIZE, SIZE)) * ~solid
    return gain.astype(np.float32), solid


def iterate(gain, solid, discount):
    """V of the best goal from each cell, by plain value iteration over a dictionary of moves."""
    value = np.zeros(gain.shape)
    for _ in range(4 * gain.size):
        better = value.copy()
        for r, c in np.argwhere(~solid):
            options = [0.0]
            for dr, dc in MOVES:
                y, x = r + dr, c + dc
                inside = 0 <= y < gain.shape[0] and 0 <= x < gain.shape[1] and not solid[y, x]
                if (dr, dc) == (0, 0) or not inside:
                    options.append(discount * value[r, c])
                else:
                    options.append(gain[y, x] if gain[y, x] > 0 else gain[y, x] + discount * value[y, x])
            better[r, c] = max(options)
        if np.abs(better - value).max() < 1e-9:
            break
        value = better
    return value


def test_distances_are_those_of_a_breadth_first_search():
    _, solid = fields(60)
    targets = np.random.default_rng(1).random(solid.shape) < 0.08
    got = np.asarray(jax.jit(jax.vmap(values.distances))(jnp.array(targets), jnp.array(solid)))
    for i in range(len(solid)):
        assert np.array_equal(got[i], bfs(targets[i], solid[i]))


def test_state_values_are_those_of_value_iteration():
    gain, solid = fields()
    got = np.asarray(jax.jit(jax.vmap(values.cardinal_state_values))(jnp.array(gain), jnp.array(solid)))
    for i in range(len(gain)):
        assert np.allclose(got[i], iterate(gain[i], solid[i], values.DISCOUNT), atol=1e-4)


@cache
def pursuit(**config):
    """A world where the one seat is a planner, and (keys) -> its levels, positions and rewards over an
    episode.
    """
    config = {"novices": 0, "experts": 1, "respawn": False} | config
    world = socialrl_envs.make("coin_grid", **config)
    host = hosting.host(world)

    def play(key):
        level_key, reset_key, play_key = jax.random.split(key, 3)
        level = world.sample_level(level_key)

        def step(state, time):
            act_key, step_key = jax.random.split(jax.random.fold_in(play_key, time))
            after, outcome = world.step(state, host(state, act_key), step_key)
            return after, (after.seats.position[0], outcome.reward[0])

        _, (path, rewards) = jax.lax.scan(step, world.reset(level, reset_key), jnp.arange(world.spec.horizon))
        return level, path, rewards

    return world, jax.jit(jax.vmap(play))


@pytest.mark.parametrize("layout", ["open", "cluttered", "four_rooms"])
def test_a_planner_takes_a_shortest_path_to_a_coin(layout):
    _, play = pursuit(layout=layout, density=0.3, colours=1, coins=1, size=8, horizon=25)
    levels, _, rewards = play(jax.random.split(jax.random.key(0), 64))
    for tiles, position, reward in zip(
        *map(np.asarray, (levels.tiles, levels.position, rewards)), strict=True
    ):
        steps = bfs(tiles == grid.COIN, tiles == grid.WALL)[tuple(position[0])]
        assert np.flatnonzero(reward).tolist() == [steps - 1]


def best_return(tiles, start, worth, horizon):
    """The highest return there is: dynamic programming over (cell, coins left), step by step from the end."""
    solid = tiles == grid.WALL
    coins = [tuple(map(int, cell)) for cell in np.argwhere(tiles >= grid.COIN)]
    floor = [tuple(map(int, cell)) for cell in np.argwhere(~solid)]
    later = dict.fromkeys(((cell, left) for cell in floor for left in range(2 ** len(coins))), 0.0)
    for _ in range(horizon):
        now = {}
        for cell, left in later:
            options = []
            for action in range(5):
                there = moved([cell], [action], solid, [True], None)[0]
                pay, rest = 0.0, left
                if there in coins and left >> coins.index(there) & 1:
                    rest = left & ~(1 << coins.index(there))
                    pay = worth[tiles[there] - grid.COIN]
                options.append(pay + later[there, rest])
            now[cell, left] = max(options)
        later = now
    return later[tuple(map(int, start)), 2 ** len(coins) - 1]


def test_planners_reach_95_percent_of_an_exact_optimum_among_coins_they_like_and_dislike():
    worth = (1.0, -1.0)
    seat = socialrl_envs.Seat(policy="planner", preferences=worth)
    world, play = pursuit(
        experts=(seat,), size=6, layout="cluttered", density=0.2, colours=2, coins=2, horizon=14
    )
    levels, _, rewards = play(jax.random.split(jax.random.key(1), 16))
    starts = np.asarray(levels.position)[:, 0]
    best = [
        best_return(t, s, worth, world.spec.horizon)
        for t, s in zip(np.asarray(levels.tiles), starts, strict=True)
    ]
    got = np.asarray(rewards).sum(1)
    assert (got <= np.array(best) + 1e-5).all()
    assert got.sum() >= 0.95 * sum(best)
    assert sum(best) > 16  # the levels are worth something

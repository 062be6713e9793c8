"""The parameters of a level may differ per parallel world, in one compiled function: size, density, skill,
presence, pay.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl_envs import Seat, host
from socialrl_envs.conformance import random_actions
from socialrl_envs.generators import layouts
from tests.envs.plain import connected

SIZE, STEPS, COPIES = 9, 24, 24
NAMES = socialrl_envs.names()
SEATS = (Seat(policy="noisy"), Seat(policy="wanderer"))


@cache
def player(name: str) -> tuple[Any, Callable[..., Any], list[int]]:
    """A world, a compiled function (keys (B,), overrides with axis B) -> (levels, states, actions, outcomes),
    and its tracings.
    """
    world = socialrl_envs.make(
        name, size=SIZE, layout="cluttered", novices=1, experts=0, coplayers=SEATS, horizon=STEPS
    )
    hosted, traced = host(world), []

    def run(key, overrides):
        traced.append(1)
        level_key, reset_key, play_key = jax.random.split(key, 3)
        level = world.sample_level(level_key, overrides)

        def step(state, time):
            act_key, own_key, step_key = jax.random.split(jax.random.fold_in(play_key, time), 3)
            actions = hosted(state, act_key).at[0].set(random_actions(world, own_key)[0])
            after, outcome = world.step(state, actions, step_key)
            return after, (state, actions, outcome)

        return level, *jax.lax.scan(step, world.reset(level, reset_key), jnp.arange(STEPS))[1]

    return world, jax.jit(jax.vmap(run)), traced


def play(name: str, **params: Any) -> tuple[Any, ...]:
    """Episodes in which each of the given values of a parameter is played COPIES times; the others are the
    world's own.
    """
    world, run, traced = player(name)
    count = len(next(iter(params.values())))
    values = {}
    for key, own in world.params.named().items():
        given = [np.broadcast_to(np.float32(value), own.shape) for value in params.get(key, [own] * count)]
        values[key] = jnp.asarray(np.repeat(np.stack(given), COPIES, axis=0))
    assert count == 4, "as many as in every other test, or it compiles anew"
    found = jax.device_get(run(jax.random.split(jax.random.key(5), count * COPIES), values))
    assert len(traced) == 1
    return jax.tree.map(lambda leaf: leaf.reshape(count, COPIES, *leaf.shape[1:]), found)


@pytest.mark.parametrize("name", NAMES)
def test_the_size_differs_per_world(name):
    world, *_ = player(name)
    levels, states, *_ = play(name, size=[5, 7, 9, 60])
    for side, tiles, position in zip([5, 7, 9, 9], levels.tiles, states.seats.position, strict=True):
        least = max(side, max(int(np.ptp(np.argwhere(one != 1)[:, 0])) + 3 for one in tiles))
        assert least - side <= 2
        assert least == side or side == 5
        for one in tiles:
            floor = np.argwhere(one != 1)
            assert (np.ptp(floor, axis=0) + 3 <= least).all()
            assert connected((one != 1) & ~np.isin(one, [2]))
            for item in set(world.task.items):
                assert (one == item).sum() == world.task.items.count(item)
        assert (np.ptp(position.reshape(COPIES, -1, 2), axis=1) + 3 <= least).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_density_differs_per_world_and_always_leaves_room(name):
    world, *_ = player(name)
    levels, *_ = play(name, density=[0.0, 0.1, 0.3, 1.0])
    walls = (levels.tiles == 1).sum((2, 3)).mean(1)
    assert (np.diff(walls) > 0).all()
    for one, position in zip(levels.tiles[3], levels.position[3], strict=True):
        assert len(np.unique(position, axis=0)) == len(world.spec.seats)
        assert (one[position[:, 0], position[:, 1]] == 0).all()
        for item in set(world.task.items):
            assert (one == item).sum() == world.task.items.count(item)


@pytest.mark.parametrize("name", NAMES)
def test_presence_differs_per_world(name):
    schedule = socialrl_envs.presence.SCHEDULES
    rows = [
        [schedule["always"], schedule[one], schedule["always"]]
        for one in ("always", "never", "first_half", "leaves")
    ]
    _, states, *_ = (
        play(name, presence=rows, flood=[0.0] * 4) if name == "flooded_road" else play(name, presence=rows)
    )
    there = states.seats.present[..., 1].mean(1)
    if name != "flooded_road":  # where whoever arrives is gone too
        assert (there[0] == 1).all()
        assert (there[2, : STEPS // 2] == 1).all()
    assert there[0, :4].all()
    assert (there[1] == 0).all()
    assert (there[2, STEPS // 2 :] == 0).all()
    assert (np.diff(there[3]) <= 0).all()
    assert 0.3 * there[0].mean() < there[3].mean() < 0.8


@pytest.mark.parametrize("name", NAMES)
def test_skill_differs_per_world(name):
    _, _, actions, _ = play(name, skill=[0.0, 0.4, 0.8, 1.0])
    kinds = len(socialrl_envs.make(name).spec.actions)
    counts = np.stack([np.bincount(one, minlength=kinds) for one in actions[..., 1].reshape(4, -1)])
    evenness = 1 - np.abs(counts / counts.sum(1, keepdims=True) - 1 / kinds).sum(1)
    assert evenness[0] > 0.9
    assert evenness[0] > evenness[-1]
    assert counts[0].tolist() != counts[1].tolist() != counts[2].tolist() != counts[3].tolist()


@pytest.mark.parametrize("name", ["goal_cycle", "goal_sequence"])
def test_reward_and_penalty_differ_per_world(name):
    *_, outcome = play(name, reward=[1.0, 2.0, 1.0, 0.5], penalty=[0.0, 0.25, 2.0, 1.0])
    right, wrong = outcome.cumulants[..., 0], outcome.cumulants[..., 1]
    assert wrong.any((1, 2, 3)).all()
    for i, (gain, loss) in enumerate(zip([1.0, 2.0, 1.0, 0.5], [0.0, 0.25, 2.0, 1.0], strict=True)):
        assert np.allclose(outcome.reward[i], gain * right[i] - loss * wrong[i])


def test_the_reward_of_goal_search_differs_per_world():
    *_, outcome = play("goal_search", reward=[1.0, 2.0, 0.5, 4.0])
    assert outcome.cumulants.any((1, 2, 3, 4)).all()
    assert np.allclose(
        outcome.reward, outcome.cumulants[..., 0] * np.array([1.0, 2.0, 0.5, 4.0])[:, None, None, None]
    )


@pytest.mark.parametrize("name", ["coin_grid", "flooded_road", "cleanup_office"])
def test_preferences_differ_per_world(name):
    worth = (
        np.random.default_rng(0)
        .normal(size=(4, *player(name)[0].params.preferences.shape))
        .astype(np.float32)
    )
    *_, outcome = play(name, preferences=list(worth))
    assert outcome.cumulants.any((1, 2, 3, 4)).all()
    assert np.allclose(outcome.reward, (outcome.cumulants * worth[:, None, None]).sum(-1), atol=1e-5)


def test_chances_differ_per_world():
    _, flooded, *_ = play("flooded_road", flood=[0.0, 0.2, 0.7, 1.0])
    assert (np.diff(flooded.task.flooded[:, :, 0].mean(1)) > 0).all()
    _, office, *_ = play("cleanup_office", litter_rate=[0.0, 0.1, 0.5, 1.0])
    dropped = office.task.dropped[:, :, -1].mean(1)
    assert dropped[0] == 0
    assert (np.diff(dropped) > 0).all()


@pytest.mark.parametrize("layout", sorted(layouts.LAYOUTS))
def test_a_layout_of_any_size_is_that_of_its_own_grid_in_the_corner(layout):
    draw = jax.jit(jax.vmap(lambda key, size: layouts.find(layout)(key, 12, 12, jnp.float32(0.4), size)))
    sizes = np.repeat(np.arange(5, 13, dtype=np.int32), 16)
    for size, solid in zip(
        sizes, np.asarray(draw(jax.random.split(jax.random.key(0), len(sizes)), sizes)), strict=True
    ):
        assert solid[size - 1 :].all()
        assert solid[:, size - 1 :].all()
        assert (~solid[size // 2 :, size // 2 :]).any()
        assert connected(~solid)
        if layout in ("maze", "four_rooms"):
            floor = ~solid
            pairs = int((floor[1:] & floor[:-1]).sum() + (floor[:, 1:] & floor[:, :-1]).sum())
            half = size // 2 - 1, size - 2 - size // 2
            cells = sum(half) ** 2 + 4
            assert pairs == floor.sum() - 1 if layout == "maze" else floor.sum() == cells


def test_room_is_made_beside_floor_and_only_if_it_is_short():
    solid = layouts.border(7, 7)
    cave = jnp.ones((7, 7), bool).at[3, 3].set(False)

    def make(key, walls, needed):
        return jax.jit(lambda key: layouts.make_room(key, walls, ~jnp.asarray(solid), needed))(key)

    assert (make(jax.random.key(0), jnp.asarray(solid), 5) == solid).all()
    for needed in (1, 4, 12, 25, 40):
        floor = ~np.asarray(make(jax.random.key(needed), cave, needed))
        assert floor.sum() == min(needed, 25)
        assert connected(floor)
        assert not (floor & np.asarray(solid)).any()

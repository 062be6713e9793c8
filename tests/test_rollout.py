"""Tests of rollouts: true successors, where episodes begin and end, and what a learner sees of others."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.rollout import make_rollout
from socialrl.types import Demonstration
from tests.corridor import LEFT, Corridor, walker

B, STEPS = 4, 40
POSITION, TIME, LEVEL, SEAT = range(4)


@pytest.fixture(scope="module")
def world():
    return Corridor()


def play(world, steps, functions=None):
    """(Carry before, Carry after, Experience, metrics) of `steps` steps in 4 worlds, as numpy."""
    rollout = make_rollout(world, walker(world.spec), functions)

    @jax.jit
    def go(key):
        pool_key, begin_key, unroll_key = jax.random.split(key, 3)
        levels = rollout.pool(pool_key, 8)
        begin = rollout.begin(levels, begin_key, B)
        return begin, *rollout.unroll((), begin, levels, unroll_key, steps)

    return jax.device_get(go(jax.random.key(0)))


@pytest.fixture(scope="module")
def unrolled(world):
    return play(world, STEPS)


def ended(own):
    return own.terminated | own.truncated


def test_the_true_successor_survives_every_reset(world, unrolled):
    _, _, experience, _ = unrolled
    own = experience.own
    before, after = own.timestep.obs[..., 0, 0, :].astype(int), own.next_obs[..., 0, 0, :].astype(int)
    move = np.where(own.action == LEFT, -1, 1)
    np.testing.assert_array_equal(
        after[..., POSITION], np.clip(before[..., POSITION] + move, 0, world.length - 1)
    )
    np.testing.assert_array_equal(after[..., TIME], before[..., TIME] + 1)  # never the 0 of a reset frame
    np.testing.assert_array_equal(after[..., LEVEL], before[..., LEVEL])
    assert ended(own).sum() > 10
    done = ended(own)[:-1, :, 0]
    np.testing.assert_array_equal(own.timestep.obs[1:][~done], own.next_obs[:-1][~done])
    np.testing.assert_array_equal(before[1:][done][..., TIME], 0)
    np.testing.assert_array_equal(before[1:][done][..., POSITION], 0)


def test_terminated_and_truncated_are_told_apart(world, unrolled):
    own = unrolled[2].own
    after = own.next_obs[..., 0, 0, :]
    np.testing.assert_array_equal(own.terminated, after[..., POSITION] == world.length - 1)
    np.testing.assert_array_equal(own.truncated, (after[..., TIME] == world.spec.horizon) & ~own.terminated)
    assert own.terminated.any()
    assert own.truncated.any()


def test_a_demonstration_discounts_terminations_only(unrolled):
    own, others = unrolled[2].own, unrolled[2].others
    for seat in range(others.action.shape[2]):
        np.testing.assert_array_equal(others.discount[..., seat], 1.0 - own.terminated[..., 0])
        np.testing.assert_array_equal(others.last[..., seat], ended(own)[..., 0])


def test_first_marks_the_start_of_every_episode(unrolled):
    own = unrolled[2].own
    np.testing.assert_array_equal(own.timestep.first, own.timestep.obs[..., 0, 0, TIME] == 0)
    assert own.timestep.first[0].all()
    np.testing.assert_array_equal(own.timestep.first[1:], ended(own)[:-1])


def test_memory_and_last_step_are_forgotten_with_the_episode(unrolled):
    own, decision = unrolled[2].own, unrolled[2].decision
    count, action, reward = np.moveaxis(decision.values[..., 0, :], -1, 0)
    np.testing.assert_array_equal(count, own.timestep.obs[..., 0, 0, TIME].astype(int) + 1)
    first = own.timestep.first
    np.testing.assert_array_equal(action[first], 0)
    np.testing.assert_array_equal(reward[first], 0)
    np.testing.assert_array_equal(action[1:][~first[1:]], own.action[:-1][~first[1:]])
    np.testing.assert_array_equal(reward[1:][~first[1:]], own.reward[:-1][~first[1:]])
    np.testing.assert_array_equal(action, own.timestep.prev_action)
    np.testing.assert_array_equal(reward, own.timestep.prev_reward)


def test_returns_are_those_of_whole_episodes(unrolled):
    _, after, experience, metrics = unrolled
    own = experience.own
    total, count, running = 0.0, 0, np.zeros(B)
    for t in range(STEPS):
        running += own.reward[t, :, 0]
        done = ended(own)[t, :, 0]
        total, count = total + running[done].sum(), count + done.sum()
        running[done] = 0
    assert metrics["episodes"] == count
    np.testing.assert_allclose(metrics["return_sum"], total, rtol=1e-5)
    np.testing.assert_allclose(after.returns[:, 0], running)
    np.testing.assert_allclose(metrics["followed"], [1.0])


def test_others_are_seen_without_their_reward(world, unrolled):
    others = unrolled[2].others
    fields = {field.name for field in dataclasses.fields(Demonstration)}
    assert fields == {"obs", "action", "next_obs", "discount", "last", "present"}
    before, after = others.obs[..., 0, 0, :].astype(int), others.next_obs[..., 0, 0, :].astype(int)
    move = np.array([-1, 1, 0])[others.action]
    np.testing.assert_array_equal(
        after[..., POSITION], np.clip(before[..., POSITION] + move, 0, world.length - 1)
    )
    np.testing.assert_array_equal(after[..., TIME], before[..., TIME] + 1)
    for number, seat in enumerate(world.spec.coplayers):
        np.testing.assert_array_equal(before[..., number, SEAT], seat)


def test_presence_is_that_of_the_state_in_which_a_seat_acts(unrolled):
    others = unrolled[2].others
    odd = others.obs[..., 0, 0, TIME] % 2 == 1
    np.testing.assert_array_equal(others.present[..., -1], ~odd[..., -1])
    np.testing.assert_array_equal(others.present[..., :-1], True)


def test_levels_are_drawn_from_the_pool_uniformly_however_long_their_episodes_are(world):
    """Pearson's chi-square over 8 levels: 7 degrees of freedom, 99.9 % quantile 24.3. An episode takes 1 to 4
    steps.
    """
    rollout = make_rollout(world, walker(world.spec, right=1.0))
    worlds, steps = 32, 80

    @jax.jit
    def go(key):
        level_key, begin_key, unroll_key = jax.random.split(key, 3)

        def level(number):
            drawn = world.sample_level(level_key, {"mark": number.astype(jnp.float32)})
            return dataclasses.replace(drawn, position=drawn.position.at[:, 1].set(number % 4))

        levels = jax.vmap(level)(jnp.arange(8, dtype=jnp.int32))
        begin = rollout.begin(levels, begin_key, worlds)
        _, experience, _ = rollout.unroll((), begin, levels, unroll_key, steps)
        return experience.own.timestep

    timestep = jax.device_get(go(jax.random.key(4)))
    starts = timestep.obs[..., 0, 0, LEVEL][timestep.first]
    ids, counts = np.unique(starts, return_counts=True)
    assert ids.tolist() == list(range(8))
    assert np.sum((counts - counts.mean()) ** 2 / counts.mean()) < 24.3
    steps_on = np.bincount(timestep.obs[..., 0, 0, LEVEL].reshape(-1), minlength=8)
    np.testing.assert_allclose(steps_on / counts, 4 - np.arange(8) % 4, rtol=0.1)
    assert (
        len(np.unique(timestep.obs[0, :, 0, 0, 0, LEVEL])) > 3
    )  # worlds draw their own levels, at the start too


@pytest.fixture(scope="module")
def traced():
    """(world, Trace as numpy) of episodes in a slippery corridor."""
    world = Corridor(slippery=True, horizon=8)
    rollout = make_rollout(world, walker(world.spec))

    @jax.jit
    def live(key):
        levels_key, key = jax.random.split(key)
        return rollout.episodes((), rollout.pool(levels_key, 6), key)

    return world, jax.device_get(live(jax.random.key(1)))


def test_episodes_can_be_stepped_again_by_hand_from_their_keys(traced):
    world, trace = traced
    step, reset = jax.jit(world.step), jax.jit(world.reset)
    for episode in range(6):
        start = jax.tree.map(lambda leaf, e=episode: leaf[0, e], trace.states)
        state = reset(start.level, jax.random.wrap_key_data(trace.reset_key[episode]))
        for t in range(world.spec.horizon):
            recorded = jax.tree.map(lambda leaf, t=t, e=episode: leaf[t, e], trace.states)
            jax.tree.map(np.testing.assert_array_equal, state, recorded)
            state, outcome = step(
                state, trace.actions[t, episode], jax.random.wrap_key_data(trace.step_key[t, episode])
            )
            recorded = jax.tree.map(lambda leaf, t=t, e=episode: leaf[t, e], trace.outcome)
            jax.tree.map(np.testing.assert_array_equal, outcome, recorded)


def test_an_episode_never_starts_anew_and_is_padding_after_its_end(traced):
    _, trace = traced
    done = trace.outcome.terminated | trace.outcome.truncated
    for episode in range(done.shape[1]):
        length = int(np.argmax(done[:, episode])) + 1
        np.testing.assert_array_equal(trace.alive[:, episode], np.arange(len(done)) < length)
    np.testing.assert_array_equal(trace.states.time[:, 0], np.arange(len(done) + 1))
    assert not trace.alive.all()
    np.testing.assert_array_equal(trace.decision.values[:, 0, 0, 0, 0], np.arange(len(done)) + 1)


def test_zero_coplayers_and_several_novices():
    experience = play(Corridor(coplayers=0, novices=3), steps=5)[2]
    assert experience.own.timestep.obs.shape == (5, B, 3, 1, 1, 4)
    assert experience.others.obs.shape == (5, B, 0, 1, 1, 4)
    np.testing.assert_array_equal(experience.own.timestep.obs[0, 0, :, 0, 0, SEAT], [0, 1, 2])
    assert len(np.unique(experience.own.action.reshape(-1, 3), axis=0)) > 2  # each novice acts for itself


def test_a_function_can_take_a_coplayers_seat():
    def still(world, state, seat, key):
        return jnp.int32(2)

    experience = play(Corridor(), steps=10, functions={"coplayer_1": still})[2]
    np.testing.assert_array_equal(experience.others.action[..., 0], 2)
    assert len(np.unique(experience.others.action[..., 1])) == 3

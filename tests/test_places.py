"""Tests of the memory of places, against what is true of the world."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.geometry import FORWARD
from socialrl.learners import ppo
from socialrl.nets.places import PlaceReader
from socialrl.places import FEATURES, MARKS, PlaceMemory, mirrored
from socialrl.protocols.memory import goal_cells
from socialrl.rollout import make_rollout
from socialrl.types import Timestep
from socialrl_envs.errors import SocialRLError
from socialrl_envs.struct import replace
from socialrl_envs.worlds import coin_grid, goal_cycle, goal_sequence

STEPS, WORLDS, GOALS, SLOTS = 119, 32, 4, 6
WORLD = goal_cycle.Config(size=9, experts=2, layout="open", goals=GOALS, horizon=STEPS + 1, penalty=1.5)


@pytest.fixture(scope="module")
def lived():
    """What `life` returns, in goal_cycle."""
    return life(WORLD, STEPS)


def life(config, steps):
    """(start, experience, memory, places after every step) of a random novice beside experts, one episode."""
    world = config.build()
    learner = ppo.Config(hidden=(8,), memory="none").build(world.spec)
    rollout, memory = make_rollout(world, learner), PlaceMemory(world.spec, SLOTS)

    def live(key):
        levels = rollout.pool(key, 64)
        start = rollout.begin(levels, key, WORLDS)
        _, experience, _ = rollout.unroll(learner.init(key, steps, WORLDS), start, levels, key, steps)
        own = jax.tree.map(lambda x: x[:, :, 0], experience.own.timestep)
        return start, experience, memory.unroll(memory.init(WORLDS), own)

    with jax.debug_key_reuse(False):
        start, experience, places = jax.jit(live)(jax.random.key(3))
    return start, experience, memory, jax.tree.map(np.asarray, places)


@pytest.fixture(scope="module")
def numbers(lived):
    """What `goals_of` returns, in goal_cycle."""
    return goals_of(lived, GOALS)


def goals_of(lived, goals):
    """The goal on which each slot lies at the end, -1 for an empty slot, (WORLDS, SLOTS)."""
    start, experience, _, places = lived
    cells = np.asarray(goal_cells(start.state.level.tiles, goals))
    position, heading = np.asarray(experience.positions)[0, :, 0], np.asarray(experience.headings)[0, :, 0]
    result = np.full((WORLDS, SLOTS), -1)
    for b in range(WORLDS):
        ahead = np.array(FORWARD[heading[b]])
        right = np.array([ahead[1], -ahead[0]])
        for slot in np.flatnonzero(places.known[-1, b]):
            row, column = places.cell[-1, b, slot]
            cell = position[b] - row * ahead + column * right
            (result[b, slot],) = np.flatnonzero((cells[b] == cell).all(-1))  # every place is a goal
    return result


def test_places_are_the_goals_each_in_one_slot(numbers):
    for row in numbers:
        found = row[row >= 0]
        assert len(set(found)) == len(found)
    assert (numbers >= 0).sum() > 0.9 * WORLDS * GOALS


def test_what_others_are_seen_to_do_is_the_hidden_order(lived, numbers):
    places = lived[3]
    shown = places.shown[-1]
    b, i, j = np.nonzero(shown)
    right = (numbers[b, i] + 1) % GOALS == numbers[b, j]
    count = shown[b, i, j]
    assert count.sum() > WORLDS
    assert count[right].sum() > 0.97 * count.sum()


def test_own_tries_are_remembered_as_they_paid(lived, numbers):
    places = lived[3]
    b, i, j = np.nonzero(places.right[-1])
    np.testing.assert_array_equal((numbers[b, i] + 1) % GOALS, numbers[b, j])
    wrong_b, wrong_i, wrong_j = np.nonzero(places.wrong[-1])
    assert np.all((numbers[wrong_b, wrong_i] + 1) % GOALS != numbers[wrong_b, wrong_j])
    assert min(len(b), len(wrong_b)) > WORLDS // 4


def test_an_episode_starts_without_places(lived):
    _, experience, memory, places = lived
    last = jax.tree.map(lambda x: jnp.asarray(x[-1, 0]), places)
    begun = jax.tree.map(lambda x: x[5, 0, 0], experience.own.timestep)
    step, first = jax.jit(memory.step), replace(begun, first=jnp.array(True))
    kept, anew, blank = step(last, begun), step(last, first), step(memory.init(), first)
    assert jax.tree.all(jax.tree.map(lambda a, b: bool(jnp.all(a == b)), anew, blank))
    assert bool(jnp.any(kept.shown != anew.shown) | jnp.any(kept.cell != anew.cell))


def test_features_say_what_was_shown_after_the_last_place(lived):
    _, _, memory, places = lived
    last = jax.tree.map(lambda x: jnp.asarray(x[-1]), places)
    found = np.asarray(jax.jit(jax.vmap(memory.features))(last))
    has = places.last[-1] >= 0
    expected = np.where(has[:, None], places.shown[-1][np.arange(WORLDS), places.last[-1]], 0) > 0
    np.testing.assert_array_equal(found[..., FEATURES.index("shown")] > 0, expected & places.known[-1])
    assert expected.any()


def test_marks_lie_on_the_goals_in_view(lived):
    """Every mark is on a cell where the view shows a goal, and says what the features of that place say."""
    _, experience, memory, places = lived
    last = jax.tree.map(lambda x: jnp.asarray(x[-1]), places)
    found = jax.jit(jax.vmap(memory.found))(last)
    goal = np.asarray(experience.own.timestep.obs)[-1, :, 0, ..., WORLD.build().spec.channels.index("goal")]
    marks, features = np.asarray(found.marks), np.asarray(found.places)
    assert np.all(marks.any(-1) <= (goal > 0))
    side = marks.shape[1]
    for name in ("right", "shown"):
        told = features[..., FEATURES.index(name)] > 0
        for b, slot in np.argwhere(told):
            ahead, right = np.round(features[b, slot, 1:3] * memory.scale).astype(int)
            row, column = side - 1 - ahead, side // 2 + right
            if 0 <= row < side and 0 <= column < side:
                assert marks[b, row, column, MARKS.index(name)] == 1
    assert marks.sum() > 20


def test_in_trials_everybody_comes_from_the_start():
    """goal_sequence: the memory of the order, first place included, outlasts being put back, and its places
    stay where they are.
    """
    kinds, trial = 3, 24
    config = goal_sequence.Config(size=7, view=7, experts=2, goals=kinds, horizon=4 * trial, trials=4)
    assert config.build().spec.trial == trial
    lived = life(config, 4 * trial - 1)
    places, number = lived[3], goals_of(lived, kinds)
    before = np.concatenate([number, np.full((WORLDS, 1), -1)], axis=1)  # the start comes before the first
    for counts, least in ((places.shown, 0.9), (places.right, 1.0)):
        found = np.float32(counts[-1])
        found = found * (before != kinds - 1)[..., None]  # those who are through go anywhere
        b, i, j = np.nonzero(found)
        count = found[b, i, j]
        follows = before[b, i] + 1 == number[b, j]
        assert (i == SLOTS).any()
        assert count[follows].sum() >= least * count.sum() > WORLDS / 4
    b, i, j = np.nonzero(places.wrong[-1])
    assert np.all(before[b, i] + 1 != number[b, j])
    begins = np.arange(4 * trial - 1) % trial == 0
    assert (places.last[begins] == SLOTS).all()
    assert (places.pose[begins] == 0).all()


def test_a_place_that_is_empty_is_forgotten():
    """Coins vanish when they are taken."""
    spec = coin_grid.Config(size=5, experts=1).build().spec
    memory = PlaceMemory(spec, 4)
    side, channel = spec.obs_shape[0], next(i for i in memory.items)
    shown = np.zeros(spec.obs_shape, np.uint8)
    shown[side // 2, side // 2 + 1, channel] = 1
    first = Timestep(
        obs=jnp.asarray(shown),
        prev_action=jnp.int32(0),
        prev_reward=jnp.float32(0),
        first=jnp.array(True),
    )
    step = jax.jit(memory.step)
    seen = step(memory.init(), first)
    assert seen.known.tolist() == [True, False, False, False]
    assert seen.cell[0].tolist() == [0, 1]
    stay = jnp.int32(spec.actions.index("stay"))
    gone = replace(first, obs=jnp.zeros_like(first.obs), prev_action=stay, first=jnp.array(False))
    assert not step(seen, gone).known.any()


def test_the_reader_does_not_depend_on_the_order_of_places(lived):
    _, _, memory, places = lived
    found = jax.vmap(memory.features)(jax.tree.map(lambda x: jnp.asarray(x[-1]), places))
    reader = PlaceReader()
    params = reader.init(jax.random.key(0), found)

    @jax.jit
    def read(places):
        return jnp.asarray(reader.apply(params, places))

    np.testing.assert_allclose(read(found), read(found[:, jnp.array([3, 1, 5, 0, 2, 4])]), atol=1e-5)
    assert not np.allclose(read(found), read(mirrored(found)), atol=1e-3)


def test_the_policy_is_equivariant_to_mirroring_and_its_sequences_are_its_steps(lived):
    """The update sees what acting saw: the same logits from the places that are computed once."""
    _, experience, _, _ = lived
    spec = WORLD.build().spec
    policy = ppo.PPO(ppo.Config(hidden=(8,), places=SLOTS, mirror=True), spec)
    params = jax.jit(policy.net.init)(jax.random.key(1))
    own = jax.tree.map(lambda x: x[:6, :2, 0], experience.own.timestep)
    images = policy.net.images
    flipped = replace(own, obs=images.view(own.obs), prev_action=images.action(own.prev_action))

    @jax.jit
    def unrolled(steps):
        carry = policy.net.initial_carry(2)
        carries, out = policy.net.unroll(params, carry, steps)
        again = policy.net.outputs(params, carry, steps, policy.net.found(carries))
        return out.logits, again.logits

    logits, again = unrolled(own)
    np.testing.assert_allclose(logits, again, atol=1e-6)
    step, carry = jax.jit(policy.net.step), policy.net.initial_carry(2)
    for t in range(6):
        carry, now = step(params, carry, jax.tree.map(lambda x, t=t: x[t], own))
        np.testing.assert_allclose(now.logits[0], logits[t], atol=1e-5)
    np.testing.assert_allclose(images.table(logits), unrolled(flipped)[0], atol=1e-5)


def test_places_need_views_of_cells():
    world = goal_cycle.Config(size=9, pixels=3).build()
    with pytest.raises(SocialRLError, match="places: 4, but goal_cycle is seen in pixels"):
        ppo.Config(places=4).build(world.spec)

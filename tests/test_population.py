"""Populations of trained agents in a seat: each member acts as the agent alone, and the level says which."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.acting import Acting, leaves_by_path, leaves_read, template_of
from socialrl.learners import ppo
from socialrl.population import TrainedPopulation, grouped, stack
from socialrl.rollout import make_rollout
from socialrl_envs import hosting
from socialrl_envs.conformance.playing import QUICK
from socialrl_envs.errors import SocialRLError
from socialrl_envs.types import Level, Population
from socialrl_envs.worlds import rendezvous

CONFIG = rendezvous.Config(size=5, places=2, horizon=6, redrawn="partners")
LEARNER = ppo.Config(hidden=(8,), parameter_sharing=True)
MEMBERS, WORLDS = 3, 8


@pytest.fixture(scope="module")
def trained():
    """(world, learner, population), whose members learnt as one of two novices; here their weights are
    random and large, so that they differ.
    """
    world, alone = CONFIG.build(), dataclasses.replace(CONFIG, novices=2, experts=0).build()
    learner, template = LEARNER.build(alone.spec), template_of(LEARNER, alone.spec, 5, WORLDS)
    read = leaves_read(LEARNER, alone.spec, template, 0)

    def member(key):
        leaves = leaves_by_path(learner.init(key, 5, WORLDS))
        return {name: 3 * leaf for name, leaf in leaves.items() if name in read}

    acting = Acting(learner=learner, spec=alone.spec, template=template, novice=0)
    leaves = jax.jit(jax.vmap(member))(jax.random.split(jax.random.key(0), MEMBERS))
    return world, LEARNER.build(world.spec), TrainedPopulation(acting=acting, leaves=leaves, greedy=False)


@pytest.mark.parametrize(("count", "size"), [(16, 4), (5, 8), (7, 3), (9, 1)])
def test_groups_are_of_one_member_and_bounded(count, size):
    draw = np.random.default_rng(count)
    group = jax.jit(lambda member: grouped(member, size))
    for member in (*draw.integers(0, size, (20, count)), np.full(count, size - 1)):
        groups = group(jnp.asarray(member, jnp.int32))
        rows, place = np.asarray(groups.rows), np.asarray(groups.place)
        assert len(rows) <= 2 * size
        assert rows.size <= max(2 * count, count + size)
        assert len(np.unique(place)) == count
        np.testing.assert_array_equal(rows.reshape(-1)[place], np.arange(count))
        np.testing.assert_array_equal(np.asarray(groups.member)[place // rows.shape[1]], member)


def test_a_member_acts_as_the_agent_alone_with_its_memory(trained):
    """Under vmap, where worlds are regrouped; the actions are drawn, and the carry is compared too."""
    world, _, population = trained
    assert isinstance(population, Population)

    @partial(jax.jit, compiler_options=QUICK)
    @jax.vmap
    def begin(level_key):
        level = world.sample_level(level_key)
        state = world.reset(level, level_key)
        return hosting.member_of(level, 1, MEMBERS), world.observe(state)[1], population.initial_carry()

    with jax.debug_key_reuse(False):
        member, views, carry = begin(jax.random.split(jax.random.key(1), WORLDS))
    assert set(np.asarray(member).tolist()) == set(range(MEMBERS))
    carry = dataclasses.replace(carry, action=jnp.arange(WORLDS, dtype=jnp.int32) % 5)
    rewards, first = jnp.linspace(0, 1, WORLDS), jnp.arange(WORLDS) < 2
    act = jax.jit(jax.vmap(population.apply_member), compiler_options=QUICK)
    keys = jax.random.split(jax.random.key(2), WORLDS)
    action, after = act(member, carry, views, rewards, first, keys)
    one = jax.jit(population.apply_member, compiler_options=QUICK)
    keys = jax.random.split(jax.random.key(2), WORLDS)
    for number in range(WORLDS):
        mine = jax.tree.map(lambda leaf, at=number: leaf[at], (carry, views, rewards, first))
        alone, kept = one(member[number], *mine, keys[number])
        assert alone == action[number]
        for leaf, other in zip(jax.tree.leaves(kept), jax.tree.leaves(after), strict=True):
            np.testing.assert_allclose(leaf, other[number], atol=1e-5)


def test_parameters_are_data_of_a_rollout(trained):
    """One compiled program takes another population; whose rows are swapped acts as if levels were."""
    world, learner, population = trained

    @partial(jax.jit, compiler_options=QUICK)
    def play(leaves, partner):
        beside = dataclasses.replace(population, leaves=leaves)
        rollout = make_rollout(world, learner, {"expert_0": beside})
        state = learner.init(jax.random.key(0), 5, WORLDS)
        levels = rollout.pool(jax.random.key(3), WORLDS, {"partner": jnp.full(2, partner)})
        return rollout.episodes(state, levels, jax.random.key(4)).actions[..., 1]

    swapped = {name: leaf[::-1] for name, leaf in population.leaves.items()}
    first, last = play(population.leaves, 0.0), play(population.leaves, 0.99)
    assert (first != last).any()
    np.testing.assert_array_equal(first, play(swapped, 1.0))
    np.testing.assert_array_equal(last, play(swapped, 0.1))


def test_what_cannot_be_a_population_is_told(trained):
    _, _, population = trained
    one = {name: leaf[0] for name, leaf in population.leaves.items()}
    other = {name: leaf[..., :1] for name, leaf in one.items()}
    with pytest.raises(SocialRLError, match="agent 1 of a population has other parameters"):
        stack([one, other])
    with pytest.raises(SocialRLError, match="without agents"):
        stack([])
    params = dataclasses.replace(CONFIG, redrawn="nothing").build().params
    nowhere = jnp.zeros((2, 2), jnp.int32)
    level = Level(tiles=jnp.zeros((5, 5), jnp.uint8), position=nowhere, heading=nowhere[0], params=params)
    assert hosting.member_of(level, 1, 1) == 0
    with pytest.raises(SocialRLError, match="does not say which of 3 agents acts"):
        hosting.member_of(level, 1, 3)
    with pytest.raises(SocialRLError, match="partner: levels of this world have none"):
        params.with_overrides({"partner": jnp.zeros(2)})

"""Tests of Mirror, which swaps left and right: of views, actions and tables, of worlds, and of policies that
are equivariant to it.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl.learners import ppo
from socialrl.learners._ppo_losses import Batch, Trajectory
from socialrl.nets.mirror import Mirror
from socialrl.types import Timestep, Transition

FACING = ("goal_cycle", "goal_search", "goal_sequence")
T, N = 5, 3
SPEC = socialrl_envs.make("goal_cycle", size=7, view=3, horizon=8).spec


@pytest.mark.parametrize("name", socialrl_envs.names())
def test_the_mirror_of_the_mirror_is_the_thing_itself(name):
    spec = socialrl_envs.make(name).spec
    mirror, actions = Mirror(spec), len(spec.actions)
    view_key, table_key = jax.random.split(jax.random.key(0))
    views = jax.random.randint(view_key, (4, *spec.obs_shape), 0, spec.highest + 1).astype(jnp.uint8)
    table = jax.random.normal(table_key, (4, actions))
    every = jnp.arange(actions, dtype=jnp.int32)
    np.testing.assert_array_equal(mirror.view(mirror.view(views)), views)
    np.testing.assert_array_equal(mirror.action(mirror.action(every)), every)
    np.testing.assert_array_equal(mirror.table(mirror.table(table)), table)
    np.testing.assert_array_equal(
        mirror.table(table)[:, mirror.action(every)], table
    )  # each at its mirrored action
    assert not np.array_equal(mirror.view(views), views)
    swapped = {spec.actions[a]: spec.actions[b] for a, b in zip(every, mirror.action(every), strict=True)}
    assert (swapped["left"], swapped["right"]) == ("right", "left")
    assert all(swapped[action] == action for action in spec.actions if action not in ("left", "right"))


def reflected(world, level):
    """The level with its columns reversed: where everything stands, and who looks left or right."""
    position = level.position.at[:, 1].set(world.spec.width - 1 - level.position[:, 1])
    heading = jnp.where(level.heading % 2 == 1, 4 - level.heading, level.heading)
    return level.edit(tiles=level.tiles[:, ::-1], position=position, heading=heading)


@pytest.mark.parametrize("name", FACING)
def test_a_mirrored_world_is_seen_in_the_mirror_and_pays_alike(name):
    """Random play in a cluttered level, with the actions mirrored in the mirrored one: views, rewards and
    ways agree.
    """
    options = {"size": 9, "layout": "cluttered", "density": 0.2, "view": 5, "prestige": True, "horizon": 32}
    world = socialrl_envs.make(name, novices=2, experts=1, **options)
    mirror = Mirror(world.spec)

    def play(key, other):
        level_key, reset_key, play_key = jax.random.split(key, 3)
        level = world.sample_level(level_key)
        begin = world.reset(reflected(world, level) if other else level, reset_key)

        def step(state, time):
            action_key, step_key = jax.random.split(jax.random.fold_in(play_key, time))
            drawn = jax.random.choice(
                action_key, jnp.array([0, 1, 2, 2, 2], jnp.int32), state.seats.present.shape
            )
            after, outcome = world.step(state, mirror.action(drawn) if other else drawn, step_key)
            return after, (world.observe(state), outcome.reward)

        return jax.lax.scan(step, begin, jnp.arange(world.spec.horizon))[1]

    keys = jax.random.split(jax.random.key(0), 16)
    views, rewards = jax.jit(jax.vmap(functools.partial(play, other=False)))(keys)
    seen, paid = jax.jit(jax.vmap(functools.partial(play, other=True)))(jax.random.clone(keys))
    np.testing.assert_array_equal(seen, mirror.view(views))
    np.testing.assert_array_equal(paid, rewards)
    assert np.any(rewards != 0)
    assert np.asarray(views[..., -1]).any()  # the others' prestige is seen
    assert not np.array_equal(seen, views)


def lives(key, spec=SPEC, time=T):
    """Random steps (time, N) with an end in the middle, and where two co-players are."""
    keys = jax.random.split(key, 7)
    batch, actions = (time, N), len(spec.actions)
    obs, next_obs = (
        jax.random.bernoulli(k, 0.4, (*batch, *spec.obs_shape)).astype(jnp.uint8) for k in keys[:2]
    )
    action, before = (jax.random.randint(k, batch, 0, actions, dtype=jnp.int32) for k in keys[2:4])
    first = jnp.zeros(batch, bool).at[0].set(True).at[3, 1].set(True)
    own = Transition(
        timestep=Timestep(
            obs=obs, prev_action=before, prev_reward=jax.random.normal(keys[4], batch), first=first
        ),
        action=action,
        reward=jnp.zeros(batch, jnp.float32),
        next_obs=next_obs,
        terminated=jnp.zeros(batch, bool),
        truncated=jnp.zeros(batch, bool),
    )
    where = jax.random.normal(keys[5], (*batch, 2, 2)).at[1, 0, 1].set(jnp.nan)
    old_logits, none = jax.random.normal(keys[6], (*batch, actions)), jnp.zeros((*batch, 0), jnp.float32)
    return Trajectory(own=own, old_logits=old_logits, relative_positions=where, prior_logits=none)


def in_the_mirror(lived, mirror=None):
    """The mirror image of these steps."""
    mirror = mirror or Mirror(SPEC)
    own = lived.own
    step = dataclasses.replace(
        own.timestep, obs=mirror.view(own.timestep.obs), prev_action=mirror.action(own.timestep.prev_action)
    )
    own = dataclasses.replace(
        own, timestep=step, action=mirror.action(own.action), next_obs=mirror.view(own.next_obs)
    )
    where = mirror.offset(lived.relative_positions)
    return dataclasses.replace(
        lived, own=own, old_logits=mirror.table(lived.old_logits), relative_positions=where
    )


@pytest.fixture(scope="module", params=["gru", "lstm", "none"])
def mirrored(request):
    """(PPO with a mirrored policy, random parameters far from their initial ones)."""
    config = ppo.Config(
        hidden=(8,), memory=request.param, mirror=True, prediction_coef=1.0, attention_coef=1.0, heads=(6,)
    )
    made = ppo.PPO(config, SPEC)
    params = jax.jit(made.net.init)(jax.random.key(1))
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(2), len(leaves))
    moved = [leaf + 0.3 * jax.random.normal(key, leaf.shape) for leaf, key in zip(leaves, keys, strict=True)]
    return made, jax.tree.unflatten(tree, moved)


def test_a_mirrored_policy_does_the_mirrored_thing_whatever_its_weights(mirrored):
    made, params = mirrored
    lived, mirror = lives(jax.random.key(3)), Mirror(SPEC)
    blank = made.net.initial_carry(N)
    unroll = jax.jit(made.net.unroll)
    memories, out = unroll(params, blank, lived.own.timestep)
    images, other = unroll(params, blank, in_the_mirror(lived).own.timestep)
    np.testing.assert_allclose(other.logits, mirror.table(out.logits), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(other.value, out.value, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(other.features, out.features[:, :, ::-1], rtol=1e-4, atol=1e-6)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b[:, :, ::-1], rtol=1e-4, atol=1e-6), images, memories
    )
    assert np.ptp(out.logits, axis=-1).min() > 0.01  # it does tell actions apart, left from right
    assert not np.allclose(out.logits[..., 0], out.logits[..., 1])


def test_looking_ahead_is_mirrored_too(mirrored):
    made, params = mirrored
    lived = lives(jax.random.key(4), time=4)
    ahead = jax.jit(lambda carries, steps: made.net.next_outputs(params, carries, steps))
    unroll = jax.jit(made.net.unroll)

    def after(lived):
        memories, _ = unroll(params, made.net.initial_carry(N), lived.own.timestep)
        return ahead(memories, dataclasses.replace(lived.own.timestep, obs=lived.own.next_obs))

    one, other = after(lived), after(in_the_mirror(lived))
    np.testing.assert_allclose(other.value, one.value, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(other.logits, Mirror(SPEC).table(one.logits), rtol=1e-4, atol=1e-6)


def test_what_is_learnt_in_the_mirrored_world_is_the_same(mirrored):
    """Loss and gradient, the auxiliary heads' included, of steps and of their mirror images."""
    made, params = mirrored
    grad = jax.jit(jax.grad(made.losses.total, has_aux=True))
    lived = lives(jax.random.key(5))
    advantage, target = jax.random.normal(jax.random.key(6), (2, T, N))

    def learnt(lived):
        batch = Batch(carry=made.net.initial_carry(N), trajectory=lived, advantage=advantage, target=target)
        return grad(params, batch, jnp.float32(0.1))

    (one, metrics), (other, other_metrics) = learnt(lived), learnt(in_the_mirror(lived))
    for name, value in metrics.items():
        np.testing.assert_allclose(other_metrics[name], value, rtol=1e-4, atol=1e-6, err_msg=name)
    assert {"loss/prediction", "loss/attention"} <= set(metrics)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5), one, other)


def test_a_plain_policy_is_not_mirrored():
    made = ppo.PPO(ppo.Config(hidden=(8,)), SPEC)
    params, lived = made.net.init(jax.random.key(1)), lives(jax.random.key(3))
    unroll = jax.jit(made.net.unroll)
    one, other = (
        unroll(params, made.net.initial_carry(N), x.own.timestep)[1] for x in (lived, in_the_mirror(lived))
    )
    assert not np.allclose(other.value, one.value, atol=1e-3)

"""Tests of PPO's update: its invariances, and its losses and metrics against direct computations, in a
corridor whose episodes both terminate and are truncated.

Two unrolls of 10 steps in episodes of at most 4: the second begins within episodes and holds several
truncations.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl.learners import ppo, sociapl
from socialrl.learners._actor_critic import Outputs, hide_others
from socialrl.learners._ppo_losses import Trajectory
from socialrl.learners._ppo_update import annealing
from socialrl.losses.prediction import prediction_loss
from socialrl.rollout import make_rollout
from socialrl.types import Timestep
from socialrl_envs.errors import SocialRLError
from tests.corridor import Corridor
from tests.learners.lab import same

B, T, GAMMA = 6, 10, 0.9
CONFIG = ppo.Config(
    hidden=(8,), gamma=GAMMA, gae_lambda=0.8, epochs=1, minibatches=1, lr=1e-2, entropy_coef=0.02
)
WORLD = Corridor(coplayers=1, novices=2, length=4, horizon=4, slippery=True)


@functools.cache
def lived(memory="gru", mirror=False, parameter_sharing=True):
    """(PPO, its state, the Experience of the second unroll), on which the tests run their updates."""
    made = ppo.PPO(
        dataclasses.replace(CONFIG, memory=memory, mirror=mirror, parameter_sharing=parameter_sharing),
        WORLD.spec,
    )
    rollout = make_rollout(WORLD, made.learner())

    @jax.jit
    def live(key):
        init_key, pool_key, begin_key, first_key, second_key = jax.random.split(key, 5)
        state, levels = made.init(init_key, T, B), rollout.pool(pool_key, 4, {"mark": jnp.float32(2)})
        state = dataclasses.replace(state, params=jax.tree.map(lambda x: 1.5 * x, state.params))
        carry, _, _ = rollout.unroll(state, rollout.begin(levels, begin_key, B), levels, first_key, T)
        return state, rollout.unroll(state, carry, levels, second_key, T)[1]

    return made, *live(jax.random.key(0))


@functools.cache
def updater(**options):
    return jax.jit(ppo.PPO(dataclasses.replace(CONFIG, **options), WORLD.spec).update)


def updated(state, experience, seed=1, **options):
    """(state, metrics as numbers) after an update with these options."""
    with jax.debug_key_reuse(
        options.get("parameter_sharing", True)
    ):  # the check takes a mapped scan over keys for a reuse
        after, metrics = updater(**options)(state, experience, jax.random.key(seed))
    return after, {name: float(value) for name, value in metrics.items()}


def close(a, b, rtol=1e-3, atol=1e-5):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=rtol, atol=atol), a, b)


def sequences(experience):
    """Steps and memories of B worlds x M novices as N sequences."""
    own = jax.tree.map(lambda x: x.reshape(T, -1, *x.shape[3:]), experience.own)
    return own, jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), experience.carry)


def as_lived(experience, where=None):
    own, memory = sequences(experience)
    count, none = own.reward.shape[1], jnp.zeros((*own.reward.shape, 0), jnp.float32)
    logits = experience.extras.logits.reshape(T, count, -1)
    where = jnp.zeros((T, count, 0, 2), jnp.float32) if where is None else where
    return Trajectory(own=own, old_logits=logits, relative_positions=where, prior_logits=none), memory


def ended(own):
    return np.asarray(own.terminated | own.truncated)


def test_the_experience_is_a_hard_one():
    """Ends of both kinds amid the unroll, a world in which time runs out twice, memories that are not blank
    at its start.
    """
    _, _, experience = lived()
    own, memory = sequences(experience)
    assert ended(own)[:-1].any()
    assert np.asarray(own.terminated).any()
    assert np.asarray(own.truncated).sum(0).max() >= 2
    assert all(np.any(leaf != 0) for leaf in jax.tree.leaves(memory))
    assert not np.asarray(own.timestep.first[0]).all()


@pytest.mark.parametrize(("memory", "mirror"), [("gru", False), ("lstm", True), ("none", False)])
def test_what_was_thought_when_acting_is_thought_again(memory, mirror):
    """Across the ends of episodes, with previous actions and rewards: so the policy has not moved before the
    first step.
    """
    made, state, experience = lived(memory, mirror)
    own, start = sequences(experience)
    carries, out = jax.jit(made.net.unroll)(state.params, start, own.timestep)
    np.testing.assert_allclose(
        out.logits, experience.decision.values.reshape(T, 2 * B, -1), rtol=1e-4, atol=1e-5
    )
    acted = jax.tree.map(lambda x: x.reshape(T, 2 * B, *x.shape[3:]), experience.extras.acted)
    close((carries, out.value), (acted.carry, acted.value), rtol=1e-4)
    _, metrics = updated(state, experience, memory=memory, mirror=mirror)
    assert abs(metrics["kl_before"]) < 1e-7
    assert metrics["kl_after"] > 1e-7
    assert metrics["clipped"] == 0
    close(metrics["kl_before"], metrics["kl"])


def test_previous_action_and_reward_are_inputs_only_if_wanted():
    """They change the outputs, but not at the start of an episode."""
    made, state, experience = lived()
    own, start = sequences(experience)
    unroll = jax.jit(made.net.unroll)
    before = unroll(state.params, start, own.timestep)[1].logits
    first = np.asarray(own.timestep.first[0])
    for other in (
        dataclasses.replace(own.timestep, prev_reward=own.timestep.prev_reward + 1),
        dataclasses.replace(own.timestep, prev_action=(own.timestep.prev_action + 1) % 3),
    ):
        after = unroll(state.params, start, other)[1].logits
        assert (np.abs(after - before)[0][~first].max(-1) > 1e-6).all()
    shifted = dataclasses.replace(own.timestep, prev_action=(own.timestep.prev_action + 1) % 3)
    np.testing.assert_array_equal(unroll(state.params, start, shifted)[1].logits[0][first], before[0][first])
    plain = ppo.PPO(dataclasses.replace(CONFIG, use_prev_action_reward=False), WORLD.spec)
    unroll, params = jax.jit(plain.net.unroll), plain.net.init(jax.random.key(0))
    assert same(unroll(params, start, own.timestep), unroll(params, start, shifted))


def test_the_order_of_worlds_does_not_matter():
    _, state, experience = lived()
    order = jnp.array([3, 0, 5, 1, 4, 2])
    mixed = jax.tree.map(lambda x: x[:, order], dataclasses.replace(experience, carry=()))
    mixed = dataclasses.replace(mixed, carry=jax.tree.map(lambda x: x[order], experience.carry))
    (one, metrics), (other, others) = updated(state, experience), updated(state, mixed)
    close(one, other)
    close(metrics, others)
    assert not same(one.params, state.params)


def batch_of(bptt_length=0):
    """(Batch, explained variance) that the parameters of `lived` make of its experience."""
    _, state, experience = lived()
    made = ppo.PPO(dataclasses.replace(CONFIG, bptt_length=bptt_length), WORLD.spec)
    steps, memory = as_lived(experience)
    return made, state, *jax.jit(made.updates.batch)(state.params, memory, steps)


def test_a_segment_of_the_whole_unroll_is_no_segment():
    whole, cut = batch_of(0), batch_of(T)
    assert same(whole[2:], cut[2:])


def test_segments_cut_gradients_only():
    """Values, advantages and targets are those of the whole unroll, and so is the loss; each begins with the
    memory it has.
    """
    made, state, whole, explained = batch_of(0)
    cutting, _, cut, explained_too = batch_of(5)
    again = [jnp.moveaxis(x.reshape(5, 2, -1), 1, 0).reshape(T, -1) for x in (cut.advantage, cut.target)]
    np.testing.assert_array_equal(again[0], whole.advantage)
    np.testing.assert_array_equal(again[1], whole.target)
    assert explained == explained_too
    memories, _ = jax.jit(made.net.unroll)(state.params, whole.carry, whole.trajectory.own.timestep)
    expected = jax.tree.map(lambda begin, later: jnp.concatenate([begin, later[4]]), whole.carry, memories)
    close(cut.carry, expected)
    (one, metrics), (other, others) = (
        jax.jit(jax.grad(learner.losses.total, has_aux=True))(state.params, batch, jnp.float32(0.02))
        for learner, batch in ((made, whole), (cutting, cut))
    )
    close(metrics, others)
    encoder = [jax.tree.leaves(grads["params"]["encoder"]) for grads in (one, other)]
    assert not all(np.allclose(a, b, rtol=1e-3, atol=1e-6) for a, b in zip(*encoder, strict=True))


def test_segments_must_divide_the_unroll():
    made = ppo.PPO(dataclasses.replace(CONFIG, bptt_length=4), WORLD.spec)
    with pytest.raises(SocialRLError, match="bptt_length: 4"):
        made.init(jax.random.key(0), T, B)


def test_refreshing_makes_no_difference_in_the_first_epoch():
    _, state, experience = lived()
    (one, metrics), (other, others) = (
        updated(state, experience),
        updated(state, experience, recompute_advantages=False),
    )
    close(one, other)
    close(metrics, others)


@pytest.mark.parametrize("memory", ["gru", "lstm"])
def test_values_of_successors_are_those_that_a_further_step_would_have(memory):
    """Every step's true successor is looked at with the memory of the step, one by one; those that end tasks
    do not count.
    """
    made, state, experience = lived(memory)
    own, start = sequences(experience)
    unroll = jax.jit(made.net.unroll)
    memories, out = unroll(state.params, start, own.timestep)
    found = np.asarray(jax.jit(made.updates.next_values)(state.params, memories, out.value, own))
    after = dataclasses.replace(
        own.timestep,
        obs=own.next_obs,
        prev_action=own.action,
        prev_reward=own.reward,
        first=jnp.zeros((T, 2 * B), bool),
    )
    flat = jax.tree.map(lambda x: x.reshape(1, T * 2 * B, *x.shape[2:]), after)
    there = jax.tree.map(lambda x: x.reshape(T * 2 * B, *x.shape[2:]), memories)
    expected = np.asarray(unroll(state.params, there, flat)[1].value).reshape(T, 2 * B)
    alive = ~np.asarray(own.terminated)
    np.testing.assert_allclose(found[alive], expected[alive], rtol=1e-4, atol=1e-5)
    late = np.asarray(own.truncated)[:-1]
    assert (
        np.abs(expected[:-1] - np.asarray(out.value)[1:])[late].min() > 1e-4
    )  # the next row is of another episode


def test_the_end_of_a_task_has_no_future_and_a_time_out_has():
    _, state, batch, _ = batch_of()
    _, _, experience = lived()
    own, _ = sequences(experience)
    made, *_ = lived()
    memories, out = jax.jit(made.net.unroll)(state.params, batch.carry, own.timestep)
    gone, late = np.asarray(own.terminated), np.asarray(own.truncated)
    alone = np.asarray(own.reward - out.value)
    np.testing.assert_allclose(batch.advantage[gone], alone[gone], rtol=1e-4, atol=1e-5)
    assert (np.abs(batch.advantage - alone)[late] > 1e-4).all()
    onward = alone + GAMMA * np.asarray(made.updates.next_values(state.params, memories, out.value, own))
    np.testing.assert_allclose(
        batch.advantage[late], onward[late], rtol=1e-4, atol=1e-5
    )  # and nothing of the next episode
    np.testing.assert_allclose(batch.target, batch.advantage + out.value, rtol=1e-5, atol=1e-6)


def test_each_number_that_is_logged_is_what_it_says():
    """From old logits that are far away, so that ratios are clipped; numpy instead of the losses."""
    made, state, batch, explained = batch_of()
    steps = batch.trajectory
    old = steps.old_logits + jax.random.normal(jax.random.key(3), steps.old_logits.shape)
    batch = dataclasses.replace(batch, trajectory=dataclasses.replace(steps, old_logits=old))
    _, out = jax.jit(made.net.unroll)(state.params, batch.carry, steps.own.timestep)
    total, metrics = jax.jit(made.losses.total)(state.params, batch, jnp.float32(0.02))

    log_new, log_old = (np.asarray(jax.nn.log_softmax(x), np.float64) for x in (out.logits, old))
    action = np.asarray(steps.own.action)[..., None]
    ratio = np.exp(np.take_along_axis(log_new - log_old, action, -1))[..., 0]
    advantage, target, value = (np.asarray(x, np.float64) for x in (batch.advantage, batch.target, out.value))
    scaled = (advantage - advantage.mean()) / advantage.std()
    expected = {
        "loss/policy": -np.minimum(ratio * scaled, np.clip(ratio, 0.8, 1.2) * scaled).mean(),
        "loss/value": 0.5 * ((value - target) ** 2).mean(),
        "entropy": -(np.exp(log_new) * log_new).sum(-1).mean(),
        "kl": (np.exp(log_old) * (log_old - log_new)).sum(-1).mean(),
        "clipped": (np.abs(ratio - 1) > 0.2).mean(),
        "value": value.mean(),
    }
    assert 0.1 < expected["clipped"] < 0.9
    assert set(metrics) == set(expected)
    for name, number in expected.items():
        np.testing.assert_allclose(metrics[name], number, rtol=1e-4, atol=1e-6, err_msg=name)
    whole = expected["loss/policy"] + CONFIG.value_coef * expected["loss/value"] - 0.02 * expected["entropy"]
    np.testing.assert_allclose(total, whole, rtol=1e-4)
    np.testing.assert_allclose(explained, 1 - (target - value).var() / target.var(), rtol=1e-4)


def test_an_update_stops_once_the_policy_has_moved_far_enough():
    """The first gradient step exceeds the limit; later ones change neither parameters nor optimiser."""
    _, state, experience = lived()
    once, metrics = updated(state, experience, lr=0.1)
    stopped, early = updated(state, experience, lr=0.1, epochs=4, kl_target=1e-5)
    assert metrics["stopped_early"] == 0
    assert early["stopped_early"] == 1
    close((stopped.params, stopped.optimiser), (once.params, once.optimiser))
    further, _ = updated(state, experience, lr=0.1, epochs=4, kl_target=100.0)
    moves = [jax.tree.leaves(one.params)[0] - jax.tree.leaves(state.params)[0] for one in (once, further)]
    assert np.abs(moves[1]).sum() > 1.5 * np.abs(moves[0]).sum()


def test_minibatches_share_out_the_sequences():
    """12 sequences, 5 minibatches of 2: each gradient step sees two of them, none twice."""
    made, _, batch, _ = batch_of()
    made = ppo.PPO(dataclasses.replace(CONFIG, minibatches=5), WORLD.spec)
    parts = jax.jit(made.updates.shuffled)(batch, jax.random.key(0))
    assert parts.advantage.shape == (5, T, 2)
    columns = np.moveaxis(np.asarray(parts.advantage), 1, 0).reshape(T, 10)
    whole = np.asarray(batch.advantage)
    places = [int(np.argmax((whole == column[:, None]).all(0))) for column in columns.T]
    assert len(set(places)) == 10
    np.testing.assert_array_equal(columns, whole[:, places])
    memory = jax.tree.leaves(parts.carry)[0].reshape(10, 1, -1)
    np.testing.assert_array_equal(memory, jax.tree.leaves(batch.carry)[0][np.array(places)])


def test_with_parameters_of_its_own_a_novice_learns_from_itself_alone():
    _, state, experience = lived(parameter_sharing=False)
    own = experience.own
    changed = dataclasses.replace(
        own, reward=own.reward.at[:, :, 1].add(jnp.arange(T, dtype=jnp.float32)[:, None])
    )
    changed = dataclasses.replace(experience, own=changed)
    after, other = (updated(state, one, parameter_sharing=False)[0] for one in (experience, changed))
    mine, mine_too = (jax.tree.map(lambda x: x[0], (one.params, one.optimiser)) for one in (after, other))
    assert same(mine, mine_too)
    theirs, theirs_too = (jax.tree.map(lambda x: x[1], one.params) for one in (after, other))
    assert not same(theirs, theirs_too)
    assert not same(jax.tree.map(lambda x: x[0], state.params), jax.tree.map(lambda x: x[1], state.params))


def test_shared_parameters_learn_from_both():
    _, state, experience = lived()
    own = experience.own
    changed = dataclasses.replace(
        own, reward=own.reward.at[:, :, 1].add(jnp.arange(T, dtype=jnp.float32)[:, None])
    )
    after, other = (
        updated(state, one)[0] for one in (experience, dataclasses.replace(experience, own=changed))
    )
    assert not same(after.params, other.params)


def test_the_entropy_bonus_falls_with_the_steps():
    config = dataclasses.replace(CONFIG, entropy_coef=0.1, entropy_coef_end=0.02, anneal=400)
    weights = [float(annealing(config, jnp.int32(steps)).entropy_coef) for steps in (0, 100, 400, 4000)]
    np.testing.assert_allclose(weights, [0.1, 0.08, 0.02, 0.02], rtol=1e-5)
    _, state, experience = lived()
    after, metrics = updated(state, experience)
    assert after.steps == B * T
    np.testing.assert_allclose(metrics["entropy_weight"], 0.02, rtol=1e-6)


def test_the_learning_rate_falls_with_the_steps_and_nothing_moves_at_none():
    config = dataclasses.replace(CONFIG, lr=1e-3, lr_end=0.0, anneal=400)
    shares = [float(annealing(config, jnp.int32(steps)).lr) for steps in (0, 100, 400, 4000)]
    np.testing.assert_allclose(shares, [1.0, 0.75, 0.0, 0.0], atol=1e-6)
    _, state, experience = lived()
    late = dataclasses.replace(state, steps=jnp.int32(400))
    still, metrics = updated(late, experience, lr_end=0.0, anneal=400)
    moved, _ = updated(state, experience, lr_end=0.0, anneal=400)
    assert same(still.params, state.params)
    assert metrics["lr"] == 0
    assert not same(moved.params, state.params)


# the auxiliary losses


@pytest.mark.parametrize(("predicts", "of_successors"), [("next", True), ("same", False)])
def test_the_prediction_is_of_the_true_successor_and_never_of_a_reset_frame(predicts, of_successors):
    """With the features held, frames at the start of an episode change the loss of the control only."""
    made = ppo.PPO(sociapl.Config(hidden=(8,), predicts=predicts), WORLD.spec)
    params = made.net.init(jax.random.key(1))
    _, _, experience = lived()
    own, memory = sequences(experience)
    _, out = jax.jit(made.net.unroll)(params, memory, own.timestep)
    loss = jax.jit(made.losses.prediction)
    first = own.timestep.first[..., None, None, None]
    elsewhere = dataclasses.replace(
        own.timestep, obs=jnp.where(first, own.timestep.obs + jnp.uint8(3), own.timestep.obs)
    )
    assert np.asarray(first)[1:].any()
    one, other = loss(params, out, own), loss(params, out, dataclasses.replace(own, timestep=elsewhere))
    assert same(one, other) == of_successors
    last = (own.terminated | own.truncated)[..., None, None, None]
    elsewhere = jnp.where(last, own.next_obs + jnp.uint8(3), own.next_obs)
    assert same(one, loss(params, out, dataclasses.replace(own, next_obs=elsewhere))) != of_successors


def test_who_knows_the_rules_predicts_all_steps_those_at_the_ends_too():
    """The next view (position, time, level, seat) is known exactly, if it is the true successor."""
    _, _, experience = lived()
    own, _ = sequences(experience)
    time = own.timestep.obs.astype(jnp.float32).at[..., 1].add(1.0)
    position = own.next_obs.astype(jnp.float32)[..., 0]
    loss = jax.vmap(prediction_loss, in_axes=1, out_axes=1)(time.at[..., 0].set(position), own.next_obs)
    np.testing.assert_array_equal(loss, np.zeros((T, 2 * B)))
    assert (
        np.abs(np.asarray(own.next_obs)[:-1].astype(int) - np.asarray(own.timestep.obs)[1:]).max((2, 3, 4))
        > 0
    )[ended(own)[:-1]].all()


NOVICE, OTHERS = (3, 4), ((1, 4), (3, 2), (4, 7))  # two up; two to the left; one down and three to the right


@pytest.mark.parametrize(
    ("heading", "ahead_and_right"),
    [
        (0, [(2, 0), (0, -2), (-1, 3)]),
        (1, [(0, -2), (-2, 0), (3, 1)]),
        (2, [(-2, 0), (0, 2), (1, -3)]),
        (3, [(0, 2), (2, 0), (-3, -1)]),
    ],
)
def test_whereabouts_are_cells_ahead_and_to_the_right(heading, ahead_and_right):
    experience = beginning(heading)
    np.testing.assert_allclose(8 * experience.relative_positions[0, 0, 0], ahead_and_right)


@functools.cache
def watcher():
    world = Corridor(coplayers=3, novices=1, length=8, horizon=4)
    made = ppo.PPO(dataclasses.replace(CONFIG, attention_coef=1.0), world.spec)
    rollout = make_rollout(world, made.learner())

    @jax.jit
    def live(state, level, key):
        begin_key, unroll_key = jax.random.split(key)
        levels = jax.tree.map(lambda x: x[None], level)
        return rollout.unroll(state, rollout.begin(levels, begin_key, 1), levels, unroll_key, 3)[1]

    return world, made, jax.jit(made.init, static_argnums=(1, 2))(jax.random.key(0), 3, 1), live


@functools.cache
def beginning(heading):
    """Three steps from a level in which the novice has this heading."""
    world, _, state, live = watcher()
    level = world.sample_level(jax.random.key(0))
    position = jnp.array([NOVICE, *OTHERS], jnp.int32)
    level = dataclasses.replace(level, position=position, heading=jnp.array([heading, 1, 2, 3], jnp.int32))
    return live(state, level, jax.random.key(1))


def test_attention_is_the_mean_distance_to_those_who_are_there():
    """The last co-player is absent in odd steps; its position then is masked."""
    _, made, state, _ = watcher()
    experience = beginning(0)
    where = made.positions(experience)
    absent = ~np.asarray(experience.others.present)[:, 0]
    assert absent.tolist() == [[False] * 3, [False, False, True], [False] * 3]
    np.testing.assert_array_equal(np.isnan(where[:, 0, 0]).all(-1), absent)

    own = jax.tree.map(lambda x: x[:, :, 0], experience.own)
    memory = jax.tree.map(lambda x: x[:, 0], experience.carry)
    _, out = jax.jit(made.net.unroll)(state.params, memory, own.timestep)
    loss = jax.jit(made.losses.attention)
    believed = np.asarray(made.net.attend(state.params, out.features))[:, 0, 0]
    there = np.asarray(where)[:, 0, 0]
    np.testing.assert_allclose(
        loss(state.params, out, where[:, :, 0]), np.nanmean(np.abs(believed - there)), rtol=1e-5
    )

    def moved(step):
        far = experience.relative_positions.at[step, 0, 0, 2].add(5.0)
        return loss(
            state.params,
            out,
            made.positions(dataclasses.replace(experience, relative_positions=far))[:, :, 0],
        )

    assert same(moved(1), loss(state.params, out, where[:, :, 0]))
    assert moved(2) != moved(1)


def test_with_nobody_there_attention_costs_nothing():
    _, made, state, _ = watcher()
    experience = beginning(0)
    nobody = dataclasses.replace(experience.others, present=jnp.zeros_like(experience.others.present))
    where = made.positions(dataclasses.replace(experience, others=nobody))[:, :, 0]
    features = jnp.ones((3, 1, 1, 8), jnp.float32)
    out = dataclasses.replace(
        Outputs(logits=jnp.zeros((3, 1, 3)), value=jnp.zeros((3, 1)), features=features)
    )
    loss, grads = jax.jit(jax.value_and_grad(made.losses.attention))(state.params, out, where)
    assert loss == 0
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(grads))


# the influence of others


def test_influence_is_0_where_nobody_is_seen_and_above_0_where_somebody_is():
    world = socialrl_envs.make("goal_cycle", novices=1, experts=2, size=9, view=5, layout="open", horizon=5)
    made = ppo.PPO(ppo.Config(hidden=(16,)), world.spec)
    state = made.init(jax.random.key(0), 4, 64)
    others = np.array([channel in world.spec.channels_of_others for channel in world.spec.channels])

    @jax.jit
    def look(state, key):
        key, begin_key = jax.random.split(key)
        rollout = make_rollout(world, made.learner())
        carry = rollout.begin(rollout.pool(key, 64), begin_key, 64)
        return carry.timestep, made.influence(state, carry.carry, carry.timestep)

    timestep, influence = look(state, jax.random.key(1))
    influence, seen = np.asarray(influence), np.asarray(timestep.obs)[..., others].any((-1, -2, -3))
    assert seen.any()
    assert not seen.all()
    assert influence.shape == (64, 1)
    np.testing.assert_array_equal(influence[~seen], 0)
    assert (influence[seen] > 1e-9).any()
    hidden = hide_others(timestep, world.spec)
    assert not np.asarray(hidden.obs)[..., others].any()
    np.testing.assert_array_equal(
        np.asarray(hidden.obs)[..., ~others], np.asarray(timestep.obs)[..., ~others]
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hidden", (0,)),
        ("heads", (0,)),
        ("gamma", 1.0),
        ("gae_lambda", 1.5),
        ("lr", 0.0),
        ("clip", 0.0),
        ("epochs", 0),
        ("minibatches", 0),
        ("bptt_length", -1),
        ("kl_target", -0.1),
        ("attention_coef", -1.0),
        ("anneal", 0),
    ],
)
def test_options_that_cannot_be_are_named(key, value):
    with pytest.raises(SocialRLError, match=f"^{key}: "):
        ppo.Config(**{key: value})


def test_the_previous_reward_is_an_input_unless_it_is_left_out():
    world = socialrl_envs.make("goal_cycle", novices=1, experts=1, size=7, view=3, horizon=5)
    for used in (True, False):
        net = ppo.PPO(ppo.Config(hidden=(4,), use_prev_reward=used), world.spec).net
        step = Timestep(
            obs=jnp.zeros((1, 1, *world.spec.obs_shape), jnp.uint8),
            prev_action=jnp.ones((1, 1), jnp.int32),
            prev_reward=jnp.ones((1, 1), jnp.float32),
            first=jnp.zeros((1, 1), bool),
        )
        params = net.init(jax.random.key(0))
        one, other = (
            net.unroll(params, net.initial_carry(1), dataclasses.replace(step, prev_reward=reward))[1].value
            for reward in (step.prev_reward, 2 * step.prev_reward)
        )
        assert bool(one[0, 0] != other[0, 0]) == used


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"predictor_action": "multiplied"}, "^predictor: "),
        ({"prediction_coef": 1.0, "predicted_channels": "others"}, "^predicted_channels: "),
    ],
)
def test_auxiliary_heads_that_cannot_be_are_named(options, words):
    """Without a layer to multiply, and of others in a view that has no channel of them."""
    world = socialrl_envs.make("goal_cycle", novices=1, experts=1, pixels=3)
    with pytest.raises(SocialRLError, match=words):
        ppo.Config(**options).build(world.spec)

"""What every learner must keep, over all there are: a new file in socialrl/learners/ is tested by existing."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.registry import learner_config, learner_names
from socialrl_envs.errors import SocialRLError
from socialrl_envs.types import Seat
from tests.learners.lab import UNROLL, WORLDS, Paid, Scrambled, lab, same, shapes, small, train

BY_ITSELF = {"basis", "dqn", "medal", "ppo", "sociapl"}  # learners that have no use for demonstrations
every_learner = pytest.mark.parametrize("name", learner_names())
WANDERER = (Seat(policy="wanderer"),)


def options_of(name):
    return {field.name for field in dataclasses.fields(learner_config(name))}


def test_the_learners_are_there():
    assert {"psiphi", "dqn", "bc"} <= set(learner_names())


@every_learner
def test_decisions_have_the_shapes_of_the_contract(name):
    of = lab(name)
    _, _, experience, _ = train(of, 1)
    decision, batch, actions = experience.decision, (UNROLL, WORLDS, 2), len(of.world.spec.actions)
    sources = decision.values.shape[-2]
    assert 1 <= sources <= 1 + len(of.world.spec.coplayers)
    assert decision.values.shape == (*batch, sources, actions)
    assert decision.action.shape == decision.source.shape == decision.influence.shape == batch
    assert (decision.action.dtype, decision.source.dtype) == (jnp.int32, jnp.int32)
    assert (decision.values.dtype, decision.influence.dtype) == (jnp.float32, jnp.float32)
    assert np.all((decision.action >= 0) & (decision.action < actions))
    assert np.all((decision.source >= 0) & (decision.source < sources))
    assert np.all(np.isfinite(decision.values))
    np.testing.assert_array_equal(decision.action, experience.own.action)


@every_learner
def test_an_update_keeps_the_state_in_shape_and_reports_finite_scalars(name):
    of = lab(name)
    state, carry, _ = of.begin(jax.random.key(0))
    after, carry_after, _, metrics = train(of, 3)
    assert shapes(after) == shapes(
        state
    )  # so it can be scanned, donated and restored; weak types would recompile
    assert shapes(carry_after) == shapes(carry)
    assert metrics
    for value in metrics.values():
        assert value.shape == ()
        assert value.dtype == jnp.float32
        assert np.isfinite(value)
    assert any(key.startswith("loss/") for key in metrics)
    assert not same(after, state)


@every_learner
def test_a_key_decides_everything(name):
    of = lab(name)
    assert same(train(of, 3, seed=1), train(of, 3, seed=1))
    first, second = train(of, 1, seed=1), train(of, 1, seed=2)
    assert not same(first[2].decision.action, second[2].decision.action)
    assert not same(first[0], second[0])


@every_learner
def test_compiled_and_eager_agree(name):
    """Up to the rounding of fused operations, which Adam's division can carry into the parameters but not
    far.
    """
    of = lab(name)
    state, _, experience, _ = train(of, 2)
    compiled, metrics = jax.jit(of.learner.update)(state, experience, jax.random.key(5))
    eager, eager_metrics = of.learner.update(state, experience, jax.random.key(5))
    for metric, value in metrics.items():
        np.testing.assert_allclose(eager_metrics[metric], value, rtol=1e-3, atol=1e-5, err_msg=metric)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-2, atol=2e-4), compiled, eager)

    last = jax.tree.map(lambda leaf: leaf[-1], experience.own.timestep)
    there, _ = jax.jit(of.learner.act, static_argnums=4)(
        state, experience.carry, last, jax.random.key(6), False
    )
    here, _ = of.learner.act(state, experience.carry, last, jax.random.key(6), False)
    np.testing.assert_array_equal(there.action, here.action)
    np.testing.assert_allclose(there.values, here.values, rtol=1e-4, atol=1e-5)


@every_learner
def test_greedy_acting_needs_no_luck(name):
    of = lab(name)
    state, carry, _, _ = train(of, 2)
    act = jax.jit(of.learner.act, static_argnums=4)
    one, two = (act(state, carry.carry, carry.timestep, jax.random.key(seed), False)[0] for seed in (1, 2))
    assert same(one, two)


def with_memory(name, **wanted):
    """The lab of a learner with a memory, beside one wanderer."""
    missing = set(wanted) - options_of(name)
    assert not missing, f"{name} must have the switches of the parameter_sharing torso: {missing}"
    return lab(name, novices=1, coplayers=WANDERER, **wanted)


def keeps_shapes_and_has_heads(before, state, carry, metrics, prediction):
    assert ("loss/prediction" in metrics) == prediction
    assert jax.tree.leaves(carry.carry)
    assert all(leaf.shape[:2] == (WORLDS, 1) for leaf in jax.tree.leaves(carry.carry))
    assert shapes(before) == shapes(state)
    heads = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(state)]
    assert any("prediction" in head for head in heads) == prediction


@every_learner
def test_with_a_gru_and_the_auxiliary_head_it_learns(name):
    of = with_memory(name, memory="gru", prediction_coef=0.5)
    before, _, _ = of.begin(jax.random.key(0))
    state, carry, _, metrics = train(of, 2)
    assert all(np.isfinite(value) for value in metrics.values())
    assert all(np.any(leaf != 0) for leaf in jax.tree.leaves(carry.carry))
    keeps_shapes_and_has_heads(before, state, carry, metrics, prediction=True)


@every_learner
def test_with_an_lstm_and_no_auxiliary_head_it_builds(name):
    """Traced alone: it is the same code on the same `Memory`, whose numbers tests/nets checks for both kinds."""
    of = with_memory(name, memory="lstm", prediction_coef=0.0)
    before, _, _ = jax.eval_shape(of.begin, jax.random.key(0))
    state, carry, _, metrics = jax.eval_shape(lambda: train(of, 1))
    keeps_shapes_and_has_heads(before, state, carry, metrics, prediction=False)


@every_learner
def test_alone_it_learns_or_says_why_not(name):
    try:
        of = lab(name, novices=1, coplayers=())
    except SocialRLError as error:
        assert "experts" in error.message  # noqa: PT017  either outcome is right
        return
    _, _, experience, metrics = train(of, 2)
    assert all(np.isfinite(value) for value in metrics.values())
    np.testing.assert_array_equal(experience.decision.source, 0)


@every_learner
def test_without_a_novice_it_is_refused(name):
    from socialrl_envs.worlds.coin_grid import Config

    with pytest.raises(SocialRLError, match="novices"):
        small(name).build(Config(novices=0, experts=1, size=5).build().spec)


@every_learner
def test_no_one_sees_anothers_reward(name):
    """Contract 3: co-players that are paid anything at all leave every update bit for bit as it was."""
    honest, lying = lab(name), lab(name, world=Scrambled)
    one, two = train(honest, 7), train(lying, 7)  # ends in the middle of an episode
    assert not same(
        one[1].returns[:, 2:], two[1].returns[:, 2:]
    )  # they were paid otherwise, in this very episode
    np.testing.assert_array_equal(one[1].returns[:, :2], two[1].returns[:, :2])
    assert same(one[0], two[0])
    assert same(one[2], two[2])
    assert same(one[3], two[3])


@pytest.mark.parametrize("name", ["psiphi", "dqn"])
def test_ones_own_reward_does_matter(name):
    """That the test above can fail: the novices' own pay does change what is learnt."""
    assert not same(train(lab(name), 6)[0].params, train(lab(name, world=Paid), 6)[0].params)


@every_learner
def test_the_absent_demonstrate_nothing(name):
    """Whatever is recorded of a seat that is not there leaves the update as it was; once it is there, it may
    matter.
    """
    of = lab(name)
    state, _, experience, _ = train(of, 2)
    others = experience.others
    key_obs, key_action = jax.random.split(jax.random.key(3))
    ghosts = {
        "obs": jax.random.randint(key_obs, others.obs.shape, 0, 2).astype(jnp.uint8),
        "next_obs": others.obs,
        "action": jax.random.randint(key_action, others.action.shape, 0, 5, dtype=jnp.int32),
    }
    update = jax.jit(of.learner.update)

    def learnt(present, **changes):
        seen = dataclasses.replace(others, present=jnp.full(others.present.shape, present), **changes)
        fresh = dataclasses.replace(state.buffer, added=jnp.int32(0)) if hasattr(state, "buffer") else None
        start = state if fresh is None else dataclasses.replace(state, buffer=fresh)
        after, metrics = update(start, dataclasses.replace(experience, others=seen), jax.random.key(4))
        return after.params, metrics

    assert same(learnt(False), learnt(False, **ghosts))
    if name not in BY_ITSELF:
        assert not same(learnt(True), learnt(True, **ghosts))


@every_learner
def test_what_is_known_moves_to_other_unrolls_and_its_experience_stays(name):
    of = lab(name)
    if of.learner.transfer is None:
        return
    trained, _, experience, _ = train(of, 2)
    fresh = jax.jit(of.learner.init, static_argnums=(1, 2))(jax.random.key(9), 2 * UNROLL, 1)
    moved = of.learner.transfer(trained, fresh)
    assert shapes(moved) == shapes(fresh)
    last = jax.tree.map(lambda leaf: leaf[-1], experience.own.timestep)
    act = jax.jit(of.learner.act, static_argnums=4)
    decisions = [
        act(state, experience.carry, last, jax.random.key(1), False)[0] for state in (trained, moved, fresh)
    ]
    assert same(decisions[0], decisions[1])
    assert not same(decisions[0], decisions[2])


@every_learner
def test_configs_refuse_what_cannot_work(name):
    known = options_of(name)
    wrong = {
        "hidden": (),
        "memory": "gruu",
        "gamma": 1.0,
        "lr": 0.0,
        "batch": 0,
        "updates": 0,
        "prediction_coef": -1.0,
    }
    for key, value in wrong.items():
        if key in known:
            with pytest.raises(
                Exception, match=key
            ):  # SocialRLError, or beartype's where the type itself is wrong
                small(name, **{key: value})

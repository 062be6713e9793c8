"""Tests of every learner in socialrl/learners/, new files included: the contract, memory, errors, options."""

import dataclasses

import jax
import numpy as np
import pytest

from socialrl.conformance import check_learner, check_subject
from socialrl.registry import learner_config, learner_names
from socialrl.types import Diagnostics
from socialrl_envs.errors import SocialRLError
from socialrl_envs.options import meanings
from socialrl_envs.types import Seat
from socialrl_envs.worlds.coin_grid import CoinGrid
from socialrl_envs.worlds.coin_grid import Config as World
from tests.learners.lab import WORLDS, Paid, Scrambled, compiled, lab, room, same, shapes, small, train

every_learner = pytest.mark.parametrize("name", learner_names())
WANDERER = (Seat(policy="wanderer"),)


def options_of(name):
    return {field.name for field in dataclasses.fields(learner_config(name))}


def test_the_learners_are_there():
    assert {"psiphi", "dqn", "bc"} <= set(learner_names())


@every_learner
def test_it_conforms(name):
    """In the world of `lab(name)`, so that the tests below go on with what is compiled here."""
    check_subject(name, compiled(room(), small(name)))


@pytest.mark.parametrize("name", ["psiphi", "bc", "ppo"])
def test_it_conforms_with_all_capabilities(name):
    """With the options that add capabilities or change their state."""
    options = {"prediction_coef": 0.5, "ensemble": 2, "pooled": False, "memory": "gru", "mirror": True}
    with jax.debug_key_reuse(name != "ppo"):  # the check takes a mapped scan over keys for a reuse
        check_learner(small(name, **options, parameter_sharing=False))


@pytest.mark.parametrize("name", ["basis", "bc", "dqn", "inverse_rl", "kl_control", "ppo", "psiphi"])
def test_compiled_and_eager_agree(name):
    """For every learner with an update of its own; medal and sociapl have ppo's, the others dqn's.

    Up to the rounding of fused operations, which Adam's division amplifies a little in the parameters.
    """
    of = lab(name)
    state, _, experience, _ = train(of, 2)
    jitted, metrics = of.update(state, experience, jax.random.key(5))
    eager, eager_metrics = of.learner.update(state, experience, jax.random.key(5))
    for metric, value in metrics.items():
        np.testing.assert_allclose(eager_metrics[metric], value, rtol=1e-3, atol=1e-5, err_msg=metric)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-2, atol=2e-4), jitted, eager)

    last = jax.tree.map(lambda leaf: leaf[-1], experience.own.timestep)
    inputs = (state, experience.carry, last, jax.random.key(6), False)
    jitted = of.act(*inputs).decision
    eager = of.learner.act(*inputs[:3], jax.random.key(6), False).decision
    np.testing.assert_array_equal(jitted.action, eager.action)
    np.testing.assert_allclose(jitted.values, eager.values, rtol=1e-4, atol=1e-5)


@every_learner
def test_greedy_actions_do_not_depend_on_the_key(name):
    of = lab(name)
    state, carry, _, _ = train(of, 2)
    one, two = (of.act(state, carry.carry, carry.timestep, jax.random.key(seed), False) for seed in (1, 2))
    assert same(one, two)


@every_learner
def test_exploration_and_parameters_depend_on_the_key(name):
    first, second = train(lab(name), 1, seed=1), train(lab(name), 1, seed=2)
    assert not same(first[2].decision.action, second[2].decision.action)
    assert not same(first[0], second[0])


def with_memory(name, **wanted):
    """The lab of a learner with a memory, beside one wanderer."""
    missing = set(wanted) - options_of(name)
    assert not missing, f"{name} must have the switches of the shared torso: {missing}"
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
    recurrent = [leaf for leaf in jax.tree.leaves(carry.carry) if leaf.dtype == np.float32]
    assert recurrent
    assert all(np.any(leaf != 0) for leaf in recurrent)
    keeps_shapes_and_has_heads(before, state, carry, metrics, prediction=True)


@every_learner
def test_a_learner_that_predicts_shows_its_prediction(name):
    """It depends on the action that was chosen. The lab is that of the test above."""
    of = with_memory(name, memory="gru", prediction_coef=0.5)
    diagnostics = of.learner.capability(Diagnostics)
    assert diagnostics is not None
    state, carry, _, _ = train(of, 2)
    decision = of.act(state, carry.carry, carry.timestep, jax.random.key(3), False).decision
    explain = jax.jit(diagnostics.diagnose)
    found = explain(state, carry.carry, carry.timestep, decision)["prediction"]
    assert found.shape == (WORLDS, 1, *of.world.spec.obs_shape)
    assert found.dtype == np.float32
    other = dataclasses.replace(decision, action=(decision.action + 1) % len(of.world.spec.actions))
    assert (explain(state, carry.carry, carry.timestep, other)["prediction"] != found).any()


@every_learner
def test_with_an_lstm_and_no_auxiliary_head_it_builds(name):
    """Only traced: the code is that of the GRU, and tests/nets checks the values of both kinds of memory."""
    of = with_memory(name, memory="lstm", prediction_coef=0.0)
    before, _, _ = jax.eval_shape(of.begin, jax.random.key(0))
    state, carry, _, metrics = jax.eval_shape(lambda: train(of, 1))
    keeps_shapes_and_has_heads(before, state, carry, metrics, prediction=False)


@every_learner
def test_without_co_players_it_learns_or_is_refused(name):
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
    with pytest.raises(SocialRLError, match="novices"):
        small(name).build(World(novices=0, experts=1, size=5).build().spec)


@pytest.mark.parametrize("name", ["psiphi", "dqn"])
def test_no_one_sees_anothers_reward_but_its_own_matters(name):
    """Over more than one episode, and with the control that the novices' own rewards change what is
    learnt.
    """
    honest, lying, paid = (train(lab(name, task=task), 7) for task in (CoinGrid, Scrambled, Paid))
    assert not same(honest[1].returns[:, 2:], lying[1].returns[:, 2:])
    np.testing.assert_array_equal(honest[1].returns[:, :2], lying[1].returns[:, :2])
    assert same((honest[0], honest[2], honest[3]), (lying[0], lying[2], lying[3]))
    assert not same(honest[0].params, paid[0].params)


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
        if key in known:  # SocialRLError, or beartype's error where the type itself is wrong
            with pytest.raises(Exception, match=key):
                small(name, **{key: value})


@every_learner
def test_every_option_has_a_short_meaning(name):
    """Of a length that suits --help; tests/test_meanings.py checks the rest."""
    for option, found in meanings(learner_config(name)).items():
        assert 10 < len(found.help) <= 100, option

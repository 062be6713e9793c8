"""The ensemble of reward models: what it learns, how it is scaled, and its calibration by hand."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl.feedback.reward_model import (
    Comparisons,
    RewardModel,
    RewardModelConfig,
    calibration,
    near,
    no_comparisons,
)
from socialrl_envs.errors import SocialRLError

WORLD = socialrl_envs.make("coin_grid", size=5, colours=2, coins=1, experts=0)
CONFIG = RewardModelConfig(members=3, hidden=(8,), gradient_steps=200, lr=1e-2)
MODEL = RewardModel(CONFIG, WORLD.spec)
fit, report, predict = jax.jit(MODEL.fit), jax.jit(MODEL.report), jax.jit(MODEL.predict)
init = jax.jit(MODEL.init)
QUESTIONS, LENGTH, PAYS = 64, 6, 2  # the action that is liked


def comparisons(seed):
    """Random clips; the one with more of the liked action is preferred, and equals tie."""
    rng = np.random.default_rng(seed)
    steps = (QUESTIONS, 2, LENGTH)
    action = rng.integers(0, 5, steps).astype(np.int32)
    liked = (action == PAYS).sum(axis=-1)
    return Comparisons(
        obs=jnp.asarray(rng.integers(0, 2, (*steps, *WORLD.spec.obs_shape)).astype(np.uint8)),
        action=jnp.asarray(action),
        counts=jnp.ones(steps, jnp.float32),
        preferred=jnp.asarray((0.5 + 0.5 * np.sign(liked[:, 0] - liked[:, 1])).astype(np.float32)),
        weight=jnp.ones(QUESTIONS, jnp.float32),
    )


@pytest.fixture(scope="module")
def fitted():
    state = init(jax.random.key(0))
    return fit(state, comparisons(0), jax.random.key(1))[0]


def test_it_foretells_new_answers_and_says_how_well(fitted):
    found = report(fitted, comparisons(1))
    assert found["accuracy"] > 0.9
    assert found["calibration_error"] < 0.15
    assert report(init(jax.random.key(0)), comparisons(1))["accuracy"] < 0.75


def test_rewards_are_scaled_and_the_liked_action_pays(fitted):
    asked = comparisons(0)
    mean, std = predict(fitted, asked.obs, asked.action)
    assert abs(float(mean.mean())) < 1e-4
    assert abs(float(jnp.std(mean)) - CONFIG.std) < 1e-4
    liked = np.asarray(asked.action) == PAYS
    assert np.asarray(mean)[liked].mean() > np.asarray(mean)[~liked].mean() + 1
    assert (np.asarray(std) > 0).all()


def test_sparsity_finds_the_steps_that_pay():
    """An action pays beside a wall alone, at one step in ten. How far the other steps are apart, in units of
    what it pays, in clips that the model does not know.
    """

    def asked(seed, questions):
        rng = np.random.default_rng(seed)
        steps = (questions, 2, 10)
        action = rng.integers(0, 5, steps).astype(np.int32)
        obs = rng.integers(0, 2, (*steps, *WORLD.spec.obs_shape)).astype(np.uint8)
        paid = (action == PAYS) & (obs[..., 2, 2, 0] == 1)
        sums = paid.sum(axis=-1)
        preferred = (0.5 + 0.5 * np.sign(sums[:, 0] - sums[:, 1])).astype(np.float32)
        clips = Comparisons(
            obs=jnp.asarray(obs),
            action=jnp.asarray(action),
            counts=jnp.ones(steps, jnp.float32),
            preferred=jnp.asarray(preferred),
            weight=jnp.ones(questions, jnp.float32),
        )
        return clips, paid

    known, (new, paid) = asked(0, 256)[0], asked(1, 64)
    apart = []
    for sparsity in (0.0, 0.3):
        model = RewardModel(dataclasses.replace(CONFIG, sparsity=sparsity), WORLD.spec)
        state = jax.jit(model.fit)(init(jax.random.key(0)), known, jax.random.key(1))[0]
        mean = np.asarray(predict(state, new.obs, new.action)[0])
        apart.append(mean[~paid].std() / (mean[paid].mean() - mean[~paid].mean()))
    assert apart[1] < 0.75 * apart[0]


def test_members_know_different_comparisons():
    known = np.asarray(MODEL._known(200))
    assert (known[0] != known[1]).any()
    assert abs(known.mean() - CONFIG.share) < 0.1


def test_without_an_answer_nothing_changes():
    state, asked = init(jax.random.key(0)), comparisons(0)
    after, _ = fit(state, dataclasses.replace(asked, weight=jnp.zeros(QUESTIONS)), jax.random.key(1))
    jax.tree.map(np.testing.assert_array_equal, after, state)
    none = report(state, no_comparisons(WORLD.spec, QUESTIONS, LENGTH))
    assert np.isnan(none["accuracy"])


def test_calibration_by_hand():
    """Two answers at confidence 0.9, one of them wrong; one right at 0.6; a tie, and one without weight."""
    probability = jnp.array([0.9, 0.1, 0.6, 0.7, 0.0])
    found = jax.jit(calibration)(
        probability, jnp.array([1.0, 1.0, 1.0, 0.5, 1.0]), jnp.array([1.0, 1.0, 1.0, 1.0, 0.0])
    )
    np.testing.assert_allclose(found["accuracy"], 2 / 3, rtol=1e-6)
    np.testing.assert_allclose(found["calibration_error"], (abs(1 - 1.8) + 0.4) / 3, rtol=1e-5)


def test_rewards_may_depend_on_what_is_around_the_seat_alone():
    window, turning, whole = (
        socialrl_envs.make(name, size=7, experts=0, **more).spec
        for name, more in (
            ("coin_grid", {}),
            ("goal_cycle", {"view": 5}),
            ("coin_grid", {"observation": "grid"}),
        )
    )
    obs = jnp.arange(9 * 9 * 5).reshape(9, 9, 5).astype(jnp.uint8)  # centred on the seat
    np.testing.assert_array_equal(near(obs, window, 1), obs[3:6, 3:6])
    np.testing.assert_array_equal(near(obs, window, 9), obs)
    ahead = obs[:5, :5]  # the seat is in the middle of the last row
    np.testing.assert_array_equal(near(ahead, turning, 1), ahead[2:5, 1:4])
    assert near(obs, whole, None).shape == obs.shape
    with pytest.raises(SocialRLError, match="reach"):
        RewardModel(dataclasses.replace(CONFIG, reach=1), whole)
    local = RewardModel(dataclasses.replace(CONFIG, reach=0), WORLD.spec)
    params = jax.eval_shape(local.init, jax.random.key(0)).params["params"]
    assert params["Torso_0"]["Dense_0"]["kernel"].shape[1] == WORLD.spec.obs_shape[2]

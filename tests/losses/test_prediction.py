"""The auxiliary prediction of one's next observation."""

import jax
import jax.numpy as jnp
import numpy as np

from socialrl.losses.prediction import prediction_loss, weighted_prediction_loss

SEEN = jax.random.bernoulli(jax.random.key(0), 0.3, (4, 3, 3, 2)).astype(jnp.uint8)


def test_a_perfect_predictor_has_no_loss():
    np.testing.assert_array_equal(prediction_loss(SEEN.astype(jnp.float32), SEEN), np.zeros(4))


def test_mean_absolute_error_per_step():
    off = SEEN.astype(jnp.float32).at[1].add(0.25).at[2, 0, 0, 0].add(-9.0)
    np.testing.assert_allclose(prediction_loss(off, SEEN), [0, 0.25, 9 / 18, 0], rtol=1e-6)


def test_bytes_do_not_wrap_around():
    bright = jnp.full((1, 2, 2, 1), 255, jnp.uint8)
    np.testing.assert_allclose(prediction_loss(jnp.full(bright.shape, -1.0), bright), [256.0])


def weighted(predicted, before, channel_weight=(1.0, 1.0), unit=(1.0,), changed=1.0):
    weights, units = jnp.array(channel_weight, jnp.float32), jnp.array(unit, jnp.float32)
    return weighted_prediction_loss(predicted, SEEN, before, weights, units, changed)


def test_with_equal_weights_it_is_the_mean():
    off = SEEN.astype(jnp.float32) + 0.25
    np.testing.assert_allclose(weighted(off, SEEN), prediction_loss(off, SEEN), rtol=1e-6)


def test_entries_that_change_weigh_more():
    """One of 18 entries changes and is missed: 5 / (17 + 5) of the weight."""
    before = SEEN.at[0, 1, 1, 0].set(1 - SEEN[0, 1, 1, 0])
    loss = weighted(before.astype(jnp.float32), before, changed=5.0)
    np.testing.assert_allclose(loss, [5 / 22, 0, 0, 0], rtol=1e-6)


def test_only_channels_with_a_weight_count_in_their_units():
    off = SEEN.astype(jnp.float32) + jnp.array([7.0, 51.0])
    np.testing.assert_allclose(
        weighted(off, SEEN, channel_weight=(0.0, 1.0), unit=(1.0, 255.0)), np.full(4, 0.2), rtol=1e-6
    )

"""The auxiliary prediction of one's next observation."""

import jax
import jax.numpy as jnp
import numpy as np

from socialrl.losses.prediction import prediction_loss

SEEN = jax.random.bernoulli(jax.random.key(0), 0.3, (4, 3, 3, 2)).astype(jnp.uint8)


def test_a_perfect_predictor_has_no_loss():
    np.testing.assert_array_equal(prediction_loss(SEEN.astype(jnp.float32), SEEN), np.zeros(4))


def test_mean_absolute_error_per_step():
    off = SEEN.astype(jnp.float32).at[1].add(0.25).at[2, 0, 0, 0].add(-9.0)
    np.testing.assert_allclose(prediction_loss(off, SEEN), [0, 0.25, 9 / 18, 0], rtol=1e-6)


def test_bytes_do_not_wrap_around():
    bright = jnp.full((1, 2, 2, 1), 255, jnp.uint8)
    np.testing.assert_allclose(prediction_loss(jnp.full(bright.shape, -1.0), bright), [256.0])

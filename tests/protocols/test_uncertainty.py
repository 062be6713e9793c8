"""Following when unsure, on probabilities by hand."""

import jax.numpy as jnp
import numpy as np

from socialrl.protocols._uncertainty import uncertainty_measures

SURE, HALF, UNIFORM = (0.0, -40.0, -40.0, -40.0), (0.0, 0.0, -40.0, -40.0), (0.0, 0.0, 0.0, 0.0)


def test_shares_by_the_entropy_of_the_own_policy():
    """Four actions: one sure (uncertainty 0), two even (1/2), all even (1); the last step is not counted."""
    logits = jnp.array([SURE, SURE, HALF, UNIFORM, UNIFORM], jnp.float32)[:, None, None]
    source = jnp.array([0, 0, 2, 1, 0], jnp.int32)[:, None, None]
    mask = jnp.array([True, True, True, True, False])[:, None, None]
    found = {name: float(value) for name, value in uncertainty_measures(logits, source, mask).items()}
    np.testing.assert_allclose(found["uncertain"], (0 + 0 + 0.5 + 1) / 4, atol=1e-6)
    np.testing.assert_allclose(found["uncertain_gain"], 0.75, atol=1e-6)
    assert [found[f"uncertain_at/{i}"] for i in range(5)] == [0.5, 0, 0.25, 0, 0.25]
    assert [found[f"followed_at/{i}"] for i in (0, 2, 4)] == [0, 1, 1]
    assert np.isnan(found["followed_at/1"])

"""What a head can predict if its action is added, and if it is multiplied: on views that actions rotate."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from socialrl.nets.heads import Prediction

STATES, ACTIONS = 24, 3
VIEWS = jax.random.bernoulli(jax.random.key(0), 0.4, (STATES, 4, 4, 2)).astype(jnp.float32)
AFTER = jnp.stack([VIEWS, jnp.rot90(VIEWS, 1, (1, 2)), jnp.rot90(VIEWS, 3, (1, 2))], axis=1)


def best_additive() -> float:
    """The error of the best f(s) + g(a) of each entry, nearly: by alternating medians."""
    after = np.asarray(AFTER)
    of_state, of_action = np.zeros_like(after[:, :1]), np.median(after, axis=0)
    for _ in range(10):
        of_state = np.median(after - of_action, axis=1, keepdims=True)
        of_action = np.median(after - of_state, axis=0)
    return float(np.abs(after - of_state - of_action).mean())


def error_after_training(head: Prediction) -> float:
    """The mean absolute error of a head that is trained on the views as they are, for all actions."""
    x = jnp.repeat(VIEWS.reshape(STATES, 1, -1), ACTIONS, axis=1)
    action = jnp.broadcast_to(jnp.arange(ACTIONS, dtype=jnp.int32), (STATES, ACTIONS))
    params, optimiser = head.init(jax.random.key(1), x, action), optax.adam(3e-3)

    def loss(params):
        return jnp.mean(jnp.abs(head.apply(params, x, action) - AFTER))

    def step(carry, _):
        params, state = carry
        updates, state = optimiser.update(jax.grad(loss)(params), state)
        return (optax.apply_updates(params, updates), state), None

    start = (params, optimiser.init(params))
    (params, _), _ = jax.jit(lambda start: jax.lax.scan(step, start, length=300))(start)
    return float(loss(params))


def test_a_linear_head_is_no_better_than_the_best_additive_prediction():
    assert error_after_training(Prediction((4, 4, 2), ACTIONS)) > 0.9 * best_additive()


def test_a_head_that_the_action_multiplies_is_better_than_any_additive_prediction():
    assert (
        error_after_training(Prediction((4, 4, 2), ACTIONS, (96, 96), multiplied=True)) < best_additive() / 4
    )


def test_highs_are_the_units_of_a_prediction():
    x, action = jax.random.normal(jax.random.key(1), (5, 8)), jnp.arange(5, dtype=jnp.int32) % ACTIONS
    head, bright = (Prediction((2, 2, 2), ACTIONS, (6, 6), True, highs) for highs in ((), (1, 255)))
    out, params = head.init_with_output(jax.random.key(0), x, action)
    np.testing.assert_allclose(bright.apply(params, x, action), np.asarray(out) * [1, 255], rtol=1e-6)

"""The loss of predicting named concepts whose truth is seen in training only."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32


def concept_loss(
    log_prob_t: Float32[Array, "*batch concepts values"], truth_t: Int32[Array, "*batch concepts"]
) -> Float32[Array, ""]:
    """The cross-entropy -log p(truth) in nats, the mean over concepts of the means over the steps at which
    each is defined (truth >= 0); a concept that is nowhere defined counts as 0.
    """
    wanted = jnp.maximum(truth_t, 0)[..., None]
    surprise = -jnp.take_along_axis(log_prob_t, wanted, axis=-1)[..., 0]
    known = truth_t >= 0
    return jnp.mean(_per_concept(jnp.where(known, surprise, 0.0), known))


def concept_accuracy(
    log_prob_t: Float32[Array, "*batch concepts values"], truth_t: Int32[Array, "*batch concepts"]
) -> Float32[Array, " concepts"]:
    """The share of the steps at which each concept is defined on which its likeliest value is the true one;
    0 where it is nowhere defined.
    """
    right = jnp.argmax(log_prob_t, axis=-1) == truth_t
    return _per_concept(right.astype(jnp.float32), truth_t >= 0)


def _per_concept(
    x: Float32[Array, "*batch concepts"], known: Bool[Array, "*batch concepts"]
) -> Float32[Array, " concepts"]:
    """The mean of each concept's entries where it is known; 0 where it is not known anywhere."""
    steps, weight = tuple(range(x.ndim - 1)), known.astype(jnp.float32)
    return jnp.sum(x * weight, axis=steps) / jnp.maximum(jnp.sum(weight, axis=steps), 1.0)

"""Preferences from comparisons: a posterior over weights `w` of clips' features, by the Bradley-Terry model.

P(left is preferred) = sigmoid(w . (left - right)), with `left` and `right` the clips' discounted sums of
cumulants, true or learnt, and a normal prior of mean 0. The posterior is Laplace's: the mode, which Newton
steps find (the negative log-posterior is strictly convex), and the inverse of the Hessian there.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32, Int32, Key

from socialrl.losses.comparison import bradley_terry_loss
from socialrl_envs.struct import pytree

NEWTON_STEPS = 16
LENGTHS = np.float32(0.5) ** np.arange(12, dtype=np.float32)  # of a Newton step; the best one is taken


@pytree
class Posterior:
    """A normal distribution over preferences w."""

    mean: Float32[Array, "*batch K"]
    covariance: Float32[Array, "*batch K K"]

    @property
    def std(self) -> Float32[Array, "*batch K"]:
        """The standard deviation of each weight."""
        return jnp.sqrt(jnp.diagonal(self.covariance, axis1=-2, axis2=-1))

    def samples(self, key: Key[Array, ""], count: int) -> Float32[Array, "count K"]:
        """Preferences that are drawn from it; of one distribution, not of a batch."""
        root = jnp.linalg.cholesky(self.covariance)
        return self.mean + jax.random.normal(key, (count, len(self.mean)), jnp.float32) @ root.T


def infer(
    difference: Float32[Array, "Q K"],
    preferred: Float32[Array, " Q"],
    weight: Float32[Array, " Q"],
    prior_std: float | Float32[Array, ""] = 1.0,
) -> Posterior:
    """The posterior over preferences after comparisons.

    difference: the left clip's features less the right one's. preferred: 1 for left, 0 for right, 0.5 for a
    tie. weight: 0 for what is to be ignored. prior_std: of each weight before any comparison.
    """
    size = difference.shape[1]
    precision = jnp.eye(size, dtype=jnp.float32) / jnp.asarray(prior_std, jnp.float32) ** 2

    def objective(w: Float32[Array, " K"]) -> Float32[Array, ""]:
        worth = difference @ w
        losses = bradley_terry_loss(worth, jnp.zeros_like(worth), preferred)
        return jnp.sum(losses * weight) + 0.5 * w @ precision @ w

    def hessian(w: Float32[Array, " K"]) -> Float32[Array, "K K"]:
        p = jax.nn.sigmoid(difference @ w)
        return (difference * (weight * p * (1 - p))[:, None]).T @ difference + precision

    def newton(_: Int32[Array, ""], w: Float32[Array, " K"]) -> Float32[Array, " K"]:
        step = jnp.linalg.solve(hessian(w), jax.grad(objective)(w))
        tried = w - LENGTHS[:, None] * step
        values = jax.vmap(objective)(tried)
        best = jnp.argmin(values)
        return jnp.where(values[best] < objective(w), tried[best], w)

    mean = jax.lax.fori_loop(0, NEWTON_STEPS, newton, jnp.zeros(size, jnp.float32))
    return Posterior(mean=mean, covariance=jnp.linalg.inv(hessian(mean)))


def probability(posterior: Posterior, difference: Float32[Array, "*batch K"]) -> Float32[Array, "*batch"]:
    """The probability that the left clip is preferred, over the posterior, by MacKay's (1992) approximation
    sigmoid(m / sqrt(1 + pi v / 8)) for a margin of mean m and variance v.
    """
    mean = difference @ posterior.mean
    variance = jnp.einsum("...k,kl,...l->...", difference, posterior.covariance, difference)
    return jax.nn.sigmoid(mean / jnp.sqrt(1 + jnp.pi * variance / 8))

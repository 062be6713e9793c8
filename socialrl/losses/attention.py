"""The auxiliary loss of predicting where others are: the attention loss of MEDAL (Bhoopchand et al., 2023)
for one expert, and what it can mean for several that look alike.

Positions are pairs (cells ahead, cells to the right); those of absent others are NaN. Every loss is a mean
absolute error along the axes, and 0 where nobody is present.
"""

import itertools

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32

ErrorAndWeight = tuple[Float32[Array, "*batch"], Float32[Array, "*batch"]]
"""The sum of the absolute errors, and of how many numbers; the loss is the ratio of their totals."""


def each_position(
    predicted: Float32[Array, "*batch others 2"], positions: Float32[Array, "*batch others 2"]
) -> ErrorAndWeight:
    """Output k predicts the position of other k. It has no right answer for others that look alike."""
    present = ~jnp.isnan(positions)
    errors = jnp.where(present, jnp.abs(predicted - _filled(positions)), 0.0)
    return jnp.sum(errors, axis=(-2, -1)), jnp.sum(present.astype(jnp.float32), axis=(-2, -1))


def nearest_position(
    predicted: Float32[Array, "*batch outputs 2"], positions: Float32[Array, "*batch others 2"]
) -> ErrorAndWeight:
    """The first output predicts the position of the nearest other; of equally near ones, of the first. Both
    are 0 where there is nobody.
    """
    if positions.shape[-2] == 0:
        none = jnp.zeros(positions.shape[:-2], jnp.float32)
        return none, none
    present = _present(positions)
    distance = jnp.where(present, jnp.sum(jnp.abs(_filled(positions)), axis=-1), jnp.inf)
    at = jnp.argmin(distance, axis=-1)[..., None, None]
    nearest = jnp.take_along_axis(_filled(positions), at, axis=-2)[..., 0, :]
    there = jnp.any(present, axis=-1).astype(jnp.float32)
    return there * jnp.sum(jnp.abs(predicted[..., 0, :] - nearest), axis=-1), 2 * there


def set_of_positions(
    predicted: Float32[Array, "*batch others 2"], positions: Float32[Array, "*batch others 2"]
) -> ErrorAndWeight:
    """The outputs predict the positions of all present others in the order that fits best, as in the
    permutation-invariant loss of set prediction. All others! orders are compared.
    """
    present, filled = _present(positions), _filled(positions)
    costs = [
        jnp.sum(jnp.where(present[..., None], jnp.abs(predicted[..., order, :] - filled), 0.0), axis=(-2, -1))
        for order in map(list, itertools.permutations(range(positions.shape[-2])))
    ]
    return jnp.min(jnp.stack(costs), axis=0), 2 * jnp.sum(present.astype(jnp.float32), axis=-1)


def _present(positions: Float32[Array, "*batch others 2"]) -> Bool[Array, "*batch others"]:
    return ~jnp.any(jnp.isnan(positions), axis=-1)


def _filled(positions: Float32[Array, "*batch others 2"]) -> Float32[Array, "*batch others 2"]:
    """The positions with 0 for absent others, so that no NaN reaches a gradient."""
    return jnp.where(jnp.isnan(positions), 0.0, positions)

"""Heads: features -> what a learner reads off them."""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32


class SmallDense(nn.Module):
    """A linear map to outputs of the given shape, with weights of standard deviation gain / sqrt(F)."""

    shape: tuple[int, ...]
    gain: float = 1.0

    @nn.compact
    def __call__(self, x: Float32[Array, "*batch F"]) -> Float32[Array, "..."]:
        init = nn.initializers.variance_scaling(self.gain**2, "fan_in", "truncated_normal")
        return nn.Dense(math.prod(self.shape), kernel_init=init)(x).reshape(*x.shape[:-1], *self.shape)


class Tower(nn.Module):
    """Layers with tanh of the given sizes, maybe none, then a linear map with weights of deviation gain /
    sqrt(F).
    """

    hidden: tuple[int, ...]
    outputs: int
    gain: float = 1.0

    @nn.compact
    def __call__(self, x: Float32[Array, "*batch F"]) -> Float32[Array, "*batch A"]:
        for size in self.hidden:
            x = nn.tanh(nn.Dense(size, kernel_init=nn.initializers.orthogonal(2**0.5))(x))
        return SmallDense((self.outputs,), self.gain)(x)


class Prediction(nn.Module):
    """The next observation from features and the action taken: (*batch, V, V, C) float32 in the units of the
    view.

    hidden: layers with ReLU before the linear map; none by default.
    """

    obs_shape: tuple[int, int, int]
    actions: int
    hidden: tuple[int, ...] = ()

    @nn.compact
    def __call__(
        self, x: Float32[Array, "*batch F"], action: Int32[Array, "*batch"]
    ) -> Float32[Array, "*batch V V C"]:
        known = jnp.concatenate([x, jax.nn.one_hot(action, self.actions, dtype=jnp.float32)], axis=-1)
        for size in self.hidden:
            known = nn.relu(nn.Dense(size, kernel_init=nn.initializers.he_normal())(known))
        return SmallDense(self.obs_shape)(known)

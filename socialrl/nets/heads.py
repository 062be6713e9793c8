"""Heads: features -> outputs of a learner."""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32, Key


class SmallDense(nn.Module):
    """A linear map to outputs of a given shape, with initial weights of standard deviation gain / sqrt(F)."""

    shape: tuple[int, ...]
    gain: float = 1.0

    @nn.compact
    def __call__(self, x: Float32[Array, "*batch F"]) -> Float32[Array, "..."]:
        """Outputs (*batch, *shape)."""
        init = nn.initializers.variance_scaling(self.gain**2, "fan_in", "truncated_normal")
        return nn.Dense(math.prod(self.shape), kernel_init=init)(x).reshape(*x.shape[:-1], *self.shape)


class Tower(nn.Module):
    """Dense layers with tanh of the sizes `hidden` (there may be none), then `SmallDense`."""

    hidden: tuple[int, ...]
    outputs: int
    gain: float = 1.0

    @nn.compact
    def __call__(self, x: Float32[Array, "*batch F"]) -> Float32[Array, "*batch A"]:
        """Outputs (*batch, outputs)."""
        for size in self.hidden:
            x = nn.tanh(nn.Dense(size, kernel_init=nn.initializers.orthogonal(2**0.5))(x))
        return SmallDense((self.outputs,), self.gain)(x)


class Prediction(nn.Module):
    """The next view, predicted from features and the action taken.

    obs_shape: (V, V, C). actions: A. hidden: sizes of the layers before the linear map; none by default.
    multiplied: whether the action multiplies the first of them, W x * e(a), as in Oh et al. (2015, arXiv
    1507.08750), and tanh follows the others; else its one-hot code is one of the inputs, and ReLU follows
    each. Without hidden layers it then can only add a constant to each entry of the view, and with them the
    units tend to die under a mean absolute error (see benchmarks/prediction_heads.py). highs: the highest
    entry of each channel; () for 1.
    """

    obs_shape: tuple[int, int, int]
    actions: int
    hidden: tuple[int, ...] = ()
    multiplied: bool = False
    highs: tuple[int, ...] = ()

    @nn.compact
    def __call__(
        self, x: Float32[Array, "*batch F"], action: Int32[Array, "*batch"]
    ) -> Float32[Array, "*batch V V C"]:
        """The predicted view in the units of the view."""
        code, hidden = jax.nn.one_hot(action, self.actions, dtype=jnp.float32), self.hidden
        if self.multiplied:
            inputs, hidden, activation = self._multiplied(x, code), hidden[1:], nn.tanh
        else:
            inputs, activation = jnp.concatenate([x, code], axis=-1), nn.relu
        for size in hidden:
            inputs = activation(nn.Dense(size, kernel_init=nn.initializers.he_normal())(inputs))
        views = SmallDense(self.obs_shape)(inputs)
        return views * jnp.array(self.highs, jnp.float32) if self.highs else views

    def _multiplied(
        self, x: Float32[Array, "*batch F"], code: Float32[Array, "*batch A"]
    ) -> Float32[Array, "*batch H"]:
        """A linear map of the features, each entry multiplied by a factor that is learnt for each action."""
        size = self.hidden[0]
        factors = self.param("factors", nn.initializers.normal(1.0), (self.actions, size))
        return nn.Dense(size, kernel_init=nn.initializers.lecun_normal())(x) * (code @ factors)


def drawn(logits: Float32[Array, "*batch A"], key: Key[Array, ""], explore: bool) -> Int32[Array, "*batch"]:
    """Actions of a softmax policy: drawn while exploring, else the likeliest."""
    action = jax.random.categorical(key, logits) if explore else jnp.argmax(logits, axis=-1)
    return action.astype(jnp.int32)

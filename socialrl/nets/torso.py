"""The torso: views -> features, the same for all learners."""

import math
from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, UInt8


class Torso(nn.Module):
    """Dense layers with ReLU of the sizes `hidden` on the flattened view."""

    hidden: Sequence[int]

    @nn.compact
    def __call__(self, obs: UInt8[Array, "*batch V V C"]) -> Float32[Array, "*batch F"]:
        """Features (*batch, hidden[-1])."""
        x = obs.reshape(*obs.shape[:-3], math.prod(obs.shape[-3:])).astype(jnp.float32)
        for size in self.hidden:
            x = nn.relu(nn.Dense(size, kernel_init=nn.initializers.he_normal())(x))
        return x

"""The torso: views -> features, the same for all learners."""

import math
from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, UInt8


class Torso(nn.Module):
    """Convolutions of the sizes `filters` (there may be none), then dense layers of the sizes `hidden`, with
    ReLU.

    highs: the highest entry of each channel, by which it is divided; () takes the views as they are.
    pixels: along each side of a cell. The first convolution takes one cell, each further one 3 x 3 cells.
    """

    hidden: Sequence[int]
    filters: Sequence[int] = ()
    highs: tuple[int, ...] = ()
    pixels: int = 1

    @nn.compact
    def __call__(self, obs: UInt8[Array, "*batch V V C"]) -> Float32[Array, "*batch F"]:
        """Features (*batch, hidden[-1])."""
        x = obs.astype(jnp.float32)
        if any(high != 1 for high in self.highs):
            x = x / jnp.array(self.highs, jnp.float32)
        for number, size in enumerate(self.filters):
            patches = neighbourhoods(x) if number else cells(x, self.pixels)
            x = nn.relu(nn.Dense(size, kernel_init=nn.initializers.he_normal())(patches))
        x = x.reshape(*obs.shape[:-3], math.prod(x.shape[-3:]))
        for size in self.hidden:
            x = nn.relu(nn.Dense(size, kernel_init=nn.initializers.he_normal())(x))
        return x


def cells(x: Float32[Array, "*batch X X C"], pixels: int) -> Float32[Array, "*batch V V D"]:
    """The pixels of each cell as one vector, D = pixels * pixels * C.

    A matrix product over patches is a convolution that stays a matrix product under `vmap` over seeds, where
    that of XLA becomes a grouped one, which is slow on a CPU.
    """
    *batch, side, _, channels = x.shape
    view = side // pixels
    apart = x.reshape(*batch, view, pixels, view, pixels, channels)
    return jnp.moveaxis(apart, -4, -3).reshape(*batch, view, view, pixels * pixels * channels)


def neighbourhoods(x: Float32[Array, "*batch V V C"]) -> Float32[Array, "*batch V V D"]:
    """The 3 x 3 cells around each cell as one vector, D = 9 * C; beside the view are zeros."""
    view = x.shape[-2]
    padded = jnp.pad(x, (*((0, 0) for _ in x.shape[:-3]), (1, 1), (1, 1), (0, 0)))
    moved = [padded[..., i : i + view, j : j + view, :] for i in range(3) for j in range(3)]
    return jnp.concatenate(moved, axis=-1)

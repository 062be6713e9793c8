"""The reader of a memory of places: what is known of each place -> features of the whole."""

from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32


class PlaceReader(nn.Module):
    """Attention over places whose number and order do not matter: the same two layers for each place, then
    their mean by each head's attention and their maximum.
    """

    width: ClassVar[int] = 32
    heads: ClassVar[int] = 2
    size: ClassVar[int] = 32 * 3  # of its output

    @nn.compact
    def __call__(self, places: Float32[Array, "*batch P F"]) -> Float32[Array, "*batch size"]:
        """Features; zeros where no place is known. places: the first number of each is 1 if it is known."""
        known = places[..., :1]
        x = nn.relu(nn.Dense(self.width)(places))
        x = nn.relu(nn.Dense(self.width)(x)) * known
        scores = jnp.where(known > 0, nn.Dense(self.heads)(x), -1e9)
        weights = jax.nn.softmax(scores, axis=-2)
        attended = jnp.einsum("...ph,...pf->...hf", weights, x).reshape(*x.shape[:-2], -1)
        return jnp.concatenate([attended, jnp.max(x, axis=-2)], axis=-1)

"""What libraries of JAX environments ask for: spaces of actions and observations, and either kind of key."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Key, Shaped, UInt32

RawKey = Key[Array, ""] | UInt32[Array, " words"]  # of jax.random.key, or of jax.random.PRNGKey


def typed(key: RawKey) -> Key[Array, ""]:
    """The key as a typed key, as `jax.random.key` makes it."""
    return key if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else jax.random.wrap_key_data(key)


class Discrete:
    """The space of actions 0..n-1."""

    def __init__(self, num_categories: int, dtype: type = jnp.int32):
        self.n, self.shape, self.dtype = num_categories, (), dtype

    def sample(self, rng: RawKey) -> Shaped[Array, "..."]:
        """A uniformly drawn action."""
        return jax.random.randint(rng, self.shape, 0, self.n).astype(self.dtype)

    def contains(self, x: Shaped[Array, "*batch"]) -> Bool[Array, "*batch"]:
        """Whether x is an action."""
        return (x >= 0) & (x < self.n)


class Box:
    """The space of integer-valued arrays of one shape and dtype, with entries in low..high."""

    def __init__(self, low: int, high: int, shape: tuple[int, ...], dtype: type = jnp.float32):
        self.low, self.high, self.shape, self.dtype = low, high, shape, dtype

    def sample(self, rng: RawKey) -> Shaped[Array, "..."]:
        """An array whose entries are drawn uniformly."""
        return jax.random.randint(rng, self.shape, self.low, self.high + 1).astype(self.dtype)

    def contains(self, x: Shaped[Array, "..."]) -> Bool[Array, ""]:
        """Whether all entries are within the bounds."""
        return jnp.all((x >= self.low) & (x <= self.high))

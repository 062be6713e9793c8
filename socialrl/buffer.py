"""Replay buffer: a ring of unrolls, uint8 views included, from which off-policy learners draw sequences."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Int32, Key, PyTree, Shaped

from socialrl.devices import spread
from socialrl_envs.struct import pytree


@pytree
class Buffer:
    """data: leaves (capacity, T, ...), one row per world and unroll. added: rows written so far."""

    data: PyTree
    added: Int32[Array, ""]


def empty(example: PyTree, capacity: int) -> Buffer:
    """An empty buffer of `capacity` rows for unrolls like `example`, leaves (T, B, ...)."""

    def room(leaf: Shaped[Array, "T B *rest"]) -> Shaped[Array, "capacity T *rest"]:
        time, _, *rest = leaf.shape
        return jnp.zeros((capacity, time, *rest), leaf.dtype)

    return Buffer(data=jax.tree.map(room, example), added=jnp.int32(0))


def add(buffer: Buffer, unroll: PyTree) -> Buffer:
    """The buffer with an unroll, leaves (T, B, ...), written as B rows over the oldest ones; B must divide
    the capacity.
    """

    def write(
        store: Shaped[Array, "capacity T *rest"], leaf: Shaped[Array, "T B *rest"]
    ) -> Shaped[Array, "capacity T *rest"]:
        rows = jnp.swapaxes(leaf, 0, 1)
        start = (buffer.added % store.shape[0], *(0,) * (store.ndim - 1))
        return jax.lax.dynamic_update_slice(store, rows, start)

    rows = jax.tree.leaves(unroll)[0].shape[1]
    return Buffer(data=jax.tree.map(write, buffer.data, unroll), added=buffer.added + rows)


def sample(buffer: Buffer, key: Key[Array, ""], rows: int) -> PyTree:
    """`rows` rows drawn uniformly with replacement from those written; leaves (T, rows, ...)."""
    capacity = jax.tree.leaves(buffer.data)[0].shape[0]
    index = jax.random.randint(key, (rows,), 0, jnp.minimum(buffer.added, capacity))
    return spread(jax.tree.map(lambda store: jnp.swapaxes(store[index], 0, 1), buffer.data), 1)

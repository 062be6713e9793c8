"""Comparisons of trees and arrays whose AssertionErrors say what differs."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import PyTree, Shaped

from socialrl.types import (
    Metrics,
)


def named(name: str, rule: str, call: Callable[[], Any]) -> Any:
    """The result of the call; whatever it raises becomes an AssertionError that names the learner and the
    rule.
    """
    try:
        return call()
    except Exception as error:
        kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
        raise AssertionError(f"{name}: {rule}: {kind}{error}") from error


def shapes(tree: PyTree) -> list[tuple[str, tuple[int, ...], Any, bool]]:
    """The path, shape, dtype and weak type of every leaf."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return [
        (jax.tree_util.keystr(path), jnp.shape(x), jnp.result_type(x), getattr(x, "weak_type", False))
        for path, x in leaves
    ]


def raw(leaf: Array | np.ndarray) -> np.ndarray:
    """The bits of a leaf, PRNG keys included."""
    return np.asarray(jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf)


def same(a: PyTree, b: PyTree) -> bool:
    """Whether two trees are equal bit for bit."""
    if jax.tree.structure(a) != jax.tree.structure(b):
        return False
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return all(raw(x).tobytes() == raw(y).tobytes() for x, y in pairs)


def alike(a: Shaped[Array, "..."], b: Shaped[Array, "..."]) -> bool:
    """Whether two arrays are equal up to the rounding of programs that sum in another order."""
    return np.allclose(a, b, rtol=1e-3, atol=1e-4)


def expect_same_shapes(before: PyTree, after: PyTree, what: str) -> None:
    """Raises AssertionError naming the first leaf whose path, shape or dtype changed."""
    assert jax.tree.structure(before) == jax.tree.structure(after), f"the structure of {what} changes"
    for was, now in zip(shapes(before), shapes(after), strict=True):
        assert was == now, f"{what}{now[0]} was {was[1]} {was[2]} and is {now[1]} {now[2]} (weak: {now[3]})"


def expect(array: Shaped[Array | np.ndarray, "..."], shape: tuple[int, ...], dtype: type, what: str) -> None:
    """Raises AssertionError unless the array has this shape and dtype."""
    found = (jnp.shape(array), jnp.result_type(array))
    assert found == (shape, dtype), f"{what} is {found[0]} {found[1]}, not {shape} {jnp.dtype(dtype)}"


def expect_finite(metrics: Metrics) -> None:
    """Raises AssertionError unless all metrics are finite float32 scalars."""
    for name, value in metrics.items():
        expect(value, (), jnp.float32, f"metric {name}")
        assert np.isfinite(value), f"metric {name} is {value}"

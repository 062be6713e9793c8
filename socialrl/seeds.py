"""Seeds side by side: stacked under one vmap on an accelerator, each on its own in a thread per core on a
CPU.

A batched matrix product of small nets is slow on a CPU, where separate programs run twice as fast
(benchmarks/); on a GPU it is the other way round. Either way a seed's numbers do not depend on who runs
beside it.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

Bundle = Any  # one pytree per seed: a list of them (threads), or one with a leading axis (vmap)


class Seeds:
    """How `count` seeds are run; `mode` None takes what suits the default device."""

    def __init__(self, count: int, mode: Literal["threads", "vmap"] | None = None):
        self.count = count
        self.mode = mode or ("threads" if jax.default_backend() == "cpu" else "vmap")

    def bundle(self, trees: Sequence[PyTree]) -> Bundle:
        """One pytree per seed, as `map`'s functions take them."""
        if self.mode == "threads":
            return list(trees)
        return jax.tree.map(lambda *leaves: _stack(leaves), *trees)

    def unbundle(self, bundle: Bundle) -> list[PyTree]:
        """A list with one pytree per seed."""
        if self.mode == "threads":
            return list(bundle)
        return [jax.tree.map(lambda leaf, seed=seed: leaf[seed], bundle) for seed in range(self.count)]

    def split(self, bundle: Bundle) -> tuple[Bundle, Bundle]:
        """A bundle of pairs as a pair of bundles."""
        return tuple(zip(*bundle, strict=True)) if self.mode == "threads" else bundle  # pyright: ignore[reportReturnType]

    def values(self, bundle: Bundle) -> dict[str, np.ndarray]:
        """A bundle of metrics by name -> arrays with one entry per seed, on the host."""
        trees = [jax.device_get(tree) for tree in self.unbundle(bundle)]
        return {name: np.stack([np.asarray(tree[name]) for tree in trees]) for name in trees[0]}

    def map(self, function: Callable[..., Any], per_seed: int, donate: bool = False) -> "Mapped":
        """The function over all seeds: its first `per_seed` arguments are bundles, the others are shared.

        donate: the first argument's memory is reused for the answer.
        """
        return Mapped(self, function, per_seed, donate)


def _stack(leaves: Sequence[Any]) -> jax.Array:
    """The leaves along a new leading axis. Keys go through their raw data, for a stacked key counts as used
    up.
    """
    if isinstance(leaves[0], jax.Array) and jnp.issubdtype(leaves[0].dtype, jax.dtypes.prng_key):
        data = jnp.stack([jax.random.key_data(leaf) for leaf in leaves])
        return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaves[0]))
    return jnp.stack([jnp.asarray(leaf) for leaf in leaves])


class Mapped:
    """A function over all seeds; compiled at the first call, or ahead of it by `compile`."""

    def __init__(self, seeds: Seeds, function: Callable[..., Any], per_seed: int, donate: bool):
        self.seeds, self.per_seed = seeds, per_seed
        donated = (0,) if donate else ()
        if seeds.mode == "threads":
            self.jitted = jax.jit(function, donate_argnums=donated)
        else:

            def batched(*arguments: Any) -> Any:
                axes = tuple(0 if i < per_seed else None for i in range(len(arguments)))
                return jax.vmap(function, in_axes=axes)(*arguments)

            self.jitted = jax.jit(batched, donate_argnums=donated)
        self.call: Callable[..., Any] = self.jitted

    def compile(self, *arguments: Any) -> "Mapped":
        """Compiles for arguments like these."""
        self.call = self.jitted.lower(*self._of_seed(0, arguments)).compile()
        return self

    def _of_seed(self, seed: int, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        if self.seeds.mode == "vmap":
            return arguments
        return (*(bundle[seed] for bundle in arguments[: self.per_seed]), *arguments[self.per_seed :])

    def __call__(self, *arguments: Any) -> Bundle:
        """The bundle of answers, computed when it returns."""
        if self.seeds.mode == "vmap":
            return jax.block_until_ready(self.call(*arguments))
        calls = [self._of_seed(seed, arguments) for seed in range(self.seeds.count)]
        if self.call is self.jitted:  # let one call compile, so that the others find it done
            first = jax.block_until_ready(self.call(*calls[0]))
            return [first, *self._together(calls[1:])]
        return self._together(calls)

    def _together(self, calls: list[tuple[Any, ...]]) -> list[Any]:
        with ThreadPoolExecutor(max_workers=cpu_count()) as pool:
            return list(pool.map(lambda arguments: jax.block_until_ready(self.call(*arguments)), calls))

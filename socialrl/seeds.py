"""Running several seeds side by side: under one vmap on an accelerator, in one thread per core on a CPU.

A batched matrix product of small networks is slow on a CPU, where separate programs run twice as fast
(benchmarks/); on a GPU it is the other way round. The numbers of a seed do not depend on which other seeds
run.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

PerSeed = Any  # one pytree per seed: a list (threads), or one pytree with a leading axis of seeds (vmap)


class Seeds:
    """`count` seeds, run in `mode`; None takes what suits the default device."""

    def __init__(self, count: int, mode: Literal["threads", "vmap"] | None = None):
        self.count = count
        self.mode = mode or ("threads" if jax.default_backend() == "cpu" else "vmap")

    def bundle(self, trees: Sequence[PyTree]) -> PerSeed:
        """A list with one pytree per seed in the form that mapped functions take."""
        if self.mode == "threads":
            return list(trees)
        return jax.tree.map(lambda *leaves: _stack(leaves), *trees)

    def unbundle(self, per_seed: PerSeed) -> list[PyTree]:
        """A list with one pytree per seed."""
        if self.mode == "threads":
            return list(per_seed)
        return [jax.tree.map(lambda leaf, seed=seed: leaf[seed], per_seed) for seed in range(self.count)]

    def split(self, pairs: PerSeed) -> tuple[PerSeed, PerSeed]:
        """The first and the second entries of one pair per seed."""
        return tuple(zip(*pairs, strict=True)) if self.mode == "threads" else pairs  # pyright: ignore[reportReturnType]

    def values(self, metrics: PerSeed) -> dict[str, np.ndarray]:
        """Metrics by name, on the host: arrays with a leading axis of seeds."""
        trees = [jax.device_get(tree) for tree in self.unbundle(metrics)]
        return {name: np.stack([np.asarray(tree[name]) for tree in trees]) for name in trees[0]}

    def map(self, function: Callable[..., Any], per_seed: int, donate: bool = False) -> "SeedMap":
        """The function of one seed as a function of all; its first `per_seed` arguments differ by seed, the
        others are shared. donate: the buffers of the first argument are reused for the result.
        """
        return SeedMap(self, function, per_seed, donate)


def _stack(leaves: Sequence[Any]) -> jax.Array:
    """The leaves along a new leading axis. Keys go through their raw data, because the check of key reuse
    takes a stacked key for a used one.
    """
    if isinstance(leaves[0], jax.Array) and jnp.issubdtype(leaves[0].dtype, jax.dtypes.prng_key):
        data = jnp.stack([jax.random.key_data(leaf) for leaf in leaves])
        return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaves[0]))
    return jnp.stack([jnp.asarray(leaf) for leaf in leaves])


class SeedMap:
    """A function of one seed, mapped over all; compiled at the first call, or earlier by `compile`."""

    def __init__(self, seeds: Seeds, function: Callable[..., Any], per_seed: int, donate: bool):
        self.seeds, self.per_seed = seeds, per_seed
        donated = (0,) if donate else ()
        if seeds.mode == "threads":
            self.jitted = jax.jit(function, donate_argnums=donated)
        else:

            def batched(*arguments: PyTree) -> Any:
                axes = tuple(0 if i < per_seed else None for i in range(len(arguments)))
                return jax.vmap(function, in_axes=axes)(*arguments)

            self.jitted = jax.jit(batched, donate_argnums=donated)
        self.call: Callable[..., Any] = self.jitted

    def compile(self, *arguments: PyTree) -> "SeedMap":
        """Compiles for arguments of these shapes; returns itself."""
        self.call = self.jitted.lower(*self._of_seed(0, arguments)).compile()
        return self

    def _of_seed(self, seed: int, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments of one call: of this seed (threads), or of all (vmap)."""
        if self.seeds.mode == "vmap":
            return arguments
        return (*(trees[seed] for trees in arguments[: self.per_seed]), *arguments[self.per_seed :])

    def __call__(self, *arguments: PyTree) -> PerSeed:
        """One result per seed; returns once they are computed."""
        if self.seeds.mode == "vmap":
            return jax.block_until_ready(self.call(*arguments))
        calls = [self._of_seed(seed, arguments) for seed in range(self.seeds.count)]
        if self.call is self.jitted:  # one call compiles, so that the others find the program in the cache
            first = jax.block_until_ready(self.call(*calls[0]))
            return [first, *self._together(calls[1:])]
        return self._together(calls)

    def _together(self, calls: list[tuple[Any, ...]]) -> list[Any]:
        """The results of the calls, each made in a thread."""
        with ThreadPoolExecutor(max_workers=cpu_count()) as pool:
            return list(pool.map(lambda arguments: jax.block_until_ready(self.call(*arguments)), calls))

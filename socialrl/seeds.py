"""Running several seeds side by side: under one vmap on an accelerator, in one thread per core on a CPU, over
several devices or processes.

A batched matrix product of small networks is slow on a CPU, where separate programs run twice as fast
(benchmarks/); on a GPU it is the other way round. The numbers of a seed do not depend on which other seeds
run.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec
from jaxtyping import PyTree

from socialrl.cores import usable_cores
from socialrl.devices import SEEDS, Devices, on_every_device, one_device
from socialrl.memory import Forecast, bytes_of, peak
from socialrl.processes import gathered, meet, on_host

PerSeed = Any  # of this process's seeds: a list of pytrees, or one pytree with a leading axis of seeds
Mode = Literal["threads", "vmap", "mesh", "worlds"]


class Seeds:
    """`count` seeds on `devices`, by default the first one.

    mode: "threads" or "vmap" on one device, "mesh" where several have seeds of their own, "worlds" where they
    share the worlds of every seed; None takes what suits the devices.
    """

    def __init__(self, count: int, mode: Mode | None = None, devices: Devices | None = None):
        self.count, self.devices = count, devices or one_device()
        self.mode: Mode = mode or _suitable(self.devices)
        self.own = self.devices.share(count)
        self.listed = self.mode in ("threads", "worlds")

    @property
    def per_device(self) -> int:
        """How many seeds a device has, at most."""
        return -(-len(self.own) // len(self.devices.local)) if self.mode == "mesh" else len(self.own)

    def bundle(self, trees: Sequence[PyTree]) -> PerSeed:
        """One pytree per seed, of all seeds, in the form that mapped functions take."""
        mine = [trees[seed] for seed in self.own]
        if self.mode == "worlds":
            return [on_every_device(tree, self.devices) for tree in mine]
        if self.mode == "threads":
            return mine
        if self.mode == "vmap":
            return jax.tree.map(lambda *leaves: _stack(leaves), *mine)
        rows = self.per_device * len(self.devices.local)
        padded = [*mine, *[mine[-1]] * (rows - len(mine))]  # no device waits for these longer
        stacked = jax.tree.map(lambda *leaves: _stack(leaves), *map(on_host, padded))
        return jax.device_put(stacked, self.devices.rows)

    def unbundle(self, per_seed: PerSeed) -> list[PyTree]:
        """A list with one pytree per seed, of all seeds; leaves on the default device."""
        if self.mode in ("mesh", "worlds") or self._shared:
            return jax.tree.map(jnp.asarray, self.fetched(per_seed))
        return self._mine(per_seed)

    def fetched(self, per_seed: PerSeed) -> list[PyTree]:
        """A list with one pytree per seed, of all seeds; leaves on the host, but typed PRNG keys."""
        mine = list(map(on_host, self._mine(per_seed if self.listed else on_host(per_seed))))
        if not self._shared:
            return mine
        most = max(len(self.devices.share(self.count, p)) for p in range(self.devices.processes))
        rows = [gathered(mine[min(row, len(mine) - 1)]) for row in range(most)]
        return [
            rows[row][process]
            for process in range(self.devices.processes)
            for row in range(len(self.devices.share(self.count, process)))
        ]

    def split(self, pairs: PerSeed) -> tuple[PerSeed, PerSeed]:
        """The first and the second entries of one pair per seed."""
        return tuple(zip(*pairs, strict=True)) if self.listed else pairs  # pyright: ignore[reportReturnType]

    def values(self, metrics: PerSeed) -> dict[str, np.ndarray]:
        """Metrics by name, on the host: arrays with a leading axis of all seeds."""
        trees = self.fetched(metrics)
        return {name: np.stack([np.asarray(tree[name]) for tree in trees]) for name in trees[0]}

    def map(self, function: Callable[..., Any], per_seed: int, donate: bool = False) -> "SeedMap":
        """The function of one seed as a function of all; its first `per_seed` arguments differ by seed, the
        others are shared. donate: the buffers of the first argument are reused for the result.
        """
        return SeedMap(self, function, per_seed, donate)

    @property
    def _shared(self) -> bool:
        """Whether other processes have seeds that this one has not."""
        return self.devices.processes > 1 and self.devices.split == "seeds"

    def _mine(self, per_seed: PerSeed) -> list[PyTree]:
        """A list with one pytree for each seed of this process."""
        if self.listed:
            return list(per_seed)
        return [jax.tree.map(lambda leaf, row=row: leaf[row], per_seed) for row in range(len(self.own))]


def _suitable(devices: Devices) -> Mode:
    """The mode for these devices."""
    if devices.split == "worlds" and len(devices.all) > 1:
        return "worlds"
    first, *others = devices.local
    if others:
        return "mesh"
    return "threads" if first.platform == "cpu" else "vmap"


def _stack(leaves: Sequence[Any]) -> jax.Array | np.ndarray:
    """The leaves along a new leading axis, on the host if they are there. Keys go through their raw data,
    because the check of key reuse takes a stacked key for a used one.
    """
    if isinstance(leaves[0], jax.Array) and jnp.issubdtype(leaves[0].dtype, jax.dtypes.prng_key):
        data = jnp.stack([jax.random.key_data(leaf) for leaf in leaves])
        return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaves[0]))
    if isinstance(leaves[0], np.ndarray | np.generic):
        return np.stack(leaves)
    return jnp.stack([jnp.asarray(leaf) for leaf in leaves])


class SeedMap:
    """A function of one seed, mapped over all; compiled at the first call, or earlier by `compile`.

    at_once: how many seeds of a device are computed together, the others after them. calls: how many were
    made. forecast: of its memory, once it is compiled.
    """

    def __init__(self, seeds: Seeds, function: Callable[..., Any], per_seed: int, donate: bool):
        self.seeds, self.per_seed, self.function, self.donate = seeds, per_seed, function, donate
        self.at_once = self._most()
        self.jitted = self._jit()
        self.call: Callable[..., Any] = self.jitted
        self.compiled: jax.stages.Compiled | None = None
        self.forecast: Forecast | None = None
        self.calls = 0

    def compile(self, *arguments: PyTree, room: int | None = None) -> "SeedMap":
        """Compiles for arguments of these shapes, see `lowered`; returns itself."""
        return self.finish(self.lowered(*arguments, room=room))

    def finish(self, lowered: jax.stages.Lowered) -> "SeedMap":
        """Compiles what `lowered` returned, which may be done in another thread; returns itself."""
        self.call = self.compiled = lowered.compile()
        return self

    def lowered(self, *arguments: PyTree, room: int | None = None) -> jax.stages.Lowered:
        """The program for arguments of these shapes, ready to be compiled; forecasts its memory.

        room: bytes of memory of a device; as many seeds are computed at once as fit into it by the forecast.
        Raises SocialRLError if their states alone do not.
        """
        traced = self._traced(arguments)
        self.forecast = self._forecast(traced, arguments).fitted(room)
        if self.forecast.at_once < self.at_once:
            self.at_once = self.forecast.at_once
            if self.seeds.mode in ("vmap", "mesh"):
                self.jitted = self._jit()
                traced = self._traced(arguments)
        with self._mesh():
            return traced.lower()

    def __call__(self, *arguments: PyTree) -> PerSeed:
        """One result per seed; returns once they are computed."""
        self.calls += 1
        arguments = self._placed(arguments)
        if not self.seeds.listed:
            return jax.block_until_ready(self.call(*arguments))
        calls = [self._of_seed(row, arguments) for row in range(len(self.seeds.own))]
        if self.seeds.mode == "worlds":  # one after the other: all devices work for each
            meet()
            with self._mesh():
                return jax.block_until_ready([self.call(*call) for call in calls])
        if self.call is self.jitted:  # one call compiles, so that the others find the program in the cache
            first = jax.block_until_ready(self.call(*calls[0]))
            return [first, *self._together(calls[1:])]
        return self._together(calls)

    def text(self) -> str:
        """The compiled program as text; "" before `compile`."""
        return "" if self.compiled is None else self.compiled.as_text() or ""

    def _traced(self, arguments: tuple[PyTree, ...]) -> Any:
        """The program, traced for arguments of these shapes."""
        with self._mesh():
            return self.jitted.trace(*self._of_seed(0, self._placed(arguments)))

    def _forecast(self, traced: Any, arguments: tuple[PyTree, ...]) -> Forecast:
        """The memory of one device."""
        seeds, state, work = self.seeds, bytes_of(arguments), peak(traced.jaxpr)
        if not seeds.listed:  # the arguments are of all devices, the program is of one
            state //= len(seeds.devices.local)
        parts = 1 if seeds.listed else self.at_once
        if seeds.mode == "worlds":
            parts = len(seeds.devices.all)
        return Forecast(state=state, work=work // parts, seeds=seeds.per_device, at_once=self.at_once)

    def _most(self) -> int:
        """How many seeds of a device are computed together, whatever memory they take."""
        if self.seeds.mode == "worlds" or self._turns:
            return 1
        return min(self.seeds.per_device, usable_cores() if self.seeds.mode == "threads" else 2**31)

    @property
    def _turns(self) -> bool:
        """Whether the seeds of a device take turns in one program."""
        return self.seeds.mode == "mesh" and self.seeds.devices.local[0].platform == "cpu"

    def _jit(self) -> Any:
        """The program of one seed, or of all."""
        mode, devices, donated = self.seeds.mode, self.seeds.devices, (0,) if self.donate else ()
        if mode == "threads":
            return jax.jit(self.function, donate_argnums=donated)
        if mode == "worlds":
            whole = devices.replicated
            return jax.jit(self.function, in_shardings=whole, out_shardings=whole, donate_argnums=donated)

        def batched(*arguments: PyTree) -> Any:
            mapped, shared = arguments[: self.per_seed], arguments[self.per_seed :]
            if mode == "vmap":
                return self._side_by_side(mapped, shared)
            rows, whole = PartitionSpec(SEEDS), PartitionSpec()
            together = jax.shard_map(
                self._side_by_side,
                mesh=devices.mesh,
                in_specs=(rows, whole),
                out_specs=rows,
                check_vma=False,
            )
            return together(mapped, shared)

        return jax.jit(batched, donate_argnums=donated)

    def _side_by_side(self, mapped: tuple[PyTree, ...], shared: tuple[PyTree, ...]) -> Any:
        """The results of the seeds of one device, leaves with a leading axis. On a CPU one after the other:
        the program of a seed has the same bits there, however many there are.
        """

        def one(mine: tuple[PyTree, ...]) -> Any:
            return self.function(*mine, *shared)

        if self._turns:
            return jax.lax.map(one, mapped)
        if self.at_once < self.seeds.per_device:
            return jax.lax.map(one, mapped, batch_size=self.at_once)
        return jax.vmap(one)(mapped)

    def _placed(self, arguments: tuple[PyTree, ...]) -> tuple[PyTree, ...]:
        """The arguments, of which the shared ones are on every device."""
        if self.seeds.mode not in ("mesh", "worlds"):
            return arguments
        shared = (on_every_device(tree, self.seeds.devices) for tree in arguments[self.per_seed :])
        return (*arguments[: self.per_seed], *shared)

    def _mesh(self) -> Any:
        """The context in which `devices.spread` lays out worlds."""
        return jax.set_mesh(self.seeds.devices.mesh) if self.seeds.mode == "worlds" else nullcontext()

    def _of_seed(self, row: int, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments of one call: of the seed in this row (lists), or of all."""
        if not self.seeds.listed:
            return arguments
        return (*(trees[row] for trees in arguments[: self.per_seed]), *arguments[self.per_seed :])

    def _together(self, calls: list[tuple[Any, ...]]) -> list[Any]:
        """The results of the calls, each made in a thread."""
        with ThreadPoolExecutor(max_workers=self.at_once) as pool:
            return list(pool.map(lambda arguments: jax.block_until_ready(self.call(*arguments)), calls))

"""The devices that a run computes on: seeds laid over them, or the worlds of every seed.

Over seeds, every device has seeds of its own, which never wait for others; the numbers are bit-equal to those
of one device. Over worlds, a device has part of the parallel worlds of every seed, and gradients are averaged
over all: one program, which the compiler partitions, of the same mathematics; sums are taken in another
order, so that numbers differ in the last bits, and after many updates as those of other machines do.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree

from socialrl.cores import usable_cores
from socialrl.processes import on_host
from socialrl_envs.errors import SocialRLError

Device = Any  # jax.Device, in which type checkers see a variable
Split = Literal["seeds", "worlds"]
SEEDS, WORLDS = "seeds", "worlds"  # axes of meshes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Devices:
    """What a run computes on.

    local: devices of this process. all: those of all processes that share the run, in their order. split:
    what is laid over them. process: which of `processes` this is.
    """

    local: tuple[Device, ...]
    all: tuple[Device, ...]
    split: Split = "seeds"
    process: int = 0
    processes: int = 1

    @property
    def mesh(self) -> Mesh:
        """The devices along the axis that is split: this process's for seeds, all of them for worlds."""
        chosen = self.local if self.split == "seeds" else self.all
        return Mesh(np.array(chosen, dtype=object), (self.split,))

    @property
    def replicated(self) -> NamedSharding:
        """The sharding of what every device of `mesh` has whole."""
        return NamedSharding(self.mesh, PartitionSpec())

    @property
    def rows(self) -> NamedSharding:
        """The sharding of arrays whose first axis is laid over `mesh`."""
        return NamedSharding(self.mesh, PartitionSpec(self.split))

    def share(self, seeds: int, process: int | None = None) -> range:
        """The seeds, counted from 0, that a process computes, by default this one: its part of them, or all
        if worlds are split.
        """
        number = self.process if process is None else process
        if self.split == "worlds":
            return range(seeds)
        return range(number * seeds // self.processes, (number + 1) * seeds // self.processes)

    def text(self) -> str:
        """How the work is laid out, in words; "" on one device."""
        if len(self.all) == 1:
            return ""
        what = "seeds" if self.split == "seeds" else "the worlds of every seed"
        several = f" of {self.processes} processes" if self.processes > 1 else ""
        return f"{what} over {len(self.all)} devices{several}"


def kind_and_number(devices: Sequence[Device]) -> str:
    """What devices these are, and how many, e.g. "cpu x1 (2 cores)", "gpu x2 (NVIDIA H200)".

    On a CPU with the cores that this process may use, as XLA splits sums among them: the same run on another
    number of cores has other last digits.
    """
    platform, kind = devices[0].platform, devices[0].device_kind
    number = f"{platform} x{len(devices)}"
    if platform == "cpu":
        cores = usable_cores()
        return f"{number} ({cores} core{'s' if cores > 1 else ''})"
    return f"{number} ({kind})" if kind.lower() != platform else number


def one_device() -> Devices:
    """The default device alone."""
    device = jax.local_devices()[0]
    return Devices(local=(device,), all=(device,))


def choose(seeds: int, num_envs: int, *, count: int | None = None, split: Split = "seeds") -> Devices:
    """The devices for an experiment of so many seeds, and of so many parallel worlds per seed.

    count: how many of every process; None takes as many as are of use: those that get a seed, or over which
    the worlds can be spread evenly. Raises SocialRLError if there are fewer, if processes are left without a
    seed, or if worlds cannot be spread evenly.
    """
    local, processes = jax.local_devices(), jax.process_count()
    if count is not None and not 1 <= count <= len(local):
        raise SocialRLError(
            f"--devices {count}: there {'is' if len(local) == 1 else 'are'} {len(local)} "
            f"({local[0].platform})",
            f"on a CPU, JAX_NUM_CPU_DEVICES={count} splits it" if local[0].platform == "cpu" else None,
        )
    available = len(local) if count is None else count
    if split == "seeds":
        if seeds < processes:
            raise SocialRLError(
                f"{processes} processes share {seeds} seeds", "start fewer, or split worlds: --split worlds"
            )
        number = min(available, -(-seeds // processes))
    else:
        number = _even(num_envs, available, processes, count)
    of_process = [[d for d in jax.devices() if d.process_index == p][:number] for p in range(processes)]
    everyone = [device for devices in of_process for device in devices]
    return Devices(
        local=tuple(local[:number]),
        all=tuple(everyone),
        split=split,
        process=jax.process_index(),
        processes=processes,
    )


def _even(num_envs: int, available: int, processes: int, count: int | None) -> int:
    """The most devices per process, or `count` if it is given, over which worlds are spread evenly."""
    fitting = [n for n in range(1, available + 1) if num_envs % (n * processes) == 0]
    if not fitting or (count is not None and count not in fitting):
        devices = available * processes
        raise SocialRLError(
            f"--split worlds: {num_envs} worlds cannot be spread evenly over {devices} devices",
            f"let --num_envs be a multiple of {devices}, e.g. {-(-num_envs // devices) * devices}",
        )
    return fitting[-1]


def spread(tree: PyTree, axis: int = 0) -> PyTree:
    """The same values, laid along an axis over the devices that share worlds, as a hint for the compiler.

    Where worlds are not split the tree itself; as is every leaf that cannot be spread evenly.
    """
    shape = jax.sharding.get_abstract_mesh().shape
    if WORLDS not in shape:
        return tree
    place = PartitionSpec(*(None,) * axis, WORLDS)

    def one(leaf: jax.Array) -> jax.Array:
        even = leaf.ndim > axis and leaf.shape[axis] % shape[WORLDS] == 0
        return jax.lax.with_sharding_constraint(leaf, place) if even else leaf

    return jax.tree.map(one, tree)


def on_every_device(tree: PyTree, devices: Devices) -> PyTree:
    """The tree, whole on every device of the mesh; all processes have equal trees."""
    sharding = devices.replicated
    if devices.processes == 1:
        return jax.device_put(on_host(tree), sharding)

    def one(leaf: jax.Array) -> jax.Array:
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            data = one(jax.random.key_data(leaf))
            return jax.jit(
                lambda x: jax.random.wrap_key_data(x, impl=jax.random.key_impl(leaf)), out_shardings=sharding
            )(data)
        array = np.asarray(leaf)
        return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])

    return jax.tree.map(one, on_host(tree))

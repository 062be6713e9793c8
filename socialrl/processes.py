"""The processes that share a run, on one machine or several: how they find each other, and what they tell
each other.

All processes run the same code; what one of them waits for, all must call. Only process 0 writes files.
"""

import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree, Shaped

from socialrl_envs.errors import SocialRLError

PATIENCE = 24 * 3600 * 1000  # milliseconds that processes wait for one that is alive
PARTING = 10  # seconds that a process waits for the others at its end, as all `meet` before it
ADDRESS = re.compile(r"([^,\s]+:\d+),(\d+),(\d+)")  # host:port, number of processes, number of this one


def join(address: str) -> None:
    """Joins the processes of a run; call it before anything is computed.

    address: "HOST:PORT,PROCESSES,PROCESS", of process 0, their number, and which one this is; "auto" lets jax
    find these (SLURM, Open MPI, Kubernetes, Cloud TPU). Raises SocialRLError if they cannot be found.
    """
    found = ADDRESS.fullmatch(address)
    if address != "auto" and (found is None or int(found[3]) >= int(found[2])):
        raise SocialRLError(
            f"--distributed {address}: not HOST:PORT,PROCESSES,PROCESS",
            "e.g. node1:12345,4,0 in the first of four processes, or auto under srun or mpirun",
        )
    coordinator, count, number = (found[1], int(found[2]), int(found[3])) if found else (None,) * 3
    try:
        jax.distributed.initialize(coordinator, count, number, shutdown_timeout_seconds=PARTING)
    except (ValueError, RuntimeError) as error:
        cure = "start it by srun or mpirun, or name them: --distributed HOST:PORT,PROCESSES,PROCESS"
        raise SocialRLError(f"--distributed: {' '.join(str(error).split())[:160]}", cure) from error


def meet() -> None:
    """Returns once all processes have called it. Those of a CPU give each other up if one comes half a minute
    late to an exchange, so that they meet before.
    """
    if jax.process_count() > 1:
        from orbax.checkpoint import multihost

        multihost.get_barrier_sync_fn()(key="socialrl", timeout_ms=PATIENCE)


def first() -> bool:
    """Whether this is process 0, which alone writes files and prints."""
    return jax.process_index() == 0


def gathered(tree: PyTree) -> list[PyTree]:
    """The trees of all processes in their order, leaves on the host; typed PRNG keys stay keys.

    The trees have equal structures, shapes and dtypes. Bits are not changed on their way.
    """
    if jax.process_count() == 1:
        return [on_host(tree)]
    from jax.experimental import multihost_utils

    raw = jax.tree.map(_raw, tree)
    leaves, structure = jax.tree.flatten(raw)
    meet()
    sent = np.concatenate([np.zeros(0, np.uint8), *(_bytes(leaf) for leaf in leaves)])
    rows = np.asarray(multihost_utils.process_allgather(sent))
    return [_typed(jax.tree.unflatten(structure, _cut(row, leaves)), tree) for row in rows]


def agreed(value: Callable[[], str]) -> str:
    """The text that `value` returns in process 0, in every process; what it raises there is raised in all."""
    text = error = ""
    raised: SocialRLError | None = None
    if first():
        try:
            text = value()
        except SocialRLError as refused:
            raised, error = refused, str(refused)
    if jax.process_count() > 1:
        data = np.frombuffer(f"{error}\0{text}".encode(), np.uint8)
        length = int(gathered(np.int64(len(data)))[0])
        own = data if first() else np.zeros(length, np.uint8)
        sent = gathered(np.resize(own, length))[0]
        error, _, text = bytes(sent).decode().partition("\0")
    if error:
        raise raised or SocialRLError(error)
    return text


def anywhere(flag: bool) -> bool:
    """Whether the flag is set in any process."""
    return (jax.process_count() > 1 and any(map(bool, gathered(np.uint8(flag))))) or flag


def on_host(tree: PyTree) -> PyTree:
    """The tree with arrays of NumPy as leaves; typed PRNG keys stay keys, on the default device."""
    return _typed(jax.device_get(jax.tree.map(_raw, tree)), tree)


def _raw(leaf: Any) -> Any:
    """The data of a typed key, or the leaf; of an array on devices of several processes the copy here."""
    if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable:
        leaf = leaf.addressable_data(0)
    return jax.random.key_data(leaf) if _is_key(leaf) else leaf


def _typed(tree: PyTree, like: PyTree) -> PyTree:
    """The tree, whose leaves become keys where those of `like` are."""

    def one(data: Any, leaf: Any) -> Any:
        return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaf)) if _is_key(leaf) else data

    return jax.tree.map(one, tree, like)


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _bytes(leaf: Any) -> Shaped[np.ndarray, " bytes"]:
    return np.ascontiguousarray(np.asarray(leaf)).reshape(-1).view(np.uint8)


def _cut(row: Shaped[np.ndarray, " bytes"], leaves: list[Any]) -> list[np.ndarray]:
    """The arrays that the bytes hold one after the other, with the shapes and dtypes of the leaves."""
    found, at = [], 0
    for leaf in map(np.asarray, leaves):
        part = row[at : at + leaf.nbytes].copy()
        found.append(part.view(leaf.dtype).reshape(leaf.shape))
        at += leaf.nbytes
    return found

"""Demonstrations from a file, cut into rows like those of the replay buffer, for off-policy learners to draw
from.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Key, PyTree

from socialrl import buffer as replay
from socialrl.record.demonstrations import read_demonstrations
from socialrl.types import Demonstration
from socialrl_envs.errors import SocialRLError
from socialrl_envs.types import WorldSpec

Pack = Callable[[PyTree], PyTree]
Sample = Callable[[Any, int, int], PyTree]


def sampler(path: str, spec: WorldSpec, pack: Pack) -> Sample:
    """(key, unroll, rows) -> a Demonstration with leaves (unroll, rows, K, ...), views packed as `pack` does.

    Rows are drawn uniformly with replacement. The file is read now, once; what is compiled holds its steps as
    constants, so that all seeds share them. Raises SocialRLError naming the file if it is not one, or not of
    this world and its co-players.
    """
    packed = jax.tree.map(np.asarray, pack(read(path, spec)))

    @functools.cache
    def rows_of(unroll: int) -> PyTree:
        return cut(packed, unroll)

    def sample(key: Key[Array, ""], unroll: int, rows: int) -> PyTree:
        data = rows_of(unroll)
        stored = replay.Buffer(data=jax.tree.map(jnp.asarray, data), added=jnp.int32(len(data.action)))
        return replay.sample(stored, key, rows)

    return sample


def read(path: str, spec: WorldSpec) -> Demonstration:
    """The steps of a file, leaves (T, B, K, ...), whose seat k stands for the world's co-player k."""
    found = read_demonstrations(path)
    try:
        found.check_fits(spec)
    except SocialRLError as error:
        raise SocialRLError(f"{path}: {error.message}", error.hint) from error
    names = [spec.agents[seat] for seat in spec.coplayers]
    if len(found.seats) != len(names):
        raise SocialRLError(
            f"{path}: {len(found.seats)} recorded seats ({', '.join(found.seats)}), "
            f"but the world has {len(names)} co-players ({', '.join(names) or 'none'})",
            "seat k of the file is taken for co-player k: record with --seats, or give the world as many co-players, "
            'with presence "never" if they shall only be seen in the file',
        )
    if not np.asarray(found.steps.present).any():
        raise SocialRLError(f"{path}: nobody is present in any step", "record seats that are on the grid")
    return found.steps


def cut(steps: PyTree, unroll: int) -> PyTree:
    """Episodes (T, B, K, ...) as rows (R, unroll, K, ...), each of one episode; what is padded has `present`
    False and `last` True, and rows in which nobody is present are left out. All in numpy."""

    def rows(path: Any, leaf: np.ndarray) -> np.ndarray:
        missing = np.full((-len(leaf) % unroll, *leaf.shape[1:]), path[-1].name == "last", leaf.dtype)
        pieces = np.concatenate([leaf, missing]).reshape(-1, unroll, *leaf.shape[1:])
        return np.moveaxis(pieces, 2, 1).reshape(-1, unroll, *leaf.shape[2:])

    whole = jax.tree_util.tree_map_with_path(rows, steps)
    return jax.tree.map(lambda leaf: leaf[whole.present.any(axis=(1, 2))], whole)

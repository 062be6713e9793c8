"""Demonstration files as a source of sequences like those of the replay buffer."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Key, PyTree, Shaped

from socialrl import buffer as replay
from socialrl.record.demonstrations import read_demonstrations
from socialrl.types import Demonstration
from socialrl_envs.errors import SocialRLError
from socialrl_envs.types import WorldSpec

Pack = Callable[[PyTree], PyTree]
Sample = Callable[[Key[Array, ""], int, int], PyTree]


def sampler(path: str, spec: WorldSpec, pack: Pack) -> Sample:
    """(key, unroll_length, count) -> sequences of a file: a Demonstration with leaves (unroll_length, count,
    coplayers, ...), views packed by `pack`.

    They are drawn uniformly with replacement. The file is read once, now; compiled programs hold its steps as
    constants. Raises SocialRLError naming the file if it is not one, or not of this world and its co-players.
    """
    packed = jax.tree.map(np.asarray, pack(read(path, spec)))

    @functools.cache
    def rows_of(unroll_length: int) -> PyTree:
        return cut(packed, unroll_length)

    def sample(key: Key[Array, ""], unroll_length: int, count: int) -> PyTree:
        data = rows_of(unroll_length)
        stored = replay.Buffer(data=jax.tree.map(jnp.asarray, data), added=jnp.int32(len(data.action)))
        return replay.sample(stored, key, count)

    return sample


def read(path: str, spec: WorldSpec) -> Demonstration:
    """The steps of a file, leaves (T, B, coplayers, ...); its seat k stands for the world's co-player k."""
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
            "seat k of the file counts as co-player k: record with --seats, or give the world as many "
            'co-players, with presence "never" if they should act in the file only',
        )
    if not np.asarray(found.steps.present).any():
        raise SocialRLError(f"{path}: nobody is present in any step", "record seats that are on the grid")
    return found.steps


def cut(steps: PyTree, unroll_length: int) -> PyTree:
    """Episodes (T, B, coplayers, ...) as sequences (R, unroll_length, coplayers, ...), each of one episode;
    in numpy.

    Padding has `present` False and `last` True; sequences in which nobody is present are left out.
    """

    def rows(
        path: tuple[Any, ...], leaf: Shaped[np.ndarray, "T B coplayers *rest"]
    ) -> Shaped[np.ndarray, "R U coplayers *rest"]:
        missing = np.full((-len(leaf) % unroll_length, *leaf.shape[1:]), path[-1].name == "last", leaf.dtype)
        pieces = np.concatenate([leaf, missing]).reshape(-1, unroll_length, *leaf.shape[1:])
        return np.moveaxis(pieces, 2, 1).reshape(-1, unroll_length, *leaf.shape[2:])

    whole = jax.tree_util.tree_map_with_path(rows, steps)
    return jax.tree.map(lambda leaf: leaf[whole.present.any(axis=(1, 2))], whole)

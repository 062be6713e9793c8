"""What the replay buffer of an off-policy learner holds, and how views are stored in it."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, PyTree, Shaped, UInt8

from socialrl.types import Demonstration, Timestep, Transition
from socialrl_envs.struct import pytree
from socialrl_envs.types import WorldSpec


@pytree
class SequenceBatch:
    """B sequences of T steps: the novices' with leaves (T, B, novices, ...), and what the co-players showed
    in the same worlds with leaves (T, L, coplayers, ...), L <= B.

    With a demonstration file the others' axis is twice as long: first the co-players of the stream, then the
    same of the file. Offline there are no own steps: the novices' axis has length 0.
    """

    own: Transition
    others: Demonstration


def blank_batch(spec: WorldSpec, unroll_length: int, num_envs: int) -> SequenceBatch:
    """A batch of zeros with the shapes and dtypes of an unroll."""
    own = (unroll_length, num_envs, len(spec.novices))
    others = (unroll_length, num_envs, len(spec.coplayers))

    def views(batch: tuple[int, ...]) -> UInt8[Array, "..."]:
        return jnp.zeros((*batch, *spec.obs_shape), jnp.uint8)

    timestep = Timestep(
        obs=views(own),
        prev_action=jnp.zeros(own, jnp.int32),
        prev_reward=jnp.zeros(own, jnp.float32),
        first=jnp.zeros(own, bool),
    )
    transition = Transition(
        timestep=timestep,
        action=jnp.zeros(own, jnp.int32),
        reward=jnp.zeros(own, jnp.float32),
        next_obs=views(own),
        terminated=jnp.zeros(own, bool),
        truncated=jnp.zeros(own, bool),
    )
    demonstration = Demonstration(
        obs=views(others),
        action=jnp.zeros(others, jnp.int32),
        next_obs=views(others),
        discount=jnp.zeros(others, jnp.float32),
        last=jnp.zeros(others, bool),
        present=jnp.zeros(others, bool),
    )
    return SequenceBatch(own=transition, others=demonstration)


def episode_starts(others: Demonstration) -> Bool[Array, "T B coplayers"]:
    """Where the others' episodes start in a sequence. The first step counts as a start, because a replayed
    sequence begins with the initial carry.
    """
    return jnp.concatenate([jnp.ones_like(others.last[:1]), others.last[:-1]])


def with_file(
    stream: Shaped[Array, "T B coplayers *rest"], file: Shaped[Array, "T B coplayers *rest"]
) -> Shaped[Array, "T B both *rest"]:
    """The co-players of the stream, then those of the file, along axis 2."""
    return jnp.concatenate([stream, file], axis=2)


class ViewStore(NamedTuple):
    """pack: trees with views as they are stored, eight channels to a byte where every channel is 0 or 1.
    unpack: the inverse.
    """

    pack: Callable[[PyTree], PyTree]
    unpack: Callable[[PyTree], PyTree]


def view_store(spec: WorldSpec) -> ViewStore:
    """The ViewStore for a world's views."""
    if not spec.binary_views:
        return ViewStore(pack=lambda tree: tree, unpack=lambda tree: tree)
    size = math.prod(spec.obs_shape)

    def bits(views: UInt8[Array, "*batch V V C"]) -> UInt8[Array, "*batch bytes"]:
        return jnp.packbits(views.reshape(*views.shape[:-3], size), axis=-1)

    def views(bits: UInt8[Array, "*batch bytes"]) -> UInt8[Array, "*batch V V C"]:
        if bits.size == 0:  # without co-players; unpackbits fails on empty arrays
            return jnp.zeros((*bits.shape[:-1], *spec.obs_shape), jnp.uint8)
        return jnp.unpackbits(bits, axis=-1, count=size).reshape(*bits.shape[:-1], *spec.obs_shape)

    return ViewStore(pack=lambda tree: on_views(bits, tree), unpack=lambda tree: on_views(views, tree))


def on_views(function: Callable[[Array], Array], tree: PyTree) -> PyTree:
    """The tree with the function applied to every leaf called `obs` or `next_obs`."""

    def one(path: tuple[Any, ...], leaf: Array) -> Array:
        return function(leaf) if path[-1].name in ("obs", "next_obs") else leaf

    return jax.tree_util.tree_map_with_path(one, tree)

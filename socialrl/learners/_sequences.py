"""Steps of many worlds and seats as N sequences: (T, B, seats, ...) -> (T, N, ...), N = B * seats."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, Shaped, UInt8

from socialrl.learners._batches import SequenceBatch, episode_starts


class Steps(NamedTuple):
    """N sequences of T steps.

    continuation: 0 where the task ended, else 1. mask: whether the step counts; that of an absent seat does
    not.
    """

    obs: UInt8[Array, "T N V V C"]
    action: Int32[Array, "T N"]
    next_obs: UInt8[Array, "T N V V C"]
    first: Bool[Array, "T N"]
    continuation: Float32[Array, "T N"]
    mask: Bool[Array, "T N"]


def own_steps(batch: SequenceBatch) -> Steps:
    """The novices' Steps, N = B * novices; offline N is 0."""
    own = batch.own
    continuation = jnp.where(own.terminated, 0.0, 1.0).astype(jnp.float32)
    mask = jnp.ones(own.action.shape, bool)
    leaves = (own.timestep.obs, own.action, own.next_obs, own.timestep.first, continuation, mask)
    return Steps(*map(sequences, leaves))


def others_steps(batch: SequenceBatch) -> Steps:
    """The others' Steps, N = L * coplayers."""
    others = batch.others
    starts = episode_starts(others)
    leaves = (others.obs, others.action, others.next_obs, starts, others.discount, others.present)
    return Steps(*map(sequences, leaves))


def sequences(leaf: Shaped[Array, "T B seats *rest"]) -> Shaped[Array, "T N *rest"]:
    """The sequences of all worlds and seats along one axis, the seats of a world next to each other."""
    return leaf.reshape(leaf.shape[0], leaf.shape[1] * leaf.shape[2], *leaf.shape[3:])


def beside(
    own: Shaped[Array, "T B novices *rest"], others: Shaped[Array, "T L coplayers *rest"]
) -> Shaped[Array, "T N *rest"]:
    """The novices' sequences, then the others', N = B * novices + L * coplayers."""
    return jnp.concatenate([sequences(own), sequences(others)], axis=1)


def over_sequences(function: Callable[..., Array]) -> Callable[..., Array]:
    """A loss of one sequence as a loss of many, which lie along axis 1."""
    return jax.vmap(function, in_axes=1, out_axes=1)

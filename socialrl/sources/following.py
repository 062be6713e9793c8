"""Following: go to where another is, and on with it (local enhancement).

A controller on the novice's own view walks the shortest way to the other that is nearest in sight. On its
cell it takes the other's heading; where agents have no heading it stays.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jaxtyping import Float32, Int32, Key, PyTree

from socialrl.deeds import Witness
from socialrl.losses.means import masked_mean
from socialrl.odometry import HEADINGS
from socialrl.sources import ANYONE, Lesson, Proposal, Source, no_loss, told_apart
from socialrl.spatial import Sight, SpatialMemory
from socialrl.types import Metrics
from socialrl.walking import FAR, first_moves, toward
from socialrl_envs.types import WorldSpec

PURPOSE_HIDDEN = 16
TURNS = (
    "forward",
    "right",
    "right",
    "left",
)  # to take the heading of one who looks away, right, towards, left


class Purpose(nn.Module):
    """The logit that a co-player of which these deeds were seen will soon step onto something."""

    @nn.compact
    def __call__(self, deeds: Float32[Array, "*batch E"]) -> Float32[Array, "*batch"]:
        return nn.Dense(1)(nn.relu(nn.Dense(PURPOSE_HIDDEN)(deeds)))[..., 0]


def build(spec: WorldSpec, memory: SpatialMemory) -> Source:
    """Following every co-player that can be told apart, or whoever is nearest."""
    groups, net = told_apart(spec), Purpose()
    named, kinds = bool(groups) and groups[0][0] != ANYONE, Witness(spec, memory).kinds

    def init(key: Key[Array, ""]) -> PyTree:
        return net.init(key, jnp.zeros((1, kinds), jnp.float32)) if named else ()

    def purpose(params: PyTree, sight: Sight) -> Float32[Array, "*batch coplayers"]:
        assert sight.deeds is not None
        logits = net.apply(params, sight.deeds)
        assert isinstance(logits, jax.Array)
        return logits

    def loss(params: PyTree, lesson: Lesson) -> tuple[Any, Metrics]:
        if not named:
            return no_loss(params, lesson)
        logits = purpose(params, lesson.sight)  # (T, m, K)
        novices = logits.shape[1] // lesson.goal_known.shape[1]
        arrives, there = (
            jnp.repeat(x, novices, axis=1).astype(jnp.float32)
            for x in (lesson.goal_known, lesson.others.present)
        )
        soon = jnp.arange(len(logits)) < (len(logits) + 1) // 2  # later arrivals are not seen any more
        error = optax.sigmoid_binary_cross_entropy(logits, arrives)
        error = masked_mean(error, (there > 0) & soon[:, None, None])
        return error, {"following/purpose_loss": error}

    def propose(params: PyTree, sight: Sight, key: Key[Array, ""], explore: bool) -> Proposal:
        obs = sight.obs > 0
        steps = 2 * memory.radius
        directions, distances = first_moves(~_square(memory, obs[..., memory.wall], False), steps)
        actions, found = [], []
        for _, channels in groups:
            there = _square(memory, jnp.any(obs[..., np.array(channels)], axis=-1), False)
            away = jnp.where(there, distances, 2 * FAR).reshape(there.shape[0], -1)
            nearest = jnp.argmin(away, axis=1)[:, None]
            bits = jnp.take_along_axis(directions.reshape(away.shape), nearest, axis=1)[:, 0]
            distance = jnp.take_along_axis(away, nearest, axis=1)[:, 0]
            actions.append(jnp.where(distance == 0, _with(spec, memory, obs), toward(spec, bits)))
            found.append(distance < FAR)
        available = jnp.stack(found, axis=1)
        confidence = jax.nn.sigmoid(purpose(params, sight)) if named else available.astype(jnp.float32)
        return Proposal(action=jnp.stack(actions, axis=1), available=available, confidence=confidence)

    return Source(whom=tuple(name for name, _ in groups), propose=propose, init=init, loss=loss)


def _square(memory: SpatialMemory, plane: Array, outside: bool) -> Array:
    """A plane of the view (N, V, V) as a square with the novice in its middle; what is not in view is
    `outside`.
    """
    view = plane.shape[-1]
    if not memory.turning:
        return plane
    side = view - 1 - view // 2
    return jnp.pad(plane, ((0, 0), (0, view - 1), (side, side)), constant_values=outside)


def _with(spec: WorldSpec, memory: SpatialMemory, obs: Array) -> Int32[Array, " N"]:
    """The action with which one who stands on another's cell goes where that one goes."""
    if not memory.turning:
        return jnp.full(obs.shape[0], spec.actions.index("stay"), jnp.int32)
    row, column = memory.middle
    action = jnp.full(obs.shape[0], spec.actions.index("right"), jnp.int32)
    for name, turn in reversed(list(zip(HEADINGS, TURNS, strict=True))):
        here = obs[:, row, column, spec.channels.index(name)]
        action = jnp.where(here, spec.actions.index(turn), action)
    return action.astype(jnp.int32)

"""Following: go to where another is, and on with it (local enhancement).

A controller on the novice's own view walks the shortest way to the other that is nearest in sight. On its
cell it takes the other's heading; where agents have no heading it stays. Where co-players can be told apart,
the confidence is a belief, learnt in hindsight, that this one is on its way to something.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree

from socialrl.behaviour import BehaviourMemory, recognised
from socialrl.losses.means import masked_mean
from socialrl.odometry import HEADINGS
from socialrl.sources import Lesson, Proposal, Source, no_loss, no_params, told_apart
from socialrl.spatial import Sight, SpatialMemory
from socialrl.types import Metrics
from socialrl.walking import FAR, first_moves, toward
from socialrl_envs.types import WorldSpec

HIDDEN = 16
TURNS = (
    "forward",
    "right",
    "right",
    "left",
)  # to take the heading of one who looks away, right, towards, left


class Arrival(nn.Module):
    """The logit that a co-player of which this behaviour was seen will soon step onto something."""

    @nn.compact
    def __call__(self, behaviour: Float32[Array, "*batch E"]) -> Float32[Array, "*batch"]:
        return nn.Dense(1)(nn.relu(nn.Dense(HIDDEN)(behaviour)))[..., 0]


def build(spec: WorldSpec, memory: SpatialMemory) -> Source:
    """Following every co-player that can be told apart, or whoever is nearest."""
    groups, net, named = told_apart(spec), Arrival(), recognised(spec)

    def init(key: Key[Array, ""]) -> PyTree:
        if not named:
            return no_params(key)
        return net.init(key, jnp.zeros((1, BehaviourMemory(spec, memory).kinds), jnp.float32))

    def arriving(params: PyTree, sight: Sight) -> Float32[Array, "*batch coplayers"]:
        assert sight.behaviour is not None
        logits = net.apply(params, sight.behaviour)
        assert isinstance(logits, jax.Array)
        return logits

    def loss(params: PyTree, lesson: Lesson) -> tuple[Any, Metrics]:
        if not named:
            return no_loss(params, lesson)
        error = arrival_loss(arriving(params, lesson.sight), lesson.goal_known, lesson.others.present)
        return error, {"following/arrival_loss": error}

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
        confidence = jax.nn.sigmoid(arriving(params, sight)) if named else available.astype(jnp.float32)
        return Proposal(action=jnp.stack(actions, axis=1), available=available, confidence=confidence)

    return Source(whom=tuple(name for name, _ in groups), propose=propose, init=init, loss=loss)


def arrival_loss(
    logits: Float32[Array, "T m K"], arrives: Bool[Array, "T n K"], present: Bool[Array, "T n K"]
) -> Float32[Array, ""]:
    """The cross-entropy of the beliefs of m novices in n worlds, over the first half of the unroll, because
    many an arrival after it is not seen any more.
    """
    novices = logits.shape[1] // arrives.shape[1]
    came, there = (jnp.repeat(x, novices, axis=1) for x in (arrives, present))
    early = jnp.arange(len(logits)) < (len(logits) + 1) // 2
    error = optax.sigmoid_binary_cross_entropy(logits, came.astype(jnp.float32))
    return masked_mean(error, there & early[:, None, None])


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

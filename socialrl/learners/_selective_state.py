"""State, carry and extras of the learner `selective`."""

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, PyTree

from socialrl.behaviour import Behaviour
from socialrl.learners._actor_critic import Acted, ActorCarry
from socialrl.nets.memory import Carry
from socialrl.spatial import Map
from socialrl_envs.struct import pytree

KEPT = 0.95  # share of the statistics that is kept per update
FLOOR = 0.1  # the least trust
BOUND = 2.0  # standard errors of the upper confidence bound


@pytree
class Record:
    """Discounted sums over steps at which the values recommended a source, of each but the first: how well
    following it went, and how well acting for oneself went instead.

    count, total, square: number, sum and sum of squares of the advantages.
    """

    count: Float32[Array, "2 P"]
    total: Float32[Array, "2 P"]
    square: Float32[Array, "2 P"]


def blank_record(sources: int) -> Record:
    """The Record before the first step."""
    none = jnp.zeros((2, sources - 1), jnp.float32)
    return Record(count=none, total=none, square=none)


def updated(
    record: Record,
    advantage: Float32[Array, "T N"],
    source: Int32[Array, "T N"],
    recommended: Bool[Array, "T N S"],
) -> Record:
    """The Record with the steps of one more unroll."""
    followed = source[..., None] == jnp.arange(1, recommended.shape[-1])
    instead = jnp.broadcast_to((source == 0)[..., None], followed.shape)
    mask = (jnp.stack([followed, instead]) & recommended[..., 1:]).astype(jnp.float32)
    sums = [
        jnp.sum(mask * x[..., None], axis=(1, 2)) for x in (jnp.ones_like(advantage), advantage, advantage**2)
    ]
    old = (record.count, record.total, record.square)
    count, total, square = (KEPT * a + b for a, b in zip(old, sums, strict=True))
    return Record(count=count, total=total, square=square)


def benefit(record: Record) -> Float32[Array, " P"]:
    """The mean advantage of following each source over acting for oneself while it was available."""
    mean = record.total / jnp.maximum(record.count, 1.0)
    return mean[0] - mean[1]


def better(record: Record, alike: Float32[np.ndarray, "P P"], commitment: float) -> Bool[Array, " P"]:
    """Which sources have so far been better than acting for oneself. alike: 1 for sources of the same way.

    The benefit of each is drawn towards the mean of those alike, as far as its own is uncertain beside how
    much they differ (empirical Bayes; Efron and Morris, 1975): where who is who changes from episode to
    episode they are judged together, and one that is reckless for good is judged by itself.
    """
    own, error, size = benefit(record), deviation(record, commitment) ** 2, jnp.sum(alike, axis=0)
    pooled = Record(count=record.count @ alike, total=record.total @ alike, square=record.square @ alike)
    spread = ((own**2) @ alike - (own @ alike) ** 2 / size) / jnp.maximum(size - 1, 1)
    between = jnp.maximum(spread - error @ alike / size, 0.0)
    weight = between / (between + error)
    worth = weight * own + (1 - weight) * benefit(pooled)
    return jnp.all(record.count > 0, axis=0) & (worth > 0)


def deviation(record: Record, commitment: Float32[Array, ""] | float) -> Float32[Array, " P"]:
    """The standard error of the benefit. Steps of one commitment count as one sample."""
    count = jnp.maximum(record.count, 1.0)
    variance = jnp.maximum(record.square / count - (record.total / count) ** 2, 1e-4)
    return jnp.sqrt(jnp.sum(variance / jnp.maximum(count / commitment, 1.0), axis=0))


def trust(record: Record, commitment: Float32[Array, ""]) -> Float32[Array, " P"]:
    """The trust in each source, FLOOR to 1: near 1 while it may be better than acting for oneself, by the
    upper confidence bound of its benefit. Steps of one commitment count as one sample.
    """
    confidence = benefit(record) / deviation(record, commitment) + BOUND
    known = jnp.all(record.count > 0, axis=0)
    sigmoid = 1 / (1 + jnp.exp(-4 * confidence))
    return jnp.where(known, FLOOR + (1 - FLOOR) * sigmoid, 1.0)


@pytree
class SelectiveCarry:
    """own, social: recurrent states of the two networks. map: of what was seen. source: that acted last.
    kept: whether it is kept for a while. behaviour: of the co-players, None where they cannot be told apart.
    """

    own: ActorCarry
    social: Carry
    map: Map
    source: Int32[Array, "*batch"]
    kept: Bool[Array, "*batch"]
    behaviour: Behaviour | None


@pytree
class SelectiveState:
    """own, social, sources: parameters of the own policy, of the decision, and of every source by name, each
    with the state of its optimiser. record: how well following went. steps: environment steps so far.
    """

    own: PyTree
    own_optimiser: PyTree
    social: PyTree
    social_optimiser: PyTree
    sources: dict[str, PyTree]
    sources_optimiser: PyTree
    record: Record
    steps: Int32[Array, ""]


@pytree
class SelectiveExtras:
    """logits: of the own policy. gate: of the decision that was drawn from, where a source is not available
    -1e9. asked: whether the decision was taken anew. available, confidence: of the sources. recommended:
    those by which following is judged, see `Selective._recommended`. code, time, heading, behaviour: of its
    Sight. acted: of the own policy, see `ppo.Extras`.
    """

    logits: Float32[Array, "*batch A"]
    gate: Float32[Array, "*batch S"]
    asked: Bool[Array, "*batch"]
    available: Bool[Array, "*batch S"]
    confidence: Float32[Array, "*batch P"]
    code: Int32[Array, "*batch cells"]
    time: Int32[Array, "*batch"]
    heading: Int32[Array, "*batch"]
    behaviour: Float32[Array, "*batch coplayers E"] | None
    recommended: Bool[Array, "*batch S"]
    acted: Acted | None = None

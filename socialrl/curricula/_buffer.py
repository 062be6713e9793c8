"""A buffer of levels with scores as a pytree, and by which probabilities levels are replayed from it.

After Prioritized Level Replay (Jiang et al., 2021a, arXiv 2010.03934) and its robust form (Jiang et al.,
2021b, arXiv 2110.02439).
"""

from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key

from socialrl import memory
from socialrl_envs.errors import SocialRLError
from socialrl_envs.struct import pytree, replace
from socialrl_envs.types import Level, World

Prioritisation = Literal["rank", "proportional"]


@pytree
class Buffer:
    """C places for levels.

    levels: leaves (C, ...). score: -inf where there is no level. best: the highest discounted return of an
    episode on it so far, -inf if there was none. last: the round in which it was played last. replayed: how
    often it was replayed. round: how many rounds there have been.
    """

    levels: Level
    score: Float32[Array, " C"]
    best: Float32[Array, " C"]
    last: Int32[Array, " C"]
    replayed: Int32[Array, " C"]
    round: Int32[Array, ""]

    @property
    def filled(self) -> Bool[Array, " C"]:
        """Where there is a level."""
        return self.score > -jnp.inf


def empty(world: World, capacity: int) -> Buffer:
    """A buffer without levels of this world."""
    shapes = jax.eval_shape(world.sample_level, jax.random.key(0))
    nothing = jnp.full(capacity, -jnp.inf, jnp.float32)
    none = jnp.zeros(capacity, jnp.int32)
    return Buffer(
        levels=jax.tree.map(lambda x: jnp.zeros((capacity, *x.shape), x.dtype), shapes),
        score=nothing,
        best=nothing,
        last=none,
        replayed=none,
        round=jnp.int32(0),
    )


def check_room(world: World, key: str, count: int) -> None:
    """Raises SocialRLError, naming the curriculum's key, if so many levels of this world do not fit into the
    memory of the first device.
    """
    level = jax.eval_shape(world.sample_level, jax.random.key(0))
    needed, room = count * memory.bytes_of(level), memory.room(jax.local_devices()[0])
    if room is not None and needed > memory.MARGIN * room:
        raise SocialRLError(
            f"{key}: {count} levels take {memory.words(needed)}, and there are {memory.words(room)}",
            f"keep fewer: --curriculum.{key}",
        )


def by_score(score: Float32[Array, " C"], kind: Prioritisation, temperature: float) -> Float32[Array, " C"]:
    """P_S(l_i) = h(S_i)^(1/beta) / sum_j h(S_j)^(1/beta), beta the temperature (Jiang et al., 2021a, eq. 1).

    rank: h(S_i) = 1 / rank(S_i), the highest score has rank 1. proportional: h(S_i) = S_i, at least 0; if all
    are 0, levels are equally probable. Places without a level, whose score is -inf, have probability 0.
    """
    filled = score > -jnp.inf
    if kind == "rank":
        order = jnp.argsort(-score)
        rank = jnp.zeros(score.shape, jnp.float32).at[order].set(jnp.arange(1.0, len(score) + 1))
        h = 1.0 / rank
    else:
        h = jnp.maximum(score, 0.0)
        h = jnp.where(jnp.any(filled & (h > 0)), h, 1.0)
    logits = jnp.where(filled, jnp.log(h) / temperature, -jnp.inf)
    return jnp.where(filled, jax.nn.softmax(logits, where=filled), 0.0)


def by_staleness(buffer: Buffer) -> Float32[Array, " C"]:
    """P_C(l_i) = (c - C_i) / sum_j (c - C_j), with c the rounds so far and C_i the one in which the level was
    played last (Jiang et al., 2021a, eq. 2); if all were played in this round, levels are equally probable.
    """
    age = jnp.where(buffer.filled, (buffer.round - buffer.last).astype(jnp.float32), 0.0)
    age = jnp.where(jnp.any(age > 0), age, buffer.filled.astype(jnp.float32))
    return age / jnp.maximum(jnp.sum(age), 1.0)


def priorities(
    buffer: Buffer, kind: Prioritisation, temperature: float, staleness: float
) -> Float32[Array, " C"]:
    """P_replay = (1 - rho) P_S + rho P_C, rho the staleness (Jiang et al., 2021a, eq. 3)."""
    return (1 - staleness) * by_score(buffer.score, kind, temperature) + staleness * by_staleness(buffer)


def sample(probability: Float32[Array, " C"], key: Key[Array, ""], count: int) -> Int32[Array, " count"]:
    """`count` different places, drawn one after the other without replacement (Gumbel top-k); as many must
    have a probability above 0.
    """
    noise = jax.random.gumbel(key, probability.shape)
    return jax.lax.top_k(jnp.log(probability) + noise, count)[1].astype(jnp.int32)


def replayed(
    buffer: Buffer,
    place: Int32[Array, " R"],
    score: Float32[Array, " R"],
    best: Float32[Array, " R"],
    really: Bool[Array, ""],
) -> Buffer:
    """The buffer after the levels of these places were replayed, if they `really` were. A score that is not
    finite leaves the old one.
    """
    score = jnp.where(jnp.isfinite(score), score, buffer.score[place])
    after = replace(
        buffer,
        score=buffer.score.at[place].set(score),
        best=buffer.best.at[place].set(best),
        last=buffer.last.at[place].set(buffer.round),
        replayed=buffer.replayed.at[place].add(1),
    )
    names = ("score", "best", "last", "replayed")
    kept = {name: jnp.where(really, vars(after)[name], vars(buffer)[name]) for name in names}
    return replace(buffer, **kept)


def inserted(
    buffer: Buffer, levels: Level, score: Float32[Array, " B"], best: Float32[Array, " B"]
) -> tuple[Buffer, Int32[Array, ""]]:
    """The buffer with the levels that have a higher score than those whose place they take, and their number:
    of all levels together the best C remain. A score of -inf keeps a level out.
    """
    count = min(len(score), len(buffer.score))
    ascending, descending = jnp.argsort(buffer.score)[:count], jnp.argsort(-score)[:count]
    enters = score[descending] > buffer.score[ascending]
    place = jnp.where(enters, ascending, len(buffer.score))  # a place beyond the last one is dropped

    def put(old: Array, new: Array) -> Array:
        return old.at[place].set(new[descending], mode="drop")

    now, never = jnp.full(score.shape, buffer.round), jnp.zeros(score.shape, jnp.int32)
    after = replace(
        buffer,
        levels=jax.tree.map(put, buffer.levels, levels),
        score=put(buffer.score, score),
        best=put(buffer.best, best),
        last=put(buffer.last, now),
        replayed=put(buffer.replayed, never),
    )
    return after, jnp.sum(enters, dtype=jnp.int32)

"""What answers about clips, and marks of steps, say of preferences: a posterior, and how good it is."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree

from socialrl.feedback import bradley_terry, queries, reward_model, teachers
from socialrl.feedback.bradley_terry import Posterior
from socialrl.feedback.credit import credited_sums
from socialrl.protocols.inverse_rl import measures as agreement
from socialrl.types import Metrics
from socialrl_envs.struct import pytree

DRAWS = 16  # from the posterior, whose disagreement chooses a query
CANDIDATES = 64  # pairs of clips, of which the one with most disagreement is asked about
HELD_OUT = 256  # pairs of clips on which the posterior's accuracy is measured


@pytree
class Clips:
    """M clips. features: sums over their steps. rewards: of the new task, which the person alone knows.

    behaviours: the measures of each, where a feature says which behaviour a clip is of; else None.
    """

    features: Float32[Array, "M K"]
    rewards: Float32[Array, "M L"]
    behaviours: Metrics | None


def of_answers(
    teacher: teachers.Teacher,
    most: int,
    prior_std: float,
    clips: Clips,
    key: Key[Array, ""],
    noise: Float32[Array, ""],
    disagreement: Bool[Array, ""],
) -> Posterior:
    """The posterior over the weights of the features after each of `most` answers, leaves (answers, ...).

    noise: the share of answers that are the wrong way round. disagreement: whether it chooses the queries;
    else they are drawn at random.
    """
    size = clips.features.shape[1]
    scale = spread(clips.features)
    features = clips.features / scale

    def posterior(differences: Array, preferred: Array, weight: Array) -> Posterior:
        return bradley_terry.infer(differences, preferred, weight, prior_std)

    def ask(now: tuple[PyTree, Posterior], number: Int32[Array, ""]) -> tuple[PyTree, Posterior]:
        book, before = now
        draw_key, choose_key, answer_key = jax.random.split(jax.random.fold_in(key, number), 3)
        worth = before.samples(draw_key, DRAWS) @ features.T
        drawn = queries.pairs(choose_key, features.shape[0], CANDIDATES)
        which = jnp.where(disagreement, jnp.argmax(queries.disagreement(worth, drawn)), 0)
        left, right = drawn[which]
        rewards = clips.rewards[left], clips.rewards[right]
        answer = teacher.answer(*rewards, answer_key, number, noise)
        preferred = jnp.array(teachers.PREFERRED, jnp.float32)[answer]
        rows = (features[left] - features[right], preferred, jnp.float32(1))
        book = tuple(part.at[number].set(row) for part, row in zip(book, rows, strict=True))
        after = posterior(*book)
        return (book, after), after

    zeros = jnp.zeros(most, jnp.float32)
    book = (jnp.zeros((most, size), jnp.float32), zeros, zeros)
    none = Posterior(mean=jnp.zeros(size, jnp.float32), covariance=prior(size, prior_std))
    _, after = jax.lax.scan(ask, (book, none), jnp.arange(most, dtype=jnp.int32))
    return Posterior(mean=after.mean / scale, covariance=after.covariance / scale**2)


def of_marks(
    marks: teachers.Marks,
    cumulants: Float32[Array, "T B K"],
    scale: Float32[Array, ""],
    most: int,
    prior_std: float,
    fps: float,
) -> Posterior:
    """The posterior over the weights of the cumulants after each of `most` marks, leaves (marks, ...); the
    last one stays where there are no more marks.

    scale: the spread of the clips' features, see `spread`. fps: steps per second that were watched.
    """
    sums, moment = credited_sums(cumulants, marks, fps)
    size = cumulants.shape[-1]
    order = jnp.argsort(jnp.where(marks.given, moment, jnp.inf).reshape(-1))[:most]
    rows = sums.reshape(-1, size)[order] / scale
    good = marks.good.reshape(-1)[order].astype(jnp.float32)
    given = marks.given.reshape(-1)[order].astype(jnp.float32)

    def after(number: Int32[Array, ""]) -> Posterior:
        counted = given * (jnp.arange(most) <= number).astype(jnp.float32)
        return bradley_terry.infer(rows, good, counted, prior_std)

    found = jax.lax.map(after, jnp.arange(most, dtype=jnp.int32))
    return Posterior(mean=found.mean / scale, covariance=found.covariance / scale**2)


def quality(
    names: Sequence[str],
    now: Posterior,
    cumulants: Float32[Array, "T B novices K"],
    true: Float32[Array, "T B novices C"],
    clips: Clips,
    preference: Float32[Array, " C"],
    key: Key[Array, ""],
) -> Metrics:
    """How good a posterior is. names: of the true cumulants.

    accuracy, calibration_error: of the order of other pairs of clips, see `RewardModel.report`.
    w/<cumulant>, w_std/<cumulant>: the weights of the true cumulants in the inferred reward, and their
    standard deviation in the posterior; true/<cumulant>: what the person wants. cosine, correlation: of
    both, see the protocol inverse_rl.
    """
    draw_key, pairs_key = jax.random.split(key)
    flat, steps = cumulants.reshape(-1, cumulants.shape[-1]), true.reshape(-1, true.shape[-1])
    every = jnp.ones(flat.shape[0], bool)
    best = agreement(flat @ now.mean, steps, preference, every)
    draws = now.samples(draw_key, DRAWS)
    weights = jax.vmap(lambda w: agreement(flat @ w, steps, preference, every)["weights"])(draws)
    vectors = {"w": best.pop("weights"), "w_std": jnp.std(weights, axis=0), "true": preference}
    pairs = queries.pairs(pairs_key, clips.rewards.shape[0], HELD_OUT)
    worth = clips.rewards.sum(axis=1)[pairs]
    margin = clips.features[pairs[:, 0]] - clips.features[pairs[:, 1]]
    order = 0.5 + 0.5 * jnp.sign(worth[:, 0] - worth[:, 1])
    probability = bradley_terry.probability(now, margin)
    named = {
        f"{word}/{cumulant}": vector[k]
        for k, cumulant in enumerate(names)
        for word, vector in vectors.items()
    }
    return named | best | reward_model.calibration(probability, order, jnp.ones_like(order))


def prior(size: int, std: float) -> Float32[Array, "K K"]:
    """The covariance of so many weights before any answer."""
    return jnp.eye(size, dtype=jnp.float32) * jnp.float32(std) ** 2


def spread(features: Float32[Array, "M K"]) -> Float32[Array, ""]:
    """The root mean square of the features about their means."""
    return jnp.sqrt(jnp.mean((features - jnp.mean(features, axis=0)) ** 2) + np.float32(1e-12))

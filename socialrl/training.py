"""Training one arm: pure functions that start a seed and take it through a chunk of updates."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Key, PyTree

from socialrl.config import Experiment
from socialrl.rollout import Carry, Rollout
from socialrl.types import Learner
from socialrl_envs.struct import pytree


@pytree
class Training:
    """Everything that a seed's future depends on: saved in a checkpoint, it makes a resumed run bit-equal."""

    learner: PyTree
    carry: Carry
    key: Key[Array, ""]


class Trainer(NamedTuple):
    """start(key) -> Training; chunk(training) -> (training, metrics): means over the chunk, scalars by name."""

    start: Callable[[Key[Array, ""]], Training]
    chunk: Callable[[Training], tuple[Training, dict[str, Array]]]


def make_trainer(experiment: Experiment, learner: Learner, rollout: Rollout, sources: tuple[str, ...]) -> Trainer:
    """The trainer of one arm of an experiment."""
    worlds, unroll = experiment.parallel, experiment.unroll

    def start(key: Key[Array, ""]) -> Training:
        init_key, pool_key, begin_key, key = jax.random.split(key, 4)
        levels = rollout.pool(pool_key, experiment.pool)
        return Training(learner=learner.init(init_key, unroll, worlds), carry=rollout.begin(levels, begin_key, worlds), key=key)

    def chunk(training: Training) -> tuple[Training, dict[str, Array]]:
        pool_key, updates_key, key = jax.random.split(training.key, 3)
        levels = rollout.pool(pool_key, experiment.pool)

        def update(state: tuple[Any, Carry], update_key: Key[Array, ""]) -> tuple[tuple[Any, Carry], Any]:
            unroll_key, learn_key = jax.random.split(update_key)
            learner_state, carry = state
            carry, experience, episodes = rollout.unroll(learner_state, carry, levels, unroll_key, unroll)
            learner_state, metrics = learner.update(learner_state, experience, learn_key)
            return (learner_state, carry), (episodes, metrics)

        keys = jax.random.split(updates_key, experiment.chunk)
        (state, carry), (episodes, metrics) = jax.lax.scan(update, (training.learner, training.carry), keys)
        return Training(learner=state, carry=carry, key=key), means(episodes, metrics, sources)

    return Trainer(start=start, chunk=chunk)


def means(episodes: dict[str, Array], metrics: dict[str, Array], sources: tuple[str, ...]) -> dict[str, Array]:
    """One number per name for a chunk; `return` is NaN where no episode ended in it."""
    ended = jnp.sum(episodes["episodes"])
    followed = jnp.mean(episodes["followed"], axis=0)
    return {
        "return": jnp.where(ended > 0, jnp.sum(episodes["return_sum"]) / jnp.maximum(ended, 1.0), jnp.nan),
        **{f"share/{source}": followed[i] for i, source in enumerate(sources[: followed.shape[0]])},
        **{name: jnp.mean(values) for name, values in metrics.items()},
    }

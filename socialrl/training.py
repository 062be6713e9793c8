"""Training one arm: pure functions that start a seed and take it through a chunk of updates."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32, Key, PyTree

from socialrl.config import Experiment
from socialrl.curricula import Curriculum, Numbers, constant
from socialrl.rollout import Carry, Rollout
from socialrl.types import Learner
from socialrl_envs.struct import pytree
from socialrl_envs.types import Level


@pytree
class Training:
    """Everything that a seed's future depends on: saved in a checkpoint, it makes a resumed run bit-equal.

    levels: the pool. steps: env steps so far. oldest: where the pool is refreshed next.
    """

    learner: PyTree
    carry: Carry
    levels: Level
    curriculum: PyTree
    steps: Int32[Array, ""]
    oldest: Int32[Array, ""]
    key: Key[Array, ""]


class Trainer(NamedTuple):
    """start(key) -> Training; chunk(training) -> (training, metrics): means over the chunk, scalars by name.

    pretrain(training, steps) -> (training, metrics): so many gradient steps (static) on recorded
    demonstrations alone.
    """

    start: Callable[[Key[Array, ""]], Training]
    chunk: Callable[[Training], tuple[Training, dict[str, Array]]]
    pretrain: Callable[[Training, int], tuple[Training, dict[str, Array]]]


def make_trainer(
    experiment: Experiment,
    learner: Learner,
    rollout: Rollout,
    sources: tuple[str, ...],
    curriculum: Curriculum | None = None,
) -> Trainer:
    """The trainer of one arm of an experiment."""
    return _Maker(experiment, learner, rollout, sources, curriculum or constant()).trainer()


class _Maker:
    """The functions of a Trainer."""

    def __init__(
        self,
        experiment: Experiment,
        learner: Learner,
        rollout: Rollout,
        sources: tuple[str, ...],
        curriculum: Curriculum,
    ):
        self.experiment, self.learner, self.rollout = experiment, learner, rollout
        self.sources, self.curriculum = sources, curriculum

    def trainer(self) -> Trainer:
        """The functions, bundled."""
        return Trainer(start=self.start, chunk=self.chunk, pretrain=self.pretrain)

    def start(self, key: Key[Array, ""]) -> Training:
        """A seed before its first step."""
        worlds, unroll = self.experiment.num_envs, self.experiment.unroll_length
        init_key, pool_key, begin_key, key = jax.random.split(key, 4)
        curriculum, none = self.curriculum.init(), jnp.int32(0)
        levels = self.fresh_levels(curriculum, none, pool_key, self.experiment.num_levels)
        return Training(
            learner=self.learner.init(init_key, unroll, worlds),
            carry=self.rollout.begin(levels, begin_key, worlds),
            levels=levels,
            curriculum=curriculum,
            steps=none,
            oldest=none,
            key=key,
        )

    def fresh_levels(
        self, curriculum: PyTree, steps: Int32[Array, ""], key: Key[Array, ""], count: int
    ) -> Level:
        """Levels with numbers as the curriculum has them now."""
        return self.rollout.pool(
            key, count, lambda level_key: self.curriculum.numbers(curriculum, steps, level_key)
        )

    def chunk(self, training: Training) -> tuple[Training, dict[str, Array]]:
        """The curriculum moves, part of the pool is drawn anew, then come the updates."""
        test_key, pool_key, updates_key, key = jax.random.split(training.key, 4)

        def measure(draw: Callable[[Key[Array, ""]], Numbers], key: Key[Array, ""]) -> Float32[Array, " N"]:
            return self.mean_returns(training.learner, draw, key)

        curriculum, moved = self.curriculum.update(training.curriculum, measure, test_key)
        levels, oldest = self.refreshed(training, curriculum, pool_key)

        def update(state: tuple[Any, Carry], update_key: Key[Array, ""]) -> tuple[tuple[Any, Carry], Any]:
            unroll_key, learn_key = jax.random.split(update_key)
            learner_state, carry = state
            carry, experience, episodes = self.rollout.unroll(
                learner_state, carry, levels, unroll_key, self.experiment.unroll_length
            )
            learner_state, metrics = self.learner.update(learner_state, experience, learn_key)
            return (learner_state, carry), (episodes, metrics)

        keys = jax.random.split(updates_key, self.experiment.chunk)
        (state, carry), (episodes, metrics) = jax.lax.scan(update, (training.learner, training.carry), keys)
        after = Training(
            learner=state,
            carry=carry,
            levels=levels,
            curriculum=curriculum,
            steps=training.steps + jnp.int32(self.experiment.chunk_steps),
            oldest=oldest,
            key=key,
        )
        return after, means(episodes, metrics, self.sources) | moved

    def pretrain(self, training: Training, steps: int) -> tuple[Training, dict[str, Array]]:
        """Demonstrations are learnt from; no world moves on."""
        assert self.learner.pretrain is not None
        now_key, key = jax.random.split(training.key)
        learner, metrics = self.learner.pretrain(training.learner, now_key, steps)
        return dataclasses.replace(training, learner=learner, key=key), metrics

    def refreshed(
        self, training: Training, curriculum: PyTree, key: Key[Array, ""]
    ) -> tuple[Level, Int32[Array, ""]]:
        """The pool with its oldest levels replaced, and where the oldest are then."""
        size = self.experiment.num_levels
        count = math.ceil(self.experiment.level_refresh * size)
        if count == 0:
            return training.levels, training.oldest
        fresh = self.fresh_levels(curriculum, training.steps, key, count)
        if count == size:
            return fresh, training.oldest
        places = (training.oldest + jnp.arange(count, dtype=jnp.int32)) % size
        levels = jax.tree.map(lambda old, new: old.at[places].set(new), training.levels, fresh)
        return levels, (training.oldest + count) % size

    def mean_returns(
        self, learner_state: Any, draw: Callable[[Key[Array, ""]], Numbers], key: Key[Array, ""]
    ) -> Float32[Array, " N"]:
        """Every seat's mean return in greedy episodes on fresh levels."""
        levels_key, episodes_key = jax.random.split(key)
        levels = self.rollout.pool(levels_key, self.experiment.evaluation_episodes, draw)
        trace = self.rollout.episodes(learner_state, levels, episodes_key)
        rewards = jnp.where(trace.alive[..., None], trace.outcome.reward, 0.0)
        return jnp.mean(jnp.sum(rewards, axis=0), axis=0)


def means(
    episodes: dict[str, Array], metrics: dict[str, Array], sources: tuple[str, ...]
) -> dict[str, Array]:
    """One number per name for a chunk; `return` is NaN where no episode ended in it."""
    ended = jnp.sum(episodes["episodes"])
    followed = jnp.mean(episodes["followed"], axis=0)
    return {
        "return": jnp.where(ended > 0, jnp.sum(episodes["return_sum"]) / jnp.maximum(ended, 1.0), jnp.nan),
        **{f"share/{source}": followed[i] for i, source in enumerate(sources[: followed.shape[0]])},
        **{name: jnp.mean(values) for name, values in metrics.items()},
    }

"""Training one arm: pure functions that start a seed and take it through a chunk of updates."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32, Key, PyTree

from socialrl.config import Experiment
from socialrl.curricula import Curriculum, Draw, Shelf, constant
from socialrl.lineage import Generational
from socialrl.rollout import Carry, Rollout, make_rollout
from socialrl.rounds import Round, Rounds
from socialrl.types import Learner, Metrics, Offline, Overrides
from socialrl_envs.hosting import Functions
from socialrl_envs.struct import pytree, replace
from socialrl_envs.types import Level

Company = Callable[[PyTree], Functions]  # partners' parameters -> the policies of co-players, by agent


@pytree
class Training:
    """All that the future of a seed depends on; restored from a checkpoint, a run goes on bit for bit.

    learner, curriculum: their states. carry: where the parallel worlds stand. levels: the pool; of a
    curriculum that chooses levels, those of the last round. steps: environment steps so far. oldest: the
    level of the pool that is replaced next.
    """

    learner: PyTree
    carry: Carry
    levels: Level
    curriculum: PyTree
    steps: Int32[Array, ""]
    oldest: Int32[Array, ""]
    key: Key[Array, ""]


def make_trainer(
    experiment: Experiment,
    learner: Learner,
    rollout: Rollout,
    sources: tuple[str, ...],
    curriculum: Curriculum | None = None,
    company: Company | None = None,
    generations: Generational | None = None,
) -> "Trainer":
    """The training functions of one arm of an experiment. sources: names, for the metrics. Without a
    curriculum all levels have the world's own parameters. company: the policies of co-players that have
    parameters of their own, such as trained agents; None: those of the world's seats. generations: of which
    `learner` is the learner.
    """
    return Trainer(experiment, learner, rollout, sources, curriculum or constant(), company, generations)


class Trainer:
    """Pure functions over the Training of one seed: `start`, `chunk`, `pretrain` and `succeed`.

    partners, of `start` and `chunk`: the parameters of `company`, which training does not change.
    """

    def __init__(
        self,
        experiment: Experiment,
        learner: Learner,
        rollout: Rollout,
        sources: tuple[str, ...],
        curriculum: Curriculum,
        company: Company | None = None,
        generations: Generational | None = None,
    ):
        self.experiment, self.learner, self.rollout = experiment, learner, rollout
        self.sources, self.curriculum, self.company = sources, curriculum, company
        self.chooser = curriculum.chooser
        self.rounds = None if self.chooser is None else Rounds(experiment, learner, rollout, self.chooser)
        self.generations = generations

    def beside(self, partners: PyTree) -> Rollout:
        """The rollout in which co-players act by these parameters."""
        if self.company is None:
            return self.rollout
        return make_rollout(self.rollout.world, self.learner, self.company(partners))

    def start(self, key: Key[Array, ""], partners: PyTree = ()) -> Training:
        """A seed before its first step."""
        return self._begin(key, jnp.int32(0), partners)

    def _begin(self, key: Key[Array, ""], steps: Int32[Array, ""], partners: PyTree = ()) -> Training:
        """A seed whose novice is to take its first step, after so many steps of other generations."""
        num_envs, unroll_length = self.experiment.num_envs, self.experiment.unroll_length
        init_key, pool_key, begin_key, key = jax.random.split(key, 4)
        rollout = self.beside(partners)
        if self.rounds is None:
            curriculum = self.curriculum.init()
            levels = self._fresh_levels(curriculum, steps, pool_key, self.experiment.num_levels)
            carry = rollout.begin(levels, begin_key, num_envs)
        else:
            curriculum_key, pool_key = jax.random.split(pool_key)
            curriculum = self.rounds.chooser.init(curriculum_key, unroll_length, num_envs)
            levels = self.rollout.pool(pool_key, num_envs)  # nobody plays these: a round begins on its own
            carry = rollout.begin_on(levels, begin_key)
        return Training(
            learner=self.learner.init(init_key, unroll_length, num_envs),
            carry=carry,
            levels=levels,
            curriculum=curriculum,
            steps=steps,
            oldest=jnp.int32(0),
            key=key,
        )

    def chunk(self, training: Training, partners: PyTree = ()) -> tuple[Training, Metrics]:
        """A chunk of training and its metrics, see `means`: the curriculum is updated, part of the pool is
        replaced, then come `experiment.chunk` unrolls, each with an update. A curriculum that chooses levels
        does so for every round of the chunk.
        """
        rollout = self.beside(partners)
        if self.chooser is not None:
            rounds = Rounds(self.experiment, self.learner, rollout, self.chooser)
            return self._chunk_of_rounds(training, rounds)
        test_key, pool_key, updates_key, key = jax.random.split(training.key, 4)

        def measure(draw: Callable[[Key[Array, ""]], Overrides], key: Key[Array, ""]) -> Float32[Array, " N"]:
            return self._mean_returns(rollout, training.learner, self._founded(training, draw), key)

        with jax.named_scope("levels"):  # scopes are for `profiling`
            curriculum, moved = self.curriculum.update(training.curriculum, measure, test_key)
            levels, oldest = self._refreshed(training, curriculum, pool_key)

        def update(state: tuple[PyTree, Carry], update_key: Key[Array, ""]) -> tuple[PyTree, PyTree]:
            unroll_key, learn_key = jax.random.split(update_key)
            learner_state, carry = state
            with jax.named_scope("unroll"):
                carry, experience, episodes = rollout.unroll(
                    learner_state, carry, levels, unroll_key, self.experiment.unroll_length
                )
            with jax.named_scope("update"):
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

    def _chunk_of_rounds(self, training: Training, rounds: Rounds) -> tuple[Training, Metrics]:
        """A chunk of rounds, see `Chooser`; with the means of the curriculum's metrics over the rounds, and
        the properties of the levels of the last one.
        """
        prepare_key, rounds_key, look_key, key = jax.random.split(training.key, 4)
        with jax.named_scope("levels"):
            play = rounds.play(training.learner)
            curriculum, prepared = rounds.chooser.prepare(training.curriculum, play, prepare_key)

        def one(state: Round, key: Key[Array, ""]) -> tuple[Round, PyTree]:
            return rounds.round(state.learner, state.curriculum, key)

        trains = jnp.ones(self.experiment.num_envs, bool)
        now = Round(training.learner, training.carry, curriculum, training.levels, trains)
        keys = jax.random.split(rounds_key, rounds.count)
        state, (episodes, metrics, found) = jax.lax.scan(one, now, keys)
        episodes = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), episodes)
        looked = rounds.properties(state.levels, state.trains, look_key)
        after = replace(
            training,
            learner=state.learner,
            carry=state.carry,
            levels=state.levels,
            curriculum=state.curriculum,
            steps=training.steps + jnp.int32(self.experiment.chunk_steps),
            key=key,
        )
        moved = prepared | jax.tree.map(jnp.nanmean, found) | looked
        return after, means(episodes, metrics, self.sources) | moved

    def shelf(self, training: Training) -> Shelf | None:
        """The levels that the curriculum keeps, or those of its last round; None if it does not choose."""
        if self.rounds is None:
            return None
        if self.rounds.chooser.shelf is not None:
            return self.rounds.chooser.shelf(training.curriculum)
        count = self.experiment.num_envs
        unknown, never = jnp.full(count, jnp.nan, jnp.float32), jnp.zeros(count, jnp.int32)
        return Shelf(levels=training.levels, score=unknown, replayed=never)

    def evaluated(self, training: Training) -> Draw | None:
        """What draws the parameters of levels for evaluation now; None where they are the world's own."""
        if self.curriculum.evaluated:
            age = training.steps
            if self.generations is not None:
                age = age - jnp.asarray(self.generations.timeline.starts)[training.learner.generation]
            return self._founded(
                training, lambda key: self.curriculum.overrides(training.curriculum, age, key)
            )
        return None if self.generations is None else self._founded(training, lambda key: {})

    def due(self, step: int) -> bool:
        """Whether another generation is to begin when so many environment steps are done."""
        return self.generations is not None and step in self.generations.timeline.ends[:-1]

    def succeed(self, training: Training) -> Training:
        """The training at the beginning of the next generation: all but its elders begins anew."""
        assert self.generations is not None
        born = self._begin(training.key, training.steps)
        return replace(born, learner=self.generations.succeed(training.learner, born.learner))

    def _founded(self, training: Training, draw: Draw) -> Draw:
        """The draw, without elders where there are none yet."""
        if (generations := self.generations) is None:
            return draw
        return lambda key: generations.timeline.founded(draw(key), training.learner.generation)

    def pretrain(self, training: Training, steps: int) -> tuple[Training, Metrics]:
        """The training after `steps` (static) gradient steps on recorded demonstrations; no world takes a
        step. The learner must have the capability Offline.
        """
        offline = self.learner.capability(Offline)
        assert offline is not None
        now_key, key = jax.random.split(training.key)
        learner, metrics = offline.pretrain(training.learner, now_key, steps)
        return replace(training, learner=learner, key=key), metrics

    def _fresh_levels(
        self, curriculum: PyTree, steps: Int32[Array, ""], key: Key[Array, ""], count: int
    ) -> Level:
        """Levels with parameters as the curriculum draws them after so many steps, those of a generation."""

        def draw(level_key: Key[Array, ""]) -> Overrides:
            if (generations := self.generations) is None:
                return self.curriculum.overrides(curriculum, steps, level_key)
            there_key, level_key = jax.random.split(level_key)
            generation, age = generations.timeline.age(steps)
            drawn = self.curriculum.overrides(curriculum, age, level_key)
            return generations.timeline.attended(drawn, generation, age, there_key)

        return self.rollout.pool(key, count, draw)

    def _refreshed(
        self, training: Training, curriculum: PyTree, key: Key[Array, ""]
    ) -> tuple[Level, Int32[Array, ""]]:
        """The pool with its oldest levels replaced, and the index of the oldest one then."""
        size = self.experiment.num_levels
        count = math.ceil(self.experiment.level_refresh * size)
        if count == 0:
            return training.levels, training.oldest
        fresh = self._fresh_levels(curriculum, training.steps, key, count)
        if count == size:
            return fresh, training.oldest
        places = (training.oldest + jnp.arange(count, dtype=jnp.int32)) % size
        levels = jax.tree.map(lambda old, new: old.at[places].set(new), training.levels, fresh)
        return levels, (training.oldest + count) % size

    def _mean_returns(
        self,
        rollout: Rollout,
        learner_state: PyTree,
        draw: Callable[[Key[Array, ""]], Overrides],
        key: Key[Array, ""],
    ) -> Float32[Array, " N"]:
        """The mean return of each seat in greedy episodes on fresh levels with drawn parameters."""
        levels_key, episodes_key = jax.random.split(key)
        levels = rollout.pool(levels_key, self.experiment.evaluation_episodes, draw)
        trace = rollout.episodes(learner_state, levels, episodes_key)
        rewards = jnp.where(trace.alive[..., None], trace.outcome.reward, 0.0)
        return jnp.mean(jnp.sum(rewards, axis=0), axis=0)


def means(episodes: Metrics, metrics: Metrics, sources: tuple[str, ...]) -> Metrics:
    """Scalars by name over a chunk: the mean of every metric of the learner, `return`, the mean over the
    episodes that ended (NaN if none did), and `share/<source>`, the share of steps in which each source was
    followed.
    """
    ended = jnp.sum(episodes["episodes"])
    followed = jnp.mean(episodes["followed"], axis=0)
    return {
        "return": jnp.where(ended > 0, jnp.sum(episodes["return_sum"]) / jnp.maximum(ended, 1.0), jnp.nan),
        **{f"share/{source}": followed[i] for i, source in enumerate(sources[: followed.shape[0]])},
        **{name: jnp.mean(values) for name, values in metrics.items()},
    }

"""Few-shot transfer: the return on new tasks, that is under new preferences, after a few episodes of each.

A learner with the few-shot capability keeps its networks and re-learns only the weights `w` of the cumulants
in its
reward: from the new episodes alone ("w re-learnt"), or beginning with episodes of the old task whose rewards
are relabelled by the new preferences ("w given"). Any other learner goes on training, from its parameters if
it can be warm-started ("fine-tuned"), also after it was trained on as many relabelled episodes
("fine-tuned, relabelled"), and from new parameters ("from scratch").
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Int32, Key

from socialrl.evaluation import evaluator
from socialrl.protocols import LearnerState, Study
from socialrl.protocols._overrides import (
    Overrides,
    check_preferences,
    has_preferences,
    parameter,
    with_preferences,
)
from socialrl.record import labels
from socialrl.rollout import Rollout, make_rollout
from socialrl.seeds import PerSeed
from socialrl.types import Experience, FewShot, Learner, WarmStart
from socialrl_envs.options import Options, option, require

STREAM = 0xFE3  # of keys for the episodes on the new task (plus those already done), and for new parameters
RELABELLED = 0xFE2  # of keys for the relabelled episodes of the old task
Preferences = tuple[tuple[float, ...], ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Options):
    """Options of few_shot."""

    kind: ClassVar[str] = labels.FewShot.kind
    needs: ClassVar[str] = "a world with preferences"

    preferences: Preferences | None = option(
        None, "new preferences of the novices, a vector per new task; None: each cumulant alone"
    )
    shots: tuple[int, ...] = option(
        (0, 1, 10, 100), "episodes of the new task before each evaluation, ascending", low=0
    )
    episodes: int = option(64, "held-out episodes of each evaluation, per seed", low=1)
    relabelled: int = option(
        16, "episodes of the old task that are relabelled for `w given` and `fine-tuned, relabelled`", low=1
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_tasks(self.preferences, self.shots)

    def count(self, study: Study) -> int:
        """Methods x tasks x shots."""
        return len(method_names(study.learner)) * len(self.tasks(study)) * len(self.shots)

    def run(self, study: Study) -> Iterator[tuple[labels.FewShot, PerSeed]]:
        """Yields labels and the metrics of `evaluation.summarise`."""
        tasks, seeds, world = self.tasks(study), study.seeds, study.world
        rollout = make_rollout(world, study.learner)
        evaluate = evaluator(rollout, world.spec, self.episodes)
        score = seeds.map(lambda state, root, overrides: evaluate(state, root, overrides)[0], 2)
        for method in methods(study, rollout, self.relabelled):
            learn = seeds.map(method.learn, 2)
            for preference in tasks:
                overrides = {"preferences": with_preferences(world, preference, world.spec.novices)}
                states, done = method.start, 0
                if method.prepare is not None:
                    states = seeds.map(method.prepare, 2)(states, study.keys(RELABELLED), overrides)
                for shots in self.shots:
                    if shots > done:
                        keys = study.keys(STREAM + done)
                        states, done = learn(states, keys, overrides, jnp.int32(shots - done)), shots
                    condition = labels.FewShot(preference, method.name, shots)
                    yield condition, score(states, study.roots, overrides)

    def tasks(self, study: Study) -> Preferences:
        """The new preferences; raises SocialRLError if they do not fit the world."""
        if self.preferences is None and has_preferences(study.world):
            cumulants = parameter(study.world, "preferences").shape[1]
            return tuple(tuple(float(i == k) for i in range(cumulants)) for k in range(cumulants))
        check_preferences(study.world, self.preferences or (), "few_shot")
        return self.preferences or ()


def check_tasks(preferences: Preferences | None, shots: tuple[int, ...]) -> None:
    """Raises SocialRLError unless there is a task, and the shots ascend."""
    require(preferences is None or len(preferences) > 0, "preferences", preferences, "at least one vector")
    ascending = len(shots) > 0 and all(a < b for a, b in itertools.pairwise(shots))
    require(ascending, "shots", shots, "ascending counts of episodes, from 0")


Learn = Callable[[LearnerState, Key[Array, ""], Overrides, Int32[Array, ""]], LearnerState]
Prepare = Callable[[LearnerState, Key[Array, ""], Overrides], LearnerState]
Play = Callable[[LearnerState, Key[Array, ""], Overrides, int], Experience]


class Method(NamedTuple):
    """One way of taking up a new task.

    start: the learner's states to begin with, one per seed.
    learn(state, key, overrides, episodes) -> the state after so many further episodes.
    prepare(state, key, overrides) -> the state before the first one, or None if it is `start`.
    """

    name: str
    start: PerSeed
    learn: Learn
    prepare: Prepare | None = None


def method_names(learner: Learner) -> tuple[str, ...]:
    """The names of a learner's methods, in the order of `methods`."""
    if learner.capability(FewShot) is not None:
        return "w re-learnt", "w given"
    if learner.capability(WarmStart) is None:
        return ("from scratch",)
    return "fine-tuned", "fine-tuned, relabelled", "from scratch"


def methods(study: Study, rollout: Rollout, relabelled: int) -> Iterator[Method]:
    """The methods that the learner allows. relabelled: episodes of the old task to learn from first."""
    learner, unroll = study.learner, study.experiment.unroll_length
    few_shot, warm = learner.capability(FewShot), learner.capability(WarmStart)
    if few_shot is not None:
        learn, prepare = adapting(few_shot, playing(study, rollout), relabelled)
        yield Method("w re-learnt", study.states, learn)
        yield Method("w given", study.states, learn, prepare)
        return
    fresh = study.seeds.map(lambda key: learner.init(key, unroll, 1), 1)(study.keys(STREAM))
    if warm is not None:
        start = study.seeds.map(warm.warm_start, 2)(study.states, fresh)
        learn, rehearse = training(study, rollout), rehearsing(study, rollout, relabelled)
        yield Method("fine-tuned", start, learn)
        yield Method("fine-tuned, relabelled", start, learn, rehearse)
    yield Method("from scratch", fresh, training(study, rollout))


def adapting(few_shot: FewShot, play: Play, relabelled: int) -> tuple[Learn, Prepare]:
    """Few-shot learning one episode at a time, and from `relabelled` episodes together."""

    def learn(
        state: LearnerState, key: Key[Array, ""], overrides: Overrides, episodes: Int32[Array, ""]
    ) -> LearnerState:
        def episode(number: Int32[Array, ""], state: LearnerState) -> LearnerState:
            play_key, adapt_key = jax.random.split(jax.random.fold_in(key, number))
            return few_shot.adapt(state, play(state, play_key, overrides, 1), adapt_key)

        return jax.lax.fori_loop(0, episodes, episode, state)

    def prepare(state: LearnerState, key: Key[Array, ""], overrides: Overrides) -> LearnerState:
        play_key, adapt_key = jax.random.split(key)
        return few_shot.adapt(state, play(state, play_key, overrides, relabelled), adapt_key)

    return learn, prepare


def playing(study: Study, rollout: Rollout) -> Play:
    """A function (state, key, overrides, count) -> experience of one episode in `count` parallel worlds."""

    def play(state: LearnerState, key: Key[Array, ""], overrides: Overrides, count: int) -> Experience:
        levels_key, begin_key, unroll_key = jax.random.split(key, 3)
        levels = rollout.pool(levels_key, count, overrides)
        carry = rollout.begin(levels, begin_key, count)
        return rollout.unroll(state, carry, levels, unroll_key, study.world.spec.horizon)[1]

    return play


def rehearsing(study: Study, rollout: Rollout, relabelled: int) -> Prepare:
    """Training on so many episodes that the trained policy plays, which does not change meanwhile."""
    learner, length = study.learner, study.experiment.unroll_length
    unrolls = relabelled * -(-study.world.spec.horizon // length)

    def prepare(trained: LearnerState, key: Key[Array, ""], overrides: Overrides) -> LearnerState:
        levels_key, begin_key, key = jax.random.split(key, 3)
        levels = rollout.pool(levels_key, study.experiment.num_levels, overrides)

        def update(number: Int32[Array, ""], carried: LearnerState) -> LearnerState:
            state, carry = carried
            unroll_key, update_key = jax.random.split(jax.random.fold_in(key, number))
            carry, experience, _ = rollout.unroll(trained, carry, levels, unroll_key, length)
            return learner.update(state, experience, update_key)[0], carry

        start = (trained, rollout.begin(levels, begin_key, 1))
        return jax.lax.fori_loop(0, unrolls, update, start)[0]

    return prepare


def training(study: Study, rollout: Rollout) -> Learn:
    """Ordinary training in one world, episode after episode, with an update after each unroll."""
    learner, length = study.learner, study.experiment.unroll_length
    unrolls = -(-study.world.spec.horizon // length)

    def learn(
        state: LearnerState, key: Key[Array, ""], overrides: Overrides, episodes: Int32[Array, ""]
    ) -> LearnerState:
        levels_key, begin_key, key = jax.random.split(key, 3)
        levels = rollout.pool(levels_key, study.experiment.num_levels, overrides)

        def update(number: Int32[Array, ""], carried: LearnerState) -> LearnerState:
            state, carry = carried
            unroll_key, update_key = jax.random.split(jax.random.fold_in(key, number))
            carry, experience, _ = rollout.unroll(state, carry, levels, unroll_key, length)
            return learner.update(state, experience, update_key)[0], carry

        start = (state, rollout.begin(levels, begin_key, 1))
        return jax.lax.fori_loop(0, episodes * unrolls, update, start)[0]

    return learn

"""Comparisons: the return on a new task that a person never scores, and only compares clips of.

A synthetic person with the new preferences is shown two clips of the trained agent at a time and says which
one it prefers. `w, learnt cumulants` and `w, true cumulants`: the answers give a posterior over preferences,
see `feedback/bradley_terry.py`; every step of the agent's own is then worth what the posterior's mean says,
and the few-shot capability takes this reward for the new task's. Nothing is trained. `marks, learnt
cumulants`: the person watches the agent act and says good or bad of steps, late, in place of comparing; each
mark counts as an answer, see `feedback/credit.py`. `best of n`: the agent
adapts to preferences drawn at random, and the answers choose one of these behaviours. `true reward`: the new
rewards themselves, which the others are measured by.

The person looks at the first novice alone.
"""

import dataclasses
import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32, Key, PyTree

from socialrl import evaluation
from socialrl.feedback import teachers
from socialrl.feedback.bradley_terry import Posterior
from socialrl.protocols import LearnerState, Study
from socialrl.protocols._overrides import (
    Overrides,
    check_preferences,
    has_preferences,
    parameter,
    with_preferences,
)
from socialrl.protocols._posteriors import Clips, of_answers, of_marks, quality, spread
from socialrl.record.labels import Comparisons as Labels
from socialrl.rollout import Carry, Rollout
from socialrl.seeds import PerSeed
from socialrl.stepping import Step
from socialrl.types import ActOutput, Experience, FewShot, LearntCumulants, Metrics
from socialrl_envs.options import Options, option, require
from socialrl_envs.struct import pytree, replace

STREAM, ANSWERS = 0xC11B, 0xA45E  # of keys: for the clips, and for queries and answers
TRUE = "true reward"
Features = Literal["learnt", "true"]
Queries = Literal["disagreement", "random"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Options):
    """Options of comparisons."""

    kind: ClassVar[str] = Labels.kind
    needs: ClassVar[str] = (
        "a few-shot learner with learnt cumulants, such as psiphi, where seats have preferences"
    )

    preferences: tuple[tuple[float, ...], ...] | None = option(
        None, "what the person wants, a vector per task; None: each cumulant alone"
    )
    labels: tuple[int, ...] = option(
        (0, 5, 10, 20, 35, 50), "answers before each evaluation, ascending", low=0
    )
    noise: tuple[float, ...] = option(
        (0.0, 0.1, 0.2), "shares of answers that are the wrong way round", low=0, high=teachers.WORST
    )
    queries: tuple[Queries, ...] = option(
        ("disagreement", "random"), "how clips are chosen", choices=("disagreement", "random")
    )
    features: tuple[Features, ...] = option(
        ("learnt",), "cumulants that preferences are inferred over", choices=("learnt", "true")
    )
    marker: teachers.Marker | None = option(
        None, "the person while it watches and says good or bad, which is measured besides; None: it does not"
    )
    fps: float = option(4.0, "steps per second that are watched then", above=0)
    best_of: int = option(16, "behaviours that `best of n` chooses from; 0: without it", low=0)
    teacher: teachers.Teacher = option(teachers.Teacher(), "the person")
    length: int = option(10, "steps of a clip, at most an episode", low=1)
    played: int = option(32, "episodes that the trained agent plays, from which the clips are", low=1)
    prior_std: float = option(
        3.0, "of each weight before any answer, where clips' features have a spread of 1", above=0
    )
    episodes: int = option(64, "held-out episodes of each evaluation, per seed", low=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        ascending = len(self.labels) > 0 and all(a < b for a, b in itertools.pairwise(self.labels))
        require(ascending, "labels", self.labels, "ascending counts of answers, from 0")
        some = self.preferences is None or len(self.preferences) > 0
        require(some, "preferences", self.preferences, "at least one vector")
        require(self.best_of != 1, "best_of", self.best_of, "0, or at least 2")

    def count(self, study: Study) -> int:
        """Tasks x (ways x noises x labels + 1); 0 if the learner is no few-shot learner of cumulants."""
        tasks, learner = len(self.tasks(study)), study.learner
        if learner.capability(FewShot) is None or learner.capability(LearntCumulants) is None:
            return 0
        return tasks * (1 + len(self.ways()) * len(self.noise) * len(self.labels))

    def tasks(self, study: Study) -> tuple[tuple[float, ...], ...]:
        """What the person wants; raises SocialRLError if it does not fit the world."""
        if self.preferences is None and has_preferences(study.world):
            cumulants = parameter(study.world, "preferences").shape[1]
            return tuple(tuple(float(i == k) for i in range(cumulants)) for k in range(cumulants))
        check_preferences(study.world, self.preferences or (), self.kind)
        return self.preferences or ()

    def ways(self) -> tuple[tuple[str, str], ...]:
        """(method, queries): each pair that is measured; best of n chooses clips at random, and marks are of
        whatever is watched.
        """
        inferred = [(f"w, {kind} cumulants", by) for kind in self.features for by in self.queries]
        marked = [(f"marks, {kind} cumulants", "") for kind in self.features] if self.marker else []
        return (*inferred, *marked, *([(f"best of {self.best_of}", "random")] if self.best_of else []))

    def run(self, study: Study) -> Iterator[tuple[Labels, PerSeed]]:
        """Yields labels, and the metrics of `evaluation.summarise` with those of `Judged.measured`."""
        if not self.count(study):
            return
        judged = Judged(self, study)
        for preference in self.tasks(study):
            task = judged.task(preference)
            yield Labels(preference, TRUE, "", 0, 0), task.by_true_reward
            for method, by in self.ways():
                asked = judged.clips(task, method)
                for noise in self.noise:
                    found = judged.infer(task, asked, method, by, noise)
                    for count in self.labels:
                        condition = Labels(preference, method, by, round(100 * noise), count)
                        yield condition, judged.measured(task, asked, found, method, count)


@pytree
class Played:
    """Episodes of the trained agent under the new task. learnt, true: cumulants of every step."""

    experience: Experience
    learnt: Float32[Array, "T B novices K"]
    true: Float32[Array, "T B novices C"]


class Task(NamedTuple):
    """A new task: its preferences, overrides of levels, the agent's episodes, what the true reward gives."""

    preference: tuple[float, ...]
    overrides: Overrides
    played: PerSeed
    by_true_reward: PerSeed


class WithCumulants(Rollout):
    """A Rollout whose experience has the novices' true cumulants beside the extras: (extras, cumulants)."""

    def _step(
        self,
        learner_state: PyTree,
        carry: Carry,
        key: Key[Array, ""],
        step_keys: Key[Array, " B"],
        explore: bool,
    ) -> tuple[ActOutput, Step]:
        acted, step = super()._step(learner_state, carry, key, step_keys, explore)
        return acted._replace(extras=(acted.extras, step.outcome.cumulants[:, self.novices])), step


class Judged:
    """The functions of a study whose clips a person compares, each compiled once."""

    def __init__(self, config: Config, study: Study):
        few_shot = study.learner.capability(FewShot)
        learnt = study.learner.capability(LearntCumulants)
        assert few_shot is not None
        assert learnt is not None
        self.config, self.study, self.few_shot, self.learnt = config, study, few_shot, learnt
        self.rollout = WithCumulants(study.world, study.learner)
        self.length = min(config.length, study.world.spec.horizon)
        evaluate, seeds = evaluation.evaluator(self.rollout, study.world.spec, config.episodes), study.seeds
        self.playing = seeds.map(self.play, 2)
        self.adapting = seeds.map(self.adapt, 4)
        self.scoring = seeds.map(lambda state, root, overrides: evaluate(state, root, overrides)[0], 2)
        self.comparing = seeds.map(compared, 2)
        answers = partial(of_answers, config.teacher, max(*config.labels, 1), config.prior_std)
        self.asking = seeds.map(answers, 2)
        self.drawing = seeds.map(drawn_rewards, 2)
        self.choosing = seeds.map(best, 2)
        self.joining = seeds.map(joined, 2)
        self.cutting, self.inferring, self.marking = {}, {}, {}
        for kind in config.features:
            self.cutting[kind] = seeds.map(partial(self.clips_of, kind=kind), 1)
            self.inferring[kind] = seeds.map(partial(self.inferred, kind), 4)
            self.marking[kind] = seeds.map(partial(self.marked, kind), 2)

    def task(self, preference: tuple[float, ...]) -> Task:
        """The task of these preferences."""
        study, world = self.study, self.study.world
        overrides = {"preferences": with_preferences(world, preference, world.spec.novices)}
        played = self.playing(study.states, study.keys(STREAM), overrides)
        scored = self.adapted_score(played, study.seeds.map(paid, 1)(played), overrides)
        return Task(preference, overrides, played, self.comparing(scored, scored))

    def clips(self, task: Task, method: str) -> PerSeed:
        """The clips of a method, per seed."""
        if method.startswith("best"):
            return self.behaviours(task)
        return self.cutting[kind_of(method)](task.played)

    def infer(self, task: Task, clips: PerSeed, method: str, by: str, noise: float) -> PerSeed:
        """The posterior after each answer or mark, per seed."""
        if method.startswith("marks"):
            return self.marking[kind_of(method)](task.played, self.study.keys(ANSWERS), jnp.float32(noise))
        return self.asking(clips, self.study.keys(ANSWERS), jnp.float32(noise), jnp.array(by != "random"))

    def measured(self, task: Task, clips: PerSeed, found: PerSeed, method: str, count: int) -> PerSeed:
        """The measures after so many answers, per seed; `compared` and `quality` say which."""
        study, number = self.study, jnp.int32(count - 1)
        if method.startswith("best"):
            return self.comparing(self.choosing(clips, found, number), task.by_true_reward)
        if count == 0:
            before = self.scoring(study.states, study.roots, task.overrides)
            return self.comparing(before, task.by_true_reward)
        preference, keys = jnp.array(task.preference, jnp.float32), study.keys(ANSWERS + 1)
        inferred = self.inferring[kind_of(method)](task.played, clips, found, keys, number, preference)
        reward, quality = study.seeds.split(inferred)
        scored = self.adapted_score(task.played, reward, task.overrides)
        return self.joining(self.comparing(scored, task.by_true_reward), quality)

    def adapted_score(self, played: PerSeed, reward: PerSeed, overrides: Overrides) -> PerSeed:
        """The measures of held-out episodes of the agent, adapted as if its episodes had paid this."""
        adapted = self.adapting(self.study.states, played, reward, self.study.keys(STREAM + 1))
        return self.scoring(adapted, self.study.roots, overrides)

    def behaviours(self, task: Task) -> PerSeed:
        """Clips of `best_of` behaviours, adapted to rewards of random unit preferences over the true
        cumulants; a clip's feature is its behaviour.
        """
        study, shown, scores = self.study, [], []
        for number in range(self.config.best_of):
            stream = STREAM + 2 + 3 * number
            reward = self.drawing(task.played, study.keys(stream))
            adapted = self.adapting(study.states, task.played, reward, study.keys(stream + 1))
            shown.append(self.playing(adapted, study.keys(stream + 2), task.overrides))
            scores.append(self.scoring(adapted, study.roots, task.overrides))
        return study.seeds.map(self.gathered, 2 * len(shown))(*shown, *scores)

    def play(self, state: LearnerState, key: Key[Array, ""], overrides: Overrides) -> Played:
        """One episode in each of `config.played` worlds."""
        levels_key, begin_key, unroll_key = jax.random.split(key, 3)
        levels = self.rollout.pool(levels_key, self.config.played, overrides)
        carry = self.rollout.begin(levels, begin_key, self.config.played)
        horizon = self.study.world.spec.horizon
        experience = self.rollout.unroll(state, carry, levels, unroll_key, horizon)[1]
        extras, true = experience.extras
        experience = replace(experience, extras=extras)
        return Played(experience=experience, learnt=self.learnt.cumulants(state, experience.own), true=true)

    def adapt(
        self, state: LearnerState, played: Played, reward: Float32[Array, "T B novices"], key: Key[Array, ""]
    ) -> LearnerState:
        """The state adapted to the episodes, as if their rewards were these."""
        own = replace(played.experience.own, reward=reward)
        return self.few_shot.adapt(state, replace(played.experience, own=own), key)

    def clips_of(self, played: Played, kind: Features) -> Clips:
        """The first novice's clips, with the sums of learnt or true cumulants as features."""
        cumulants = played.learnt if kind == "learnt" else played.true
        return Clips(
            features=jnp.sum(self.windows(cumulants[:, :, 0]), axis=1),
            rewards=self.windows(played.experience.own.reward[:, :, 0]),
            behaviours=None,
        )

    def windows(self, steps: Float32[Array, "T B *rest"]) -> Float32[Array, "M L *rest"]:
        """The clips that the episodes are cut into."""
        count, rest = steps.shape[0] // self.length, steps.shape[2:]
        cut = steps[: count * self.length].reshape(count, self.length, steps.shape[1], *rest)
        return jnp.moveaxis(cut, 2, 1).reshape(-1, self.length, *rest)

    def gathered(self, *parts: Any) -> Clips:
        """The clips of several behaviours: what each played, and then the measures of each."""
        count = len(parts) // 2
        rewards = [self.windows(played.experience.own.reward[:, :, 0]) for played in parts[:count]]
        return Clips(
            features=jnp.repeat(jnp.eye(count, dtype=jnp.float32), rewards[0].shape[0], axis=0),
            rewards=jnp.concatenate(rewards),
            behaviours=jax.tree.map(lambda *leaves: jnp.stack(leaves), *parts[count:]),
        )

    def marked(
        self, kind: Features, played: Played, key: Key[Array, ""], noise: Float32[Array, ""]
    ) -> Posterior:
        """The posterior after each mark of the first novice's steps, see `of_marks`."""
        config = self.config
        assert config.marker is not None
        cumulants = (played.learnt if kind == "learnt" else played.true)[:, :, 0]
        marks = config.marker.marks(played.experience.own.reward[:, :, 0], key, noise)
        scale = spread(self.clips_of(played, kind).features)
        return of_marks(marks, cumulants, scale, max(*config.labels, 1), config.prior_std, config.fps)

    def inferred(
        self,
        kind: Features,
        played: Played,
        clips: Clips,
        found: Posterior,
        key: Key[Array, ""],
        number: Int32[Array, ""],
        preference: Float32[Array, " C"],
    ) -> tuple[Float32[Array, "T B novices"], Metrics]:
        """(rewards, quality): of the episodes' steps by the preferences after an answer, and how good they
        are.
        """
        now = jax.tree.map(lambda leaf: leaf[number], found)
        cumulants = played.learnt if kind == "learnt" else played.true
        names = self.study.world.spec.cumulants
        return cumulants @ now.mean, quality(names, now, cumulants, played.true, clips, preference, key)


def best(clips: Clips, found: Posterior, number: Int32[Array, ""]) -> Metrics:
    """The measures of the behaviour that is thought best after an answer; of the first one before any."""
    assert clips.behaviours is not None
    chosen = jnp.where(number < 0, 0, jnp.argmax(found.mean[jnp.maximum(number, 0)]))
    return jax.tree.map(lambda leaf: leaf[chosen], clips.behaviours)


def paid(played: Played) -> Float32[Array, "T B novices"]:
    """The true rewards of the episodes' steps."""
    return played.experience.own.reward


def joined(one: Metrics, other: Metrics) -> Metrics:
    """Both together."""
    return one | other


def drawn_rewards(played: Played, key: Key[Array, ""]) -> Float32[Array, "T B novices"]:
    """Rewards of the episodes' steps by a random unit preference over the true cumulants."""
    drawn = jax.random.normal(key, (played.true.shape[-1],), jnp.float32)
    return played.true @ (drawn / jnp.linalg.norm(drawn))


def kind_of(method: str) -> Features:
    """The cumulants of a method."""
    return "learnt" if "learnt" in method else "true"


def compared(metrics: Metrics, true: Metrics) -> Metrics:
    """The metrics, and `of_true`: the return as a share of that by the true reward."""
    return metrics | {"of_true": metrics["return"] / true["return"]}

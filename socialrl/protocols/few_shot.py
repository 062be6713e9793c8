"""Few-shot transfer: the novice's preferences change, and it has a handful of episodes to find out.

A learner that can adapt (psiphi) keeps all it knows and re-learns nothing but what the cumulants are worth to
it: from nothing ("w re-learnt"), or beginning with what it is told of the new preferences ("w given"). One
that cannot (dqn) goes on training, once from what it knows ("fine-tuned") and once from nothing ("from
scratch").
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Int32, Key

from socialrl.evaluation import evaluator
from socialrl.protocols import Study
from socialrl.rollout import Rollout, make_rollout
from socialrl.seeds import PerSeed
from socialrl.types import Experience, FewShot, WarmStart
from socialrl_envs.errors import SocialRLError
from socialrl_envs.world import require

STREAM, TOLD = (
    0xFE3,
    0xFE2,
)  # folded into a seed's key for the episodes on the new task, and for those that are paid anew


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Options of few_shot.

    preferences: new preferences of the novices, one vector per new task.
    episodes: after how many episodes on the new task the novice is evaluated, ascending; 0 is before any.
    evaluation_episodes: greedy episodes of each evaluation, per seed.
    told: episodes as it lived them on the old task, of which a learner that is given the new preferences
        hears, before its first episode of the new task, what their steps would pay now.
    """

    kind: ClassVar[str] = "few_shot"

    preferences: tuple[tuple[float, ...], ...]
    episodes: tuple[int, ...] = (0, 1, 10, 100)
    evaluation_episodes: int = 64
    told: int = 16

    def __post_init__(self) -> None:
        check(self.preferences, self.episodes, self.evaluation_episodes)
        require(self.told >= 1, "told", self.told, "at least 1")

    def run(self, study: Study) -> Iterator[tuple[dict[str, Any], PerSeed]]:
        """Yields labels (preference, method, episodes) and a bundle of metrics by name."""
        if "preferences" not in study.world.numbers:
            raise SocialRLError(
                f"few_shot: {study.world.spec.name} has no preferences to change", "use it with coin_grid"
            )
        rollout, seeds = make_rollout(study.world, study.learner), study.seeds
        evaluate = evaluator(rollout, study.world.spec, self.evaluation_episodes)
        score = seeds.map(lambda state, root, numbers: evaluate(state, root, numbers)[0], 2)
        for method in methods(study, rollout, self.told):
            learned = seeds.map(method.learn, 2)
            for preference in self.preferences:
                numbers = {"preferences": wanted(study, preference)}
                states, done = method.start, 0
                if method.hear is not None:
                    states = seeds.map(method.hear, 2)(states, streams(study, TOLD), numbers)
                for episodes in self.episodes:
                    keys = streams(study, STREAM + done)
                    states = (
                        learned(states, keys, numbers, jnp.int32(episodes - done))
                        if episodes > done
                        else states
                    )
                    done = episodes
                    labels = {"preference": list(preference), "method": method.name, "episodes": episodes}
                    yield labels, score(states, study.roots, numbers)


def check(
    preferences: tuple[tuple[float, ...], ...], episodes: tuple[int, ...], evaluation_episodes: int
) -> None:
    """Raises SocialRLError unless a protocol can go through these, one after the other."""
    require(len(preferences) > 0, "preferences", preferences, "at least one vector")
    ascending = all(a < b for a, b in itertools.pairwise(episodes))
    require(ascending and min(episodes, default=-1) >= 0, "episodes", episodes, "ascending counts from 0")
    require(evaluation_episodes >= 1, "evaluation_episodes", evaluation_episodes, "at least 1")


def streams(study: Study, number: int) -> PerSeed:
    """A key per seed for the stream of that number."""
    return study.seeds.bundle(
        [jax.random.fold_in(root, number) for root in study.seeds.unbundle(study.roots)]
    )


def wanted(study: Study, preference: tuple[float, ...]) -> Array:
    """All seats' preferences (N, K), with the novices' replaced."""
    current = jnp.asarray(study.world.numbers["preferences"])
    require(
        len(preference) == current.shape[1],
        "few_shot.preferences",
        preference,
        f"{current.shape[1]} numbers long",
    )
    return current.at[jnp.array(study.world.spec.novices)].set(jnp.array(preference, jnp.float32))


Learn = Callable[[Any, Key[Array, ""], dict[str, Array], Int32[Array, ""]], Any]


class Method(NamedTuple):
    """start: learner states of all seeds to begin with. learn(state, key, numbers, episodes) -> state: after
    so many episodes more. hear(state, key, numbers) -> state: before the first one."""

    name: str
    start: PerSeed
    learn: Learn
    hear: Callable[[Any, Key[Array, ""], dict[str, Array]], Any] | None = None


def methods(study: Study, rollout: Rollout, told: int) -> Iterator[Method]:
    """What the learner can do about a new task."""
    learner, unroll = study.learner, study.experiment.unroll
    few_shot, warm = learner.capability(FewShot), learner.capability(WarmStart)
    if few_shot is not None:
        adapt, live = few_shot.adapt, living(study, rollout)

        def learn(
            state: Any, key: Key[Array, ""], numbers: dict[str, Array], episodes: Int32[Array, ""]
        ) -> Any:
            def episode(number: Array, state: Any) -> Any:
                live_key, adapt_key = jax.random.split(jax.random.fold_in(key, number))
                return adapt(state, live(state, live_key, numbers, 1), adapt_key)

            return jax.lax.fori_loop(0, episodes, episode, state)

        def hear(state: Any, key: Key[Array, ""], numbers: dict[str, Array]) -> Any:
            live_key, adapt_key = jax.random.split(key)
            return adapt(state, live(state, live_key, numbers, told), adapt_key)

        yield Method("w re-learnt", study.states, learn)
        yield Method("w given", study.states, learn, hear)
        return
    fresh = study.seeds.map(lambda key: learner.init(key, unroll, 1), 1)(streams(study, STREAM))
    if warm is not None:
        yield Method(
            "fine-tuned", study.seeds.map(warm.warm_start, 2)(study.states, fresh), training(study, rollout)
        )
    yield Method("from scratch", fresh, training(study, rollout))


def living(
    study: Study, rollout: Rollout
) -> Callable[[Any, Key[Array, ""], dict[str, Array], int], Experience]:
    """(state, key, numbers, worlds) -> an episode in so many worlds."""

    def live(state: Any, key: Key[Array, ""], numbers: dict[str, Array], worlds: int) -> Experience:
        pool_key, begin_key, unroll_key = jax.random.split(key, 3)
        levels = rollout.pool(pool_key, worlds, numbers)
        carry = rollout.begin(levels, begin_key, worlds)
        return rollout.unroll(state, carry, levels, unroll_key, study.world.spec.horizon)[1]

    return live


def training(study: Study, rollout: Rollout) -> Learn:
    """One world, episode after episode, with an ordinary update after each unroll."""
    learner, unroll = study.learner, study.experiment.unroll
    unrolls = -(-study.world.spec.horizon // unroll)

    def learn(state: Any, key: Key[Array, ""], numbers: dict[str, Array], episodes: Int32[Array, ""]) -> Any:
        pool_key, begin_key, key = jax.random.split(key, 3)
        levels = rollout.pool(pool_key, study.experiment.pool, numbers)

        def update(number: Array, carried: Any) -> Any:
            state, carry = carried
            unroll_key, learn_key = jax.random.split(jax.random.fold_in(key, number))
            carry, experience, _ = rollout.unroll(state, carry, levels, unroll_key, unroll)
            return learner.update(state, experience, learn_key)[0], carry

        start = (state, rollout.begin(levels, begin_key, 1))
        return jax.lax.fori_loop(0, episodes * unrolls, update, start)[0]

    return learn

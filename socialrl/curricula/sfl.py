"""Sampling for learnability: novices learn on levels that they solve sometimes, not always and not never
(Rutherford et al., 2024, arXiv 2408.15099).

Before each chunk of training they play `candidates` new levels `episodes` times each, without learning. The
`kept` levels with the highest learnability p (1 - p), p the share of solved episodes, are the set of the
chunk: of the levels of a round, the share `replayed` is drawn from it uniformly, the others are new. An
episode is solved if the novices' mean return is above the world's `spec.solved_above`.

The steps of candidates are not counted as training steps, and cost time: one chunk has chunk * unroll_length
* num_envs training steps and candidates * episodes * horizon of these.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32, Key

from socialrl.curricula import Choice, Chooser, Curriculum, Play, Results, Shelf, choosing
from socialrl.curricula._buffer import check_room
from socialrl.curricula._design import Design, DesignConfig
from socialrl.curricula._scores import learnability
from socialrl.types import Metrics
from socialrl_envs.options import option, require
from socialrl_envs.struct import pytree, replace
from socialrl_envs.types import Level, World


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(DesignConfig):
    """Options of sfl."""

    replayed: float = option(0.5, "share of the worlds that play a level of the set", above=0, high=1)
    candidates: int = option(128, "new levels that are tried before each chunk", low=1)
    episodes: int = option(4, "episodes for which each of them is tried", low=2)
    kept: int = option(32, "levels of the set: those of the highest learnability", low=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.kept <= self.candidates, "kept", self.kept, f"at most candidates, {self.candidates}")

    def build(self, world: World) -> Curriculum:
        """The curriculum for this world; raises SocialRLError if company is designed where there is none, or
        if the candidates are larger than the memory.
        """
        check_room(world, "candidates", self.candidates * self.episodes)
        return choosing(Learnable(self, world).chooser())


@pytree
class LearnableState:
    """The set of K levels, the learnability of each, and how often it was handed out."""

    levels: Level
    score: Float32[Array, " K"]
    replayed: Int32[Array, " K"]


class Learnable:
    """The functions of the chooser for one world."""

    def __init__(self, config: Config, world: World):
        self.config, self.design = config, Design(config, world)

    def chooser(self) -> Chooser:
        """The Chooser of these functions."""
        return Chooser(
            init=self.init,
            choose=self.choose,
            learn=self.learn,
            prepare=self.prepare,
            shelf=lambda state: Shelf(levels=state.levels, score=state.score, replayed=state.replayed),
            unrolls=self.config.unrolls,
        )

    def init(self, key: Key[Array, ""], unroll_length: int, num_envs: int) -> LearnableState:
        """A set of new levels, of which nothing is known."""
        return self._set(self._fresh(key, self.config.kept), jnp.zeros(self.config.kept, jnp.float32))

    def prepare(
        self, state: LearnableState, play: Play, key: Key[Array, ""]
    ) -> tuple[LearnableState, Metrics]:
        """The set of the most learnable of new levels, and the mean of p and of p (1 - p) over all of them
        and over the set.
        """
        levels_key, play_key = jax.random.split(key)
        config = self.config
        levels = self._fresh(levels_key, config.candidates)
        tries = jax.tree.map(lambda x: jnp.repeat(x, config.episodes, axis=0), levels)
        results = play(tries, play_key)
        results = jax.tree.map(lambda x: x.reshape(config.candidates, config.episodes), results)
        together = jax.tree.map(lambda x: jnp.sum(x, axis=1), results)
        score = learnability(together)
        highest, place = jax.lax.top_k(score, config.kept)
        p = together.solved / jnp.maximum(together.episodes, 1.0)
        metrics = {
            "levels/candidates_solved": jnp.mean(p),
            "levels/candidates_score": jnp.mean(score),
            "levels/score": jnp.mean(highest),
        }
        return self._set(jax.tree.map(lambda x: x[place], levels), highest), metrics

    def choose(self, state: LearnableState, key: Key[Array, ""], num_envs: int) -> Choice:
        """Levels of the set, drawn uniformly, and new ones."""
        place_key, again_key, fresh_key = jax.random.split(key, 3)
        count = max(round(self.config.replayed * num_envs), 1)
        place = jax.random.randint(place_key, (count,), 0, self.config.kept)
        kept = jax.tree.map(lambda x: x[place], state.levels)
        kept = jax.vmap(self.design.again)(kept, jax.random.split(again_key, count))
        fresh = self._fresh(fresh_key, num_envs)
        levels = jax.tree.map(lambda old, new: jnp.concatenate([old, new[count:]]), kept, fresh)
        return Choice(levels=levels, trains=jnp.ones(num_envs, bool), notes=place)

    def learn(
        self, state: LearnableState, choice: Choice, results: Results, key: Key[Array, ""]
    ) -> tuple[LearnableState, Metrics]:
        """The set with its levels counted."""
        share = len(choice.notes) / len(results.steps)
        after = replace(state, replayed=state.replayed.at[choice.notes].add(1))
        return after, {"levels/replayed": jnp.float32(share)}

    def _fresh(self, key: Key[Array, ""], count: int) -> Level:
        return jax.vmap(self.design.fresh)(jax.random.split(key, count))

    def _set(self, levels: Level, score: Float32[Array, " K"]) -> LearnableState:
        return LearnableState(levels=levels, score=score, replayed=jnp.zeros(self.config.kept, jnp.int32))

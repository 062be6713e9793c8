"""Prioritised level replay, with or without edited levels: what `plr` and `accel` share."""

import dataclasses
import math
from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key

from socialrl.curricula import Choice, Chooser, Results, Shelf, _buffer
from socialrl.curricula._buffer import Buffer
from socialrl.curricula._design import Design, DesignConfig
from socialrl.curricula._scores import SCORES
from socialrl.types import Metrics
from socialrl_envs.options import option
from socialrl_envs.struct import pytree, replace
from socialrl_envs.types import World


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReplayConfig(DesignConfig):
    """Options of prioritised level replay."""

    replayed: float = option(0.5, "share of the worlds that play a level of the buffer", above=0, high=1)
    robust: bool = option(
        True, "whether novices learn on replayed levels alone, as in robust PLR; needs ppo or its like"
    )
    score: Literal["positive_value_loss", "max_mc"] = option(
        "max_mc", "how levels are scored, both by the novices' values", choices=tuple(SCORES)
    )
    prioritisation: Literal["rank", "proportional"] = option(
        "rank", "whether levels are replayed by the rank of their score or in proportion to it",
        choices=("rank", "proportional"),
    )  # fmt: skip
    temperature: float = option(0.3, "beta: the lower, the more the highest scores are replayed", above=0)
    staleness: float = option(
        0.3, "rho: the share of the probability that goes by how long ago a level was played", low=0, high=1
    )
    capacity: int = option(1000, "levels that the buffer holds", low=1)
    fill: float = option(
        0.5, "share of the buffer that must be filled before levels are replayed", above=0, high=1
    )


@pytree
class Notes:
    """What `learn` must know of a choice. ready: whether levels were replayed. place: in the buffer, of those
    that were; they come first.
    """

    ready: Bool[Array, ""]
    place: Int32[Array, " R"]


class Replay:
    """The functions of the chooser for one world. mutated: share of the worlds that play an edited level.
    edits: how many edits it has had.
    """

    def __init__(self, config: ReplayConfig, world: World, mutated: float = 0.0, edits: int = 0):
        self.config, self.mutated, self.edits = config, mutated, edits
        self.world, self.design = world, Design(config, world)
        _buffer.check_room(world, "capacity", config.capacity)

    def chooser(self) -> Chooser:
        """The Chooser of these functions."""
        return Chooser(
            init=self.init,
            choose=self.choose,
            learn=self.learn,
            shelf=lambda buffer: Shelf(levels=buffer.levels, score=buffer.score, replayed=buffer.replayed),
            unrolls=self.config.unrolls,
            withholds=self.config.robust,
            judges=True,
        )

    def init(self, key: Key[Array, ""], unroll_length: int, num_envs: int) -> Buffer:
        """An empty buffer."""
        return _buffer.empty(self.world, self.config.capacity)

    def shares(self, num_envs: int) -> tuple[int, int]:
        """How many of the worlds play a replayed level, and how many an edited one; all others a new one."""
        replayed = min(max(round(self.config.replayed * num_envs), 1), self.config.capacity)
        mutated = min(round(self.mutated * num_envs), num_envs - replayed)
        return replayed, mutated

    def choose(self, buffer: Buffer, key: Key[Array, ""], num_envs: int) -> Choice:
        """Replayed levels, edits of them, and new ones; all are new until the buffer is filled enough."""
        sample_key, again_key, edit_key, fresh_key = jax.random.split(key, 4)
        replayed, mutated = self.shares(num_envs)
        enough = max(math.ceil(self.config.fill * self.config.capacity), replayed)
        ready = jnp.sum(buffer.filled) >= enough
        config = self.config
        chance = _buffer.priorities(buffer, config.prioritisation, config.temperature, config.staleness)
        place = _buffer.sample(chance, sample_key, replayed)
        kept = jax.tree.map(lambda x: x[place], buffer.levels)
        fresh = jax.vmap(self.design.fresh)(jax.random.split(fresh_key, num_envs))
        parts = [jax.vmap(self.design.again)(kept, jax.random.split(again_key, replayed))]
        if mutated:
            parents = jax.tree.map(lambda x: x[jnp.arange(mutated) % replayed], kept)
            parts.append(self.design.edited(parents, edit_key, self.edits))
        parts.append(jax.tree.map(lambda x: x[replayed + mutated :], fresh))
        mixed = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts)
        again = ready & (jnp.arange(num_envs) < replayed)
        return Choice(
            levels=jax.tree.map(lambda a, b: jnp.where(ready, a, b), mixed, fresh),
            trains=again if config.robust else jnp.ones(num_envs, bool),
            notes=Notes(ready=ready, place=place),
        )

    def learn(
        self, buffer: Buffer, choice: Choice, results: Results, key: Key[Array, ""]
    ) -> tuple[Buffer, Metrics]:
        """The buffer with new scores of what was replayed, and with the best of what was new."""
        notes: Notes = choice.notes
        num_envs, replayed = len(results.steps), len(notes.place)
        again = notes.ready & (jnp.arange(num_envs) < replayed)
        before = jnp.full(num_envs, -jnp.inf, jnp.float32).at[:replayed].set(buffer.best[notes.place])
        best = jnp.maximum(results.best, jnp.where(again, before, -jnp.inf))
        score = SCORES[self.config.score](results, best)
        buffer = replace(buffer, round=buffer.round + 1)
        buffer = _buffer.replayed(buffer, notes.place, score[:replayed], best[:replayed], notes.ready)
        candidates = jnp.where(again | ~results.solvable | jnp.isnan(score), -jnp.inf, score)
        buffer, entered = _buffer.inserted(buffer, choice.levels, candidates, best)
        return buffer, self._metrics(buffer, again, entered, num_envs - replayed)

    def _metrics(
        self, buffer: Buffer, again: Bool[Array, " B"], entered: Int32[Array, ""], offered: int
    ) -> Metrics:
        """Shares and means of a round, by name."""
        count = jnp.sum(buffer.filled, dtype=jnp.float32)
        score = jnp.sum(jnp.where(buffer.filled, buffer.score, 0.0)) / jnp.maximum(count, 1.0)
        found: dict[str, Float32[Array, ""]] = {
            "levels/replayed": jnp.mean(again.astype(jnp.float32)),
            "levels/fill": count / len(buffer.score),
            "levels/score": score,
            "levels/entered": entered.astype(jnp.float32) / max(offered, 1),
        }
        return found

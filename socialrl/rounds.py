"""Rounds of training on levels that a curriculum chooses: world i plays level i, and what the novices did
there is counted.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Key, PyTree

from socialrl.config import Experiment
from socialrl.curricula import Choice, Chooser, Play, Results, Shelf
from socialrl.record.levels import KeptLevel
from socialrl.rollout import Carry, Rollout
from socialrl.types import Critic, Experience, Learner, Masked, Metrics
from socialrl_envs.errors import SocialRLError
from socialrl_envs.planning.values import distances
from socialrl_envs.struct import pytree, replace
from socialrl_envs.types import Level, World

BEST = 20  # levels that a run writes at a checkpoint


class Round(NamedTuple):
    """What a round leaves: states, where the worlds stand, the levels that they played, and which of them
    trained.
    """

    learner: PyTree
    carry: Carry
    curriculum: PyTree
    levels: Level
    trains: Bool[Array, " B"]


@pytree
class Rivalry:
    """The state of a chooser with a rival: its own, and the second learner's."""

    chooser: PyTree
    rival: PyTree


class Rounds:
    """Pure functions of the rounds of one arm. Raises SocialRLError if the learner lacks what the chooser
    needs, or if a chunk is not made of whole rounds.
    """

    def __init__(self, experiment: Experiment, learner: Learner, rollout: Rollout, chooser: Chooser):
        self.experiment, self.learner, self.rollout = experiment, learner, rollout
        self.chooser = self._with_rival(chooser) if chooser.rival else chooser
        self.world = rollout.world
        self.masked, self.critic = learner.capability(Masked), learner.capability(Critic)
        if chooser.withholds and self.masked is None:
            raise SocialRLError(
                "curriculum: some of its levels must not train, and the learner cannot leave out worlds",
                "choose ppo or a learner that extends it, or for plr and accel: --curriculum.robust false",
            )
        if chooser.judges and self.critic is None:
            raise SocialRLError(
                "curriculum: it scores levels by the learner's values, and the learner has none",
                "choose ppo or a learner that extends it, or sfl or domain_randomisation",
            )
        self.count, left = divmod(experiment.chunk, chooser.unrolls)
        if left:
            raise SocialRLError(
                f"chunk: {experiment.chunk} updates are no whole rounds of {chooser.unrolls} unrolls",
                "make it a multiple: --chunk, or --curriculum.unrolls",
            )

    def round(
        self, learner: PyTree, curriculum: PyTree, key: Key[Array, ""]
    ) -> tuple[Round, tuple[Metrics, Metrics, Metrics]]:
        """A round, and its metrics: of the episodes and of the learner, with a leading axis of unrolls, and
        of the curriculum.
        """
        choose_key, begin_key, unrolls_key, learn_key = jax.random.split(key, 4)
        with jax.named_scope("levels"):
            choice, solvable = self._choice(curriculum, choose_key)
            carry = self.rollout.begin_on(choice.levels, begin_key)
        (learner, carry, tally), (episodes, metrics) = self._unrolls(
            learner, carry, choice, begin_tally(solvable), unrolls_key
        )
        with jax.named_scope("levels"):
            curriculum, found = self.chooser.learn(curriculum, choice, tally.results, learn_key)
        found = found | {
            "levels/trained": jnp.mean(choice.trains.astype(jnp.float32)),
            "levels/unsolvable": jnp.mean((~solvable).astype(jnp.float32)),
            "levels/solved": solved(tally.results, choice.trains),
        }
        return Round(learner, carry, curriculum, choice.levels, choice.trains), (episodes, metrics, found)

    def play(self, learner: PyTree) -> Play:
        """The Play of a learner in this state."""
        horizon = self.world.spec.horizon

        def played(levels: Level, key: Key[Array, ""]) -> Results:
            begin_key, unroll_key = jax.random.split(key)
            carry = self.rollout.begin_on(levels, begin_key)
            _, experience, _ = self.rollout.unroll(learner, carry, levels, unroll_key, horizon, own=True)
            solvable = jnp.ones(experience.own.reward.shape[1], bool)
            return self._counted(begin_tally(solvable), learner, experience, judges=False).results

        return played

    def properties(self, levels: Level, trains: Bool[Array, " B"], key: Key[Array, ""]) -> Metrics:
        """Means over the levels that train: `levels/walls`, walls inside the border; `levels/path`,
        the fewest steps from the first novice's start to a cell that pays it, of levels that have one;
        `levels/present`, how many co-players are there at the start.
        """
        keys = jax.random.split(key, trains.shape[0])
        walls, path, present = jax.vmap(lambda *one: properties(self.world, *one))(levels, keys)
        return {
            "levels/walls": mean_where(walls, trains),
            "levels/path": mean_where(path, trains & jnp.isfinite(path)),
            "levels/present": mean_where(present, trains),
        }

    def _choice(self, curriculum: PyTree, key: Key[Array, ""]) -> tuple[Choice, Bool[Array, " B"]]:
        """The choice of a round, of which no level trains that cannot be solved, and which ones can be."""
        choice = self.chooser.choose(curriculum, key, self.experiment.num_envs)
        if not self.chooser.withholds:
            return choice, jnp.ones_like(choice.trains)
        solvable = jax.vmap(self.world.solvable)(choice.levels)
        return replace(choice, trains=choice.trains & solvable), solvable

    def _unrolls(
        self, learner: PyTree, carry: Carry, choice: Choice, tally: "Tally", key: Key[Array, ""]
    ) -> tuple[tuple[PyTree, Carry, "Tally"], tuple[Metrics, Metrics]]:
        """The learner, its worlds and the tally after the unrolls of a round, each with an update; and the
        metrics of the episodes and of the learner.
        """

        def one(state: tuple[PyTree, Carry, Tally], key: Key[Array, ""]) -> tuple[PyTree, PyTree]:
            learner, carry, tally = state
            unroll_key, update_key = jax.random.split(key)
            with jax.named_scope("unroll"):
                carry, experience, episodes = self._unroll(learner, carry, choice.levels, unroll_key)
            with jax.named_scope("levels"):
                tally = self._counted(tally, learner, experience)
            with jax.named_scope("update"):
                learner, metrics = self._update(learner, experience, choice, update_key)
            return (learner, carry, tally), (episodes, metrics)

        keys = jax.random.split(key, self.chooser.unrolls)
        return jax.lax.scan(one, (learner, carry, tally), keys)

    def _with_rival(self, chooser: Chooser) -> Chooser:
        """The chooser with a second learner in its state, which plays and learns before `learn` is called."""

        def init(key: Key[Array, ""], unroll_length: int, num_envs: int) -> Rivalry:
            own_key, rival_key = jax.random.split(key)
            return Rivalry(
                chooser=chooser.init(own_key, unroll_length, num_envs),
                rival=self.learner.init(rival_key, unroll_length, num_envs),
            )

        def choose(state: Rivalry, key: Key[Array, ""], num_envs: int) -> Choice:
            return chooser.choose(state.chooser, key, num_envs)

        def learn(
            state: Rivalry, choice: Choice, results: Results, key: Key[Array, ""]
        ) -> tuple[Rivalry, Metrics]:
            begin_key, unrolls_key, learn_key = jax.random.split(key, 3)
            carry = self.rollout.begin_on(choice.levels, begin_key)
            tally = begin_tally(results.solvable)
            (rival, _, tally), _ = self._unrolls(state.rival, carry, choice, tally, unrolls_key)
            results = replace(results, rival=tally.results)
            own, metrics = chooser.learn(state.chooser, choice, results, learn_key)
            return Rivalry(chooser=own, rival=rival), metrics

        def prepare(state: Rivalry, play: Play, key: Key[Array, ""]) -> tuple[Rivalry, Metrics]:
            own, metrics = chooser.prepare(state.chooser, play, key)
            return replace(state, chooser=own), metrics

        kept = chooser.shelf
        shelf = None if kept is None else lambda state: kept(state.chooser)
        return dataclasses.replace(
            chooser, init=init, choose=choose, learn=learn, prepare=prepare, shelf=shelf
        )

    def _unroll(
        self, learner: PyTree, carry: Carry, levels: Level, key: Key[Array, ""]
    ) -> tuple[Carry, Experience, Metrics]:
        return self.rollout.unroll(learner, carry, levels, key, self.experiment.unroll_length, own=True)

    def _update(
        self, learner: PyTree, experience: Experience, choice: Choice, key: Key[Array, ""]
    ) -> tuple[PyTree, Metrics]:
        """The learner's update, from the worlds that train."""
        if not self.chooser.withholds:
            return self.learner.update(learner, experience, key)
        assert self.masked is not None
        return self.masked.update(learner, experience, choice.trains, key)

    def _counted(
        self, tally: "Tally", learner: PyTree, experience: Experience, judges: bool | None = None
    ) -> "Tally":
        """The tally after an unroll of a learner in this state. judges: by default the chooser's."""
        gamma = 1.0 if self.critic is None else self.critic.gamma
        tally = counted(tally, experience, gamma, self.world.spec.solved_above)
        if not (self.chooser.judges if judges is None else judges):
            return tally
        assert self.critic is not None
        value, advantage = self.critic.evaluate(learner, experience)
        now = tally.results
        values = now.values + jnp.sum(jnp.mean(value, axis=-1), axis=0)
        gains = now.gains + jnp.sum(jnp.maximum(jnp.mean(advantage, axis=-1), 0.0), axis=0)
        return replace(tally, results=replace(now, values=values, gains=gains))


@pytree
class Tally:
    """Results so far, and of the running episodes the return, the discounted return, and gamma ** t."""

    results: Results
    running: Float32[Array, " B"]
    discounted: Float32[Array, " B"]
    factor: Float32[Array, " B"]


def begin_tally(solvable: Bool[Array, " B"]) -> Tally:
    """The Tally of worlds at the start of an episode."""
    none = jnp.zeros(solvable.shape, jnp.float32)
    results = Results(
        steps=none,
        episodes=none,
        solved=none,
        returns=none,
        discounted=none,
        best=jnp.full(solvable.shape, -jnp.inf, jnp.float32),
        values=none,
        gains=none,
        solvable=solvable,
    )
    return Tally(results=results, running=none, discounted=none, factor=none + 1)


def counted(tally: Tally, experience: Experience, gamma: float, solved_above: float) -> Tally:
    """The tally after the steps of an unroll: its episodes, their returns, how many were solved, and the
    best.
    """
    own = experience.own
    reward = jnp.mean(own.reward, axis=-1)
    done = (own.terminated | own.truncated)[..., 0]

    def step(tally: Tally, now: tuple[Array, Array]) -> tuple[Tally, None]:
        reward, done = now
        running, discounted = tally.running + reward, tally.discounted + tally.factor * reward
        ended, found = done.astype(jnp.float32), tally.results
        results = replace(
            found,
            steps=found.steps + 1,
            episodes=found.episodes + ended,
            solved=found.solved + ended * (running > solved_above).astype(jnp.float32),
            returns=found.returns + ended * running,
            discounted=found.discounted + ended * discounted,
            best=jnp.where(done, jnp.maximum(found.best, discounted), found.best),
        )
        after = Tally(
            results=results,
            running=jnp.where(done, 0.0, running),
            discounted=jnp.where(done, 0.0, discounted),
            factor=jnp.where(done, 1.0, tally.factor * gamma),
        )
        return after, None

    return jax.lax.scan(step, tally, (reward, done))[0]


def properties(
    world: World, level: Level, key: Key[Array, ""]
) -> tuple[Float32[Array, ""], Float32[Array, ""], Float32[Array, ""]]:
    """(walls, path, present) of one level, see `Rounds.properties`; the path is infinite if nothing pays."""
    state = world.reset(level, key)
    solid = world.solid(level.tiles)
    row, column = level.position[world.spec.novices[0]]
    start = jnp.zeros(solid.shape, bool).at[row, column].set(True)
    paying = world.cell_rewards(state)[world.spec.novices[0]] > 0
    steps = jnp.where(paying, distances(start, solid), solid.size)
    path = jnp.min(steps)
    walls = jnp.sum(solid[1:-1, 1:-1], dtype=jnp.float32)
    present = jnp.sum(state.seats.present[np.array(world.spec.coplayers, np.int32)], dtype=jnp.float32)
    return walls, jnp.where(path < solid.size, path.astype(jnp.float32), jnp.inf), present


def best_levels(shelf: Shelf, most: int = BEST) -> list[KeptLevel]:
    """The levels of a shelf on the host with the highest scores, at most so many, as ASCII; where the
    curriculum has no opinion the first ones.
    """
    score = np.asarray(shelf.score)
    order = np.argsort(-score, kind="stable") if np.isfinite(score).any() else np.arange(len(score))
    places = [place for place in order[:most] if score[place] != -np.inf]
    return [
        KeptLevel(
            ascii=jax.tree.map(lambda leaf, place=place: np.asarray(leaf)[place], shelf.levels).to_ascii(),
            score=float(score[place]),
            replayed=int(shelf.replayed[place]),
        )
        for place in places
    ]


def solved(results: Results, trains: Bool[Array, " B"]) -> Float32[Array, ""]:
    """The share of the episodes on levels that train that were solved; NaN if none ended."""
    ended = jnp.sum(jnp.where(trains, results.episodes, 0.0))
    share = jnp.sum(jnp.where(trains, results.solved, 0.0)) / jnp.maximum(ended, 1.0)
    return jnp.where(ended > 0, share, jnp.nan)


def mean_where(x: Float32[Array, " B"], counts: Bool[Array, " B"]) -> Float32[Array, ""]:
    """The mean of x where it counts; NaN if it does nowhere."""
    number = jnp.sum(counts, dtype=jnp.float32)
    total = jnp.sum(jnp.where(counts, x, 0.0))
    return jnp.where(number > 0, total / jnp.maximum(number, 1.0), jnp.nan)

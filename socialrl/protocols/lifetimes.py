"""Generations in context: on one level, the novice of one lifetime is the co-player of the next, with all
that it remembers, and another novice that remembers nothing begins beside it.

After the in-context accumulation of Cook et al., NeurIPS 2024, arXiv 2406.00392. A lifetime is an episode of
the world, in goal_sequence several trials of one sequence. Nobody's parameters change: what is passed on is
what a novice can see the elder do. As in the authors' code a novice takes the elder's place only if its
lifetime paid no less (`ratchet`), the elder does not see the novice, and it becomes rarer within a lifetime;
unlike there, it acts on, with its memory, instead of repeating the actions of its best trial. It begins where
it began as a novice, and the novice where the other seat would.

The control is one life: one novice alone on the same level, which remembers all, for as many steps.
"""

import dataclasses
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree, UInt8

from socialrl.evaluation import HELD_OUT
from socialrl.protocols import LearnerState, Study
from socialrl.protocols._measures import mean_where
from socialrl.protocols._sequence import known_measures, sequence_of, visits_of
from socialrl.protocols._worlds import misfit
from socialrl.record import labels
from socialrl.registry import WORLD
from socialrl.rollout import make_rollout, pick
from socialrl.seeds import PerSeed
from socialrl.stepping import CoPlayers, begin_coplayers, ended, step_all
from socialrl.types import Influence, Learner, Timestep
from socialrl_envs.coplayers import wanderer
from socialrl_envs.errors import SocialRLError
from socialrl_envs.options import Options, option
from socialrl_envs.presence import SCHEDULES
from socialrl_envs.struct import pytree, replace
from socialrl_envs.types import Level, State, World

STREAM = 0x11FE  # of keys, so that the levels are new


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Options):
    """Options of lifetimes."""

    kind: ClassVar[str] = labels.Lifetimes.kind
    needs: ClassVar[str] = "a learner with a memory, in a world of one novice and at least one co-player"

    episodes: int = option(64, "levels per seed, on each of which all lifetimes are spent", low=1)
    generations: int = option(5, "lifetimes on each level, one after another", low=2, high=1000)
    world: Annotated[Any, WORLD] | None = option(
        None, "the world in which all arms live; None: the experiment's, whatever an arm was trained in"
    )
    presence: str = option("leaves", "schedule of the elder in each lifetime", choices=tuple(SCHEDULES))
    ratchet: bool = option(
        True, "whether a novice becomes the elder only if its lifetime paid no less than the elder's had"
    )
    sampled: bool = option(True, "whether actions are drawn, as while training; else the best one is taken")

    def count(self, study: Study) -> int:
        """One per lifetime, in generations and in one life; 0 if the learner has no memory, or if there is
        not one novice with company.
        """
        spec = self.world_for(study).spec
        remembers = jax.tree.leaves(study.learner.initial_carry(1, 1))
        lonely = len(spec.novices) != 1 or not spec.coplayers
        return 0 if lonely or not remembers else len(labels.LIVES) * self.generations

    def run(self, study: Study) -> Iterator[tuple[labels.Lifetimes, PerSeed]]:
        """Yields labels and the measures of `Lives.measure`."""
        if not self.count(study):
            return
        lives, keys = Lives(self, self.world_for(study), study.learner), study.keys(STREAM)
        live = study.seeds.map(lives.measure, 2)
        of_one = study.seeds.map(lambda found, number: {name: x[number] for name, x in found.items()}, 1)
        for chained, name in zip((True, False), labels.LIVES, strict=True):
            found = live(study.states, keys, jnp.bool_(chained))
            for number in range(self.generations):
                yield labels.Lifetimes(name, number + 1), of_one(found, jnp.int32(number))

    def world_for(self, study: Study) -> World:
        """The world in which an arm lives; raises SocialRLError if its learner does not fit."""
        world = (self.world or study.experiment.world).build()
        if reason := misfit(study.world.spec, world.spec):
            raise SocialRLError(f"lifetimes, world: {reason}", "take a world with the same views and actions")
        return world


@pytree
class Mind:
    """What B agents keep between two steps, and from one lifetime to the next: the carry of the learner,
    leaves (B, 1, ...), the last action and reward.
    """

    memory: PyTree
    action: Int32[Array, " B"]
    reward: Float32[Array, " B"]


@pytree
class Heirs:
    """What is left when a lifetime ends. novice: of the novice. elder: of the elder to come, whose own
    lifetime paid `paid`. swapped: whether it began where the level puts the novice, and the other way round.
    """

    novice: Mind
    elder: Mind
    paid: Float32[Array, " B"]
    swapped: Bool[Array, " B"]


@pytree
class Moment:
    """Worlds between two steps of a lifetime; first: whether it is the novice's first step of all."""

    state: State
    views: UInt8[Array, "B N V V C"]
    coplayers: CoPlayers
    novice: Mind
    elder: Mind
    first: Bool[Array, " B"]
    alive: Bool[Array, " B"]


class Lives:
    """Pure functions: lifetimes of one learner in one world, the elder in the first co-player's seat."""

    def __init__(self, config: Config, world: World, learner: Learner):
        self.config, self.world, self.learner = config, world, learner
        spec = world.spec
        stand_ins = {
            spec.agents[seat]: wanderer.act for seat in spec.coplayers
        }  # nobody looks at what they do
        self.rollout = make_rollout(world, learner, stand_ins)
        self.novice, self.elder = spec.novices[0], spec.coplayers[0]
        self.shown = np.array([name not in spec.channels_of_others for name in spec.channels], np.uint8)
        self.influence = learner.capability(Influence)

    def measure(
        self, learner_state: LearnerState, key: Key[Array, ""], chained: Bool[Array, ""]
    ) -> dict[str, Float32[Array, " G"]]:
        """Measures of every lifetime, means over the levels.

        return, return_coplayers: of the novice and the elder. followed: share of steps in which the novice
        followed a co-player, NaN for learners with one source. influence: KL(policy || policy with the others
        hidden) in nats per step while the elder is there, NaN for learners that cannot tell. kept: share of
        levels on which the novice becomes the elder. Worlds with a sequence: `known_measures`, and
        `known_coplayers`, the elder's in its first trial. chained: whether the lifetimes are generations,
        else one life.
        """
        levels_key, lives_key = jax.random.split(jax.random.fold_in(key, HELD_OUT))
        levels = self.rollout.pool(levels_key, self.config.episodes)
        nobody = self.blank()
        start = Heirs(
            novice=nobody,
            elder=nobody,
            paid=jnp.full(self.config.episodes, -jnp.inf, jnp.float32),
            swapped=jnp.zeros(self.config.episodes, bool),
        )

        def live(heirs: Heirs, now: tuple[Array, Array]) -> tuple[Heirs, dict[str, Array]]:
            return self.lifetime(learner_state, levels, heirs, chained, *now)

        numbers = jnp.arange(self.config.generations)
        return jax.lax.scan(live, start, (numbers, jax.random.split(lives_key, len(numbers))))[1]

    def blank(self) -> Mind:
        """The minds of those who have not lived."""
        count = self.config.episodes
        memory = self.learner.initial_carry(count, 1)
        return Mind(memory=memory, action=jnp.zeros(count, jnp.int32), reward=jnp.zeros(count, jnp.float32))

    def lifetime(
        self,
        learner_state: LearnerState,
        levels: Level,
        heirs: Heirs,
        chained: Bool[Array, ""],
        number: Int32[Array, ""],
        key: Key[Array, ""],
    ) -> tuple[Heirs, dict[str, Array]]:
        """What is left after one lifetime on every level, and its measures."""
        reset_key, steps_key = jax.random.split(key)
        count, born = self.config.episodes, chained | (number == 0)
        levels = self.attended(self.homes(levels, heirs.swapped), chained & (number > 0))
        state = jax.vmap(self.world.reset)(levels, jax.random.split(reset_key, count))
        begin = Moment(
            state=state,
            views=jax.vmap(self.world.observe)(state),
            coplayers=begin_coplayers(self.rollout.host, count),
            novice=pick(jnp.broadcast_to(born, count), self.blank(), heirs.novice),
            elder=heirs.elder,
            first=jnp.broadcast_to(born, count),
            alive=jnp.ones(count, bool),
        )
        keys = jax.random.split(steps_key, self.world.spec.horizon)
        end, lived = jax.lax.scan(lambda now, key: self.step(learner_state, now, key), begin, keys)
        reward, cumulants, influence, followed, there = lived
        returns = jnp.sum(reward, axis=0)
        own = returns[:, self.novice]
        kept = chained & (jnp.bool_(not self.config.ratchet) | (own >= heirs.paid))
        after = Heirs(
            novice=end.novice,
            elder=pick(kept, end.novice, heirs.elder),
            paid=jnp.where(kept, own, heirs.paid),
            swapped=heirs.swapped ^ kept,
        )
        found = {
            "return": jnp.mean(own),
            "return_coplayers": jnp.mean(returns[:, self.elder]),
            "kept": jnp.mean(kept, dtype=jnp.float32),
            "followed": jnp.mean(followed),
            "influence": mean_where(influence, there),
        }
        return after, found | self.sequence_measures(cumulants)

    def step(
        self, learner_state: LearnerState, now: Moment, key: Key[Array, ""]
    ) -> tuple[Moment, tuple[Array, ...]]:
        """The worlds after a step, and of it, leaves (B, ...): rewards and cumulants, 0 once an episode is
        over, the influence on the novice, 1 where it followed another, and whether the elder was there.
        """
        act_key, host_key, step_key = jax.random.split(key, 3)
        count = self.config.episodes
        minds = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), now.novice, now.elder)
        timestep = self.timestep(now, minds)
        acted = self.learner.act(learner_state, minds.memory, timestep, act_key, self.config.sampled)
        action = acted.decision.action[:, 0]
        given = [((self.novice,), action[:count, None]), ((self.elder,), action[count:, None])]
        keys = jax.random.split(host_key, count), jax.random.split(step_key, count)
        step = step_all(self.rollout.host, now.state, now.coplayers, given, *keys)
        paid = jnp.concatenate([step.outcome.reward[:, seat] for seat in (self.novice, self.elder)])
        after = pick(jnp.tile(now.alive, 2), Mind(memory=acted.carry, action=action, reward=paid), minds)
        moment = Moment(
            state=step.state,
            views=step.views,
            coplayers=step.coplayers,
            novice=jax.tree.map(lambda x: x[:count], after),
            elder=jax.tree.map(lambda x: x[count:], after),
            first=jnp.zeros(count, bool),
            alive=now.alive & ~ended(step.outcome),
        )
        reward = jnp.where(now.alive[:, None], step.outcome.reward, 0.0)
        cumulants = jnp.where(now.alive[:, None, None], step.outcome.cumulants, 0.0)
        there = now.state.seats.present[:, self.elder] & now.alive
        followed = (acted.decision.source[:count, 0] > 0).astype(jnp.float32)
        if acted.decision.values.shape[-2] == 1:
            followed = jnp.full_like(followed, jnp.nan)
        return moment, (reward, cumulants, self.swayed(learner_state, minds, timestep), followed, there)

    def timestep(self, now: Moment, minds: Mind) -> Timestep:
        """What novices, then elders, get at a step, leaves (2 B, 1, ...); elders see no other seat."""
        views = jnp.concatenate([now.views[:, self.novice], now.views[:, self.elder] * self.shown])
        first = jnp.concatenate([now.first, jnp.zeros_like(now.first)])
        return Timestep(
            obs=views[:, None],
            prev_action=minds.action[:, None],
            prev_reward=minds.reward[:, None],
            first=first[:, None],
        )

    def swayed(self, learner_state: LearnerState, minds: Mind, timestep: Timestep) -> Float32[Array, " B"]:
        """The influence of the others on the novices at a step; NaN if the learner cannot tell."""
        count = self.config.episodes
        if self.influence is None:
            return jnp.full(count, jnp.nan, jnp.float32)
        memory, seen = jax.tree.map(lambda x: x[:count], (minds.memory, timestep))
        return self.influence.influence(learner_state, memory, seen)[:, 0]

    def homes(self, levels: Level, swapped: Bool[Array, " B"]) -> Level:
        """The levels, in which elders begin where they began as novices: what an agent remembers of places
        is relative to where it began.
        """
        pair = np.array([self.novice, self.elder])

        def one(level: Level, swap: Bool[Array, ""]) -> Level:
            def places(starts: Array) -> Array:
                return starts.at[pair].set(jnp.where(swap, starts[pair[::-1]], starts[pair]))

            return replace(level, position=places(level.position), heading=places(level.heading))

        return jax.vmap(one)(levels, swapped)

    def attended(self, levels: Level, there: Bool[Array, ""]) -> Level:
        """The levels, with the elder by its schedule if it is to be there, and no other co-player."""
        never = jnp.array(SCHEDULES["never"], jnp.float32)
        here = jnp.where(there, jnp.array(SCHEDULES[self.config.presence], jnp.float32), never)
        coplayers = np.array(self.world.spec.coplayers)

        def one(level: Level) -> Level:
            presence = level.params.presence.at[coplayers].set(never).at[self.elder].set(here)
            return replace(level, params=replace(level.params, presence=presence))

        return jax.vmap(one)(levels)

    def sequence_measures(self, cumulants: Float32[Array, "T B N K"]) -> dict[str, Array]:
        """How much of the sequence novice and elder know, in worlds that have one."""
        if (sequence := sequence_of(self.world)) is None:
            return {}
        right, wrong = visits_of(cumulants, self.world.spec)
        own, elders = (
            known_measures(right[:, :, seat], wrong[:, :, seat], sequence)
            for seat in (self.novice, self.elder)
        )
        return own | {"known_coplayers": elders["known/1"]}

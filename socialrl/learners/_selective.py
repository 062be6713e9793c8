"""The functions of the learner `selective`: acting, and the order of an update."""

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key

from socialrl.behaviour import Behaviour, BehaviourMemory, of_proposals, recognised
from socialrl.kinds import SOURCE
from socialrl.learners._actor_critic import Acted
from socialrl.learners._ppo_losses import Trajectory
from socialrl.learners._selective_lesson import lesson_of
from socialrl.learners._selective_net import Decisive, among
from socialrl.learners._selective_state import (
    SelectiveCarry,
    SelectiveExtras,
    SelectiveState,
    blank_record,
    trust,
)
from socialrl.learners._selective_update import Decided, SelectiveUpdate, commitment, share
from socialrl.learners.ppo import PPO, PPOState
from socialrl.nets.heads import drawn
from socialrl.nets.memory import initial_carry
from socialrl.sources import Lesson, Proposal, Source
from socialrl.spatial import Map, Sight, SpatialMemory
from socialrl.types import (
    ActOutput,
    Capability,
    Decision,
    Diagnostics,
    Experience,
    ForceSource,
    Learner,
    Metrics,
    SourceName,
    Timestep,
    WarmStart,
    decision_of,
)
from socialrl_envs.struct import replace
from socialrl_envs.types import WorldSpec

if TYPE_CHECKING:
    from socialrl.learners.selective import Config

NEVER = -20.0  # the log-probability that is shown for what is never decided


class Selective:
    """The functions for one world."""

    def __init__(self, config: "Config", spec: WorldSpec):
        self.config, self.spec = config, spec
        self.memory = SpatialMemory(spec)
        self.sources: dict[str, Source] = {}
        for name in config.sources if spec.coplayers else ():
            build = SOURCE.find(name)
            assert callable(build)
            source = build(spec, self.memory)
            assert isinstance(source, Source)
            self.sources[name] = source
        self.names = (
            SourceName("self"),
            *(SourceName(way, whom) for way, source in self.sources.items() for whom in source.whom),
        )
        self.count = len(self.names)
        told_apart = recognised(spec) and self.sources
        self.behaviour = BehaviourMemory(spec, self.memory) if told_apart else None
        agents = [spec.agents[seat] for seat in spec.coplayers]
        self.seats = tuple(agents.index(name.whom) if name.whom in agents else -1 for name in self.names[1:])
        self.ppo = PPO(config, spec)
        told = self.behaviour.kinds if self.behaviour else 0
        self.updates = SelectiveUpdate(config, spec, self.ppo, self.sources, told)

    def learner(self) -> Learner[SelectiveState]:
        """The Learner of these functions."""
        return Learner(
            init=self.init,
            act=self.act,
            update=self.update,
            initial_carry=self.initial_carry,
            value_unit="logit",
            sources=self.names,
            capabilities=self.capabilities(),
        )

    def capabilities(self) -> tuple[Capability, ...]:
        """What it can do besides the core; if it follows others, show its belief, and with the auxiliary
        head its prediction.
        """
        always = WarmStart(warm_start=self.warm_start), ForceSource(force=self.force)
        return (*always, Diagnostics(diagnose=self.diagnose)) if self._predicts or self.sources else always

    @property
    def _predicts(self) -> bool:
        return self.config.prediction_coef > 0 and self.config.predicts == "next"

    def init(self, key: Key[Array, ""], unroll_length: int, num_envs: int) -> SelectiveState:
        """The state with fresh parameters; raises SocialRLError if bptt_length does not divide the unroll."""
        own_key, social_key, sources_key = jax.random.split(key, 3)
        own = self.ppo.init(own_key, unroll_length, num_envs)
        keys = jax.random.split(sources_key, max(len(self.sources), 1))
        social = self.updates.init_social(social_key)
        sources = {name: source.init(keys[i]) for i, (name, source) in enumerate(self.sources.items())}
        return SelectiveState(
            own=own.params,
            own_optimiser=own.optimiser,
            social=social,
            social_optimiser=self.updates.optimiser.init(social),
            sources=sources,
            sources_optimiser=self.updates.optimiser.init(sources),
            record=blank_record(self.count),
            steps=jnp.int32(0),
        )

    def initial_carry(self, *batch: int) -> SelectiveCarry:
        """The carry at the start of an episode, leaves (*batch, ...)."""
        return SelectiveCarry(
            own=self.ppo.net.initial_carry(*batch),
            social=initial_carry(self.config.memory, self.config.gate_hidden[-1], *batch),
            map=self.memory.init(*batch),
            source=jnp.zeros(batch, jnp.int32),
            kept=jnp.zeros(batch, bool),
            behaviour=self.behaviour.init(*batch) if self.behaviour else None,
        )

    def act(
        self,
        state: SelectiveState,
        carry: SelectiveCarry,
        timestep: Timestep,
        key: Key[Array, ""],
        explore: bool,
    ) -> ActOutput:
        """Acts for itself or as a source proposes. Exploring, the decision and the own action are drawn and
        the decision is kept for a while; else the most probable ones are taken at every step.
        """
        batch = timestep.first.shape
        rows, seen = jax.tree.map(lambda x: x.reshape(-1, *x.shape[len(batch) :]), (carry, timestep))
        acted = self._act(state, rows, seen, key, explore)
        return jax.tree.map(lambda x: x.reshape(*batch, *x.shape[1:]), acted)

    def force(
        self,
        state: SelectiveState,
        carry: SelectiveCarry,
        timestep: Timestep,
        source: Int32[Array, "*batch"],
        key: Key[Array, ""],
    ) -> ActOutput:
        """The greedy decision if each novice follows this source, see `ForceSource`."""
        batch = timestep.first.shape
        rows, seen, forced = jax.tree.map(
            lambda x: x.reshape(-1, *x.shape[len(batch) :]), (carry, timestep, source)
        )
        acted = self._act(state, rows, seen, key, False, forced)
        return jax.tree.map(lambda x: x.reshape(*batch, *x.shape[1:]), acted)

    def diagnose(
        self, state: SelectiveState, carry: SelectiveCarry, timestep: Timestep, decision: Decision
    ) -> dict[str, Array]:
        """`belief`, the novice's map with where another is believed to be going, and `prediction`, the next
        view that the own policy predicts.
        """
        found: dict[str, Array] = {}
        if self.sources:
            batch = timestep.first.shape
            maps, seen = jax.tree.map(lambda x: x.reshape(-1, *x.shape[len(batch) :]), (carry.map, timestep))
            _, sight = self.memory.step(maps, seen)
            belief = self.memory.pictured(sight, self._going(state, sight))
            found["belief"] = belief.reshape(*batch, *belief.shape[1:])
        if self._predicts:
            own = PPOState(params=state.own, optimiser=state.own_optimiser, steps=state.steps)
            found |= self.ppo.diagnose(own, carry.own, timestep, decision)
        return found

    def _going(self, state: SelectiveState, sight: Sight) -> Float32[Array, "N cells"]:
        """How probably another is going to each cell, as the first source says that asks; else 0."""
        for name, source in self.sources.items():
            if source.going is not None:
                return source.going(state.sources[name], sight)
        return jnp.zeros(sight.code.shape, jnp.float32)

    def update(
        self, state: SelectiveState, experience: Experience, key: Key[Array, ""]
    ) -> tuple[SelectiveState, Metrics]:
        """The state after epochs of minibatches on one unroll, and metrics."""
        unroll_length, num_envs, novices = experience.own.reward.shape
        merged = jax.tree.map(
            lambda x: x.reshape(unroll_length, num_envs * novices, *x.shape[3:]),
            (experience.own, experience.extras, experience.decision.source),
        )
        own, extras, source = merged
        positions = self.ppo.positions(experience)
        trajectory = Trajectory(
            own=own,
            old_logits=extras.logits,
            relative_positions=positions.reshape(unroll_length, num_envs * novices, *positions.shape[3:]),
            prior_logits=jnp.zeros((*own.reward.shape, 0), jnp.float32),
            acted=extras.acted,
        )
        decided = Decided(
            source=source,
            gate=extras.gate,
            asked=extras.asked,
            confidence=extras.confidence,
            prior=self.prior(state, own.timestep.first),
            available=extras.available,
            recommended=extras.recommended,
            behaviour=self._behind(extras.behaviour),
        )
        carry = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), experience.carry)
        lesson = (
            lesson_of(self.spec, self.memory, experience, self.config.lesson_share) if self.sources else None
        )
        after, metrics = self.updates.learn(state, carry, trajectory, decided, lesson, key)
        return replace(after, steps=state.steps + jnp.int32(unroll_length * num_envs)), metrics

    def lesson(self, experience: Experience) -> Lesson:
        """What the sources learn from, in `lesson_share` of the worlds."""
        return lesson_of(self.spec, self.memory, experience, self.config.lesson_share)

    def warm_start(self, trained: SelectiveState, fresh: SelectiveState) -> SelectiveState:
        """`fresh` with the parameters, the record and the step count of `trained`; its optimisers stay."""
        return replace(
            fresh,
            own=trained.own,
            social=trained.social,
            sources=trained.sources,
            record=trained.record,
            steps=trained.steps,
        )

    def prior(self, state: SelectiveState, first: Bool[Array, "*batch"]) -> Float32[Array, "*batch S"]:
        """Log-probabilities of beginning to follow each source on trial, see `share`: the same for each, less
        for those that are not trusted.
        """
        config, others = self.config, self.count - 1
        shares = jnp.ones(others, jnp.float32)
        if config.trust:
            shares = trust(state.record, commitment(config, state.steps))
        begins = share(config, config.trials, state.steps).begins(first)
        each = begins[..., None] * shares / max(others, 1)
        return jnp.log(jnp.concatenate([1 - jnp.sum(each, axis=-1, keepdims=True), each], axis=-1) + 1e-9)

    def proposals(self, state: SelectiveState, sight: Sight, key: Key[Array, ""], explore: bool) -> Proposal:
        """The proposals of all sources, side by side."""
        keys = jax.random.split(key, max(len(self.sources), 1))
        found = [
            source.propose(state.sources[name], sight, keys[i], explore)
            for i, (name, source) in enumerate(self.sources.items())
        ]
        count = sight.time.shape[0]
        none = jnp.zeros((count, 0), jnp.float32)
        blank = Proposal(action=none.astype(jnp.int32), available=none.astype(bool), confidence=none)
        return jax.tree.map(lambda *x: jnp.concatenate(x, axis=1), blank, *found)

    def _act(
        self,
        state: SelectiveState,
        carry: SelectiveCarry,
        timestep: Timestep,
        key: Key[Array, ""],
        explore: bool,
        forced: Int32[Array, " N"] | None = None,
    ) -> ActOutput:
        """`act` of N novices. forced: the source of each."""
        source_key, own_key, gate_key, keep_key = jax.random.split(key, 4)
        count = timestep.first.shape[0]
        memory, sight = self.memory.step(carry.map, timestep)
        behaviour = self._behaviour(carry, memory, timestep)
        told = self.behaviour.features(behaviour) if self.behaviour and behaviour else None
        sight = replace(sight, behaviour=told)
        offered = self.proposals(state, sight, source_key, explore)
        own_carry, out = self.ppo.net.step(state.own, carry.own, timestep)
        logits = out.logits[0]
        social, known = self.updates.step(
            state.social, carry.social, timestep, offered.confidence, self._behind(told)
        )
        available = jnp.concatenate([jnp.ones((count, 1), bool), offered.available], axis=1)
        prior = self.prior(state, timestep.first)
        gate = self.updates.preferences(known, prior[None], available[None], state.record)[0]
        asked = self._asked(state, carry, timestep.first, available, keep_key, explore)
        alone = share(self.config, self.config.own_trials, state.steps).begins(timestep.first)
        decided, keep = self._decided(gate, prior, available, alone, gate_key, explore)
        chosen = jnp.where(asked, decided, carry.source)
        if forced is not None:
            chosen = forced
        own = drawn(logits, own_key, explore)
        proposed = jnp.concatenate([own[:, None], offered.action], axis=1)
        action = jnp.take_along_axis(proposed, chosen[:, None], axis=1)[:, 0]
        values = self._shown(gate, logits, offered.action)
        extras = SelectiveExtras(
            logits=logits,
            gate=gate,
            asked=asked,
            available=available,
            confidence=offered.confidence,
            code=sight.code,
            time=sight.time,
            heading=sight.heading,
            behaviour=told,
            recommended=available & self._recommended(known),
            acted=Acted(carry=own_carry, value=out.value[0]) if explore and self.ppo.updates.once else None,
        )
        after = SelectiveCarry(
            own=own_carry,
            social=social,
            map=memory,
            source=chosen,
            kept=jnp.where(asked, keep, carry.kept),
            behaviour=behaviour,
        )
        return ActOutput(decision_of(action, values, chosen), after, extras)

    def _behaviour(self, carry: SelectiveCarry, after: Map, timestep: Timestep) -> Behaviour | None:
        """What co-players were seen to do with one more timestep; None if they cannot be told apart."""
        if self.behaviour is None or carry.behaviour is None:
            return None
        whom = jnp.array([-1, *self.seats], jnp.int32)[carry.source]
        return self.behaviour.step(carry.behaviour, carry.map, after, timestep, whom)

    def _behind(
        self, features: Float32[Array, "*batch coplayers E"] | None
    ) -> Float32[Array, "*batch P E"] | None:
        """What the co-player was seen to do that each proposal follows; None if they cannot be told apart."""
        return None if features is None else of_proposals(features, self.seats)

    def _recommended(self, known: Decisive) -> Bool[Array, "N S"]:
        """Which sources are judged by what following them now leads to: where co-players can be told apart,
        and who they are may change, those that the values put above acting for oneself; else all.
        """
        values = known.values[0]
        judged = self.config.decision == "values" and self.updates.told > 0
        return (values > values[:, :1]) if judged else jnp.ones(values.shape, bool)

    def _asked(
        self,
        state: SelectiveState,
        carry: SelectiveCarry,
        first: Bool[Array, " N"],
        available: Bool[Array, "N S"],
        key: Key[Array, ""],
        explore: bool,
    ) -> Bool[Array, " N"]:
        """Whether each novice decides anew: always but while it keeps to a source that is still available."""
        if not explore:
            return jnp.ones(first.shape, bool)
        still = jnp.take_along_axis(available, carry.source[:, None], axis=1)[:, 0]
        ends = jax.random.uniform(key, first.shape) < 1 / commitment(self.config, state.steps)
        return ~carry.kept | ~still | first | ends

    def _decided(
        self,
        gate: Float32[Array, "N S"],
        prior: Float32[Array, "N S"],
        available: Bool[Array, "N S"],
        alone: Float32[Array, " N"],
        key: Key[Array, ""],
        explore: bool,
    ) -> tuple[Int32[Array, " N"], Bool[Array, " N"]]:
        """The source of each novice, and whether it is kept: by the gate whenever it is not the novice
        itself, by values on trial alone. alone: the probability of a trial of acting for itself.
        """
        best = jnp.argmax(gate, axis=-1).astype(jnp.int32)
        if not explore:
            return best, jnp.zeros(best.shape, bool)
        if self.config.decision == "gate":
            chosen = jax.random.categorical(key, gate).astype(jnp.int32)
            return chosen, chosen > 0
        trial_key, self_key = jax.random.split(key)
        trial = jax.random.categorical(trial_key, among(jnp.zeros_like(gate), prior, available))
        itself = jax.random.uniform(self_key, best.shape) < alone
        chosen = jnp.where(trial > 0, trial, jnp.where(itself, 0, best)).astype(jnp.int32)
        return chosen, (trial > 0) | (itself & (best > 0))

    def _shown(
        self, gate: Float32[Array, "N S"], logits: Float32[Array, "N A"], proposed: Int32[Array, "N P"]
    ) -> Float32[Array, "N S A"]:
        """log P(source, action): of the own policy, and of each source for the action that it proposes."""
        sources, own = jax.nn.log_softmax(gate), jax.nn.log_softmax(logits)
        mine = sources[:, :1, None] + own[:, None]
        taken = proposed[..., None] == jnp.arange(own.shape[-1])
        theirs = jnp.where(taken, sources[:, 1:, None], NEVER)
        return jnp.maximum(jnp.concatenate([mine, theirs], axis=1), NEVER)

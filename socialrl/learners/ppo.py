"""Recurrent PPO (Schulman et al., 2017): advantages are recomputed before further epochs of an update,
time-outs are bootstrapped from.

With the auxiliary next-observation head it is `sociapl`, a social learner (Ndousse et al., 2021).
"""

import dataclasses
import math
from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree

from socialrl.feedback.config import ComparisonsConfig
from socialrl.learners._actor_critic import Acted, ActorCarry, ActorCriticFns, hide_others
from socialrl.learners._comparisons import from_comparisons
from socialrl.learners._config import check_roster
from socialrl.learners._ppo_config import PPOConfig
from socialrl.learners._ppo_losses import PPOLosses, Trajectory
from socialrl.learners._ppo_update import Annealing, PPOUpdate, annealing
from socialrl.losses.policy import kl_divergence
from socialrl.nets.heads import drawn
from socialrl.types import (
    ActOutput,
    Capability,
    ConceptBottleneck,
    ConceptReading,
    Critic,
    Decision,
    Diagnostics,
    Experience,
    Influence,
    Intervention,
    Learner,
    Masked,
    Metrics,
    Timestep,
    WarmStart,
    decision_of,
)
from socialrl_envs.errors import SocialRLError
from socialrl_envs.options import option, require
from socialrl_envs.struct import pytree, replace
from socialrl_envs.types import WorldSpec


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(PPOConfig):
    """Options of ppo."""

    comparisons: ComparisonsConfig | None = option(
        None, "learn from a teacher's comparisons of clips in place of rewards; none learns from rewards"
    )

    def build(self, spec: WorldSpec) -> Learner:
        """The learner for this world; raises SocialRLError if it has no novice."""
        check_roster(spec)
        return from_comparisons(self.comparisons, PPO(self, spec).learner(), spec)


@pytree
class PPOState:
    """params, optimiser: with a leading axis of novices unless they share parameters. steps: environment
    steps so far.
    """

    params: PyTree
    optimiser: PyTree
    steps: Int32[Array, ""]


PPOStateT = TypeVar("PPOStateT", bound=PPOState)


@pytree
class Extras:
    """logits: of the policy that drew the action, for the ratio of probabilities in the update. acted: what
    the update need not compute again; None unless exploring.
    """

    logits: Float32[Array, "*batch A"]
    acted: Acted | None = None


class PPO:
    """The functions of the learner for one world. prior_coef: weight of KL(pi || prior); None if there is no
    prior.
    """

    def __init__(self, config: PPOConfig, spec: WorldSpec, prior_coef: float | None = None):
        self.config, self.spec = config, spec
        if config.concepts != "none" and not spec.concepts:
            raise SocialRLError(
                f"concepts: {config.concepts!r}, but {spec.name} declares none", "it must be none"
            )
        self.net = ActorCriticFns(config, spec)
        self.losses = PPOLosses(config, self.net, prior_coef)
        self.updates = PPOUpdate(config, self.net, self.losses, spec.horizon)

    def learner(self) -> Learner[PPOState]:
        """The Learner of these functions."""
        return Learner(
            init=self.init,
            act=self.act,
            update=self.update,
            initial_carry=self.net.initial_carry,
            value_unit="logit",
            capabilities=(
                *self.capabilities(),
                WarmStart(warm_start=self.warm_start),
                Masked(update=self.update_masked),
                Critic(evaluate=self.evaluate, gamma=self.config.gamma),
            ),
            alike=self.config.parameter_sharing,
        )

    def capabilities(self) -> tuple[Capability, ...]:
        """What the policy can do besides acting. In views without channels of others, such as RGB ones,
        nobody can be hidden, so that influence is not measured.
        """
        found: tuple[Capability, ...] = ()
        if self.spec.pixels == 1:
            found = (Influence(influence=self.influence),)
        if self.config.prediction_coef > 0 and self.config.predicts == "next":
            found = (*found, Diagnostics(diagnose=self.diagnose))
        if self.config.concepts != "none":
            found = (*found, self.bottleneck())
        return found

    def bottleneck(self) -> ConceptBottleneck:
        """The capability of a policy that reads concepts."""
        return ConceptBottleneck(
            concepts=self.spec.concepts,
            residual=self.config.residual,
            read=self.read,
            intervene=self.intervene,
        )

    def init(self, key: Key[Array, ""], unroll_length: int, num_envs: int) -> PPOState:
        """The state with fresh parameters; raises SocialRLError if bptt_length does not divide the unroll."""
        length = self.config.bptt_length or unroll_length
        require(
            unroll_length % length == 0, "bptt_length", length, f"a divisor of the unroll, {unroll_length}"
        )
        if self.config.parameter_sharing:
            params = self.net.init(key)
            start = self.updates.optimiser.init(params)
        else:
            params = jax.vmap(self.net.init)(self._novices_keys(key))
            start = jax.vmap(self.updates.optimiser.init)(params)
        return PPOState(params=params, optimiser=start, steps=jnp.int32(0))

    def act(
        self, state: PPOState, carry: ActorCarry, timestep: Timestep, key: Key[Array, ""], explore: bool
    ) -> ActOutput:
        """Draws from the policy while exploring, else takes the likeliest action; values are the logits."""

        def stepped(params: PyTree, carry: ActorCarry, timestep: Timestep) -> tuple[ActorCarry, Array, Array]:
            carry, out = self.net.step(params, carry, timestep)
            return carry, out.logits[0], out.value[0]

        carry, logits, value = self._over_novices(stepped, state.params, carry, timestep)
        decision = decision_of(drawn(logits, key, explore), logits[..., None, :])
        acted = Acted(carry=carry, value=value) if explore and self.updates.once else None
        return ActOutput(decision, carry, Extras(logits=logits, acted=acted))

    def intervene(
        self,
        state: PPOState,
        carry: ActorCarry,
        timestep: Timestep,
        intervention: Intervention,
        key: Key[Array, ""],
        explore: bool,
    ) -> ActOutput:
        """As `act`, with what is put in the place of concepts and of the residual."""

        def stepped(
            params: PyTree, carry: ActorCarry, timestep: Timestep, put_in: Intervention
        ) -> tuple[ActorCarry, Array]:
            carry, out = self.net.step(params, carry, timestep, put_in)
            return carry, out.logits[0]

        carry, logits = self._over_novices(stepped, state.params, carry, timestep, intervention)
        decision = decision_of(drawn(logits, key, explore), logits[..., None, :])
        return ActOutput(decision, carry, Extras(logits=logits))

    def read(self, state: PPOState, carry: ActorCarry, timestep: Timestep) -> ConceptReading:
        """The probability of every value of every concept, and the residual."""

        def stepped(params: PyTree, carry: ActorCarry, timestep: Timestep) -> ConceptReading:
            _, out = self.net.step(params, carry, timestep)
            assert out.reading is not None
            probability = jnp.exp(out.reading.log_prob[0, :, 0])
            return ConceptReading(probability=probability, residual=out.reading.residual[0, :, 0])

        return self._over_novices(stepped, state.params, carry, timestep)

    def influence(self, state: PPOState, carry: ActorCarry, timestep: Timestep) -> Float32[Array, "*batch"]:
        """KL(pi(.|o) || pi(.|o with the others hidden)) in nats."""
        _, logits = self._over_novices(self._logits, state.params, carry, timestep)
        _, alone = self._over_novices(self._logits, state.params, carry, hide_others(timestep, self.spec))
        return kl_divergence(logits, alone)

    def diagnose(
        self, state: PPOState, carry: ActorCarry, timestep: Timestep, decision: Decision
    ) -> dict[str, Array]:
        """`prediction`, the predicted next view, the mean over the copies."""

        def predicted(
            params: PyTree, carry: ActorCarry, timestep: Timestep, action: Int32[Array, " N"]
        ) -> Array:
            _, out = self.net.step(params, carry, timestep)
            views = self.net.predict(params, out.features, action[None])
            return jnp.mean(self.net.images.restored(views, self.net.images.view)[0], axis=1)

        return {"prediction": self._over_novices(predicted, state.params, carry, timestep, decision.action)}

    def update(
        self, state: PPOState, experience: Experience, key: Key[Array, ""]
    ) -> tuple[PPOState, Metrics]:
        """The state after epochs of minibatches on one unroll, and metrics."""
        return self.update_near(state, experience, key, self.no_prior(experience))

    def update_masked(
        self, state: PPOState, experience: Experience, trains: Bool[Array, " B"], key: Key[Array, ""]
    ) -> tuple[PPOState, Metrics]:
        """As `update`, from the worlds in which `trains` alone; nothing changes but the count of steps if
        there are none.
        """
        counts = jnp.broadcast_to(trains[None, :, None], experience.own.reward.shape)
        return self.update_near(state, experience, key, self.no_prior(experience), counts)

    def evaluate(
        self, state: PPOState, experience: Experience
    ) -> tuple[Float32[Array, "T B novices"], Float32[Array, "T B novices"]]:
        """The value of each step and its generalised advantage, by these parameters."""
        own, carry = experience.own, experience.carry
        if not self.config.parameter_sharing:
            judged = jax.vmap(self.updates.judged, in_axes=(0, 1, 2), out_axes=2)
            _, value, advantage = judged(state.params, carry, own)
            return value, advantage
        own, carry = _merged(own), jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), carry)
        _, value, advantage = self.updates.judged(state.params, carry, own)
        shape = experience.own.reward.shape
        return value.reshape(shape), advantage.reshape(shape)

    def update_near(
        self,
        state: PPOStateT,
        experience: Experience,
        key: Key[Array, ""],
        prior_logits: Float32[Array, "T B novices P"],
        counts: Bool[Array, "T B novices"] | None = None,
        prior_weight: Float32[Array, "T B novices A"] | None = None,
    ) -> tuple[PPOStateT, Metrics]:
        """As `update`, with the logits of a prior policy to stay close to. counts: the steps that are learnt
        from; None: all. prior_weight: what leaving the prior by each action weighs; None for 1.
        """
        now, concepts = annealing(self.config, state.steps), experience.concepts
        if counts is not None and concepts is not None:
            concepts = jnp.where(counts[..., None], concepts, -1)
        unroll_length, num_envs, _ = experience.own.reward.shape
        trajectory = Trajectory(
            own=experience.own,
            old_logits=experience.extras.logits,
            relative_positions=self.positions(experience),
            prior_logits=prior_logits,
            counts=counts,
            concepts=concepts,
            prior_weight=prior_weight,
            acted=experience.extras.acted,
        )
        learn = self._shared if self.config.parameter_sharing else self._apart
        params, optimiser, metrics = learn(state, experience.carry, trajectory, now, key)
        steps = state.steps + jnp.int32(unroll_length * num_envs)
        after = replace(state, params=params, optimiser=optimiser, steps=steps)
        return after, metrics | {"entropy_weight": now.entropy_coef, "lr": now.lr * self.config.lr}

    def no_prior(self, experience: Experience) -> Float32[Array, "T B novices 0"]:
        """The logits of no prior."""
        return jnp.zeros((*experience.own.reward.shape, 0), jnp.float32)

    def positions(self, experience: Experience) -> Float32[Array, "T B novices coplayers 2"]:
        """The co-players' relative positions, NaN for absent ones; no entries unless they are predicted."""
        if self.config.attention_coef == 0:
            return jnp.zeros((*experience.own.reward.shape, 0, 2), jnp.float32)
        present = experience.others.present[:, :, None, :, None]
        return jnp.where(present, experience.relative_positions, jnp.nan)

    def warm_start(self, trained: PPOState, fresh: PPOState) -> PPOState:
        """`fresh` with the parameters and the step count of `trained`; its optimiser stays."""
        return replace(fresh, params=trained.params, steps=trained.steps)

    def _shared(
        self, state: PPOState, carry: ActorCarry, trajectory: Trajectory, now: Annealing, key: Key[Array, ""]
    ) -> tuple[PyTree, PyTree, Metrics]:
        """The update of parameters that all novices share: their sequences side by side."""
        merged = _merged(trajectory)
        carry = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), carry)
        return self.updates.learn(state.params, state.optimiser, carry, merged, now, key)

    def _apart(
        self, state: PPOState, carry: ActorCarry, trajectory: Trajectory, now: Annealing, key: Key[Array, ""]
    ) -> tuple[PyTree, PyTree, Metrics]:
        """The update of each novice's own parameters; metrics are means over the novices."""
        learn = jax.vmap(self.updates.learn, in_axes=(0, 0, 1, 2, None, 0))
        keys = self._novices_keys(key)
        params, optimiser, metrics = learn(state.params, state.optimiser, carry, trajectory, now, keys)
        return params, optimiser, jax.tree.map(lambda x: jnp.mean(x, axis=0), metrics)

    def _logits(
        self, params: PyTree, carry: ActorCarry, timestep: Timestep
    ) -> tuple[ActorCarry, Float32[Array, "N A"]]:
        """The carry and the logits of one step, N novices."""
        carry, out = self.net.step(params, carry, timestep)
        return carry, out.logits[0]

    def _novices_keys(self, key: Key[Array, ""]) -> Key[Array, " novices"]:
        """A key for each novice."""
        return jax.random.split(key, len(self.spec.novices))

    def _over_novices(
        self,
        function: Callable[..., PyTree],
        params: PyTree,
        carry: ActorCarry,
        timestep: Timestep,
        *arrays: PyTree,
    ) -> PyTree:
        """function(params, carry, timestep, *arrays) of N novices applied to leaves (*batch, ...), whose last
        batch axis is that of the novices.
        """
        batch, inputs = timestep.first.shape, (carry, timestep, *arrays)
        worlds, rows = math.prod(batch[:-1]), math.prod(batch)  # not -1: a residual may have no numbers
        if self.config.parameter_sharing:
            flat = jax.tree.map(lambda x: x.reshape(rows, *x.shape[len(batch) :]), inputs)
            result = function(params, *flat)
            return jax.tree.map(lambda x: x.reshape(*batch, *x.shape[1:]), result)
        flat = jax.tree.map(lambda x: x.reshape(worlds, batch[-1], *x.shape[len(batch) :]), inputs)
        result = jax.vmap(function, in_axes=(0, *(1 for _ in flat)), out_axes=1)(params, *flat)
        return jax.tree.map(lambda x: x.reshape(*batch, *x.shape[2:]), result)


def _merged(tree: PyTree) -> PyTree:
    """The leaves (T, B, novices, ...) with worlds and novices along one axis."""
    return jax.tree.map(lambda x: x.reshape(x.shape[0], x.shape[1] * x.shape[2], *x.shape[3:]), tree)

"""PsiPhi-learning (Filos et al., 2021): successor features of all agents over shared cumulants, and
generalised policy improvement over them.

Each other agent k is modelled as soft-optimal for a preference of its own, pi_k(a|s) ~ exp(Psi_k(s, a) .
w_k). Cloning trains Psi_k and w_k, inverse TD makes the cumulants Phi explain the others' behaviour, the
novice's own rewards tie w to Phi. A decision compares the values of acting as each source, Psi_j(s, a) .
w_ego (see gpi.py). The novice's own values have a head of their own, as in dqn. They are also learnt from the
others' steps, whose reward is taken to be Phi . w_ego, as far as these agents are trusted (see _peers.py):
beside agents that are not, the learner is dqn.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree, UInt8

from socialrl.gpi import Choice, Following, choose
from socialrl.learners import _peers
from socialrl.learners._batches import SequenceBatch, episode_starts
from socialrl.learners._config import check_roster
from socialrl.learners._offpolicy import (
    AgentFns,
    Losses,
    OffPolicyState,
    off_policy_learner,
    over_novices,
)
from socialrl.learners._psiphi_losses import PsiPhiLossConfig, PsiPhiLosses
from socialrl.learners._sequences import beside, over_sequences, sequences
from socialrl.learners._successors import SuccessorFns
from socialrl.losses.successor import at_action
from socialrl.nets.memory import Carry
from socialrl.types import (
    ActAs,
    ActOutput,
    Capability,
    Decision,
    Demonstration,
    Diagnostics,
    Experience,
    FewShot,
    ForceSource,
    Learner,
    LearntCumulants,
    RewardInference,
    Timestep,
    Transition,
    decision_of,
)
from socialrl_envs.options import option
from socialrl_envs.struct import pytree, replace
from socialrl_envs.types import WorldSpec

TRUSTED = 0.1  # agents with less trust are not followed


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(PsiPhiLossConfig):
    """Options of psiphi, besides those of every learner with successor features."""

    following: Following = option(
        "gpi",
        "gpi compares acting as each source, never uses the own values, always those of the others",
        choices=("gpi", "never", "always"),
    )
    support: float = option(
        0.2, "a co-player may propose actions with pi(a) >= support * max pi; 0 allows all", low=0, high=1
    )
    lower_confidence_coef: float = option(
        0.0, "standard deviations of the ensemble subtracted from the value of following others", low=0
    )
    temperature: float = option(
        0.0, "actions are drawn by exp(value / temperature), in reward units; 0 takes the best", low=0
    )
    ensemble: int = option(1, "members of the ensemble of Psi, which share torso, Phi and w", low=1)
    social_batch: int = option(
        8, "sequences per gradient step of which others' steps are learnt as well", low=1
    )
    trust_width: float = option(
        0.1, "advantage in reward per step, by its root mean square, over which trust rises", above=0
    )
    trust_steps: int = option(1_000, "environment steps over which trust is estimated", low=1)
    ridge: float = option(0.01, "ridge of the regression that re-learns w in few-shot adaptation", above=0)

    def build(self, spec: WorldSpec) -> Learner[OffPolicyState]:
        """The learner for this world; raises SocialRLError if it has no novice."""
        check_roster(spec)
        return PsiPhi(self, spec).learner()


@pytree
class Regression:
    """Sufficient statistics of the regression of the novices' rewards on Phi."""

    gram: Float32[Array, "K K"]
    moment: Float32[Array, " K"]


@pytree
class Aux:
    """regression: of few-shot adaptation; zeros before it. peers: statistics about the other agents."""

    regression: Regression
    peers: _peers.PeerStats


class PsiPhi:
    """The functions of the learner for one world."""

    def __init__(self, config: Config, spec: WorldSpec):
        self.config, self.spec = config, spec
        self.novices, self.coplayers = len(spec.novices), len(spec.coplayers)
        self.net = self.network()
        self.losses = PsiPhiLosses(config, self.net, self.coplayers)

    def network(self) -> SuccessorFns:
        """The network: Psi of each member and source, Phi, w, and a head of own values."""
        models = (self.config.ensemble, 1 + self.coplayers)
        return SuccessorFns(self.config, self.spec, models, valued=True)

    def learner(self) -> Learner[OffPolicyState]:
        """The Learner of these functions."""
        size = self.config.cumulants
        none = Regression(gram=jnp.zeros((size, size), jnp.float32), moment=jnp.zeros(size, jnp.float32))
        agent = AgentFns(
            init=self.net.init,
            decide=self.decide,
            loss=self.loss,
            aux=Aux(regression=none, peers=_peers.init(self.coplayers)),
            observe=self.observe,
            social_batch=self.config.social_batch,
        )
        capabilities: tuple[Capability, ...] = (
            FewShot(adapt=self.adapt),
            LearntCumulants(cumulants=self.cumulants),
            ActAs(act_as=self.act_as),
            ForceSource(force=self.force),
            RewardInference(infer_rewards=self.infer_rewards),
        )
        if self.config.prediction_coef > 0 or self.config.ensemble > 1:
            capabilities = (*capabilities, Diagnostics(diagnose=self.diagnose))
        return off_policy_learner(self.config, self.spec, agent, capabilities=capabilities)

    def decide(
        self,
        state: OffPolicyState,
        carry: Carry,
        obs: UInt8[Array, "1 N V V C"],
        first: Bool[Array, "1 N"],
        key: Key[Array, ""],
        explore: bool,
    ) -> tuple[Decision, Carry]:
        """The decision by generalised policy improvement, or as `config.following` says."""
        carry, psi, _, x = self.net.step(state.params, carry, obs, first)
        choice = self.choice(state, psi[0], x, key)
        return decision_of(choice.action, choice.values, choice.source), carry

    def choice(
        self,
        state: OffPolicyState,
        psi: Float32[Array, "N E S A K"],
        x: Float32[Array, "1 N F"],
        key: Key[Array, ""],
        only: Int32[Array, " N"] | None = None,
    ) -> Choice:
        """The Choice among the sources, by the novice's preference w_ego. only: the source that it is left
        with.
        """
        config, w = self.config, state.params["params"]["w"]
        values = jnp.einsum("nesak,k->nesa", psi, w[0])
        values = values.at[:, :, 0].set(self.own_values(state, values[:, :, 0], x))
        trusted = None
        if config.trust and config.following == "gpi":
            trusted = jnp.concatenate([jnp.array([True]), self.trust(state.aux) >= TRUSTED])
        return choose(
            values,
            self.logits(psi, w),
            key,
            following=config.following,
            support=config.support,
            lower_confidence_coef=config.lower_confidence_coef,
            temperature=config.temperature,
            trusted=trusted,
            only=only,
        )

    def logits(self, psi: Float32[Array, "N E S A K"], w: Float32[Array, "S K"]) -> Float32[Array, "N S A"]:
        """Logits of the policy attributed to each source, the mean over the ensemble of Psi_j . w_j."""
        return jnp.einsum("nesak,sk->nsa", psi, w) / self.config.ensemble

    def own_values(
        self, state: OffPolicyState, by_successors: Float32[Array, "N E A"], x: Float32[Array, "1 N F"]
    ) -> Float32[Array, "N E A"]:
        """The novices' own values: of their own head, or after few-shot adaptation those of their successor
        features.
        """
        learnt = self.net.values(state.params, x)[0, :, None]
        return jnp.where(jnp.any(state.aux.regression.gram), by_successors, learnt)

    def diagnose(
        self, state: OffPolicyState, carry: Carry, timestep: Timestep, decision: Decision
    ) -> dict[str, Array]:
        """`prediction` with an auxiliary head; with an ensemble `spread`, which is NaN for values of one
        head.
        """

        def found(
            carry: Carry,
            obs: UInt8[Array, "1 N V V C"],
            first: Bool[Array, "1 N"],
            action: Int32[Array, " N"],
        ) -> dict[str, Array]:
            _, psi, _, x = self.net.step(state.params, carry, obs, first)
            result: dict[str, Array] = {}
            if self.config.prediction_coef > 0:
                result["prediction"] = self.net.predict(state.params, x, action[None])[0]
            if self.config.ensemble > 1:
                spread = self.choice(state, psi[0], x, jax.random.key(0)).spread
                adapted = jnp.any(state.aux.regression.gram)
                result["spread"] = spread.at[:, 0].set(jnp.where(adapted, spread[:, 0], jnp.nan))
            return result

        return over_novices(found, carry, timestep, decision.action)

    def act_as(
        self,
        state: OffPolicyState,
        carry: Carry,
        timestep: Timestep,
        source: Int32[Array, "*batch"],
        key: Key[Array, ""],
    ) -> tuple[Int32[Array, "*batch"], Carry]:
        """An action of each novice's source: drawn from pi_k for co-player k, greedy for the novice
        itself.
        """

        def act(
            carry: Carry,
            obs: UInt8[Array, "1 N V V C"],
            first: Bool[Array, "1 N"],
            source: Int32[Array, " N"],
        ) -> tuple[Int32[Array, " N"], Carry]:
            carry, psi, _, x = self.net.step(state.params, carry, obs, first)
            w = state.params["params"]["w"]
            logits = self.logits(psi[0], w)
            own = jnp.mean(self.own_values(state, psi[0][:, :, 0] @ w[0], x), axis=1)
            chosen = jnp.take_along_axis(logits, source[:, None, None], axis=1)[:, 0]
            action = jnp.where(source == 0, jnp.argmax(own, axis=-1), jax.random.categorical(key, chosen))
            return action.astype(jnp.int32), carry

        return over_novices(act, carry, timestep, source)

    def force(
        self,
        state: OffPolicyState,
        carry: Carry,
        timestep: Timestep,
        source: Int32[Array, "*batch"],
        key: Key[Array, ""],
    ) -> ActOutput:
        """The decision if each novice is left with this source, see `ForceSource`."""

        def decide(
            carry: Carry,
            obs: UInt8[Array, "1 N V V C"],
            first: Bool[Array, "1 N"],
            source: Int32[Array, " N"],
        ) -> tuple[Decision, Carry]:
            carry, psi, _, x = self.net.step(state.params, carry, obs, first)
            choice = self.choice(state, psi[0], x, key, source)
            return decision_of(choice.action, choice.values, choice.source), carry

        decision, after = over_novices(decide, carry, timestep, source)
        return ActOutput(decision, after, ())

    def infer_rewards(self, state: OffPolicyState, others: Demonstration) -> Float32[Array, "T B seats S"]:
        """Phi(s, a) . w_j of every step for every source j."""
        phi = self.net.of_others(state.params, others)[1]
        taken = over_sequences(at_action)(phi, sequences(others.action))
        return (taken @ state.params["params"]["w"].T).reshape(*others.action.shape, -1)

    def trust(self, aux: Aux) -> Float32[Array, " coplayers"]:
        """The weight of each co-player, 0..1; 1 without `config.trust`."""
        if not self.config.trust:
            return jnp.ones(self.coplayers, jnp.float32)
        return _peers.trust(aux.peers, self.config.trust_width)

    def loss(self, params: PyTree, target: PyTree, batch: SequenceBatch, aux: Aux) -> Losses:
        """The weighted sum of all losses, see `PsiPhiLosses`, and metrics. Offline all co-players have full
        trust.
        """
        online = batch.own.action.shape[2] > 0
        trust = self.trust(aux) if online else jnp.ones(self.coplayers, jnp.float32)
        total, metrics = self.losses.total(params, target, batch, trust)
        if online and self.coplayers and self.config.trust:
            metrics |= {f"trust/{k + 1}": trust[k] for k in range(self.coplayers)}
            metrics["reward_model_r2"] = _peers.reward_model_r2(aux.peers)
        return total, metrics

    def observe(self, state: OffPolicyState, experience: Experience) -> Aux:
        """The aux with the statistics about the other agents after one more unroll."""
        own, others, aux = experience.own, experience.others, state.aux
        if not self.config.trust or not self.coplayers:
            return aux
        time, batch, k = others.action.shape
        obs = beside(own.timestep.obs, others.obs)
        psi, phi, _ = self.net.unroll(state.params, obs, beside(own.timestep.first, episode_starts(others)))
        w, mine = state.params["params"]["w"], batch * self.novices
        worth = over_sequences(at_action)(phi, beside(own.action, others.action)) @ w[0]
        theirs = psi[:, mine:].reshape(time, batch, k, *psi.shape[2:])
        own_psi = jnp.mean(theirs, axis=3)[:, :, jnp.arange(k), 1 + jnp.arange(k)]
        log_policy = jax.nn.log_softmax(jnp.einsum("tbkac,kc->tbka", own_psi, w[1:]))
        stats = _peers.update(
            aux.peers,
            reward=own.reward,
            expected=worth[:, :mine].reshape(own.reward.shape),
            worth=worth[:, mine:].reshape(time, batch, k),
            log_prob=jnp.take_along_axis(log_policy, others.action[..., None], axis=-1)[..., 0],
            present=others.present,
            actions=len(self.spec.actions),
            rate=min(1.0, time * batch / self.config.trust_steps),
        )
        return replace(aux, peers=stats)

    def cumulants(self, state: OffPolicyState, own: Transition) -> Float32[Array, "T B novices K"]:
        """Phi(s, a) of the novices' own steps."""
        phi = self.net.unroll(state.params, sequences(own.timestep.obs), sequences(own.timestep.first))[1]
        return over_sequences(at_action)(phi, sequences(own.action)).reshape(*own.action.shape, -1)

    def adapt(self, state: OffPolicyState, experience: Experience, key: Key[Array, ""]) -> OffPolicyState:
        """The state with w_ego re-learnt by ridge regression of the novices' rewards on the frozen Phi, over
        all experience since the first adaptation; trust is estimated anew from then on.
        """
        own, aux, size = experience.own, state.aux, self.config.cumulants
        phi = self.cumulants(state, own).reshape(-1, size)
        before: Regression = aux.regression
        gram, moment = before.gram + phi.T @ phi, before.moment + phi.T @ own.reward.reshape(-1)
        scale = self.config.ridge * jnp.trace(gram) / size
        w = jnp.linalg.solve(gram + scale * jnp.eye(size, dtype=jnp.float32), moment)
        inner = state.params["params"]
        params = {**state.params, "params": {**inner, "w": inner["w"].at[0].set(w)}}
        fresh = ~jnp.any(before.gram)
        stats = jax.tree.map(
            lambda new, old: jnp.where(fresh, new, old), _peers.init(self.coplayers), aux.peers
        )
        regression = Regression(gram=gram, moment=moment)
        adapted = replace(state, params=params, aux=Aux(regression=regression, peers=stats))
        return replace(adapted, aux=self.observe(adapted, experience))

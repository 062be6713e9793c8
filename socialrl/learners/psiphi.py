"""PsiPhi-learning: successor features of everybody over shared cumulants, and acting as whoever would serve
oneself best.

Filos et al., 2021. Each other agent k is modelled as soft-optimal for a goal of its own, pi_k(a|s) ~
exp(Psi_k(s, a) . w_k). Cloning trains Psi_k and w_k, inverse TD makes the cumulants Phi explain what they do,
the novice's own rewards tie w to Phi. At every step generalised policy improvement asks what each source's
behaviour would be worth to *me*: Psi_j(s, a) . w_ego. One's own values have a head of their own, as in dqn:
beside nobody who is of use, this is that learner. Beside somebody who is, they are learnt from the others'
steps too, by what these would have paid oneself.
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Key, PyTree

from socialrl.gpi import Choice, Follow, choose
from socialrl.learners._company import Company, gates, judge, known, strangers
from socialrl.learners._network import Steps, others_steps, own_steps, td_loss
from socialrl.learners._offpolicy import OffPolicyConfig, OffPolicyState, Parts, Rows, build, starts_of
from socialrl.learners._sequences import beside, masked_mean, over_sequences, sequences
from socialrl.learners._successors import Net
from socialrl.losses.policy import cloning_loss
from socialrl.losses.successor import at_action, expected_successor, successor_error
from socialrl.losses.td import q_learning_error
from socialrl.types import Decision, Demonstration, Experience, Learner
from socialrl_envs.struct import pytree
from socialrl_envs.types import WorldSpec
from socialrl_envs.world import require

OPEN = 0.1  # whose gate is further shut is not followed


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(OffPolicyConfig):
    """Options of psiphi, besides those of every off-policy learner.

    cumulants: size of Phi.
    follow: gpi: acts by generalised policy improvement over all sources; never: by its own values alone;
        always: as whichever other serves it best.
    support: source k may only propose actions with pi_k(a|s) >= support * max_a pi_k(a|s); 0 is plain GPI.
    caution: standard deviations of the ensemble that are taken off the worth of others before they are
    followed.
    temperature: actions are drawn by exp(worth / temperature), in reward units; 0 takes the best.
    ensemble: members of the ensemble of successor features, which share torso, Phi and w.
    gating: another counts in the shared torso, in Phi and in the decision only as far as it is predictable
        and useful, see `_company.py`. Beside nobody who is, the torso learns as that of dqn does: by one's
        own TD errors.
    social_batch: rows of a gradient step whose others' steps are learnt from as well; of all the torso's
        work, theirs is the larger part, and K times what one's own steps take.
    gate_width: advantage in reward per step over one's own, in units of its root mean square, that opens the
    gate.
    gate_steps: env steps over which the company is judged.
    reward: weight of predicting one's own reward by Phi . w.
    td: weight of TD learning of one's own values.
    vicarious: weight of the same on the others' steps, with Phi . w for a reward; another's count as far as
    its gate is open.
    successor: weight of TD learning of one's own successor features.
    cloning: weight of imitating each other agent k through Psi_k . w_k.
    inverse_td: weight of making Phi explain what the others do.
    others: weight of TD learning of the others' successor features on their own steps.
    off_policy: weight of the same on the novice's steps.
    phi_penalty: weight of mean Phi^2; without it Phi and Psi chase each other where no w looks, and diverge.
    phi_gain: scale of Phi and Psi at the start.
    w_std: standard deviation of every w at the start.
    ridge: regularisation of w when a new preference is learnt from few episodes.
    """

    cumulants: int = 8
    follow: Follow = "gpi"
    support: float = 0.2
    caution: float = 0.0
    temperature: float = 0.0
    ensemble: int = 1
    social_batch: int = 8
    gating: bool = True
    gate_width: float = 0.1
    gate_steps: int = 1_000
    reward: float = 3.0
    td: float = 1.0
    vicarious: float = 3.0
    successor: float = 1.0
    cloning: float = 1.0
    inverse_td: float = 1.0
    others: float = 1.0
    off_policy: float = 1.0
    phi_penalty: float = 1.0
    phi_gain: float = 0.1
    w_std: float = 0.3
    ridge: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.follow in ("gpi", "never", "always"), "follow", self.follow, "gpi, never or always")
        for key in ("cumulants", "ensemble", "social_batch", "gate_steps"):
            require(getattr(self, key) >= 1, key, getattr(self, key), "at least 1")
        require(0 <= self.support <= 1, "support", self.support, "a share, 0..1")
        for key in (
            "reward",
            "td",
            "vicarious",
            "successor",
            "cloning",
            "inverse_td",
            "others",
            "off_policy",
            "phi_penalty",
        ):
            require(getattr(self, key) >= 0, key, getattr(self, key), "a weight, at least 0")
        for key in ("caution", "temperature"):
            require(getattr(self, key) >= 0, key, getattr(self, key), "at least 0")
        for key in ("gate_width", "phi_gain", "w_std", "ridge"):
            require(getattr(self, key) > 0, key, getattr(self, key), "positive")

    def build(self, spec: WorldSpec) -> Learner:
        """The learner for this world; it needs a novice."""
        require(len(spec.novices) > 0, "novices", 0, "at least 1 for a learner")
        return PsiPhi(self, spec).learner()


@pytree
class Ridge:
    """Sufficient statistics of the regression of one's own rewards on Phi."""

    gram: Float32[Array, "K K"]
    moment: Float32[Array, " K"]


@pytree
class Extra:
    """ridge: what few-shot adaptation has seen. company: what is thought of the others."""

    ridge: Ridge
    company: Company


class Read(NamedTuple):
    """What the networks say of sequences: ahead, values_ahead by the target network at the true successors."""

    psi: Float32[Array, "T N E S A K"]
    phi: Float32[Array, "T N A K"]
    x: Float32[Array, "T N F"]
    values: Float32[Array, "T N A"]
    ahead: Float32[Array, "T N E S A K"]
    values_ahead: Float32[Array, "T N A"]


def let_through(x: Float32[Array, "T N F"], shares: Float32[Array, " N"]) -> Float32[Array, "T N F"]:
    """x, which passes only so much of each sequence's gradient on."""
    return shares[:, None] * x + (1 - shares[:, None]) * jax.lax.stop_gradient(x)


def over_members(function: Any, psi: Array, ahead: Array) -> Any:
    """The means over the members of an ensemble, which lie along axis 2, of what the function says of each."""
    return jax.tree.map(lambda x: jnp.mean(x, axis=0), jax.vmap(function, in_axes=2)(psi, ahead))


class PsiPhi:
    """The parts of the learner: network, decision, loss, few-shot adaptation."""

    def __init__(self, config: Config, spec: WorldSpec):
        self.config, self.spec = config, spec
        self.novices, self.coplayers = len(spec.novices), len(spec.coplayers)
        self.net = Net(config, spec, (config.ensemble, 1 + self.coplayers), valued=True)

    def learner(self) -> Learner:
        """The three functions of a learner."""
        size = self.config.cumulants
        ridge = Ridge(gram=jnp.zeros((size, size), jnp.float32), moment=jnp.zeros(size, jnp.float32))
        extra = Extra(ridge=ridge, company=strangers(self.coplayers))
        parts = Parts(
            init=self.net.init,
            decide=self.decide,
            loss=self.loss,
            extra=extra,
            observe=self.observe,
            adapt=self.adapt,
        )
        parts = parts._replace(
            explain=self.explain,
            follow=self.follow,
            social_batch=self.config.social_batch,
            appraise=self.appraise,
        )
        return build(self.config, self.spec, parts)

    def decide(
        self, state: OffPolicyState, memory: Any, obs: Array, first: Array, key: Key[Array, ""], explore: bool
    ) -> tuple[Decision, Any]:
        """GPI over all sources by what each is worth to the novice, or as the config says."""
        memory, psi, _, x = self.net.apply(state.params, memory, obs, first)
        choice = self.choice(state, psi[0], x, key)
        influence = jnp.full(choice.action.shape, jnp.nan, jnp.float32)
        return Decision(
            action=choice.action, source=choice.source, values=choice.values, influence=influence
        ), memory

    def choice(
        self,
        state: OffPolicyState,
        psi: Float32[Array, "N E S A K"],
        x: Float32[Array, "1 N F"],
        key: Key[Array, ""],
    ) -> Choice:
        """Whom to act as, by the novice's own w."""
        config, w = self.config, state.params["params"]["w"]
        values, logits = (
            jnp.einsum("nesak,k->nesa", psi, w[0]),
            jnp.einsum("nesak,sk->nsa", psi, w) / config.ensemble,
        )
        values = values.at[:, :, 0].set(self.own_values(state, values[:, :, 0], x))
        heard = (
            jnp.concatenate([jnp.array([True]), self.gates(state.extra) >= OPEN])
            if config.gating and config.follow == "gpi"
            else None
        )
        return choose(
            values, logits, key, config.follow, config.support, config.caution, config.temperature, heard
        )

    def own_values(
        self, state: OffPolicyState, by_successors: Float32[Array, "N E A"], x: Float32[Array, "1 N F"]
    ) -> Float32[Array, "N E A"]:
        """The novice's: learnt from its rewards, or by its successor features once a new preference is all
        that it has.
        """
        learnt = self.net.call("values", state.params, x)[0, :, None]
        return jnp.where(jnp.any(state.extra.ridge.gram), by_successors, learnt)

    def explain(
        self, state: OffPolicyState, memory: Any, obs: Array, first: Array, decision: Decision
    ) -> dict[str, Array]:
        """What the auxiliary head expects to be seen next, and how far the ensemble is at odds; NaN for
        values of one head.
        """
        _, psi, _, x = self.net.apply(state.params, memory, obs, first)
        found = self.net.expected(state.params, x, decision.action)
        if self.config.ensemble > 1:
            spread = self.choice(state, psi[0], x, jax.random.key(0)).spread
            found["spread"] = spread.at[:, 0].set(
                jnp.where(jnp.any(state.extra.ridge.gram), spread[:, 0], jnp.nan)
            )
        return found

    def follow(
        self, state: OffPolicyState, memory: Any, obs: Array, first: Array, source: Array, key: Key[Array, ""]
    ) -> tuple[Array, Any]:
        """An action as each novice believes its source would act: k by pi_k(a|s) ~ exp(Psi_k . w_k), it
        itself greedily.
        """
        memory, psi, _, x = self.net.apply(state.params, memory, obs, first)
        w = state.params["params"]["w"]
        logits = jnp.einsum("nesak,sk->nsa", psi[0], w) / self.config.ensemble
        own = jnp.mean(self.own_values(state, psi[0][:, :, 0] @ w[0], x), axis=1)
        chosen = jnp.take_along_axis(logits, source[:, None, None], axis=1)[:, 0]
        action = jnp.where(source == 0, jnp.argmax(own, axis=-1), jax.random.categorical(key, chosen))
        return action.astype(jnp.int32), memory

    def appraise(self, state: OffPolicyState, others: Demonstration) -> Float32[Array, "T B L S"]:
        """Phi(s, a) . w_j of every step for every source j."""
        phi = self.net.watched(state.params, others)[1]
        done = over_sequences(at_action)(phi, sequences(others.action))
        return (done @ state.params["params"]["w"].T).reshape(*others.action.shape, -1)

    def observe(self, state: OffPolicyState, experience: Experience) -> Extra:
        """The company, judged by one more unroll."""
        own, others = experience.own, experience.others
        if not self.config.gating or not self.coplayers:
            return state.extra
        time, batch, k = others.action.shape
        obs, starts = beside(own.timestep.obs, others.obs), beside(own.timestep.first, starts_of(others))
        psi, phi, _ = self.net.of(state.params, obs, starts)
        w, mine = state.params["params"]["w"], batch * self.novices
        worth = over_sequences(at_action)(phi, beside(own.action, others.action)) @ w[0]
        theirs = psi[:, mine:].reshape(time, batch, k, *psi.shape[2:])
        own_psi = jnp.mean(theirs, axis=3)[:, :, jnp.arange(k), 1 + jnp.arange(k)]
        log_policy = jax.nn.log_softmax(jnp.einsum("tbkac,kc->tbka", own_psi, w[1:]))
        extra: Extra = state.extra
        company = judge(
            extra.company,
            reward=own.reward,
            expected=worth[:, :mine].reshape(own.reward.shape),
            worth=worth[:, mine:].reshape(time, batch, k),
            log_prob=jnp.take_along_axis(log_policy, others.action[..., None], axis=-1)[..., 0],
            present=others.present,
            actions=len(self.spec.actions),
            rate=min(1.0, time * batch / self.config.gate_steps),
        )
        return dataclasses.replace(extra, company=company)

    def gates(self, extra: Extra) -> Float32[Array, " K"]:
        """How far each co-player counts: fully without gating."""
        if not self.config.gating:
            return jnp.ones(self.coplayers, jnp.float32)
        return gates(extra.company, self.config.gate_width)

    def loss(
        self, params: PyTree, target: PyTree, rows: Rows, extra: Extra
    ) -> tuple[Array, dict[str, Array]]:
        """All losses on rows, own leaves (T, B, M, ...), the others' (T, L, K, ...), weighted and summed, and
        each by name.
        """
        own, others, w = own_steps(rows), others_steps(rows), params["params"]["w"]
        n = own.action.shape[1]
        gate = self.gates(extra) if n else jnp.ones(self.coplayers, jnp.float32)
        sequence_gate = jnp.tile(gate, others.action.shape[1] // max(self.coplayers, 1))
        read = self.read(params, target, own, others, jnp.max(gate, initial=0.0), sequence_gate)
        mine, theirs = (Read(*leaves) for leaves in zip(*((y[:, :n], y[:, n:]) for y in read), strict=True))

        losses: dict[str, Array] = {}
        metrics: dict[str, Array] = {}
        if n:
            reward = sequences(rows.own.reward)
            losses["td"], metrics = td_loss(mine.values, mine.values_ahead, own, reward, self.config.gamma)
            losses["reward"], found = self.reward_loss(own, reward, mine.phi, w[0])
            losses |= over_members(
                lambda psi, ahead: self.own_losses(own, w, psi, mine.phi, ahead, gate), mine.psi, mine.ahead
            )
            metrics = {"value": metrics["value"]} | found
        if self.coplayers:
            social = over_members(
                lambda psi, ahead: self.social_losses(others, w, psi, theirs.phi, ahead, sequence_gate),
                theirs.psi,
                theirs.ahead,
            )
            losses, metrics = losses | social[0], metrics | social[1]
        if n and self.coplayers:
            losses["vicarious"] = self.vicarious_loss(others, theirs, w[0], sequence_gate)
            if self.config.gating:
                metrics |= {f"gate/{k + 1}": gate[k] for k in range(self.coplayers)} | {
                    "reward_known": known(extra.company)
                }
        if self.config.prediction > 0:
            of, steps = (mine, own) if n else (theirs, others)
            losses["prediction"] = self.net.prediction_error(
                params, of.x, steps.action, steps.next_obs, steps.there
            )
        there = jnp.concatenate([own.there, others.there], axis=1)
        losses["phi_penalty"] = masked_mean(read.phi**2, there[..., None, None])
        total = jnp.sum(jnp.stack([getattr(self.config, name) * value for name, value in losses.items()]))
        return total, metrics | {f"loss/{name}": value for name, value in losses.items()}

    def read(
        self,
        params: PyTree,
        target: PyTree,
        own: Steps,
        others: Steps,
        open_: Array,
        gate: Float32[Array, " L"],
    ) -> Read:
        """What the networks say of one's own sequences and the others'. With gating the torso learns from the
        heads of Psi and Phi as far as the gates are open: the widest, `open_`, for one's own steps, each
        other's for its own."""
        obs, first, next_obs = (
            jnp.concatenate(pair, axis=1)
            for pair in ((own.obs, others.obs), (own.first, others.first), (own.next_obs, others.next_obs))
        )
        psi, phi, x = self.net.of(params, obs, first)
        if self.config.gating:
            shares = jnp.concatenate([jnp.full(own.action.shape[1], open_), gate])
            psi, phi = self.net.call("heads", params, let_through(x, shares))
        features = self.net.ahead(target, obs, first, next_obs)
        ahead, values_ahead = (
            self.net.call("heads", target, features)[0],
            self.net.call("values", target, features),
        )
        return Read(psi, phi, x, self.net.call("values", params, x), ahead, values_ahead)

    def vicarious_loss(
        self, others: Steps, read: Read, w: Float32[Array, " K"], gate: Array
    ) -> Float32[Array, ""]:
        """Q-learning of one's own values on the others' steps, paid by one's own idea of what pays."""
        reward = jax.lax.stop_gradient(over_sequences(at_action)(read.phi, others.action) @ w)
        discount, ahead = self.config.gamma * others.goes_on, read.values_ahead
        errors = over_sequences(q_learning_error)(read.values, others.action, reward, discount, ahead, ahead)
        return masked_mean(gate * errors**2, others.there)

    def reward_loss(
        self, own: Steps, reward: Float32[Array, "T N"], phi: Array, w: Array
    ) -> tuple[Array, dict[str, Array]]:
        """Squared error of one's own idea of what pays."""
        phi_now = over_sequences(at_action)(phi, own.action)
        loss = jnp.mean((phi_now @ w - reward) ** 2)
        return loss, {
            "phi_norm": jnp.mean(jnp.linalg.norm(phi_now, axis=-1)),
            "w_norm": jnp.linalg.norm(w),
            "reward_error": loss / jnp.maximum(jnp.var(reward), 0.01),  # some batches have next to no rewards
        }

    def own_losses(
        self, own: Steps, w: Float32[Array, "S K"], psi: Array, phi: Array, ahead: Array, gate: Array
    ) -> dict[str, Array]:
        """TD learning of successor features on the novices' steps: one's own, and the others' off-policy.
        psi, ahead (T, N, S, A, K), phi (T, N, A, K)."""
        frozen, discount = jax.lax.stop_gradient(w), self.config.gamma * own.goes_on
        phi_now = jax.lax.stop_gradient(over_sequences(at_action)(phi, own.action))

        def successor(source: int, bootstrap: Array) -> Array:
            now = over_sequences(at_action)(psi[:, :, source], own.action)
            return jnp.mean(over_sequences(successor_error)(now, phi_now, discount, bootstrap) ** 2)

        best = jnp.argmax(ahead[:, :, 0] @ frozen[0], axis=-1)
        losses = {"successor": successor(0, over_sequences(at_action)(ahead[:, :, 0], best))}
        policies = jax.nn.softmax(jnp.einsum("tnsak,sk->tnsa", ahead, frozen))
        off_policy = [
            successor(k, over_sequences(expected_successor)(ahead[:, :, k], policies[:, :, k]))
            for k in range(1, 1 + self.coplayers)
        ]
        return losses | ({"off_policy": jnp.mean(gate * jnp.stack(off_policy))} if off_policy else {})

    def social_losses(
        self, others: Steps, w: Float32[Array, "S K"], psi: Array, phi: Array, ahead: Array, gate: Array
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """Cloning and inverse TD on the others' steps; psi, ahead (T, N, S, A, K), phi (T, N, A, K). The
        sequences are those of the co-players, one after the other and again; those of a file are the same
        co-players."""
        n = jnp.arange(others.action.shape[1])
        who = 1 + n % self.coplayers
        psi_k, ahead_k = psi[:, n, who], ahead[:, n, who]
        logits = jnp.einsum("tnac,nc->tna", psi_k, w[who])
        cloning = over_sequences(cloning_loss)(logits, others.action)
        right = (jnp.argmax(logits, axis=-1) == others.action).astype(jnp.float32)

        psi_now, phi_now = (
            over_sequences(at_action)(psi_k, others.action),
            over_sequences(at_action)(phi, others.action),
        )
        next_action = jnp.concatenate([others.action[1:], others.action[:1]])
        follows = jnp.concatenate([others.there[1:] & ~others.first[1:], jnp.zeros_like(others.there[:1])])
        counts = (others.there & (follows | (others.goes_on == 0)))[..., None]
        discount, bootstrap = (
            self.config.gamma * others.goes_on,
            over_sequences(at_action)(ahead_k, next_action),
        )
        error = over_sequences(successor_error)
        into_phi = error(jax.lax.stop_gradient(psi_now), phi_now, discount, bootstrap)
        into_psi = error(psi_now, jax.lax.stop_gradient(phi_now), discount, bootstrap)
        losses = {
            "cloning": masked_mean(cloning, others.there),
            "inverse_td": masked_mean(gate[:, None] * into_phi**2, counts),
            "others": masked_mean(into_psi**2, counts),
        }
        return losses, {"cloning_accuracy": masked_mean(right, others.there)}

    def adapt(self, state: OffPolicyState, experience: Experience, key: Key[Array, ""]) -> OffPolicyState:
        """A new preference: w_ego alone is re-learnt, by ridge regression of one's own rewards on the frozen
        Phi. By it the company is judged anew."""
        own = experience.own
        obs, first = sequences(own.timestep.obs), sequences(own.timestep.first)
        phi = self.net.of(state.params, obs, first)[1]
        phi = over_sequences(at_action)(phi, sequences(own.action)).reshape(-1, self.config.cumulants)
        reward = own.reward.reshape(-1)
        before: Ridge = state.extra.ridge
        ridge = Ridge(gram=before.gram + phi.T @ phi, moment=before.moment + phi.T @ reward)
        scale = self.config.ridge * jnp.trace(ridge.gram) / self.config.cumulants
        w = jnp.linalg.solve(
            ridge.gram + scale * jnp.eye(self.config.cumulants, dtype=jnp.float32), ridge.moment
        )
        inner = state.params["params"]
        params = {**state.params, "params": {**inner, "w": inner["w"].at[0].set(w)}}
        anew = ~jnp.any(before.gram)
        company = jax.tree.map(
            lambda new, old: jnp.where(anew, new, old), strangers(self.coplayers), state.extra.company
        )
        adapted = dataclasses.replace(state, params=params, extra=Extra(ridge=ridge, company=company))
        return dataclasses.replace(adapted, extra=self.observe(adapted, experience))

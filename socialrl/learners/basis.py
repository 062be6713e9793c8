"""BASIS: many tasks teach what matters and how to get it; a newcomer's goal is then read off a few of its
actions.

After Abdulhai, Jaques and Levine (2022, arXiv 2208.04919). Every novice's seat is a task, with preferences
w_m and successor features Psi_m of its own over a torso and cumulants Phi that all share, learnt from own
rewards. Whoever is watched later on is taken for somebody who wants Phi . w for an unknown w and knows what
the tasks know: pi(a|s) ~ exp(sharpness * max_m Psi_m(s, a) . w). Its w is the likeliest one.
"""

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Bool, Float32, Key, PyTree

from socialrl.learners._network import own_steps
from socialrl.learners._offpolicy import OffPolicyConfig, OffPolicyState, Parts, Rows, build
from socialrl.learners._sequences import over_sequences, sequences
from socialrl.learners._successors import Net
from socialrl.losses.policy import cloning_loss
from socialrl.losses.successor import at_action, successor_error
from socialrl.losses.td import q_learning_error
from socialrl.types import Decision, Demonstration, Learner
from socialrl_envs.struct import pytree
from socialrl_envs.types import WorldSpec
from socialrl_envs.world import require


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(OffPolicyConfig):
    """Options of basis, besides those of every off-policy learner.

    cumulants: size of Phi.
    reward: weight of predicting each task's reward by Phi . w_m.
    td: weight of TD learning of each task's own values.
    successor: weight of TD learning of every task's successor features, on the steps of all.
    phi_penalty: weight of mean Phi^2.
    phi_gain: scale of Phi and Psi at the start.
    w_std: standard deviation of every w at the start.
    sharpness: of the choices of whoever is watched, per unit of reward.
    prior: weight of an inferred w's squared distance from the mean of the tasks', beside the mean surprise at
    a step in nats.
    fit_steps: gradient steps in which a w is inferred.
    starts: random w from which that begins, besides each task's and their mean; the likeliest of what is
    found is taken.
    """

    takes: ClassVar[
        tuple[str, ...]
    ] = ()  # it is taught by rewards; whoever is watched is inferred apart, see `infer`

    cumulants: int = 8
    reward: float = 10.0
    td: float = 1.0
    successor: float = 1.0
    phi_penalty: float = 1.0
    phi_gain: float = 0.1
    w_std: float = 0.3
    sharpness: float = 5.0
    prior: float = 0.01
    fit_steps: int = 200
    starts: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("cumulants", "fit_steps"):
            require(getattr(self, key) >= 1, key, getattr(self, key), "at least 1")
        require(self.starts >= 0, "starts", self.starts, "at least 0")
        for key in ("reward", "td", "successor", "phi_penalty", "prior"):
            require(getattr(self, key) >= 0, key, getattr(self, key), "a weight, at least 0")
        for key in ("phi_gain", "w_std", "sharpness"):
            require(getattr(self, key) > 0, key, getattr(self, key), "positive")

    def build(self, spec: WorldSpec) -> Learner:
        """The learner for this world; it needs a novice."""
        require(len(spec.novices) > 0, "novices", 0, "at least 1 for a learner")
        return Basis(self, spec).learner()


@pytree
class Goal:
    """What the novices want instead of their tasks, if `given`: w (K,)."""

    w: Float32[Array, " K"]
    given: Bool[Array, ""]


class Basis:
    """The parts of the learner: network, decision, loss, goal inference."""

    def __init__(self, config: Config, spec: WorldSpec):
        self.config, self.spec, self.tasks = config, spec, len(spec.novices)
        self.net = Net(config, spec, (self.tasks,))

    def learner(self) -> Learner:
        """The functions of a learner."""
        goal = Goal(w=jnp.zeros(self.config.cumulants, jnp.float32), given=jnp.array(False))
        parts = Parts(
            init=self.net.init,
            decide=self.decide,
            loss=self.loss,
            extra=goal,
            observe=lambda state, _: state.extra,
        )
        parts = parts._replace(explain=self.explain, appraise=self.appraise)
        return build(self.config, self.spec, parts)._replace(infer=self.infer)

    def decide(
        self, state: OffPolicyState, memory: Any, obs: Array, first: Array, key: Key[Array, ""], explore: bool
    ) -> tuple[Decision, Any]:
        """What is best by the novice's own w, whichever task's successor features know the way."""
        memory, psi, _, _ = self.net.apply(state.params, memory, obs, first)
        goal, task = state.extra, jnp.arange(obs.shape[1]) % self.tasks
        w = jnp.where(goal.given, goal.w, state.params["params"]["w"][task])
        values = jnp.max(jnp.einsum("nmak,nk->nma", psi[0], w), axis=1)
        action = jnp.argmax(values, axis=-1).astype(jnp.int32)
        unused = jnp.full(action.shape, jnp.nan, jnp.float32)
        return Decision(
            action=action, source=jnp.zeros_like(action), values=values[:, None], influence=unused
        ), memory

    def explain(
        self, state: OffPolicyState, memory: Any, obs: Array, first: Array, decision: Decision
    ) -> dict[str, Array]:
        """What the auxiliary head expects to be seen next."""
        return self.net.expected(
            state.params, self.net.apply(state.params, memory, obs, first)[3], decision.action
        )

    def appraise(self, state: OffPolicyState, others: Demonstration) -> Float32[Array, "T B L S"]:
        """Phi(s, a) . w of every step, for the goal that was inferred last, if one was."""
        phi = self.net.watched(state.params, others)[1]
        done = over_sequences(at_action)(phi, sequences(others.action))
        return (done @ state.extra.w).reshape(*others.action.shape, 1)

    def infer(
        self, state: OffPolicyState, shown: Demonstration, asked: Demonstration
    ) -> tuple[OffPolicyState, Array]:
        """The likeliest goal of whoever took the steps of `shown`, given to the novices, and the logits (T,
        B, L, A) of its policy at the steps of `asked`. Leaves (T, B, L, ...); steps in which nobody is
        present show nothing."""
        psi, tasks = self.net.watched(state.params, shown)[0], state.params["params"]["w"]
        action, mean = shown.action.reshape(psi.shape[:2]), jnp.mean(tasks, axis=0)
        there = shown.present.reshape(psi.shape[:2]).astype(jnp.float32)

        def surprise(w: Float32[Array, " K"]) -> Float32[Array, ""]:
            nats = over_sequences(cloning_loss)(self.policy(psi, w), action)
            return jnp.sum(there * nats) / jnp.maximum(jnp.sum(there), 1.0) + self.config.prior * jnp.sum(
                (w - mean) ** 2
            )

        optimiser = optax.adam(0.05)

        def step(carry: Any, _: None) -> tuple[Any, None]:
            w, opt_state = carry
            updates, opt_state = optimiser.update(jax.grad(surprise)(w), opt_state)
            return (optax.apply_updates(w, updates), opt_state), None

        def fit(w: Float32[Array, " K"]) -> tuple[Array, Array]:
            (w, _), _ = jax.lax.scan(step, (w, optimiser.init(w)), length=self.config.fit_steps)
            return w, surprise(w)

        draws = mean + jnp.std(tasks) * jax.random.normal(jax.random.key(0), (self.config.starts, len(mean)))
        goals, nats = jax.vmap(fit)(jnp.concatenate([mean[None], tasks, draws]))
        w = goals[jnp.argmin(nats)]
        logits = self.policy(self.net.watched(state.params, asked)[0], w).reshape(*asked.action.shape, -1)
        return dataclasses.replace(state, extra=Goal(w=w, given=jnp.array(True))), logits

    def policy(self, psi: Float32[Array, "T N M A K"], w: Float32[Array, " K"]) -> Float32[Array, "T N A"]:
        """Logits of somebody who wants Phi . w and knows what the tasks know."""
        return self.config.sharpness * jnp.max(psi @ w, axis=2)

    def loss(self, params: PyTree, target: PyTree, rows: Rows, extra: Goal) -> tuple[Array, dict[str, Array]]:
        """All losses on the novices' steps, weighted and summed, and each by name."""
        own, every, steps = rows.own, params["params"]["w"], own_steps(rows)
        action, reward, discount = steps.action, sequences(own.reward), self.config.gamma * steps.goes_on
        n = jnp.arange(action.shape[1])
        task = n % self.tasks
        psi, phi, x = self.net.of(params, steps.obs, steps.first)
        features = self.net.ahead(target, steps.obs, steps.first, steps.next_obs)
        ahead = self.net.call("heads", target, features)[0]
        phi_now, frozen = over_sequences(at_action)(phi, action), jax.lax.stop_gradient(every)

        mine, mine_ahead = (jnp.einsum("tnak,nk->tna", y[:, n, task], frozen[task]) for y in (psi, ahead))
        td = over_sequences(q_learning_error)(mine, action, reward, discount, mine_ahead, mine_ahead)

        def successor(psi: Array, ahead: Array, w: Array) -> Array:
            now, best = over_sequences(at_action)(psi, action), jnp.argmax(ahead @ w, axis=-1)
            bootstrap = over_sequences(at_action)(ahead, best)
            error = over_sequences(successor_error)(now, jax.lax.stop_gradient(phi_now), discount, bootstrap)
            return jnp.mean(error**2)

        losses = {
            "reward": jnp.mean((jnp.einsum("tnk,nk->tn", phi_now, every[task]) - reward) ** 2),
            "td": jnp.mean(td**2),
            "successor": jnp.mean(jax.vmap(successor, in_axes=(2, 2, 0))(psi, ahead, frozen)),
            "phi_penalty": jnp.mean(phi**2),
        }
        if self.config.prediction > 0:
            losses["prediction"] = self.net.prediction_error(params, x, action, steps.next_obs, steps.there)
        total = jnp.sum(jnp.stack([getattr(self.config, name) * value for name, value in losses.items()]))
        metrics = {"reward_error": losses["reward"] / (jnp.var(reward) + 1e-6), "value": jnp.mean(mine)}
        return total, metrics | {f"loss/{name}": value for name, value in losses.items()}

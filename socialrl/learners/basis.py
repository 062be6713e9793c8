"""BASIS (Abdulhai, Jaques and Levine, 2022, arXiv 2208.04919): successor features from many tasks, and
inference of a new agent's goal from a few of its actions.

Each novice's seat is a task, with preferences w_m and successor features Psi_m of its own over a torso and
cumulants Phi that all tasks share, learnt from the novices' own rewards. An observed agent is modelled as
maximising Phi . w for an unknown w with the skills of the tasks, pi(a|s) ~ exp(sharpness * max_m Psi_m(s, a)
. w); its w is inferred by maximum a posteriori.
"""

import dataclasses

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree, UInt8

from socialrl.learners._batches import SequenceBatch
from socialrl.learners._config import check_roster
from socialrl.learners._offpolicy import (
    AgentFns,
    Losses,
    OffPolicyState,
    off_policy_learner,
    over_novices,
)
from socialrl.learners._sequences import Steps, over_sequences, own_steps, sequences
from socialrl.learners._successors import SuccessorConfig, SuccessorFns
from socialrl.losses.means import masked_mean
from socialrl.losses.policy import cloning_loss
from socialrl.losses.successor import at_action, successor_error
from socialrl.losses.td import q_learning_error
from socialrl.nets.memory import Carry
from socialrl.types import (
    Capability,
    Decision,
    Demonstration,
    Diagnostics,
    GoalInference,
    Learner,
    RewardInference,
    Timestep,
    decision_of,
)
from socialrl_envs.options import option
from socialrl_envs.struct import pytree, replace
from socialrl_envs.types import WorldSpec


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(SuccessorConfig):
    """Options of basis, besides those of every learner with successor features."""

    reward_coef: float = option(10.0, "weight of predicting each task's reward by Phi . w_m", low=0)
    sharpness: float = option(
        5.0, "how strictly an observed agent is taken to prefer better actions, per unit of reward", above=0
    )
    prior_coef: float = option(
        0.01, "weight of an inferred w's squared distance from the mean of the tasks' w", low=0
    )
    fit_steps: int = option(200, "gradient steps of the inference of a w", low=1)
    starts: int = option(
        16, "random starting points of that inference, besides each task's w and their mean", low=0
    )

    @property
    def watches(self) -> bool:
        """False: it learns from rewards; `infer_goal` is for observed agents."""
        return False

    def build(self, spec: WorldSpec) -> Learner[OffPolicyState]:
        """The learner for this world; raises SocialRLError if it has no novice."""
        check_roster(spec)
        return Basis(self, spec).learner()


@pytree
class Goal:
    """The preference that the novices pursue in place of their tasks', if `given`."""

    w: Float32[Array, " K"]
    given: Bool[Array, ""]


class Basis:
    """The functions of the learner for one world."""

    def __init__(self, config: Config, spec: WorldSpec):
        self.config, self.spec, self.tasks = config, spec, len(spec.novices)
        self.net = SuccessorFns(config, spec, (self.tasks,))

    def learner(self) -> Learner[OffPolicyState]:
        """The Learner of these functions."""
        goal = Goal(w=jnp.zeros(self.config.cumulants, jnp.float32), given=jnp.array(False))
        agent = AgentFns(init=self.net.init, decide=self.decide, loss=self.loss, aux=goal)
        capabilities: tuple[Capability, ...] = (
            RewardInference(infer_rewards=self.infer_rewards),
            GoalInference(infer_goal=self.infer_goal),
        )
        if self.config.prediction_coef > 0:
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
        """The best action by the novice's own w (or the given goal) over the successor features of
        all tasks.
        """
        carry, psi, _, _ = self.net.step(state.params, carry, obs, first)
        goal, task = state.aux, jnp.arange(obs.shape[1]) % self.tasks
        w = jnp.where(goal.given, goal.w, state.params["params"]["w"][task])
        values = jnp.max(jnp.einsum("nmak,nk->nma", psi[0], w), axis=1)
        return decision_of(jnp.argmax(values, axis=-1).astype(jnp.int32), values[:, None]), carry

    def diagnose(
        self, state: OffPolicyState, carry: Carry, timestep: Timestep, decision: Decision
    ) -> dict[str, Array]:
        """`prediction`, the predicted next view."""

        def found(
            carry: Carry,
            obs: UInt8[Array, "1 N V V C"],
            first: Bool[Array, "1 N"],
            action: Int32[Array, " N"],
        ) -> dict[str, Array]:
            x = self.net.step(state.params, carry, obs, first)[3]
            return {"prediction": self.net.predict(state.params, x, action[None])[0]}

        return over_novices(found, carry, timestep, decision.action)

    def infer_rewards(self, state: OffPolicyState, others: Demonstration) -> Float32[Array, "T B seats 1"]:
        """Phi(s, a) . w of every step for the goal that was inferred last; 0 before the first."""
        phi = self.net.of_others(state.params, others)[1]
        taken = over_sequences(at_action)(phi, sequences(others.action))
        return (taken @ state.aux.w).reshape(*others.action.shape, 1)

    def infer_goal(
        self, state: OffPolicyState, shown: Demonstration, asked: Demonstration
    ) -> tuple[OffPolicyState, Float32[Array, "T B seats A"]]:
        """The state with the goal of the agent that took the steps `shown` (those with `present`), and the
        logits of its policy at the steps `asked`.
        """
        psi, tasks = self.net.of_others(state.params, shown)[0], state.params["params"]["w"]
        action, mask = sequences(shown.action), sequences(shown.present)
        w = self.likeliest(psi, action, mask, tasks)
        logits = self.policy(self.net.of_others(state.params, asked)[0], w).reshape(*asked.action.shape, -1)
        return replace(state, aux=Goal(w=w, given=jnp.array(True))), logits

    def likeliest(
        self,
        psi: Float32[Array, "T N tasks A K"],
        action: Int32[Array, "T N"],
        mask: Bool[Array, "T N"],
        tasks: Float32[Array, "tasks K"],
    ) -> Float32[Array, " K"]:
        """The w that minimises the mean cross-entropy of the actions plus prior_coef |w - mean of the tasks'
        w|^2: the best of several runs of Adam.
        """
        mean, optimiser = jnp.mean(tasks, axis=0), optax.adam(0.05)

        def objective(w: Float32[Array, " K"]) -> Float32[Array, ""]:
            nats = over_sequences(cloning_loss)(self.policy(psi, w), action)
            return masked_mean(nats, mask) + self.config.prior_coef * jnp.sum((w - mean) ** 2)

        def step(carry: PyTree, _: None) -> tuple[PyTree, None]:
            w, opt_state = carry
            updates, opt_state = optimiser.update(jax.grad(objective)(w), opt_state)
            return (optax.apply_updates(w, updates), opt_state), None

        def fit(w: Float32[Array, " K"]) -> tuple[Array, Array]:
            (w, _), _ = jax.lax.scan(step, (w, optimiser.init(w)), length=self.config.fit_steps)
            return w, objective(w)

        noise = jax.random.normal(jax.random.key(0), (self.config.starts, len(mean)))
        draws = mean + jnp.std(tasks) * noise
        goals, losses = jax.vmap(fit)(jnp.concatenate([mean[None], tasks, draws]))
        return goals[jnp.argmin(losses)]

    def policy(
        self, psi: Float32[Array, "T N tasks A K"], w: Float32[Array, " K"]
    ) -> Float32[Array, "T N A"]:
        """Logits of an agent that maximises Phi . w with the skills of the tasks."""
        return self.config.sharpness * jnp.max(psi @ w, axis=2)

    def loss(self, params: PyTree, target: PyTree, batch: SequenceBatch, aux: Goal) -> Losses:
        """The weighted sum of the losses on the novices' steps, and metrics: each loss by name, and more."""
        config, steps, w = self.config, own_steps(batch), params["params"]["w"]
        reward, discount = sequences(batch.own.reward), config.gamma * steps.continuation
        n = jnp.arange(steps.action.shape[1])
        task = n % self.tasks
        psi, phi, x = self.net.unroll(params, steps.obs, steps.first)
        next_x = self.net.next_features(target, steps.obs, steps.first, steps.next_obs)
        next_psi = self.net.successors(target, next_x)[0]
        phi_now, frozen = over_sequences(at_action)(phi, steps.action), jax.lax.stop_gradient(w)

        mine, next_mine = (jnp.einsum("tnak,nk->tna", y[:, n, task], frozen[task]) for y in (psi, next_psi))
        td = over_sequences(q_learning_error)(mine, steps.action, reward, discount, next_mine, next_mine)
        successor = self.successor_loss(steps, psi, phi_now, next_psi, frozen, discount)
        losses = {
            "reward": jnp.mean((jnp.einsum("tnk,nk->tn", phi_now, w[task]) - reward) ** 2),
            "td": jnp.mean(td**2),
            "successor": successor,
            "phi_penalty": jnp.mean(phi**2),
        }
        coefs = [config.reward_coef, config.td_coef, config.successor_coef, config.phi_penalty_coef]
        if config.prediction_coef > 0:
            losses["prediction"] = self.net.prediction_error(params, x, steps)
            coefs.append(config.prediction_coef)
        weighted = [coef * value for coef, value in zip(coefs, losses.values(), strict=True)]
        metrics = {"reward_error": losses["reward"] / (jnp.var(reward) + 1e-6), "value": jnp.mean(mine)}
        total = jnp.sum(jnp.stack(weighted))
        return total, metrics | {f"loss/{name}": value for name, value in losses.items()}

    def successor_loss(
        self,
        steps: Steps,
        psi: Float32[Array, "T N tasks A K"],
        phi_now: Float32[Array, "T N K"],
        next_psi: Float32[Array, "T N tasks A K"],
        w: Float32[Array, "tasks K"],
        discount: Float32[Array, "T N"],
    ) -> Float32[Array, ""]:
        """The mean squared TD error of every task's successor features on the steps of all tasks."""

        def of_task(
            psi: Float32[Array, "T N A K"], next_psi: Float32[Array, "T N A K"], w: Float32[Array, " K"]
        ) -> Float32[Array, ""]:
            psi_now = over_sequences(at_action)(psi, steps.action)
            bootstrap = over_sequences(at_action)(next_psi, jnp.argmax(next_psi @ w, axis=-1))
            error = over_sequences(successor_error)(
                psi_now, jax.lax.stop_gradient(phi_now), discount, bootstrap
            )
            return jnp.mean(error**2)

        return jnp.mean(jax.vmap(of_task, in_axes=(2, 2, 0))(psi, next_psi, w))

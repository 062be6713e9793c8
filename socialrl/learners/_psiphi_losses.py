"""The losses of psiphi, each with the gradient that it may have.

Axes besides those of the contract: `E` members of the ensemble, `K` cumulants; N sequences, the novices'
first.
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, PyTree

from socialrl.learners._baseline import td_loss
from socialrl.learners._batches import SequenceBatch
from socialrl.learners._offpolicy import Losses
from socialrl.learners._sequences import (
    Steps,
    others_steps,
    over_sequences,
    own_steps,
    sequences,
)
from socialrl.learners._successors import SuccessorConfig, SuccessorFns
from socialrl.losses.means import masked_mean
from socialrl.losses.policy import cloning_loss
from socialrl.losses.successor import at_action, expected_successor, successor_error
from socialrl.losses.td import q_learning_error
from socialrl_envs.options import option

NamedLosses = dict[str, Float32[Array, ""]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PsiPhiLossConfig(SuccessorConfig):
    """The options of psiphi that its losses depend on."""

    trust: bool = option(
        True, "weight the losses and proposals of other agents by how predictable and useful they are"
    )
    relabelled_coef: float = option(
        3.0, "weight of Q-learning of the own values on others' steps, with Phi . w as reward", low=0
    )
    cloning_coef: float = option(1.0, "weight of cloning each other agent k by Psi_k . w_k", low=0)
    inverse_td_coef: float = option(
        1.0, "weight of inverse TD, which makes Phi explain others' behaviour", low=0
    )
    others_coef: float = option(
        1.0, "weight of TD learning of others' successor features on their own steps", low=0
    )
    off_policy_coef: float = option(
        1.0, "weight of TD learning of others' successor features on the novice's steps", low=0
    )


class Outputs(NamedTuple):
    """The network's outputs at sequences; next_*: by the target network at the true successors."""

    psi: Float32[Array, "T N E S A K"]
    phi: Float32[Array, "T N A K"]
    x: Float32[Array, "T N F"]
    values: Float32[Array, "T N A"]
    next_psi: Float32[Array, "T N E S A K"]
    next_values: Float32[Array, "T N A"]


def scale_gradient(x: Float32[Array, "T N F"], share: Float32[Array, " N"]) -> Float32[Array, "T N F"]:
    """x, whose gradient is multiplied by the share of its sequence."""
    return share[:, None] * x + (1 - share[:, None]) * jax.lax.stop_gradient(x)


def over_members(
    function: Callable[[Array, Array], PyTree],
    psi: Float32[Array, "T N E *rest"],
    next_psi: Float32[Array, "T N E *rest"],
) -> PyTree:
    """The means over the ensemble, axis 2, of function(psi, next_psi) of each member."""
    return jax.tree.map(lambda x: jnp.mean(x, axis=0), jax.vmap(function, in_axes=2)(psi, next_psi))


class PsiPhiLosses:
    """The losses for one network and number of co-players."""

    def __init__(self, config: PsiPhiLossConfig, net: SuccessorFns, coplayers: int):
        self.config, self.net, self.coplayers = config, net, coplayers
        self.coefs = {
            "td": config.td_coef,
            "reward": config.reward_coef,
            "successor": config.successor_coef,
            "off_policy": config.off_policy_coef,
            "cloning": config.cloning_coef,
            "inverse_td": config.inverse_td_coef,
            "others": config.others_coef,
            "relabelled": config.relabelled_coef,
            "prediction": config.prediction_coef,
            "phi_penalty": config.phi_penalty_coef,
        }

    def total(
        self, params: PyTree, target: PyTree, batch: SequenceBatch, trust: Float32[Array, " coplayers"]
    ) -> Losses:
        """The weighted sum of all losses that the batch allows, and metrics: each loss by name, and more."""
        own, others, w = own_steps(batch), others_steps(batch), params["params"]["w"]
        n = own.action.shape[1]
        sequence_trust = jnp.tile(trust, others.action.shape[1] // max(self.coplayers, 1))
        outputs = self.outputs(params, target, own, others, jnp.max(trust, initial=0.0), sequence_trust)
        mine, theirs = Outputs(*(y[:, :n] for y in outputs)), Outputs(*(y[:, n:] for y in outputs))

        losses: NamedLosses = {}
        metrics: NamedLosses = {}
        if n:
            losses, metrics = self.on_own_steps(own, sequences(batch.own.reward), mine, w, trust)
        if self.coplayers:
            social = over_members(
                lambda psi, next_psi: self.social(others, w, psi, theirs.phi, next_psi, sequence_trust),
                theirs.psi,
                theirs.next_psi,
            )
            losses, metrics = losses | social[0], metrics | social[1]
        if n and self.coplayers:
            losses["relabelled"] = self.relabelled(others, theirs, w[0], sequence_trust)
        if self.config.prediction_coef > 0:
            outs, steps = (mine, own) if n else (theirs, others)
            losses["prediction"] = self.net.prediction_error(params, outs.x, steps)
        mask = jnp.concatenate([own.mask, others.mask], axis=1)
        losses["phi_penalty"] = masked_mean(outputs.phi**2, mask[..., None, None])
        total = jnp.sum(jnp.stack([self.coefs[name] * value for name, value in losses.items()]))
        return total, metrics | {f"loss/{name}": value for name, value in losses.items()}

    def outputs(
        self,
        params: PyTree,
        target: PyTree,
        own: Steps,
        others: Steps,
        own_share: Float32[Array, ""],
        others_share: Float32[Array, " L"],
    ) -> Outputs:
        """The Outputs at the novices' sequences, then at the others'.

        With trust, the gradient of the heads of Psi and Phi reaches the torso only in part: on the novices'
        sequences by `own_share` (the highest trust), on each other sequence by its entry of `others_share`.
        """
        obs = jnp.concatenate([own.obs, others.obs], axis=1)
        first = jnp.concatenate([own.first, others.first], axis=1)
        next_obs = jnp.concatenate([own.next_obs, others.next_obs], axis=1)
        psi, phi, x = self.net.unroll(params, obs, first)
        if self.config.trust:
            share = jnp.concatenate([jnp.full(own.action.shape[1], own_share), others_share])
            psi, phi = self.net.successors(params, scale_gradient(x, share))
        next_x = self.net.next_features(target, obs, first, next_obs)
        next_psi, next_values = self.net.successors(target, next_x)[0], self.net.values(target, next_x)
        return Outputs(psi, phi, x, self.net.values(params, x), next_psi, next_values)

    def on_own_steps(
        self,
        own: Steps,
        reward: Float32[Array, "T N"],
        mine: Outputs,
        w: Float32[Array, "S K"],
        trust: Float32[Array, " coplayers"],
    ) -> tuple[NamedLosses, NamedLosses]:
        """The losses on the novices' steps, and metrics."""
        td, found = td_loss(mine.values, mine.next_values, own, reward, self.config.gamma)
        error, metrics = self.reward(own, reward, mine.phi, w[0])
        successors = over_members(
            lambda psi, next_psi: self.successors(own, w, psi, mine.phi, next_psi, trust),
            mine.psi,
            mine.next_psi,
        )
        return {"td": td, "reward": error} | successors, {"value": found["value"]} | metrics

    def reward(
        self,
        own: Steps,
        reward: Float32[Array, "T N"],
        phi: Float32[Array, "T N A K"],
        w: Float32[Array, " K"],
    ) -> Losses:
        """The mean squared error of the reward model Phi . w, and metrics."""
        taken = over_sequences(at_action)(phi, own.action)
        loss = jnp.mean((taken @ w - reward) ** 2)
        return loss, {
            "phi_norm": jnp.mean(jnp.linalg.norm(taken, axis=-1)),
            "w_norm": jnp.linalg.norm(w),
            "reward_error": loss / jnp.maximum(jnp.var(reward), 0.01),  # some batches have hardly any rewards
        }

    def successors(
        self,
        own: Steps,
        w: Float32[Array, "S K"],
        psi: Float32[Array, "T N S A K"],
        phi: Float32[Array, "T N A K"],
        next_psi: Float32[Array, "T N S A K"],
        trust: Float32[Array, " coplayers"],
    ) -> NamedLosses:
        """TD errors of successor features on the novices' steps: `successor` of the novice's own,
        `off_policy` of the others' under their policies, weighted by trust.
        """
        frozen, discount = jax.lax.stop_gradient(w), self.config.gamma * own.continuation
        phi_now = jax.lax.stop_gradient(over_sequences(at_action)(phi, own.action))

        def squared_error(source: int, bootstrap: Float32[Array, "T N K"]) -> Float32[Array, ""]:
            psi_now = over_sequences(at_action)(psi[:, :, source], own.action)
            return jnp.mean(over_sequences(successor_error)(psi_now, phi_now, discount, bootstrap) ** 2)

        best = jnp.argmax(next_psi[:, :, 0] @ frozen[0], axis=-1)
        losses = {"successor": squared_error(0, over_sequences(at_action)(next_psi[:, :, 0], best))}
        policies = jax.nn.softmax(jnp.einsum("tnsak,sk->tnsa", next_psi, frozen))
        off_policy = [
            squared_error(k, over_sequences(expected_successor)(next_psi[:, :, k], policies[:, :, k]))
            for k in range(1, 1 + self.coplayers)
        ]
        return losses | ({"off_policy": jnp.mean(trust * jnp.stack(off_policy))} if off_policy else {})

    def social(
        self,
        others: Steps,
        w: Float32[Array, "S K"],
        psi: Float32[Array, "T L S A K"],
        phi: Float32[Array, "T L A K"],
        next_psi: Float32[Array, "T L S A K"],
        trust: Float32[Array, " L"],
    ) -> tuple[NamedLosses, NamedLosses]:
        """Losses on the others' steps, and metrics: `cloning`, `inverse_td` (weighted by trust), and
        `others`, the TD error of their own successor features.

        Sequence n is of co-player n modulo their number, also those of a file. The next action is known
        within an episode only; a step whose successor it lacks counts for TD only if the task ended with it.
        """
        n = jnp.arange(others.action.shape[1])
        source = 1 + n % self.coplayers
        psi_k, next_psi_k = psi[:, n, source], next_psi[:, n, source]
        logits = jnp.einsum("tnac,nc->tna", psi_k, w[source])
        cloning = over_sequences(cloning_loss)(logits, others.action)
        right = (jnp.argmax(logits, axis=-1) == others.action).astype(jnp.float32)

        psi_now = over_sequences(at_action)(psi_k, others.action)
        phi_now = over_sequences(at_action)(phi, others.action)
        next_action = jnp.concatenate([others.action[1:], others.action[:1]])
        followed = jnp.concatenate([others.mask[1:] & ~others.first[1:], jnp.zeros_like(others.mask[:1])])
        counts = (others.mask & (followed | (others.continuation == 0)))[..., None]
        discount = self.config.gamma * others.continuation
        bootstrap = over_sequences(at_action)(next_psi_k, next_action)
        error = over_sequences(successor_error)
        into_phi = error(jax.lax.stop_gradient(psi_now), phi_now, discount, bootstrap)
        into_psi = error(psi_now, jax.lax.stop_gradient(phi_now), discount, bootstrap)
        losses = {
            "cloning": masked_mean(cloning, others.mask),
            "inverse_td": masked_mean(trust[:, None] * into_phi**2, counts),
            "others": masked_mean(into_psi**2, counts),
        }
        return losses, {"cloning_accuracy": masked_mean(right, others.mask)}

    def relabelled(
        self, others: Steps, theirs: Outputs, w: Float32[Array, " K"], trust: Float32[Array, " L"]
    ) -> Float32[Array, ""]:
        """Q-learning of the novice's values on the others' steps relabelled with the reward Phi . w, weighted
        by trust.
        """
        taken = over_sequences(at_action)(theirs.phi, others.action)
        reward = jax.lax.stop_gradient(taken @ w)
        discount, next_values = self.config.gamma * others.continuation, theirs.next_values
        errors = over_sequences(q_learning_error)(
            theirs.values, others.action, reward, discount, next_values, next_values
        )
        return masked_mean(trust * errors**2, others.mask)

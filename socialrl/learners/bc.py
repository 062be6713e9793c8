"""Behavioural cloning: imitates what all co-players do, pooled, and never looks at a reward. The control without goals."""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import PyTree

from socialrl.learners._offpolicy import OffPolicyConfig, Rows, starts_of
from socialrl.learners.dqn import Apply, network_learner, prediction_of
from socialrl.losses.policy import cloning_loss
from socialrl.nets.memory import blank
from socialrl.types import Learner
from socialrl_envs.types import WorldSpec
from socialrl_envs.world import require


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(OffPolicyConfig):
    """Options of bc: those of every off-policy learner; gamma and the target network go unused.

    prediction: weight of predicting what each co-player saw next.
    """

    epsilon_start: float = 0.05

    def build(self, spec: WorldSpec) -> Learner:
        """The learner for this world; it needs a novice and somebody to imitate."""
        require(len(spec.novices) > 0, "novices", 0, "at least 1 for a learner")
        require(len(spec.coplayers) > 0, "experts", 0, "at least 1: bc imitates co-players")
        return network_learner(self, spec, imitation_loss, sampled=True)


def imitation_loss(net: Apply, config: Config, params: PyTree, target: PyTree, rows: Rows) -> tuple[Array, dict[str, Array]]:
    """Cross-entropy of the co-players' actions given what they saw; the auxiliary head predicts what they saw next. Steps of
    absent ones do not count."""
    others, time = rows.others, rows.others.action.shape[0]
    obs = others.obs.reshape(time, -1, *others.obs.shape[3:])
    action, present = others.action.reshape(time, -1), others.present.reshape(time, -1)
    first = starts_of(others).reshape(time, -1)
    memory = blank(config.memory, config.hidden[-1], action.shape[1])
    _, logits, x = net(params, memory, obs, first)
    weight = present.astype(jnp.float32)

    def mean(of_steps: Array) -> Array:
        return jnp.sum(weight * of_steps) / jnp.maximum(jnp.sum(weight), 1.0)

    total = cloning = mean(jax.vmap(cloning_loss, in_axes=1, out_axes=1)(logits, action))
    metrics = {"loss/cloning": cloning, "cloning_accuracy": mean((jnp.argmax(logits, axis=-1) == action).astype(jnp.float32))}
    if config.prediction > 0:
        metrics["loss/prediction"] = mean(prediction_of(net, params, x, others))
        total += config.prediction * metrics["loss/prediction"]
    return total, metrics

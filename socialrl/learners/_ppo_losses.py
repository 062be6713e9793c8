"""The loss of PPO on a minibatch: clipped surrogate, value, entropy bonus, and auxiliary losses."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, PyTree

from socialrl.learners._actor_critic import Acted, ActorCarry, ActorCriticFns, Outputs
from socialrl.learners._ppo_config import PPOConfig
from socialrl.learners._views import prediction_loss_of
from socialrl.losses.attention import each_position, nearest_position, set_of_positions
from socialrl.losses.concepts import concept_accuracy, concept_loss
from socialrl.losses.means import masked_mean
from socialrl.losses.policy import clipped_surrogate, entropy, kl_divergence, weighted_divergence
from socialrl.places import Found
from socialrl.types import Metrics, Transition
from socialrl_envs.struct import pytree

ATTENTION = {"each": each_position, "nearest": nearest_position, "set": set_of_positions}
CLONED = 2.0  # the normalised advantage at which the weight of cloning is clipped


@pytree
class Trajectory:
    """Steps of novices, leaves (T, *batch, ...).

    old_logits: of the policy that acted. relative_positions: of the co-players (see Experience), NaN for
    absent ones; no entries unless they are predicted. prior_logits: of a policy to stay close to; P = A, or 0
    if there is none. found: what is known of places at each step; None before that is computed, and if none
    are remembered. counts: the steps that are learnt from; None: all. concepts: the true value of each, -1
    where it means nothing; None unless they are read. prior_weight: what leaving the prior by each action
    weighs; None for 1. acted: what acting found with the parameters before the update; None if it is to be
    computed.
    """

    own: Transition
    old_logits: Float32[Array, "T *batch A"]
    relative_positions: Float32[Array, "T *batch coplayers 2"]
    prior_logits: Float32[Array, "T *batch P"]
    found: Found | None = None
    counts: Bool[Array, "T *batch"] | None = None
    concepts: Int32[Array, "T *batch concepts"] | None = None
    prior_weight: Float32[Array, "T *batch A"] | None = None
    acted: Acted | None = None


@pytree
class Batch:
    """Sequences to learn from, leaves (T, N, ...), and the carries that they begin with, leaves (N, copies,
    F).
    """

    carry: ActorCarry
    trajectory: Trajectory
    advantage: Float32[Array, "*parts T N"]
    target: Float32[Array, "*parts T N"]


class PPOLosses:
    """The losses for one network. prior_coef: weight of KL(pi || prior); None if there is no prior."""

    def __init__(self, config: PPOConfig, net: ActorCriticFns, prior_coef: float | None = None):
        self.config, self.net, self.prior_coef = config, net, prior_coef
        self.prediction_loss = prediction_loss_of(config, net.spec)

    def total(
        self,
        params: PyTree,
        batch: Batch,
        entropy_coef: Float32[Array, ""],
        acted: Bool[Array, "T N"] | None = None,
        cloning_coef: float = 0.0,
    ) -> tuple[Float32[Array, ""], Metrics]:
        """The weighted sum of all losses on a minibatch, and metrics.

        acted: the steps on which this policy acted; all if None. Actions that something else took do not
        count in the surrogate; those with a positive advantage are cloned, weighted by cloning_coef times the
        normalised advantage (self-imitation; Oh et al., 2018).
        """
        config, own, old_logits = self.config, batch.trajectory.own, batch.trajectory.old_logits
        out = self.net.outputs(params, batch.carry, own.timestep, batch.trajectory.found)
        log_prob, old_log_prob = (log_prob_of(logits, own.action) for logits in (out.logits, old_logits))
        counts = batch.trajectory.counts
        normalised = standardised(batch.advantage, counts)
        surrogates = clipped_surrogate(log_prob, old_log_prob, normalised, config.clip)
        if acted is not None:
            cloned = -cloning_coef * jnp.clip(normalised, 0, CLONED) * log_prob
            surrogates = jnp.where(acted, surrogates, cloned)
        surrogate = mean_of(surrogates, counts)
        value_loss = 0.5 * mean_of((out.value - batch.target) ** 2, counts)
        mean_entropy = mean_of(entropy(out.logits), counts)
        clipped = jnp.abs(jnp.exp(log_prob - old_log_prob) - 1) > config.clip
        metrics = {
            "loss/policy": surrogate,
            "loss/value": value_loss,
            "entropy": mean_entropy,
            "kl": mean_of(kl_divergence(old_logits, out.logits), counts),
            "clipped": mean_of(clipped.astype(jnp.float32), counts),
            "value": mean_of(out.value, counts),
        }
        total = surrogate + config.value_coef * value_loss - entropy_coef * mean_entropy
        for name, (coef, loss) in self.auxiliary(params, out, batch.trajectory).items():
            metrics[f"loss/{name}"] = loss
            total += coef * loss
        return total, metrics | self.understood(out, batch.trajectory)

    def understood(self, out: Outputs, trajectory: Trajectory) -> Metrics:
        """concept/<name>: the share of steps on which each concept is predicted right."""
        if out.reading is None or trajectory.concepts is None:
            return {}
        right = concept_accuracy(out.reading.log_prob[:, :, 0], trajectory.concepts)
        return {f"concept/{one.name}": right[i] for i, one in enumerate(self.net.spec.concepts)}

    def auxiliary(
        self, params: PyTree, out: Outputs, trajectory: Trajectory
    ) -> dict[str, tuple[float, Float32[Array, ""]]]:
        """(weight, loss) of each auxiliary loss by name."""
        config, losses = self.config, {}
        own, counts = trajectory.own, trajectory.counts
        if config.prediction_coef > 0:
            losses["prediction"] = (config.prediction_coef, self.prediction(params, out, own, counts))
        if config.attention_coef > 0:
            attention = self.attention(params, out, trajectory.relative_positions, counts)
            losses["attention"] = (config.attention_coef, attention)
        if out.reading is not None and trajectory.concepts is not None:
            surprise = concept_loss(out.reading.log_prob[:, :, 0], trajectory.concepts)
            losses["concepts"] = (config.concept_coef, surprise)
        if self.prior_coef is not None:
            prior, weight = trajectory.prior_logits, trajectory.prior_weight
            distance = kl_divergence(out.logits, prior)
            if weight is not None:
                distance = weighted_divergence(out.logits, prior, weight)
            losses["prior"] = (self.prior_coef, mean_of(distance, counts))
        return losses

    def prediction(
        self, params: PyTree, out: Outputs, own: Transition, counts: Bool[Array, "T N"] | None = None
    ) -> Float32[Array, ""]:
        """The mean error over the copies of the predicted next view, or as a control of the same view."""
        predicted = self.net.predict(params, out.features, own.action)
        same = self.config.predicts == "same"
        images = self.net.images
        before = images.copies(own.timestep.obs, images.view)
        seen = before if same else images.copies(own.next_obs, images.view)
        loss = jax.vmap(jax.vmap(self.prediction_loss, in_axes=1), in_axes=1)
        errors = jnp.moveaxis(loss(predicted, seen, before), 2, 0)
        return mean_of(errors, counts)

    def attention(
        self,
        params: PyTree,
        out: Outputs,
        relative_positions: Float32[Array, "T N coplayers 2"],
        counts: Bool[Array, "T N"] | None = None,
    ) -> Float32[Array, ""]:
        """The mean absolute error along each axis of the predicted positions, see `losses/attention.py`."""
        predicted = self.net.attend(params, out.features)
        actual = self.net.images.copies(relative_positions, self.net.images.offset)
        errors, weight = ATTENTION[self.config.attention_to](predicted, actual)
        if counts is not None:
            counted = counts[..., None].astype(jnp.float32)
            errors, weight = errors * counted, weight * counted
        return jnp.sum(errors) / jnp.maximum(jnp.sum(weight), 1.0)


def mean_of(x: Float32[Array, "T N *rest"], counts: Bool[Array, "T N"] | None) -> Float32[Array, ""]:
    """The mean of x over the steps that count, all if None; 0 if none does."""
    if counts is None:
        return jnp.mean(x)
    return masked_mean(x, counts.reshape(*counts.shape, *(1,) * (x.ndim - 2)))


def standardised(x: Float32[Array, "T N"], counts: Bool[Array, "T N"] | None) -> Float32[Array, "T N"]:
    """x less its mean, over its standard deviation, both of the steps that count."""
    if counts is None:
        return (x - jnp.mean(x)) / (jnp.std(x) + 1e-8)
    centred = x - masked_mean(x, counts)
    return centred / (jnp.sqrt(masked_mean(centred**2, counts)) + 1e-8)


def log_prob_of(logits: Float32[Array, "T N A"], action: Int32[Array, "T N"]) -> Float32[Array, "T N"]:
    """The log-probability of each action under softmax(logits)."""
    return jnp.take_along_axis(jax.nn.log_softmax(logits), action[..., None], axis=-1)[..., 0]

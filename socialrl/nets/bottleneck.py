"""A concept bottleneck (Koh et al., 2020, arXiv 2007.04612): features -> named concepts -> what heads read.

Concepts are predicted as categorical distributions. In the place of any of them a value can be put, and the
heads then read that value (an intervention). A residual passes beside the concepts, if it has a width.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32

from socialrl.nets.heads import SmallDense
from socialrl.types import Intervention
from socialrl_envs.concepts import Concept
from socialrl_envs.struct import pytree


@pytree
class Reading:
    """What a bottleneck makes of features.

    log_prob: of every value of every concept, side by side in rows as long as the longest, -1e9 beyond a
    concept's own values. residual: the numbers beside them, -1..1. inputs: what the heads read.
    """

    log_prob: Float32[Array, "*batch concepts longest"]
    residual: Float32[Array, "*batch residual"]
    inputs: Float32[Array, "*batch inputs"]


class Bottleneck(nn.Module):
    """concepts: what is predicted. hard: whether the heads read the likeliest value of each concept, with the
    gradient of its probability (straight-through; Bengio et al., 2013), else the probabilities. residual: its
    width.
    """

    concepts: tuple[Concept, ...]
    hard: bool
    residual: int

    @nn.compact
    def __call__(self, x: Float32[Array, "*batch F"], intervention: Intervention | None = None) -> Reading:
        """The Reading of features. intervention: what is put in the place of concepts and the residual."""
        own = jnp.asarray(own_values(self.concepts))
        rows, columns = np.nonzero(own_values(self.concepts))
        logits = SmallDense((len(rows),), 0.1)(x)
        padded = jnp.full((*x.shape[:-1], *own.shape), -1e9, jnp.float32).at[..., rows, columns].set(logits)
        log_prob = jnp.where(own, jax.nn.log_softmax(padded), -1e9)
        read = probability = jnp.exp(log_prob)
        if self.hard:
            likeliest = jax.nn.one_hot(jnp.argmax(log_prob, axis=-1), own.shape[1], dtype=jnp.float32)
            read = likeliest + probability - jax.lax.stop_gradient(probability)
        residual = nn.tanh(SmallDense((self.residual,))(x)) if self.residual else x[..., :0]
        if intervention is not None:
            set_to = jax.nn.one_hot(intervention.values, own.shape[1], dtype=jnp.float32)
            read = jnp.where((intervention.values >= 0)[..., None], set_to, read)
            residual = jnp.where(jnp.isnan(intervention.residual), residual, intervention.residual)
        inputs = jnp.concatenate([read[..., rows, columns], residual], axis=-1)
        return Reading(log_prob=log_prob, residual=residual, inputs=inputs)


def own_values(concepts: tuple[Concept, ...]) -> Bool[np.ndarray, "concepts longest"]:
    """Which places of a row as long as the longest concept's are values of each concept."""
    counts = np.array([len(concept.values) for concept in concepts])
    return np.arange(counts.max()) < counts[:, None]

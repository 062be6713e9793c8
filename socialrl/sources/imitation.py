"""Imitation: act as another would in one's place.

Every co-player's policy pi_k(a | o, d_k) is cloned from its own views and actions, and asked with the
novice's view. d_k is what the novice has seen it do in this episode, where co-players can be told apart.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32, Key, PyTree, Shaped

from socialrl.behaviour import BehaviourMemory, recognised
from socialrl.losses.means import masked_mean
from socialrl.losses.policy import cloning_loss
from socialrl.nets.heads import SmallDense, drawn
from socialrl.nets.torso import Torso
from socialrl.sources import Lesson, Proposal, Source
from socialrl.spatial import Sight, SpatialMemory
from socialrl.types import Metrics
from socialrl_envs.types import WorldSpec

HIDDEN = (64,)


class Clones(nn.Module):
    """Logits of every co-player's policy: of one network for each, and of one for all that is told what the
    co-player was seen to do.
    """

    coplayers: int
    actions: int

    @nn.compact
    def __call__(
        self, obs: Shaped[Array, "*batch V V C"], behaviour: Float32[Array, "*#batch coplayers E"] | None
    ) -> Float32[Array, "*batch coplayers A"]:
        x = Torso(HIDDEN)(obs)
        logits = SmallDense((self.coplayers, self.actions), 0.1)(x)
        if behaviour is None:
            return logits
        told = nn.Dense(HIDDEN[-1], use_bias=False)(behaviour)
        mixed = nn.relu(nn.Dense(HIDDEN[-1])(x)[..., None, :] + told)
        return logits + SmallDense((self.actions,), 0.1)(mixed)


def build(spec: WorldSpec, memory: SpatialMemory) -> Source:
    """Imitation of every co-player."""
    names = tuple(spec.agents[seat] for seat in spec.coplayers)
    net, count = Clones(max(len(names), 1), len(spec.actions)), len(names)

    def init(key: Key[Array, ""]) -> PyTree:
        told = None
        if recognised(spec):
            told = jnp.zeros((1, count, BehaviourMemory(spec, memory).kinds), jnp.float32)
        return net.init(key, jnp.zeros((1, *spec.obs_shape), jnp.uint8), told)

    def propose(params: PyTree, sight: Sight, key: Key[Array, ""], explore: bool) -> Proposal:
        logits = net.apply(params, sight.obs, sight.behaviour)
        assert isinstance(logits, jax.Array)
        action = drawn(logits, key, explore)[:, :count]
        sure = jnp.max(jax.nn.softmax(logits), axis=-1)[:, :count]
        return Proposal(action=action, available=jnp.ones(action.shape, bool), confidence=sure)

    def loss(params: PyTree, lesson: Lesson) -> tuple[Float32[Array, ""], Metrics]:
        others, behaviour = lesson.others, lesson.sight.behaviour
        if behaviour is not None:  # of the first novice of every world
            length, worlds = others.action.shape[:2]
            behaviour = behaviour.reshape(length, worlds, -1, *behaviour.shape[2:])[:, :, 0, None]
        logits = net.apply(params, others.obs, behaviour)
        assert isinstance(logits, jax.Array)
        own = logits[:, :, np.arange(count), np.arange(count)]
        error = masked_mean(_over(own, others.action), others.present)
        right = (jnp.argmax(own, axis=-1) == others.action).astype(jnp.float32)
        return error, {"imitation/loss": error, "imitation/accuracy": masked_mean(right, others.present)}

    return Source(whom=names, propose=propose, init=init, loss=loss)


def _over(logits: Float32[Array, "T n P A"], action: Array) -> Float32[Array, "T n P"]:
    """The cloning loss of every step."""
    loss = jax.vmap(jax.vmap(cloning_loss, in_axes=1, out_axes=1), in_axes=1, out_axes=1)
    return loss(logits, action)

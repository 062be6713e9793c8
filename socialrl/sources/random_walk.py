"""Random walk: a control that follows nobody; an action drawn anew at every step.

A learner to which this source is as good as another has not learnt to follow: it profits from exploring
for several steps, or from a choice more.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Key, PyTree

from socialrl.sources import Proposal, Source
from socialrl.spatial import Sight, SpatialMemory
from socialrl_envs.types import WorldSpec


def build(spec: WorldSpec, memory: SpatialMemory) -> Source:
    """A walk that is always available."""

    def propose(params: PyTree, sight: Sight, key: Key[Array, ""], explore: bool) -> Proposal:
        shape = (sight.time.shape[0], 1)
        drawing = key if explore else jax.random.key(0)
        action = jax.random.randint(drawing, shape, 0, len(spec.actions), dtype=jnp.int32)
        return Proposal(
            action=action, available=jnp.ones(shape, bool), confidence=jnp.ones(shape, jnp.float32)
        )

    return Source(whom=("",), propose=propose)

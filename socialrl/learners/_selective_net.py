"""The network of `selective` that decides: an encoder of its own, then a gate over the sources, successor
features of every source, and a reward model.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32

from socialrl.nets.heads import SmallDense, Tower
from socialrl.nets.memory import Carry, Encoder, Kind
from socialrl.types import Timestep
from socialrl_envs.struct import pytree


@pytree
class Decisive:
    """What the network knows of a step. gate: logits of the sources. psi: successor features of every source.
    phi: cumulants of every action. w: their worth to the novice.
    """

    gate: Float32[Array, "T N S"]
    psi: Float32[Array, "T N S K"]
    phi: Float32[Array, "T N A K"]
    w: Float32[Array, " K"]

    @property
    def values(self) -> Float32[Array, "T N S"]:
        """Psi_j . w of every source j, in reward units."""
        return self.psi @ self.w


class DecisionNetwork(nn.Module):
    """sources: S. actions: A."""

    hidden: tuple[int, ...]
    memory: Kind
    sources: int
    actions: int
    cumulants: int

    def setup(self) -> None:
        self.encoder = Encoder(self.hidden, self.memory, self.actions + 1)
        self.gate = Tower((), self.sources, 0.01)
        self.psi = SmallDense((self.sources, self.cumulants), 0.1)
        self.phi = SmallDense((self.actions, self.cumulants), 0.1)
        self.w = self.param("w", nn.initializers.normal(0.3), (self.cumulants,))

    def __call__(
        self, carry: Carry, steps: Timestep, confidence: Float32[Array, "T N P"]
    ) -> tuple[Carry, Decisive]:
        """The carry after each step, leaves (T, N, F), and what is known of it."""
        action = jnp.where(steps.first, -1, steps.prev_action)
        taken = jax.nn.one_hot(action, self.actions, dtype=jnp.float32)
        aux = jnp.concatenate([taken, steps.prev_reward[..., None]], axis=-1)
        carries, x = self.encoder.unroll(carry, steps.obs, steps.first, aux)
        y = jnp.concatenate([x, confidence], axis=-1)
        found = Decisive(gate=self.gate(y), psi=self.psi(y), phi=self.phi(x), w=jnp.asarray(self.w))
        return carries, found


def among(
    logits: Float32[Array, "*batch S"], prior: Float32[Array, "*#batch S"], available: Bool[Array, "*batch S"]
) -> Float32[Array, "*batch S"]:
    """The logits added to those of a prior; -1e9 for sources that are not available."""
    return jnp.where(available, logits + prior, -1e9)

"""The network of `selective` that decides: an encoder of its own, then a gate over the sources, successor
features of every source, and a reward model.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32

from socialrl.nets.heads import SmallDense, Tower
from socialrl.nets.memory import Carry, Encoder, Kind
from socialrl.types import Timestep
from socialrl_envs.struct import pytree

TOLD = 32  # size of the layer that reads what a co-player was seen to do


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

    ways: tuple[int, ...] = ()  # the number of the way of each proposal
    apart: bool = True

    def setup(self) -> None:
        self.told = nn.Dense(TOLD)
        self.told_gate, self.told_psi = SmallDense((1,), 0.01), SmallDense((self.cumulants,), 0.1)
        self.alike = np.array([0, *(1 + way for way in self.ways)], np.int32)
        self.encoder = Encoder(self.hidden, self.memory, self.actions + 1)
        heads = self.sources if self.apart else 1 + max(self.ways, default=-1) + 1
        self.gate = Tower((), heads, 0.01)
        self.psi = SmallDense((heads, self.cumulants), 0.1)
        self.phi = SmallDense((self.actions, self.cumulants), 0.1)
        self.w = self.param("w", nn.initializers.normal(0.3), (self.cumulants,))

    def __call__(
        self,
        carry: Carry,
        steps: Timestep,
        confidence: Float32[Array, "T N P"],
        deeds: Float32[Array, "T N P E"] | None = None,
    ) -> tuple[Carry, Decisive]:
        """The carry after each step, leaves (T, N, F), and what is known of it. deeds: what the co-player
        behind each proposal was seen to do; what that is worth is the same for all co-players.
        """
        action = jnp.where(steps.first, -1, steps.prev_action)
        taken = jax.nn.one_hot(action, self.actions, dtype=jnp.float32)
        aux = jnp.concatenate([taken, steps.prev_reward[..., None]], axis=-1)
        carries, x = self.encoder.unroll(carry, steps.obs, steps.first, aux)
        y = x if deeds is not None else jnp.concatenate([x, confidence], axis=-1)
        gate, psi = self.gate(y), self.psi(y)
        if deeds is not None:
            gate, psi = gate[..., self.alike], psi[..., self.alike, :]
            way = jax.nn.one_hot(np.array(self.ways), max(self.ways) + 1, dtype=jnp.float32)
            z = jnp.concatenate([deeds, confidence[..., None], jnp.broadcast_to(way, (*deeds.shape[:-1], way.shape[-1]))], axis=-1)
            wide = jnp.broadcast_to(x[..., None, :], (*z.shape[:-1], x.shape[-1]))
            z = nn.relu(self.told(jnp.concatenate([wide, z], axis=-1)))
            gate = gate.at[..., 1:].add(self.told_gate(z)[..., 0])
            psi = psi.at[..., 1:, :].add(self.told_psi(z))
        return carries, Decisive(gate=gate, psi=psi, phi=self.phi(x), w=jnp.asarray(self.w))


def among(
    logits: Float32[Array, "*batch S"], prior: Float32[Array, "*#batch S"], available: Bool[Array, "*batch S"]
) -> Float32[Array, "*batch S"]:
    """The logits added to those of a prior; -1e9 for sources that are not available."""
    return jnp.where(available, logits + prior, -1e9)

"""The network of `selective` that decides: an encoder of its own, then a gate over the sources, successor
features of every source, and a reward model.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32

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
    """sources: S. actions: A. ways: the number of the way of each proposal, where co-players can be told
    apart: what one of them was seen to do then adds to what following it is worth, by parameters that all
    share. Every source has a head of its own besides.
    """

    hidden: tuple[int, ...]
    memory: Kind
    sources: int
    actions: int
    cumulants: int
    ways: tuple[int, ...] | None = None

    def setup(self) -> None:
        self.told = nn.Dense(TOLD)
        self.told_gate, self.told_psi = SmallDense((1,), 0.01), SmallDense((self.cumulants,), 0.1)
        self.encoder = Encoder(self.hidden, self.memory, self.actions + 1)
        self.gate = Tower((), self.sources, 0.01)
        self.psi = SmallDense((self.sources, self.cumulants), 0.1)
        self.phi = SmallDense((self.actions, self.cumulants), 0.1)
        self.w = self.param("w", nn.initializers.normal(0.3), (self.cumulants,))

    def __call__(
        self,
        carry: Carry,
        steps: Timestep,
        confidence: Float32[Array, "T N P"],
        behaviour: Float32[Array, "T N P E"] | None = None,
    ) -> tuple[Carry, Decisive]:
        """The carry after each step, leaves (T, N, F), and what is known of it. behaviour: of the co-player
        that each proposal follows the features of what it was seen to do; with `ways` alone.
        """
        action = jnp.where(steps.first, -1, steps.prev_action)
        taken = jax.nn.one_hot(action, self.actions, dtype=jnp.float32)
        aux = jnp.concatenate([taken, steps.prev_reward[..., None]], axis=-1)
        carries, x = self.encoder.unroll(carry, steps.obs, steps.first, aux)
        if self.ways is None:
            y = jnp.concatenate([x, confidence], axis=-1)
            gate, psi = self.gate(y), self.psi(y)
        else:
            assert behaviour is not None
            gate, psi = self.told_apart(x, confidence, behaviour, np.array(self.ways, np.int32))
        return carries, Decisive(gate=gate, psi=psi, phi=self.phi(x), w=jnp.asarray(self.w))

    def told_apart(
        self,
        x: Float32[Array, "T N F"],
        confidence: Float32[Array, "T N P"],
        behaviour: Float32[Array, "T N P E"],
        ways: Int32[np.ndarray, " P"],
    ) -> tuple[Float32[Array, "T N S"], Float32[Array, "T N S K"]]:
        """The gate's logits and the successor features: of each source, and what its co-player's behaviour
        adds to them.
        """
        gate, psi = self.gate(x), self.psi(x)
        way = jax.nn.one_hot(ways, 1 + max(ways), dtype=jnp.float32)
        parts = (x[..., None, :], behaviour, confidence[..., None], way)
        wide = [jnp.broadcast_to(part, (*confidence.shape, part.shape[-1])) for part in parts]
        z = nn.relu(self.told(jnp.concatenate(wide, axis=-1)))
        return gate.at[..., 1:].add(self.told_gate(z)[..., 0]), psi.at[..., 1:, :].add(self.told_psi(z))


def among(
    logits: Float32[Array, "*batch S"], prior: Float32[Array, "*#batch S"], available: Bool[Array, "*batch S"]
) -> Float32[Array, "*batch S"]:
    """The logits added to those of a prior; -1e9 for sources that are not available."""
    return jnp.where(available, logits + prior, -1e9)

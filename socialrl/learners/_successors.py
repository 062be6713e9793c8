"""The network of learners with successor features: a torso, Psi of several behaviours, the cumulants Phi, and
preferences w.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, PyTree

from socialrl.learners._applied import Applied
from socialrl.learners._offpolicy import starts_of
from socialrl.learners._sequences import sequences
from socialrl.nets.heads import Prediction, SmallDense
from socialrl.nets.memory import Encoder
from socialrl.types import Demonstration
from socialrl_envs.types import WorldSpec


class Network(nn.Module):
    """obs -> psi (T, N, *models, A, K) and phi (T, N, A, K); w (S, K) are parameters of their own.

    config: has hidden, memory, cumulants, phi_gain, w_std, prediction. models: whose psi there are, S of them
    last. valued: whether there is a head of own values.
    """

    config: Any
    spec: WorldSpec
    models: tuple[int, ...]
    valued: bool

    def setup(self) -> None:
        actions, cumulants = len(self.spec.actions), self.config.cumulants
        self.encoder = Encoder(self.config.hidden, self.config.memory)
        self.psi = SmallDense((*self.models, actions, cumulants), self.config.phi_gain)
        self.phi = SmallDense((actions, cumulants), self.config.phi_gain)
        self.w = self.param("w", nn.initializers.normal(self.config.w_std), (self.models[-1], cumulants))
        self.value = SmallDense((actions,), 0.1)
        self.prediction = Prediction(self.spec.obs_shape, actions)

    def __call__(self, memory: Any, obs: Array, first: Array) -> tuple[Any, Array, Array, Array]:
        """The memory after the last step, psi, phi and features (T, N, F)."""
        memory, x, _ = self.encoder(memory, obs, first)
        return memory, *self.heads(x), x

    def heads(self, x: Float32[Array, "T N F"]) -> tuple[Array, Array]:
        """psi and phi of features."""
        return self.psi(x), self.phi(x)

    def values(self, x: Float32[Array, "T N F"]) -> Float32[Array, "T N A"]:
        """Own values of features."""
        return self.value(x)

    def ahead(self, memory: Any, obs: Array, first: Array, next_obs: Array) -> Float32[Array, "T N F"]:
        """Features of the true successors."""
        features = self.encoder(memory, obs, first, next_obs)[2]
        assert features is not None  # it was asked for
        return features

    def predict(self, x: Array, action: Array) -> Array:
        """The next observation, (T, N, V, V, C)."""
        return self.prediction(x, action)

    def everything(self, memory: Any, obs: Array, first: Array) -> Any:
        """Touches every parameter, for `init`."""
        _, psi, phi, x = self(memory, obs, first)
        if self.valued:
            self.values(x)
        if self.config.prediction > 0:
            self.predict(x, jnp.zeros(x.shape[:-1], jnp.int32))
        return psi, phi


class Net(Applied):
    """The network of a learner, applied."""

    def __init__(self, config: Any, spec: WorldSpec, models: tuple[int, ...], valued: bool = False):
        super().__init__(Network(config, spec, models, valued), config, spec)

    def of(self, params: PyTree, obs: Array, first: Array) -> tuple[Array, Array, Array]:
        """psi, phi and features of sequences (T, N, ...) that begin with a blank memory."""
        return self.apply(params, self.blank(obs.shape[1]), obs, first)[1:]

    def watched(self, params: PyTree, others: Demonstration) -> tuple[Array, Array]:
        """psi and phi at what the others saw, (T, N, ...) with N = B * L."""
        return self.of(params, sequences(others.obs), sequences(starts_of(others)))[:2]

    def ahead(self, params: PyTree, obs: Array, first: Array, next_obs: Array) -> Float32[Array, "T N F"]:
        """Features of the true successors; nothing is learnt through them."""
        return jax.lax.stop_gradient(
            self.call("ahead", params, self.blank(obs.shape[1]), obs, first, next_obs)
        )

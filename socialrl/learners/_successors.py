"""The network of learners with successor features: a torso, Psi of several behaviours, the cumulants Phi, and preferences w."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32

from socialrl.nets.heads import Prediction, SmallDense
from socialrl.nets.memory import Encoder
from socialrl_envs.types import WorldSpec


class Network(nn.Module):
    """obs -> psi (T, N, *models, A, K) and phi (T, N, A, K); w (S, K) are parameters of their own.

    config: has hidden, memory, cumulants, phi_gain, w_std, prediction. models: whose psi there are, S of them last.
    """

    config: Any
    spec: WorldSpec
    models: tuple[int, ...]

    def setup(self) -> None:
        actions, cumulants = len(self.spec.actions), self.config.cumulants
        self.encoder = Encoder(self.config.hidden, self.config.memory)
        self.psi = SmallDense((*self.models, actions, cumulants), self.config.phi_gain)
        self.phi = SmallDense((actions, cumulants), self.config.phi_gain)
        self.w = self.param("w", nn.initializers.normal(self.config.w_std), (self.models[-1], cumulants))
        self.prediction = Prediction(self.spec.obs_shape, actions)

    def __call__(self, memory: Any, obs: Array, first: Array) -> tuple[Any, Array, Array, Array]:
        """The memory after the last step, psi, phi and features (T, N, F)."""
        memory, x, _ = self.encoder(memory, obs, first)
        return memory, *self.heads(x), x

    def heads(self, x: Float32[Array, "T N F"]) -> tuple[Array, Array]:
        """psi and phi of features."""
        return self.psi(x), self.phi(x)

    def ahead(self, memory: Any, obs: Array, first: Array, next_obs: Array) -> Float32[Array, "T N *models A K"]:
        """psi at the true successors."""
        features = self.encoder(memory, obs, first, next_obs)[2]
        assert features is not None  # it was asked for
        return self.psi(features)

    def predict(self, x: Array, action: Array) -> Array:
        """The next observation, (T, N, V, V, C)."""
        return self.prediction(x, action)

    def everything(self, memory: Any, obs: Array, first: Array) -> Any:
        """Touches every parameter, for `init`."""
        _, psi, phi, x = self(memory, obs, first)
        if self.config.prediction > 0:
            self.predict(x, jnp.zeros(x.shape[:-1], jnp.int32))
        return psi, phi

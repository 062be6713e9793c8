"""The network of learners with successor features: Psi of several behaviours, cumulants Phi,
preferences w.
"""

import dataclasses

import flax.linen as nn
import jax
from jax import Array
from jaxtyping import Bool, Float32, PyTree, UInt8

from socialrl.learners._batches import episode_starts
from socialrl.learners._config import OffPolicyConfig
from socialrl.learners._sequences import sequences
from socialrl.learners._torso import TorsoFns, TorsoNetwork
from socialrl.nets.heads import SmallDense
from socialrl.nets.memory import Carry
from socialrl.types import Demonstration
from socialrl_envs.options import option
from socialrl_envs.types import WorldSpec


@dataclasses.dataclass(frozen=True, kw_only=True)
class SuccessorConfig(OffPolicyConfig):
    """Options of every learner with successor features."""

    cumulants: int = option(8, "number of cumulants, the size of Phi", low=1)
    phi_gain: float = option(0.1, "scale of Phi and Psi at the start of training", above=0)
    w_std: float = option(0.3, "standard deviation of every preference w at the start of training", above=0)
    reward_coef: float = option(3.0, "weight of predicting the own reward by Phi . w", low=0)
    td_coef: float = option(1.0, "weight of TD learning of the own values", low=0)
    successor_coef: float = option(1.0, "weight of TD learning of the own successor features", low=0)
    phi_penalty_coef: float = option(
        1.0, "weight of mean Phi^2, which keeps Phi and Psi from diverging where no w constrains them", low=0
    )


class SuccessorNetwork(TorsoNetwork[SuccessorConfig]):
    """Views -> Psi (T, N, *models, A, K) and Phi (T, N, A, K); w (S, K) is a parameter of its own.

    models: leading axes of Psi; the last one is S. valued: whether there is a head of own values.
    """

    models: tuple[int, ...] = ()
    valued: bool = False

    def setup(self) -> None:
        super().setup()
        actions, cumulants = len(self.spec.actions), self.config.cumulants
        self.psi = SmallDense((*self.models, actions, cumulants), self.config.phi_gain)
        self.phi = SmallDense((actions, cumulants), self.config.phi_gain)
        self.w = self.param("w", nn.initializers.normal(self.config.w_std), (self.models[-1], cumulants))
        self.value = SmallDense((actions,), 0.1)

    def __call__(
        self, carry: Carry, obs: UInt8[Array, "T N V V C"], first: Bool[Array, "T N"]
    ) -> tuple[Carry, Array, Array, Array]:
        """The carry after the last step, Psi, Phi and features."""
        carry, x = self.features(carry, obs, first)
        return carry, *self.successors(x), x

    def successors(
        self, x: Float32[Array, "T N F"]
    ) -> tuple[Float32[Array, "T N *models A K"], Float32[Array, "T N A K"]]:
        """Psi and Phi of features."""
        return self.psi(x), self.phi(x)

    def values(self, x: Float32[Array, "T N F"]) -> Float32[Array, "T N A"]:
        """Own values of features."""
        return self.value(x)

    def init_all(self, carry: Carry, obs: UInt8[Array, "T N V V C"], first: Bool[Array, "T N"]) -> None:
        """Uses every parameter once, so that `init` makes them all."""
        super().init_all(carry, obs, first)
        x = self(carry, obs, first)[-1]
        if self.valued:
            self.values(x)


class SuccessorFns(TorsoFns[SuccessorConfig]):
    """The functions of a SuccessorNetwork with the parameters as first argument."""

    def __init__(
        self, config: SuccessorConfig, spec: WorldSpec, models: tuple[int, ...], valued: bool = False
    ):
        self.module = SuccessorNetwork(config, spec, models, valued)
        super().__init__(self.module)

    def step(
        self, params: PyTree, carry: Carry, obs: UInt8[Array, "T N V V C"], first: Bool[Array, "T N"]
    ) -> tuple[Carry, Array, Array, Array]:
        """The carry after the last step, Psi (T, N, *models, A, K), Phi (T, N, A, K) and features
        (T, N, F).
        """
        return self.apply(params, carry, obs, first)

    def unroll(
        self, params: PyTree, obs: UInt8[Array, "T N V V C"], first: Bool[Array, "T N"]
    ) -> tuple[Array, Array, Array]:
        """Psi, Phi and features of sequences that begin with the initial carry."""
        return self.step(params, self.initial_carry(obs.shape[1]), obs, first)[1:]

    def of_others(self, params: PyTree, others: Demonstration) -> tuple[Array, Array]:
        """Psi and Phi at the views of a Demonstration (T, B, seats, ...), N = B * seats."""
        return self.unroll(params, sequences(others.obs), sequences(episode_starts(others)))[:2]

    def successors(self, params: PyTree, x: Float32[Array, "T N F"]) -> tuple[Array, Array]:
        """Psi and Phi of features."""
        return self.apply(params, x, method=self.module.successors)

    def values(self, params: PyTree, x: Float32[Array, "T N F"]) -> Float32[Array, "T N A"]:
        """Own values of features."""
        return self.apply(params, x, method=self.module.values)

    def next_features(
        self,
        params: PyTree,
        obs: UInt8[Array, "T N V V C"],
        first: Bool[Array, "T N"],
        next_obs: UInt8[Array, "T N V V C"],
    ) -> Float32[Array, "T N F"]:
        """Features of the true successors of sequences that begin with the initial carry; no gradient."""
        arguments = (self.initial_carry(obs.shape[1]), obs, first, next_obs)
        x: Array = self.apply(params, *arguments, method=self.module.next_features)
        return jax.lax.stop_gradient(x)

"""The part of the network that all off-policy learners share: encoder and next-observation head."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import flax.linen as nn
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree, UInt8

from socialrl.learners._config import OffPolicyConfig
from socialrl.learners._sequences import Steps, over_sequences
from socialrl.learners._views import encoder, prediction_head, prediction_loss_of
from socialrl.losses.means import masked_mean
from socialrl.nets.memory import Carry, initial_carry
from socialrl_envs.types import WorldSpec

ConfigT = TypeVar("ConfigT", bound=OffPolicyConfig)


class TorsoNetwork(nn.Module, Generic[ConfigT]):
    """Encoder and next-observation head; subclasses add heads and `init_all`."""

    config: ConfigT
    spec: WorldSpec

    def setup(self) -> None:
        self.encoder = encoder(self.config, self.spec, self.config.hidden, self.config.memory)
        self.prediction = prediction_head(self.config, self.spec)

    def features(
        self, carry: Carry, obs: UInt8[Array, "T N V V C"], first: Bool[Array, "T N"]
    ) -> tuple[Carry, Float32[Array, "T N F"]]:
        """The carry after the last step, and the features."""
        carries, x = self.encoder.unroll(carry, obs, first)
        return tuple(part[-1] for part in carries), x

    def next_features(
        self,
        carry: Carry,
        obs: UInt8[Array, "T N V V C"],
        first: Bool[Array, "T N"],
        next_obs: UInt8[Array, "T N V V C"],
    ) -> Float32[Array, "T N F"]:
        """The features of the true successors, each with the carry of its own step."""
        carries, _ = self.encoder.unroll(carry, obs, first)
        return self.encoder.next_features(carries, next_obs)

    def predict(self, x: Float32[Array, "T N F"], action: Int32[Array, "T N"]) -> Float32[Array, "T N V V C"]:
        """The predicted next view."""
        return self.prediction(x, action)

    def init_all(self, carry: Carry, obs: UInt8[Array, "T N V V C"], first: Bool[Array, "T N"]) -> None:
        """Uses every parameter once, so that `init` makes them all."""
        _, x = self.features(carry, obs, first)
        if self.config.prediction_coef > 0:
            self.predict(x, jnp.zeros(x.shape[:-1], jnp.int32))


class TorsoFns(Generic[ConfigT]):
    """The functions of a network that every off-policy learner uses, with the parameters as first
    argument.
    """

    def __init__(self, module: TorsoNetwork[ConfigT]):
        self.config: ConfigT = module.config
        self.spec, self._torso = module.spec, module
        self._prediction_loss = prediction_loss_of(module.config, module.spec)
        self.apply: Callable[..., Any] = (
            module.apply
        )  # flax knows no types: each method of this class states them

    def initial_carry(self, count: int) -> Carry:
        """The recurrent state of `count` sequences at the start of an episode."""
        return initial_carry(self.config.memory, self.config.hidden[-1], count)

    def init(self, key: Key[Array, ""]) -> PyTree:
        """Fresh parameters."""
        obs, first = jnp.zeros((1, 1, *self.spec.obs_shape), jnp.uint8), jnp.ones((1, 1), bool)
        return self._torso.init(key, self.initial_carry(1), obs, first, method=self._torso.init_all)

    def predict(
        self, params: PyTree, x: Float32[Array, "T N F"], action: Int32[Array, "T N"]
    ) -> Float32[Array, "T N V V C"]:
        """The predicted view after each action."""
        return self.apply(params, x, action, method=self._torso.predict)

    def prediction_error(
        self, params: PyTree, x: Float32[Array, "T N F"], steps: Steps
    ) -> Float32[Array, ""]:
        """The mean error of the predicted next view over the steps that count."""
        predicted = self.predict(params, x, steps.action)
        errors = over_sequences(self._prediction_loss)(predicted, steps.next_obs, steps.obs)
        return masked_mean(errors, steps.mask)

"""A network, applied: what every off-policy learner asks of its own."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree, UInt8

from socialrl.learners._sequences import masked_mean, over_sequences
from socialrl.losses.prediction import prediction_loss
from socialrl.nets.memory import blank
from socialrl_envs.types import WorldSpec


class Applied:
    """module: has `everything`, which touches every parameter, and `predict`, the auxiliary head. config: of
    the learner.
    """

    def __init__(self, module: Any, config: Any, spec: WorldSpec):
        self.module, self.config, self.spec = module, config, spec
        self.apply: Callable[..., Any] = module.apply

    def blank(self, count: int) -> Any:
        """The memory of so many sequences at the start of an episode."""
        return blank(self.config.memory, self.config.hidden[-1], count)

    def init(self, key: Key[Array, ""]) -> PyTree:
        """Fresh parameters."""
        obs, first = jnp.zeros((1, 1, *self.spec.obs_shape), jnp.uint8), jnp.ones((1, 1), bool)
        return self.module.init(key, self.blank(1), obs, first, method=type(self.module).everything)

    def call(self, method: str, params: PyTree, *arguments: Any) -> Any:
        """What a method of the network says."""
        return self.apply(params, *arguments, method=getattr(type(self.module), method))

    def expected(
        self, params: PyTree, x: Float32[Array, "1 N F"], action: Int32[Array, " N"]
    ) -> dict[str, Array]:
        """What is expected to be seen next (N, V, V, C), under its name, if there is an auxiliary head."""
        if self.config.prediction == 0:
            return {}
        return {"prediction": self.call("predict", params, x, action[None])[0]}

    def prediction_error(
        self,
        params: PyTree,
        x: Float32[Array, "T N F"],
        action: Int32[Array, "T N"],
        next_obs: UInt8[Array, "T N V V C"],
        there: Bool[Array, "T N"],
    ) -> Float32[Array, ""]:
        """Of what was seen after these steps, where the mask is set."""
        predicted = self.call("predict", params, x, action)
        return masked_mean(over_sequences(prediction_loss)(predicted, next_obs), there)

"""A torso with one or more heads of one number per action: values, or logits of a policy."""

from typing import NamedTuple

import jax
from jax import Array
from jaxtyping import Bool, Float32, PyTree, UInt8

from socialrl.learners._config import OffPolicyConfig
from socialrl.learners._offpolicy import Losses
from socialrl.learners._sequences import Steps
from socialrl.learners._torso import TorsoFns, TorsoNetwork
from socialrl.nets.heads import SmallDense
from socialrl.nets.memory import Carry
from socialrl_envs.types import WorldSpec


class HeadNetwork(TorsoNetwork[OffPolicyConfig]):
    """Views -> outputs (T, N, heads, A)."""

    heads: int = 1

    def setup(self) -> None:
        super().setup()
        self.head = SmallDense((self.heads, len(self.spec.actions)), 0.1)

    def __call__(
        self, carry: Carry, obs: UInt8[Array, "T N V V C"], first: Bool[Array, "T N"]
    ) -> tuple[Carry, Float32[Array, "T N heads A"], Float32[Array, "T N F"]]:
        """The carry after the last step, the outputs, and the features."""
        carry, x = self.features(carry, obs, first)
        return carry, self.head(x), x

    def next_outputs(
        self,
        carry: Carry,
        obs: UInt8[Array, "T N V V C"],
        first: Bool[Array, "T N"],
        next_obs: UInt8[Array, "T N V V C"],
    ) -> Float32[Array, "T N heads A"]:
        """The outputs at the true successors."""
        return self.head(self.next_features(carry, obs, first, next_obs))

    def init_all(self, carry: Carry, obs: UInt8[Array, "T N V V C"], first: Bool[Array, "T N"]) -> None:
        """Uses every parameter once, so that `init` makes them all."""
        super().init_all(carry, obs, first)
        self(carry, obs, first)


class Outputs(NamedTuple):
    """Outputs at steps, outputs at their true successors by the target network (no gradient), and
    features.
    """

    out: Float32[Array, "T N heads A"]
    next_out: Float32[Array, "T N heads A"]
    x: Float32[Array, "T N F"]


class HeadFns(TorsoFns[OffPolicyConfig]):
    """The functions of a HeadNetwork with the parameters as first argument."""

    def __init__(self, config: OffPolicyConfig, spec: WorldSpec, heads: int = 1):
        self.module, self.heads = HeadNetwork(config, spec, heads), heads
        super().__init__(self.module)

    def step(
        self, params: PyTree, carry: Carry, obs: UInt8[Array, "T N V V C"], first: Bool[Array, "T N"]
    ) -> tuple[Carry, Float32[Array, "T N heads A"], Float32[Array, "T N F"]]:
        """The carry after the last step, the outputs, and the features."""
        return self.apply(params, carry, obs, first)

    def outputs(self, params: PyTree, target: PyTree, steps: Steps) -> Outputs:
        """The Outputs at steps that begin with the initial carry."""
        carry = self.initial_carry(steps.action.shape[1])
        _, out, x = self.step(params, carry, steps.obs, steps.first)
        successors = (carry, steps.obs, steps.first, steps.next_obs)
        next_out: Array = self.apply(target, *successors, method=self.module.next_outputs)
        return Outputs(out=out, next_out=jax.lax.stop_gradient(next_out), x=x)

    def with_prediction(
        self, losses: Losses, params: PyTree, x: Float32[Array, "T N F"], steps: Steps
    ) -> Losses:
        """The losses with the auxiliary next-observation loss of these steps, if it has a weight."""
        if self.config.prediction_coef == 0:
            return losses
        total, metrics = losses
        error = self.prediction_error(params, x, steps)
        return total + self.config.prediction_coef * error, metrics | {"loss/prediction": error}

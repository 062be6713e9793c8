"""DQN: learns from its own rewards alone, with psiphi's torso, buffer and target network. The control without others."""

import dataclasses
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Key, PyTree

from socialrl.learners._offpolicy import OffPolicyConfig, OffPolicyState, Parts, Rows, build
from socialrl.losses.prediction import prediction_loss
from socialrl.losses.td import q_learning_error
from socialrl.nets.heads import Prediction, SmallDense
from socialrl.nets.memory import Encoder, blank
from socialrl.types import Decision, Learner
from socialrl_envs.types import WorldSpec
from socialrl_envs.world import require


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(OffPolicyConfig):
    """Options of dqn: those of every off-policy learner."""

    def build(self, spec: WorldSpec) -> Learner:
        """The learner for this world; it needs a novice."""
        require(len(spec.novices) > 0, "novices", 0, "at least 1 for a learner")
        return network_learner(self, spec, own_loss)


Apply = Callable[..., Any]  # a network's `apply`: (params, *arguments) -> outputs


class Network(nn.Module):
    """obs -> one number per action (T, N, A): values for dqn, logits for bc."""

    config: OffPolicyConfig
    spec: WorldSpec

    def setup(self) -> None:
        self.encoder = Encoder(self.config.hidden, self.config.memory)
        self.head = SmallDense((len(self.spec.actions),), 0.1)
        self.prediction = Prediction(self.spec.obs_shape, len(self.spec.actions))

    def __call__(self, memory: Any, obs: Array, first: Array, peek: Array | None = None) -> tuple[Any, Array, Array]:
        """Memory, outputs at `obs` or, if given, at the true successors `peek`, and features (T, N, F) at `obs`."""
        memory, x, ahead = self.encoder(memory, obs, first, peek)
        return memory, self.head(x if ahead is None else ahead), x

    def predict(self, x: Array, action: Array) -> Array:
        """The next observation, (T, N, V, V, C)."""
        return self.prediction(x, action)

    def everything(self, memory: Any, obs: Array, first: Array) -> Array:
        """Touches every parameter, for `init`."""
        _, out, x = self(memory, obs, first)
        if self.config.prediction > 0:
            self.predict(x, jnp.zeros(x.shape[:-1], jnp.int32))
        return out


def prediction_of(net: Apply, params: PyTree, x: Array, steps: Any) -> Array:
    """The auxiliary loss of every step, (T, N), of transitions or demonstrations; x (T, N, F) with N = B * M or B * K."""
    time = x.shape[0]
    predicted = net(params, x, steps.action.reshape(time, -1), method=Network.predict)
    seen = steps.next_obs.reshape(time, -1, *steps.next_obs.shape[3:])
    return jax.vmap(prediction_loss, in_axes=1, out_axes=1)(predicted, seen)


def own_loss(net: Apply, config: OffPolicyConfig, params: PyTree, target: PyTree, rows: Rows) -> tuple[Array, dict[str, Array]]:
    """Squared error of Q-learning on the novices' own steps."""
    own, time = rows.own, rows.own.reward.shape[0]
    obs, next_obs = (y.reshape(time, -1, *y.shape[3:]) for y in (own.timestep.obs, own.next_obs))
    first, action, reward, ended = (y.reshape(time, -1) for y in (own.timestep.first, own.action, own.reward, own.terminated))
    memory = blank(config.memory, config.hidden[-1], first.shape[1])
    _, q, x = net(params, memory, obs, first)
    _, q_next, _ = net(target, memory, obs, first, next_obs)
    discount = jnp.where(ended, 0.0, config.gamma).astype(jnp.float32)
    errors = jax.vmap(q_learning_error, in_axes=1)(q, action, reward, discount, q_next, q_next)
    total = td = jnp.mean(errors**2)
    metrics = {"loss/td": td, "value": jnp.mean(q)}
    if config.prediction > 0:
        metrics["loss/prediction"] = jnp.mean(prediction_of(net, params, x, own))
        total += config.prediction * metrics["loss/prediction"]
    return total, metrics


def network_learner(config: Any, spec: WorldSpec, loss: Any, sampled: bool = False) -> Learner:
    """A learner with one source, itself, that acts greedily; `sampled` draws from the softmax while exploring."""
    net = Network(config, spec)
    apply: Apply = net.apply

    def init(key: Key[Array, ""]) -> PyTree:
        obs, memory = jnp.zeros((1, 1, *spec.obs_shape), jnp.uint8), blank(config.memory, config.hidden[-1], 1)
        return net.init(key, memory, obs, jnp.ones((1, 1), bool), method=Network.everything)

    def decide(
        state: OffPolicyState, memory: Any, obs: Array, first: Array, key: Key[Array, ""], explore: bool
    ) -> tuple[Decision, Any]:
        memory, out, _ = apply(state.params, memory, obs, first)
        out = out[0]
        action = jax.random.categorical(key, out) if sampled and explore else jnp.argmax(out, axis=-1)
        action = action.astype(jnp.int32)
        unused = jnp.full(action.shape, jnp.nan, jnp.float32)
        decision = Decision(action=action, source=jnp.zeros_like(action), values=out[:, None], influence=unused)
        return decision, memory

    def of_rows(params: PyTree, target: PyTree, rows: Rows, extra: PyTree) -> tuple[Array, dict[str, Array]]:
        return loss(apply, config, params, target, rows)

    def explain(state: OffPolicyState, memory: Any, obs: Array, first: Array, decision: Decision) -> dict[str, Array]:
        if config.prediction == 0:
            return {}
        features = apply(state.params, memory, obs, first)[2]
        return {"prediction": apply(state.params, features, decision.action[None], method=Network.predict)[0]}

    parts = Parts(init=init, decide=decide, loss=of_rows, explain=explain, scale="logit" if sampled else "reward")
    return build(config, spec, parts)

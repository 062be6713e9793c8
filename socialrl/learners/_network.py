"""What dqn and the simple social baselines share: a torso, heads with a number per action, their losses and
decisions.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree, UInt8

from socialrl.learners._applied import Applied
from socialrl.learners._offpolicy import OffPolicyConfig, OffPolicyState, Parts, Rows, build, starts_of
from socialrl.learners._sequences import masked_mean, over_sequences, sequences
from socialrl.losses.policy import cloning_loss
from socialrl.losses.td import q_learning_error, soft_q_error
from socialrl.nets.heads import Prediction, SmallDense
from socialrl.nets.memory import Encoder
from socialrl.types import Decision, Learner, Scale
from socialrl_envs.types import WorldSpec
from socialrl_envs.world import require

Losses = tuple[Array, dict[str, Array]]  # the sum to descend, and metrics by name


class Network(nn.Module):
    """obs -> a number per head and action (T, N, H, A): values, or the logits of a policy."""

    config: OffPolicyConfig
    spec: WorldSpec
    heads: int = 1

    def setup(self) -> None:
        self.encoder = Encoder(self.config.hidden, self.config.memory)
        self.head = SmallDense((self.heads, len(self.spec.actions)), 0.1)
        self.prediction = Prediction(self.spec.obs_shape, len(self.spec.actions))

    def __call__(
        self, memory: Any, obs: Array, first: Array, peek: Array | None = None
    ) -> tuple[Any, Array, Array]:
        """Memory, outputs at `obs` or, if given, at the true successors `peek`, and features (T, N, F) at
        `obs`.
        """
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


class Steps(NamedTuple):
    """Somebody's steps as N sequences: the novices', N = B * M, or the others', N = B * K.

    goes_on: 0 where the task ended for good, else 1. there: whether the step counts; an absent co-player's
    does not.
    """

    obs: UInt8[Array, "T N V V C"]
    action: Int32[Array, "T N"]
    next_obs: UInt8[Array, "T N V V C"]
    first: Bool[Array, "T N"]
    goes_on: Float32[Array, "T N"]
    there: Bool[Array, "T N"]


def own_steps(rows: Rows) -> Steps:
    """The novices' steps; none of them offline."""
    own = rows.own
    goes_on = jnp.where(own.terminated, 0.0, 1.0).astype(jnp.float32)
    there = jnp.ones(own.action.shape, bool)
    return Steps(
        *map(sequences, (own.timestep.obs, own.action, own.next_obs, own.timestep.first, goes_on, there))
    )


def others_steps(rows: Rows) -> Steps:
    """What the co-players showed."""
    others = rows.others
    leaves = (others.obs, others.action, others.next_obs, starts_of(others), others.discount, others.present)
    return Steps(*map(sequences, leaves))


class Read(NamedTuple):
    """What the network says of steps: out (T, N, H, A), ahead at their true successors by the target network,
    features x.
    """

    out: Float32[Array, "T N H A"]
    ahead: Float32[Array, "T N H A"]
    x: Float32[Array, "T N F"]


class Net(Applied):
    """The network of a learner, applied."""

    def __init__(self, config: Any, spec: WorldSpec, heads: int = 1):
        super().__init__(Network(config, spec, heads), config, spec)
        self.heads = heads

    def read(self, params: PyTree, target: PyTree, steps: Steps) -> Read:
        """What the network says of steps."""
        memory = self.blank(steps.action.shape[1])
        _, out, x = self.apply(params, memory, steps.obs, steps.first)
        ahead = self.apply(target, memory, steps.obs, steps.first, steps.next_obs)[1]
        return Read(out=out, ahead=jax.lax.stop_gradient(ahead), x=x)

    def with_prediction(self, losses: Losses, params: PyTree, x: Array, steps: Steps) -> Losses:
        """The losses and, if it has a weight, that of the auxiliary head on these steps."""
        if self.config.prediction == 0:
            return losses
        total, metrics = losses
        error = self.prediction_error(params, x, steps.action, steps.next_obs, steps.there)
        return total + self.config.prediction * error, metrics | {"loss/prediction": error}


def td_loss(q: Array, ahead: Array, steps: Steps, reward: Array, gamma: float) -> Losses:
    """Squared error of Q-learning, of values (T, N, A) for this reward (T, N)."""
    errors = over_sequences(q_learning_error)(q, steps.action, reward, gamma * steps.goes_on, ahead, ahead)
    td = masked_mean(errors**2, steps.there)
    return td, {"loss/td": td, "value": masked_mean(jnp.mean(q, axis=-1), steps.there)}


def soft_q_loss(read: Read, steps: Steps, reward: Array, gamma: float, temperature: float) -> Array:
    """Mean squared error of soft Q-learning by the first head, for this reward (T, N)."""

    def error(q: Array, action: Array, reward: Array, discount: Array, ahead: Array) -> Array:
        return soft_q_error(q, action, reward, discount, ahead, temperature)

    errors = over_sequences(error)(
        read.out[:, :, 0], steps.action, reward, gamma * steps.goes_on, read.ahead[:, :, 0]
    )
    return masked_mean(errors**2, steps.there)


def imitation_loss(logits: Array, steps: Steps) -> Losses:
    """Cross-entropy of what was done under a policy (T, N, A)."""
    cloning = masked_mean(over_sequences(cloning_loss)(logits, steps.action), steps.there)
    right = (jnp.argmax(logits, axis=-1) == steps.action).astype(jnp.float32)
    return cloning, {"loss/cloning": cloning, "cloning_accuracy": masked_mean(right, steps.there)}


def both(one: Losses, other: Losses, weight: float = 1.0) -> Losses:
    """One loss plus a weight times the other, and the metrics of both."""
    return one[0] + weight * other[0], one[1] | other[1]


def decided(action: Array, values: Float32[Array, "N S A"], source: Array | None = None) -> Decision:
    """The decision to do this, as oneself unless a source is given."""
    action = action.astype(jnp.int32)
    return Decision(
        action=action,
        source=jnp.zeros_like(action) if source is None else source.astype(jnp.int32),
        values=values,
        influence=jnp.full(action.shape, jnp.nan, jnp.float32),
    )


def drawn(logits: Float32[Array, "N A"], key: Key[Array, ""], explore: bool) -> Array:
    """Actions by a softmax policy: drawn while exploring, else the likeliest."""
    return jax.random.categorical(key, logits) if explore else jnp.argmax(logits, axis=-1)


def greedily(
    state: OffPolicyState, out: Float32[Array, "N H A"], key: Key[Array, ""], explore: bool
) -> Decision:
    """The action of the highest value by the first head."""
    return decided(jnp.argmax(out[:, 0], axis=-1), out[:, :1])


def by_softmax(temperature: float = 1.0) -> Callable[..., Decision]:
    """Acts by exp(first head / temperature); `values` are these logits."""

    def choose(
        state: OffPolicyState, out: Float32[Array, "N H A"], key: Key[Array, ""], explore: bool
    ) -> Decision:
        logits = out[:, :1] / temperature
        return decided(drawn(logits[:, 0], key, explore), logits)

    return choose


def check_roster(spec: WorldSpec, why: str = "") -> None:
    """Raises SocialRLError unless there is a novice and, if a reason is given, somebody to learn from."""
    require(len(spec.novices) > 0, "novices", 0, "at least 1 for a learner")
    if why:
        require(len(spec.coplayers) > 0, "experts", 0, f"at least 1: {why}")


def network_learner(
    net: Net,
    loss: Callable[[Net, PyTree, PyTree, Rows], Losses],
    choose: Callable[..., Decision] = greedily,
    scale: Scale = "reward",
    **others: Any,
) -> Learner:
    """A learner made of one network.

    loss(net, params, target, rows): what is descended, and metrics by name. choose(state, out (N, H, A), key,
    explore): the decision. scale: what its values are. others: further `Parts`.
    """

    def decide(
        state: OffPolicyState, memory: Any, obs: Array, first: Array, key: Key[Array, ""], explore: bool
    ) -> tuple[Decision, Any]:
        memory, out, _ = net.apply(state.params, memory, obs, first)
        return choose(state, out[0], key, explore), memory

    def of_rows(params: PyTree, target: PyTree, rows: Rows, extra: PyTree) -> Losses:
        return loss(net, params, target, rows)

    def explain(
        state: OffPolicyState, memory: Any, obs: Array, first: Array, decision: Decision
    ) -> dict[str, Array]:
        return net.expected(state.params, net.apply(state.params, memory, obs, first)[2], decision.action)

    parts = Parts(init=net.init, decide=decide, loss=of_rows, explain=explain, scale=scale, **others)
    return build(net.config, net.spec, parts)

"""How far each other agent is trusted, estimated online from the novices' own rewards.

Another agent is trusted as far as it is predictable (the model of its policy is better than chance) and
useful (its steps would have paid the novices more than their own do, by their reward model Phi . w), and as
far as that reward model explains the novices' rewards at all. The rewards of others are never used.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32

from socialrl_envs.struct import pytree

PREDICTABLE = 0.25  # share of the bits of a uniform guess that a model must save for full trust
LENIENCE = (
    2.0  # in widths: at this much less reward than the novices' own, an agent still gets half of the trust
)


@pytree
class PeerStats:
    """Running means per step, from 0; divided by their weight they are unbiased.

    reward, reward_square: of the novices' reward and its square. error_square: of the reward model's error.
    worth: what the steps of each other agent would have paid the novices, by that model. skill: 1 - (nats of
    its actions under its model) / (nats of a uniform guess). weight, peer_weight: the weights of the novices'
    and of each other's means.
    """

    reward: Float32[Array, ""]
    reward_square: Float32[Array, ""]
    error_square: Float32[Array, ""]
    weight: Float32[Array, ""]
    worth: Float32[Array, " coplayers"]
    skill: Float32[Array, " coplayers"]
    peer_weight: Float32[Array, " coplayers"]


def init(count: int) -> PeerStats:
    """The statistics of `count` other agents before any step."""
    none, each = jnp.float32(0), jnp.zeros(count, jnp.float32)
    return PeerStats(
        reward=none,
        reward_square=none,
        error_square=none,
        weight=none,
        worth=each,
        skill=each,
        peer_weight=each,
    )


def update(
    stats: PeerStats,
    reward: Float32[Array, "T B novices"],
    expected: Float32[Array, "T B novices"],
    worth: Float32[Array, "T B coplayers"],
    log_prob: Float32[Array, "T B coplayers"],
    present: Bool[Array, "T B coplayers"],
    actions: int,
    rate: float,
) -> PeerStats:
    """The statistics after one more unroll.

    expected: Phi(s, a) . w_ego of the novices' steps; worth: of the others' steps. log_prob: of the others'
    actions under their models. actions: A. rate: weight of this unroll, 0..1; the statistics of an agent that
    was absent throughout do not change.
    """
    mask = present.astype(jnp.float32)
    count = jnp.sum(mask, axis=(0, 1))
    toward = jnp.where(count > 0, rate, 0.0)

    def of_each(old: Float32[Array, " coplayers"], steps: Float32[Array, "T B coplayers"]) -> Array:
        return old + toward * (jnp.sum(steps * mask, axis=(0, 1)) / jnp.maximum(count, 1.0) - old)

    return PeerStats(
        reward=stats.reward + rate * (jnp.mean(reward) - stats.reward),
        reward_square=stats.reward_square + rate * (jnp.mean(reward**2) - stats.reward_square),
        error_square=stats.error_square + rate * (jnp.mean((reward - expected) ** 2) - stats.error_square),
        weight=stats.weight + rate * (1 - stats.weight),
        worth=of_each(stats.worth, worth),
        skill=of_each(stats.skill, 1 + log_prob / jnp.log(jnp.float32(actions))),
        peer_weight=stats.peer_weight + toward * (1 - stats.peer_weight),
    )


def trust(stats: PeerStats, width: float) -> Float32[Array, " coplayers"]:
    """The trust in each other agent, 0..1: predictable * useful * `reward_model_r2`.

    width: difference in reward per step, in units of the root mean square of the novices' reward, over which
    trust goes from low to high.
    """
    weight, peer_weight = jnp.maximum(stats.weight, 1e-8), jnp.maximum(stats.peer_weight, 1e-8)
    scale = jnp.sqrt(stats.reward_square / weight) + 1e-6
    gain = (stats.worth / peer_weight - stats.reward / weight) / scale
    predictable = jnp.clip(stats.skill / peer_weight / PREDICTABLE, 0.0, 1.0)
    return reward_model_r2(stats) * predictable * jax.nn.sigmoid(gain / width + LENIENCE)


def reward_model_r2(stats: PeerStats) -> Float32[Array, ""]:
    """The share of the variance of the novices' rewards that their reward model explains, 0..1."""
    weight = jnp.maximum(stats.weight, 1e-8)
    variance = stats.reward_square / weight - (stats.reward / weight) ** 2
    return jnp.clip(1 - stats.error_square / weight / jnp.maximum(variance, 1e-8), 0.0, 1.0)

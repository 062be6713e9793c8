"""Soft Q imitation learning: a demonstrated step is worth 1, a step of one's own 0, and the rest is
reinforcement learning.

Reddy, Dragan and Levine, 2020, arXiv 1905.11108. No reward of the world is looked at. Unlike cloning it is
also drawn back to where the co-players have been; like pooled cloning it takes them all for one.
"""

import dataclasses

import jax.numpy as jnp
from jax import Array
from jaxtyping import PyTree

from socialrl.learners._network import (
    Losses,
    Net,
    Read,
    Steps,
    by_softmax,
    check_roster,
    network_learner,
    others_steps,
    own_steps,
    soft_q_loss,
)
from socialrl.learners._offpolicy import OffPolicyConfig, Rows
from socialrl.types import Learner
from socialrl_envs.types import WorldSpec
from socialrl_envs.world import require


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(OffPolicyConfig):
    """Options of sqil, besides those of every off-policy learner.

    temperature: the policy is exp(Q / temperature), where a demonstrated step pays 1.
    own: weight of the novice's own steps, which pay 0; 1 balances them with the demonstrated ones.
    """

    epsilon_start: float = 0.05
    temperature: float = 0.1
    own: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.temperature > 0, "temperature", self.temperature, "positive")
        require(self.own >= 0, "own", self.own, "a weight, at least 0")

    def build(self, spec: WorldSpec) -> Learner:
        """The learner for this world; it needs a novice and somebody to imitate."""
        check_roster(spec, "sqil imitates co-players")
        return network_learner(Net(self, spec), loss, by_softmax(self.temperature), "logit")


def loss(net: Net, params: PyTree, target: PyTree, rows: Rows) -> Losses:
    """Squared soft Bellman error, the mean over demonstrated steps plus the mean over one's own, however many
    of each.
    """
    config, others, own = net.config, others_steps(rows), own_steps(rows)
    shown, mine = net.read(params, target, others), net.read(params, target, own)

    def error(read: Read, steps: Steps, reward: float) -> Array:
        paid = jnp.full(steps.action.shape, reward, jnp.float32)
        return soft_q_loss(read, steps, paid, config.gamma, config.temperature)

    demonstrated, lived = error(shown, others, 1.0), error(mine, own, 0.0)
    metrics = {"loss/demonstrated": demonstrated, "loss/own": lived}
    return net.with_prediction((demonstrated + config.own * lived, metrics), params, mine.x, own)

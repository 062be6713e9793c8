"""Soft Q imitation learning: soft Q-learning with reward 1 for demonstrated steps and 0 for the novice's own.

Reddy, Dragan and Levine, 2020, arXiv 1905.11108. The world's rewards are not used. Unlike cloning it also
returns to states that the co-players visited; like pooled cloning it takes all co-players for one.
"""

import dataclasses

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, PyTree

from socialrl.learners._baseline import head_learner, soft_q_loss, softmax_policy
from socialrl.learners._batches import SequenceBatch
from socialrl.learners._config import OffPolicyConfig, check_roster
from socialrl.learners._heads import HeadFns, Outputs
from socialrl.learners._offpolicy import Losses, OffPolicyState
from socialrl.learners._sequences import Steps, others_steps, own_steps
from socialrl.types import Learner
from socialrl_envs.options import option
from socialrl_envs.types import WorldSpec


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(OffPolicyConfig):
    """Options of sqil, besides those of every off-policy learner."""

    epsilon_start: float = option(0.05, "share of random actions at the start of training", low=0, high=1)
    temperature: float = option(0.1, "temperature of the policy exp(Q / temperature)", above=0)
    own_coef: float = option(
        1.0,
        "weight of the novice's own steps, whose reward is 0; 1 balances them with the demonstrated ones",
        low=0,
    )

    def build(self, spec: WorldSpec) -> Learner[OffPolicyState]:
        """The learner for this world; raises SocialRLError unless it has a novice and a co-player."""
        check_roster(spec, "sqil imitates co-players")
        return head_learner(HeadFns(self, spec), self.loss, softmax_policy(self.temperature), "logit")

    def loss(self, net: HeadFns, params: PyTree, target: PyTree, batch: SequenceBatch) -> Losses:
        """The mean squared soft Bellman error over the demonstrated steps, plus that over the
        novices' own.
        """
        others, own = others_steps(batch), own_steps(batch)
        shown, mine = net.outputs(params, target, others), net.outputs(params, target, own)

        def error(outputs: Outputs, steps: Steps, reward: float) -> Float32[Array, ""]:
            rewards = jnp.full(steps.action.shape, reward, jnp.float32)
            return soft_q_loss(outputs, steps, rewards, self.gamma, self.temperature)

        on_shown, on_own = error(shown, others, 1.0), error(mine, own, 0.0)
        metrics = {"loss/demonstrated": on_shown, "loss/own": on_own}
        return net.with_prediction((on_shown + self.own_coef * on_own, metrics), params, mine.x, own)

"""Decision biasing: a model of others' actions biases the novice's decisions and leaves its values alone.

Najar et al., 2020 (PLOS Biology 18(12)), for one observed choice; arXiv 2604.05777, for gridworlds. Here a
policy cloned from all co-players is that model: pi(a|s) ~ exp(Q(s, a) / temperature + bias_coef * log
pi_others(a|s)), with values Q learnt from the novice's own rewards as in dqn. A share of the others' actions
counts as random, which bounds the bias against actions that they never take. Its counterpart is
value_shaping.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Key, PyTree

from socialrl.learners._baseline import both, head_learner, imitation_loss
from socialrl.learners._batches import SequenceBatch
from socialrl.learners._config import OffPolicyConfig, check_roster
from socialrl.learners._heads import HeadFns
from socialrl.learners._offpolicy import Losses, OffPolicyState
from socialrl.learners._sequences import others_steps
from socialrl.learners.dqn import own_loss
from socialrl.nets.heads import drawn
from socialrl.types import Decision, Learner, decision_of
from socialrl_envs.options import option
from socialrl_envs.types import WorldSpec

VALUE, SOCIAL = 0, 1  # heads


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(OffPolicyConfig):
    """Options of decision_biasing, besides those of every off-policy learner."""

    bias_coef: float = option(1.0, "weight of the others' log-probabilities in a decision", low=0)
    temperature: float = option(
        0.1,
        "difference in value that weighs as much as a difference of 1 in logits, in reward units",
        above=0,
    )
    lapse: float = option(0.05, "share of the others' actions that counts as random", above=0, high=1)
    cloning_coef: float = option(1.0, "weight of cloning the co-players, pooled", low=0)

    def build(self, spec: WorldSpec) -> Learner[OffPolicyState]:
        """The learner for this world; raises SocialRLError unless it has a novice and a co-player."""
        check_roster(spec, "decision_biasing watches co-players")
        return head_learner(HeadFns(self, spec, heads=2), self.loss, self.choose)

    def choose(
        self, state: OffPolicyState, out: Float32[Array, "N heads A"], key: Key[Array, ""], explore: bool
    ) -> Decision:
        """The biased decision; its values are the novice's own."""
        values = out[:, VALUE]
        habit = (1 - self.lapse) * jax.nn.softmax(out[:, SOCIAL]) + self.lapse / values.shape[-1]
        logits = values / self.temperature + self.bias_coef * jnp.log(habit)
        return decision_of(drawn(logits, key, explore), values[:, None])

    def loss(self, net: HeadFns, params: PyTree, target: PyTree, batch: SequenceBatch) -> Losses:
        """The loss of Q-learning on the novices' steps, and the cross-entropy of the others' actions."""
        steps = others_steps(batch)
        shown = net.outputs(params, target, steps)
        cloning = imitation_loss(shown.out[:, :, SOCIAL], steps)
        return both(own_loss(net, params, target, batch), cloning, self.cloning_coef)

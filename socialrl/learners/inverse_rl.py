"""Inverse reinforcement learning, then reinforcement learning on the inferred reward.

Cascaded supervised inverse RL (Klein et al., 2013) in its maximum-entropy form. Cloning gives a score q whose
softmax is the policy of the co-players, taken for one agent; the inverse soft Bellman operator (Garg et al.,
2021, IQ-Learn) turns it into the reward q(s, a) - gamma V(s') of every step seen, the novice's own included;
a regression makes it a function of (s, a); soft Q-learning on own and demonstrated steps maximises that
function. The world's rewards are not used. All three are learnt at the same time, and no gradient flows from
one to the one before it.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32, PyTree

from socialrl.learners._baseline import both, head_learner, imitation_loss, soft_q_loss, softmax_policy
from socialrl.learners._batches import SequenceBatch
from socialrl.learners._config import OffPolicyConfig, check_roster
from socialrl.learners._heads import HeadFns, Outputs
from socialrl.learners._offpolicy import Losses, OffPolicyState
from socialrl.learners._sequences import Steps, others_steps, over_sequences, own_steps
from socialrl.losses.means import masked_mean
from socialrl.losses.td import inferred_reward
from socialrl.types import Learner
from socialrl_envs.options import option
from socialrl_envs.types import WorldSpec

VALUE, SCORE, REWARD = 0, 1, 2  # heads


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(OffPolicyConfig):
    """Options of inverse_rl, besides those of every off-policy learner."""

    epsilon_start: float = option(0.05, "share of random actions at the start of training", low=0, high=1)
    temperature: float = option(
        0.1, "temperature of the policy exp(q / temperature), and so the unit of the inferred reward", above=0
    )

    def build(self, spec: WorldSpec) -> Learner[OffPolicyState]:
        """The learner for this world; raises SocialRLError unless it has a novice and a co-player."""
        check_roster(spec, "inverse_rl infers the goals of co-players")
        net = HeadFns(self, spec, heads=3)
        return head_learner(net, self.loss, softmax_policy(self.temperature), "logit")

    def loss(self, net: HeadFns, params: PyTree, target: PyTree, batch: SequenceBatch) -> Losses:
        """The cross-entropy of the demonstrated actions, and the losses of `cascade` on demonstrated and own
        steps.
        """
        others, own = others_steps(batch), own_steps(batch)
        shown, mine = net.outputs(params, target, others), net.outputs(params, target, own)
        losses = imitation_loss(shown.out[:, :, SCORE] / self.temperature, others)
        losses = both(losses, self.cascade(shown, others, "shown"))
        losses = both(losses, self.cascade(mine, own, "own"))
        return net.with_prediction(losses, params, mine.x, own)

    def cascade(self, outputs: Outputs, steps: Steps, suffix: str) -> Losses:
        """The regression of the reward head on the rewards that the scores imply, plus the soft Bellman error
        of the values for the reward head. suffix: of the metrics' names.
        """

        def implied(
            score: Float32[Array, "T A"],
            action: Int32[Array, " T"],
            discount: Float32[Array, " T"],
            next_score: Float32[Array, "T A"],
        ) -> Float32[Array, " T"]:
            return inferred_reward(score, action, discount, next_score, self.temperature)

        discount = self.gamma * steps.continuation
        score, next_score = outputs.out[:, :, SCORE], outputs.next_out[:, :, SCORE]
        target = over_sequences(implied)(score, steps.action, discount, next_score)
        rewards = outputs.out[:, :, REWARD]
        reward = jnp.take_along_axis(rewards, steps.action[..., None], axis=-1)[..., 0]
        regression = masked_mean((reward - jax.lax.stop_gradient(target)) ** 2, steps.mask)
        td = soft_q_loss(outputs, steps, jax.lax.stop_gradient(reward), self.gamma, self.temperature)
        metrics = {
            f"loss/reward_{suffix}": regression,
            f"loss/td_{suffix}": td,
            f"inferred_reward_{suffix}": masked_mean(reward, steps.mask),
        }
        return regression + td, metrics

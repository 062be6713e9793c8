"""DQN (Mnih et al., 2015): learns from its own rewards only, unless one of two ways to learn from others is
turned on.

The control without social learning; torso, buffer and target network are those of psiphi. With `cloning_coef`
it also clones the co-players with a head of its own, which shapes the torso and nothing else. With
`relabelled_coef` it also learns its values from the co-players' steps, as if these had paid what a model of
its own rewards predicts. Either is one part of psiphi without successor features, following and trust.
With `comparisons` it learns from a teacher's comparisons of clips in place of rewards.
"""

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32, PyTree

from socialrl.feedback.config import ComparisonsConfig
from socialrl.learners._baseline import both, head_learner, imitation_loss, td_loss
from socialrl.learners._batches import SequenceBatch
from socialrl.learners._comparisons import from_comparisons
from socialrl.learners._config import OffPolicyConfig, check_roster
from socialrl.learners._heads import HeadFns, Outputs
from socialrl.learners._offpolicy import Losses, relabelled
from socialrl.learners._sequences import others_steps, own_steps, sequences
from socialrl.losses.means import masked_mean
from socialrl.types import Learner
from socialrl_envs.options import option
from socialrl_envs.types import WorldSpec


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(OffPolicyConfig):
    """Options of dqn: those of every off-policy learner, and two ways to learn from co-players."""

    cloning_coef: float = option(
        0.0, "weight of cloning the co-players, pooled, as an auxiliary loss; 0 has none", low=0
    )
    relabelled_coef: float = option(
        0.0, "weight of Q-learning on co-players' steps with rewards that a model predicts; 0 has none", low=0
    )
    reward_coef: float = option(3.0, "weight of that model's error on the own rewards", low=0)
    comparisons: ComparisonsConfig | None = option(
        None, "learn from a teacher's comparisons of clips in place of rewards; none learns from rewards"
    )

    @property
    def watches(self) -> bool:
        """Whether it learns from others' steps, and so from a file of them."""
        return self.cloning_coef > 0 or self.relabelled_coef > 0

    def build(self, spec: WorldSpec) -> Learner[Any]:
        """The learner for this world; raises SocialRLError if it has no novice, or nobody to learn from."""
        check_roster(spec, "dqn is to learn from co-players" if self.watches else "")
        heads = 1 + (self.cloning_coef > 0) + (self.relabelled_coef > 0)
        learner = head_learner(HeadFns(self, spec, heads), self.loss if self.watches else own_loss)
        return from_comparisons(self.comparisons, learner, spec, partial(relabelled, spec))

    def loss(self, net: HeadFns, params: PyTree, target: PyTree, batch: SequenceBatch) -> Losses:
        """The loss of Q-learning on the novices' steps, and what is learnt from the others' steps. The head
        of the reward model is the last one, that of cloning the one after the values. Offline there are no
        rewards to learn a model from.
        """
        steps = others_steps(batch)
        shown, losses = net.outputs(params, target, steps), own_loss(net, params, target, batch)
        if self.cloning_coef > 0:
            losses = both(losses, imitation_loss(shown.out[:, :, 1], steps), self.cloning_coef)
        own = own_steps(batch)
        if self.relabelled_coef > 0 and own.action.shape[1]:
            predicted = of_action(net.outputs(params, target, own), own.action)
            error = masked_mean((predicted - sequences(batch.own.reward)) ** 2, own.mask)
            losses = both(losses, (error, {"loss/reward": error}), self.reward_coef)
            reward = jax.lax.stop_gradient(of_action(shown, steps.action))
            td, _ = td_loss(shown.out[:, :, 0], shown.next_out[:, :, 0], steps, reward, self.gamma)
            losses = both(losses, (td, {"loss/relabelled": td}), self.relabelled_coef)
        return losses


def of_action(outputs: Outputs, action: Int32[Array, "T N"]) -> Float32[Array, "T N"]:
    """The last head's output for the action taken."""
    return jnp.take_along_axis(outputs.out[:, :, -1], action[..., None], axis=-1)[..., 0]


def own_loss(net: HeadFns, params: PyTree, target: PyTree, batch: SequenceBatch) -> Losses:
    """The mean squared error of Q-learning, by the first head, on the novices' own steps."""
    steps = own_steps(batch)
    outputs = net.outputs(params, target, steps)
    q, next_q = outputs.out[:, :, 0], outputs.next_out[:, :, 0]
    losses = td_loss(q, next_q, steps, sequences(batch.own.reward), net.config.gamma)
    return net.with_prediction(losses, params, outputs.x, steps)

"""DQN (Mnih et al., 2015): learns from its own rewards only. The control
without social learning; torso, buffer and target network are those of psiphi.
"""

import dataclasses
from typing import ClassVar

from jaxtyping import PyTree

from socialrl.learners._baseline import head_learner, td_loss
from socialrl.learners._batches import SequenceBatch
from socialrl.learners._config import OffPolicyConfig, check_roster
from socialrl.learners._heads import HeadFns
from socialrl.learners._offpolicy import Losses, OffPolicyState
from socialrl.learners._sequences import own_steps, sequences
from socialrl.types import Learner
from socialrl_envs.types import WorldSpec


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(OffPolicyConfig):
    """Options of dqn: those of every off-policy learner."""

    from_demonstrations: ClassVar[bool] = False

    def build(self, spec: WorldSpec) -> Learner[OffPolicyState]:
        """The learner for this world; raises SocialRLError if it has no novice."""
        check_roster(spec)
        return head_learner(HeadFns(self, spec), own_loss)


def own_loss(net: HeadFns, params: PyTree, target: PyTree, batch: SequenceBatch) -> Losses:
    """The mean squared error of Q-learning, by the first head, on the novices' own steps."""
    steps = own_steps(batch)
    outputs = net.outputs(params, target, steps)
    q, next_q = outputs.out[:, :, 0], outputs.next_out[:, :, 0]
    losses = td_loss(q, next_q, steps, sequences(batch.own.reward), net.config.gamma)
    return net.with_prediction(losses, params, outputs.x, steps)

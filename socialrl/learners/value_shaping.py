"""Value shaping: others' actions act as a pseudo-reward, and so leave a lasting mark on the novice's own
values.

Najar et al., 2020 (PLOS Biology 18(12)), for one observed choice; arXiv 2604.05777, for gridworlds. The
rewards of others are not seen: their steps are learnt from as if they were the novice's own and had paid
`pseudo_reward`, beside dqn's learning from the novice's steps and rewards. Its counterpart is
decision_biasing.
"""

import dataclasses

import jax.numpy as jnp
from jaxtyping import PyTree

from socialrl.learners._baseline import head_learner, td_loss
from socialrl.learners._batches import SequenceBatch
from socialrl.learners._config import OffPolicyConfig, check_roster
from socialrl.learners._heads import HeadFns
from socialrl.learners._offpolicy import Losses, OffPolicyState
from socialrl.learners._sequences import others_steps
from socialrl.learners.dqn import own_loss
from socialrl.types import Learner
from socialrl_envs.options import option
from socialrl_envs.types import WorldSpec


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(OffPolicyConfig):
    """Options of value_shaping, besides those of every off-policy learner."""

    pseudo_reward: float = option(0.3, "reward assumed for every step of a co-player")
    shaping_coef: float = option(0.3, "weight of Q-learning on the co-players' steps", low=0)

    def build(self, spec: WorldSpec) -> Learner[OffPolicyState]:
        """The learner for this world; raises SocialRLError unless it has a novice and a co-player."""
        check_roster(spec, "value_shaping watches co-players")
        return head_learner(HeadFns(self, spec), self.loss)

    def loss(self, net: HeadFns, params: PyTree, target: PyTree, batch: SequenceBatch) -> Losses:
        """The loss of Q-learning on the novices' steps, and on the others' with the pseudo-reward."""
        steps = others_steps(batch)
        shown = net.outputs(params, target, steps)
        pseudo = jnp.full(steps.action.shape, self.pseudo_reward, jnp.float32)
        shaping, _ = td_loss(shown.out[:, :, 0], shown.next_out[:, :, 0], steps, pseudo, self.gamma)
        total, metrics = own_loss(net, params, target, batch)
        return total + self.shaping_coef * shaping, metrics | {"loss/shaping": shaping}

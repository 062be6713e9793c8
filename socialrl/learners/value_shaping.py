"""Value shaping: the actions of others act as a pseudo-reward, and so leave a lasting mark on one's own
values.

Najar et al., 2020 (PLOS Biology 18(12)), for one observed choice; arXiv 2604.05777, for gridworlds. What
another was paid is not seen: its step is learnt from as if it had been one's own and had paid
`pseudo_reward`, beside dqn's learning from one's own steps and rewards. Its counterpart is decision_biasing.
"""

import dataclasses

import jax.numpy as jnp
from jaxtyping import PyTree

from socialrl.learners._network import Losses, Net, check_roster, network_learner, others_steps, td_loss
from socialrl.learners._offpolicy import OffPolicyConfig, Rows
from socialrl.learners.dqn import own_loss
from socialrl.types import Learner
from socialrl_envs.types import WorldSpec
from socialrl_envs.world import require


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(OffPolicyConfig):
    """Options of value_shaping, besides those of every off-policy learner.

    pseudo_reward: what every step of a co-player is taken to pay, in units of reward.
    shaping: weight of the co-players' steps, pooled, against one's own.
    """

    pseudo_reward: float = 0.3
    shaping: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.shaping >= 0, "shaping", self.shaping, "a weight, at least 0")

    def build(self, spec: WorldSpec) -> Learner:
        """The learner for this world; it needs a novice and somebody to watch."""
        check_roster(spec, "value_shaping watches co-players")
        return network_learner(Net(self, spec), loss)


def loss(net: Net, params: PyTree, target: PyTree, rows: Rows) -> Losses:
    """Squared error of Q-learning on one's own steps, and on the others' with the pseudo-reward."""
    steps = others_steps(rows)
    shown = net.read(params, target, steps)
    pseudo = jnp.full(steps.action.shape, net.config.pseudo_reward, jnp.float32)
    shaping, _ = td_loss(shown.out[:, :, 0], shown.ahead[:, :, 0], steps, pseudo, net.config.gamma)
    total, metrics = own_loss(net, params, target, rows)
    return total + net.config.shaping * shaping, metrics | {"loss/shaping": shaping}

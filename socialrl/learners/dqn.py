"""DQN: learns from its own rewards alone, with psiphi's torso, buffer and target network. The control without
others.
"""

import dataclasses
from typing import ClassVar

from jaxtyping import PyTree

from socialrl.learners._network import Losses, Net, check_roster, network_learner, own_steps, td_loss
from socialrl.learners._offpolicy import OffPolicyConfig, Rows
from socialrl.learners._sequences import sequences
from socialrl.types import Learner
from socialrl_envs.types import WorldSpec


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(OffPolicyConfig):
    """Options of dqn: those of every off-policy learner."""

    takes: ClassVar[tuple[str, ...]] = ()  # it learns from nobody, and so not from a file either

    def build(self, spec: WorldSpec) -> Learner:
        """The learner for this world; it needs a novice."""
        check_roster(spec)
        return network_learner(Net(self, spec), own_loss)


def own_loss(net: Net, params: PyTree, target: PyTree, rows: Rows) -> Losses:
    """Squared error of Q-learning, by the first head, on the novices' own steps."""
    steps = own_steps(rows)
    read = net.read(params, target, steps)
    losses = td_loss(
        read.out[:, :, 0], read.ahead[:, :, 0], steps, sequences(rows.own.reward), net.config.gamma
    )
    return net.with_prediction(losses, params, read.x, steps)

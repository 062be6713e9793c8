"""Inverse reinforcement learning, then reinforcement learning: infer what the others want, and want it too.

Cascaded supervised inverse RL (Klein et al., 2013) in its maximum-entropy form. Cloning gives a score q whose
softmax is what the co-players, taken for one, do; the inverse soft Bellman operator (Garg et al., 2021,
IQ-Learn) turns it into the reward q(s, a) - gamma V(s') of every step seen, one's own ones included; a
regression makes it a function of (s, a); and soft Q-learning on one's own and the shown steps is paid by that
function. No reward of the world is looked at. All three learn side by side, so that there is no phase whose
length has to be chosen, and none teaches the one before it.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import PyTree

from socialrl.learners._network import (
    Losses,
    Net,
    Read,
    Steps,
    both,
    by_softmax,
    check_roster,
    imitation_loss,
    masked_mean,
    network_learner,
    others_steps,
    over_sequences,
    own_steps,
    soft_q_loss,
)
from socialrl.learners._offpolicy import OffPolicyConfig, Rows
from socialrl.losses.td import inferred_reward
from socialrl.types import Learner
from socialrl_envs.types import WorldSpec
from socialrl_envs.world import require

VALUE, SCORE, REWARD = 0, 1, 2  # heads


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(OffPolicyConfig):
    """Options of inverse_rl, besides those of every off-policy learner.

    temperature: the co-players are taken to act by exp(q / temperature), and so does the novice. It is the
        unit of what is inferred, for actions alone do not tell the scale of a reward.
    """

    epsilon_start: float = 0.05
    temperature: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.temperature > 0, "temperature", self.temperature, "positive")

    def build(self, spec: WorldSpec) -> Learner:
        """The learner for this world; it needs a novice and somebody whose goals it can infer."""
        check_roster(spec, "inverse_rl infers the goals of co-players")
        return network_learner(Net(self, spec, heads=3), loss, by_softmax(self.temperature), "logit")


def loss(net: Net, params: PyTree, target: PyTree, rows: Rows) -> Losses:
    """Cross-entropy of what was shown; and, on shown and own steps alike, the regression and the soft Bellman
    error.
    """
    others, own = others_steps(rows), own_steps(rows)
    shown, mine = net.read(params, target, others), net.read(params, target, own)
    losses = imitation_loss(shown.out[:, :, SCORE] / net.config.temperature, others)
    losses = both(losses, cascade(net.config, shown, others, "shown"))
    losses = both(losses, cascade(net.config, mine, own, "own"))
    return net.with_prediction(losses, params, mine.x, own)


def cascade(config: Config, read: Read, steps: Steps, where: str) -> Losses:
    """The reward head learns what the scores imply, the values learn from the reward head."""

    def implied(score: Array, action: Array, discount: Array, ahead: Array) -> Array:
        return inferred_reward(score, action, discount, ahead, config.temperature)

    discount = config.gamma * steps.goes_on
    target = over_sequences(implied)(read.out[:, :, SCORE], steps.action, discount, read.ahead[:, :, SCORE])
    reward = jnp.take_along_axis(read.out[:, :, REWARD], steps.action[..., None], axis=-1)[..., 0]
    regression = masked_mean((reward - jax.lax.stop_gradient(target)) ** 2, steps.there)
    td = soft_q_loss(read, steps, jax.lax.stop_gradient(reward), config.gamma, config.temperature)
    metrics = {"loss/reward": regression, "loss/td": td, "inferred_reward": masked_mean(reward, steps.there)}
    return regression + td, {f"{name}_{where}": value for name, value in metrics.items()}

"""Decision biasing: what others would do tips one's own decisions, and leaves one's own values alone.

Najar et al., 2020 (PLOS Biology 18(12)), for one observed choice; arXiv 2604.05777, for gridworlds. Here a
policy cloned from all co-players says what they would do: pi(a|s) ~ exp(Q(s, a) / temperature + bias * log
pi_others(a|s)), with values Q learnt from one's own rewards as in dqn. A share of the others' actions is held
for lapses, so that no habit of theirs, however strict, weighs more than what one knows to pay. Its
counterpart is value_shaping.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Key, PyTree

from socialrl.learners._network import (
    Losses,
    Net,
    both,
    check_roster,
    decided,
    drawn,
    imitation_loss,
    network_learner,
    others_steps,
)
from socialrl.learners._offpolicy import OffPolicyConfig, OffPolicyState, Rows
from socialrl.learners.dqn import own_loss
from socialrl.types import Decision, Learner
from socialrl_envs.types import WorldSpec
from socialrl_envs.world import require

VALUE, SOCIAL = 0, 1  # heads


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(OffPolicyConfig):
    """Options of decision_biasing, besides those of every off-policy learner.

    bias: weight of the others' log-probabilities in a decision.
    temperature: difference in value, in reward units, that weighs as much as a factor of e in these
    probabilities if bias is 1.
    lapse: share of the others' actions that are thought to be random, which bounds their log-probabilities.
    cloning: weight of imitating the co-players, pooled, by a head of its own on the shared torso.
    """

    bias: float = 1.0
    temperature: float = 0.1
    lapse: float = 0.05
    cloning: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("bias", "cloning"):
            require(getattr(self, key) >= 0, key, getattr(self, key), "at least 0")
        require(0 < self.lapse <= 1, "lapse", self.lapse, "a share above 0, at most 1")
        require(self.temperature > 0, "temperature", self.temperature, "positive")

    def build(self, spec: WorldSpec) -> Learner:
        """The learner for this world; it needs a novice and somebody to watch."""
        check_roster(spec, "decision_biasing watches co-players")

        def choose(
            state: OffPolicyState, out: Float32[Array, "N H A"], key: Key[Array, ""], explore: bool
        ) -> Decision:
            values = out[:, VALUE]
            habit = (1 - self.lapse) * jax.nn.softmax(out[:, SOCIAL]) + self.lapse / len(spec.actions)
            preference = values / self.temperature + self.bias * jnp.log(habit)
            return decided(drawn(preference, key, explore), values[:, None])

        return network_learner(Net(self, spec, heads=2), loss, choose)


def loss(net: Net, params: PyTree, target: PyTree, rows: Rows) -> Losses:
    """Squared error of Q-learning on one's own steps, and cross-entropy of what the others did."""
    steps = others_steps(rows)
    shown = net.read(params, target, steps)
    cloning = imitation_loss(shown.out[:, :, SOCIAL], steps)
    return both(own_loss(net, params, target, rows), cloning, net.config.cloning)

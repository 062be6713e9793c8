"""Whom to act as, chosen by free energy: social bandit learning (SBL-FE) brought to worlds of many states.

Mirzaei et al., 2026, "Exploiting Expertise of Non-Expert and Diverse Agents in Social Bandit Learning: A Free
Energy Approach", arXiv 2603.11757. Of the paper: others' actions are seen and their rewards are not; their
policies are estimated from their actions; how far each is worth copying is judged by the novice's own
experience alone, as a free energy over the space of policies, its own among them; its own experience has the
last word. The paper is about bandits, and its abstract is all that was at hand: its free energy, its prior,
its estimator of others' policies and its individual learner could not be read, so that no formula here is the
paper's.

Ours: at every state the policy of source 0 is pi_0(a|s) ~ exp(Q(s, a) / temperature), with values Q learnt
from own rewards as in dqn; that of source k is cloned from co-player k as in bc. The choice q of a source has
the least

    F(q) = -sum_k q_k U_k(s) + temperature * KL(q || p),    U_k(s) = sum_a pi_k(a|s) Q(s, a),

which is q_k ~ p_k exp(U_k / temperature) (Ortega and Braun, 2013), with a uniform prior p. As long as the
values are flat all are copied alike; as they grow steep, whoever does well by them at this state, and in the
end the novice's own policy. In training the source is drawn from q, in evaluation it is the likeliest one.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Key, PyTree

from socialrl.learners._baseline import (
    acting_as,
    both,
    head_learner,
    imitation_loss,
    of_coplayers,
    of_source,
)
from socialrl.learners._batches import SequenceBatch
from socialrl.learners._config import OffPolicyConfig, check_roster
from socialrl.learners._heads import HeadFns
from socialrl.learners._offpolicy import Losses, OffPolicyState
from socialrl.learners._sequences import others_steps
from socialrl.learners.dqn import own_loss
from socialrl.losses.free_energy import expected_values, least_free_energy
from socialrl.nets.heads import drawn
from socialrl.types import Decision, Learner, decision_of
from socialrl_envs.options import option
from socialrl_envs.types import WorldSpec


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(OffPolicyConfig):
    """Options of sbl_fe, besides those of every off-policy learner."""

    temperature: float = option(
        0.1, "price of a nat in the choice of a source and of the own policy, in reward units", above=0
    )
    cloning_coef: float = option(1.0, "weight of cloning the co-players, each apart", low=0)

    def build(self, spec: WorldSpec) -> Learner[OffPolicyState]:
        """The learner for this world; raises SocialRLError unless it has a novice and a co-player."""
        check_roster(spec, "sbl_fe chooses whom to act as")
        net = HeadFns(self, spec, 1 + len(spec.coplayers))
        acting = acting_as(net, self.policies)
        return head_learner(net, self.loss, self.choose, "logit", capabilities=(acting,))

    def policies(self, out: Float32[Array, "N S A"]) -> Float32[Array, "N S A"]:
        """The logits of all sources' policies: the first head has the own values, the others are clones."""
        return out.at[:, 0].divide(self.temperature)

    def choose(
        self, state: OffPolicyState, out: Float32[Array, "N S A"], key: Key[Array, ""], explore: bool
    ) -> Decision:
        """An action of the source of least free energy, or one drawn after another while exploring."""
        who_key, what_key = jax.random.split(key)
        logits = self.policies(out)
        utility = expected_values(logits, out[:, 0])
        prior = jnp.full(out.shape[1], 1 / out.shape[1], jnp.float32)
        source = drawn(least_free_energy(utility, prior, self.temperature), who_key, explore)
        return decision_of(drawn(of_source(logits, source), what_key, explore), logits, source)

    def loss(self, net: HeadFns, params: PyTree, target: PyTree, batch: SequenceBatch) -> Losses:
        """The loss of Q-learning on the novices' steps, and the cross-entropy of each co-player's actions."""
        steps = others_steps(batch)
        shown = net.outputs(params, target, steps)
        cloning = imitation_loss(of_coplayers(shown.out[:, :, 1:], batch), steps)
        return both(own_loss(net, params, target, batch), cloning, self.cloning_coef)

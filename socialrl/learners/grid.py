"""A prior from what all co-players want: general reward inference and disentanglement (GRID), online.

Chang, Kyi, Jaques and Leung, 2026, "Do as the Romans Do: Learning Universal Behaviors from Heterogeneous
Agents", arXiv 2606.18537. Of the paper: the reward of each demonstrator is split into a general part, which
all share, and a specific one; a generalist is trained on the general reward alone; it is the prior from which
an agent is tuned to its own reward, under KL control. The abstract was at hand, and a digest of the paper by
a third party. By the digest the paper splits rewards that are *given* with the demonstrations, or come from
any inverse RL; it learns the split and an embedding of each agent by a bound on mutual information, a
bottleneck, and a loss that makes the general part prevail; and policies by PPO, one phase after the other.
These losses could not be read, and none is used here.

Ours: rewards of others are not seen. A score q_k is cloned from each co-player k; its reward r_k(s, a) =
q_k(s, a) - gamma V_k(s') follows by the inverse soft Bellman operator, as in inverse_rl. A regression splits
the rewards,

    r_k(s, a) ~ g(s, a) + s_k(s, a),    at a price of specific_coef * s_k(s, a)^2,

so that g is their mean over co-players. Soft Q-learning of g, on own and others' steps, gives the generalist.
The own values Q are learnt from own rewards less prior_coef * KL(pi || generalist), with the policy pi(a|s) ~
generalist(a|s) exp(Q(s, a) / prior_coef): the generalist's as long as Q says nothing. All are learnt at the
same time, and no gradient flows from one to the one before it.
"""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32, Key, PyTree

from socialrl.learners._baseline import both, head_learner, imitation_loss, of_coplayers, soft_q_loss
from socialrl.learners._batches import SequenceBatch, episode_starts
from socialrl.learners._config import OffPolicyConfig, check_roster
from socialrl.learners._heads import HeadFns, Outputs
from socialrl.learners._offpolicy import Losses, OffPolicyState
from socialrl.learners._sequences import Steps, others_steps, over_sequences, own_steps, sequences
from socialrl.losses.means import masked_mean
from socialrl.losses.rewards import split_error
from socialrl.losses.td import inferred_reward, kl_q_error
from socialrl.nets.heads import drawn
from socialrl.types import Decision, Demonstration, Learner, RewardInference, decision_of
from socialrl_envs.options import option
from socialrl_envs.types import WorldSpec

GENERALIST, OWN, GENERAL, EACH = 0, 1, 2, 3  # heads; from EACH on two of every co-player, score and specific


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(OffPolicyConfig):
    """Options of grid, besides those of every off-policy learner."""

    temperature: float = option(
        0.1, "temperature of the co-players' policies and the generalist's, the unit of their reward", above=0
    )
    specific_coef: float = option(
        1.0, "price of what is specific to one co-player's reward; 0 leaves the split open", low=0
    )
    prior_coef: float = option(
        0.1, "price of a nat by which the own policy differs from the generalist, in reward units", above=0
    )
    lapse: float = option(0.05, "share of the generalist's actions that counts as random", above=0, high=1)

    def build(self, spec: WorldSpec) -> Learner[OffPolicyState]:
        """The learner for this world; raises SocialRLError unless it has a novice and a co-player."""
        check_roster(spec, "grid infers what co-players want")
        net = HeadFns(self, spec, EACH + 2 * len(spec.coplayers))
        inference = RewardInference(infer_rewards=partial(infer_rewards, net))
        return head_learner(net, self.loss, self.choose, capabilities=(inference,))

    def prior(self, generalist: Float32[Array, "*batch A"]) -> Float32[Array, "*batch A"]:
        """The log-probabilities of the generalist, whose values these are."""
        policy = jax.nn.softmax(generalist / self.temperature)
        return jnp.log((1 - self.lapse) * policy + self.lapse / generalist.shape[-1])

    def choose(
        self, state: OffPolicyState, out: Float32[Array, "N heads A"], key: Key[Array, ""], explore: bool
    ) -> Decision:
        """An action of the own policy, which is the generalist's tilted by the own values."""
        values = out[:, OWN]
        logits = self.prior(out[:, GENERALIST]) + values / self.prior_coef
        return decision_of(drawn(logits, key, explore), values[:, None])

    def loss(self, net: HeadFns, params: PyTree, target: PyTree, batch: SequenceBatch) -> Losses:
        """The cross-entropy of each co-player's actions, the losses of `generalise` on demonstrated and own
        steps, and that of `specialise`.
        """
        others, own = others_steps(batch), own_steps(batch)
        shown, mine = net.outputs(params, target, others), net.outputs(params, target, own)
        losses = imitation_loss(of_coplayers(shown.out[:, :, EACH::2], batch) / self.temperature, others)
        losses = both(losses, self.generalise(shown, others, "shown"))
        losses = both(losses, self.generalise(mine, own, "own"))
        losses = both(losses, self.specialise(mine, own, sequences(batch.own.reward)))
        return net.with_prediction(losses, params, mine.x, own)

    def generalise(self, outputs: Outputs, steps: Steps, suffix: str) -> Losses:
        """The error of the split of the rewards that the co-players' scores imply for these steps, plus the
        soft Bellman error of the generalist. suffix: of the metrics' names.
        """
        scores, next_scores = outputs.out[:, :, EACH::2], outputs.next_out[:, :, EACH::2]
        discount = self.gamma * steps.continuation
        implied = over_sequences(partial(implied_rewards, temperature=self.temperature))
        rewards = jax.lax.stop_gradient(implied(scores, steps.action, discount, next_scores))
        general, specific = split(outputs.out, steps.action)
        error = over_sequences(partial(split_error, specific_coef=self.specific_coef))
        divided = masked_mean(error(general, specific, rewards), steps.mask)
        td = soft_q_loss(outputs, steps, jax.lax.stop_gradient(general), self.gamma, self.temperature)
        metrics = {
            f"loss/split_{suffix}": divided,
            f"loss/generalist_{suffix}": td,
            f"general_reward_{suffix}": masked_mean(general, steps.mask),
        }
        return divided + td, metrics

    def specialise(self, outputs: Outputs, steps: Steps, reward: Float32[Array, "T N"]) -> Losses:
        """The mean squared error of the own values under KL control with the generalist as prior."""
        q, next_q = outputs.out[:, :, OWN], outputs.next_out[:, :, OWN]
        discount, prior = self.gamma * steps.continuation, self.prior(outputs.next_out[:, :, GENERALIST])
        error = over_sequences(partial(kl_q_error, temperature=self.prior_coef))
        td = masked_mean(error(q, steps.action, reward, discount, next_q, prior) ** 2, steps.mask)
        return td, {"loss/td": td, "value": masked_mean(jnp.mean(q, axis=-1), steps.mask)}


def implied_rewards(
    scores: Float32[Array, "T coplayers A"],
    action: Int32[Array, " T"],
    discount: Float32[Array, " T"],
    next_scores: Float32[Array, "T coplayers A"],
    temperature: float,
) -> Float32[Array, "T coplayers"]:
    """The rewards of these steps by which the policy of each co-player's scores is optimal."""
    one = partial(inferred_reward, temperature=temperature)
    return jax.vmap(one, in_axes=(1, None, None, 1), out_axes=1)(scores, action, discount, next_scores)


def split(
    out: Float32[Array, "T N heads A"], action: Int32[Array, "T N"]
) -> tuple[Float32[Array, "T N"], Float32[Array, "T N coplayers"]]:
    """(general, specific): the two parts of the rewards of the actions taken."""
    taken = jnp.take_along_axis(out, action[..., None, None], axis=-1)[..., 0]
    return taken[:, :, GENERAL], taken[:, :, EACH + 1 :: 2]


def infer_rewards(
    net: HeadFns, state: OffPolicyState, others: Demonstration
) -> Float32[Array, "T B seats S"]:
    """The reward of every step to each co-player, general and specific; of the novice, whose own rewards are
    not modelled, the general one alone.
    """
    obs, first = sequences(others.obs), sequences(episode_starts(others))
    out = net.step(state.params, net.initial_carry(obs.shape[1]), obs, first)[1]
    general, specific = split(out, sequences(others.action))
    rewards = jnp.concatenate([general[..., None], general[..., None] + specific], axis=-1)
    return rewards.reshape(*others.action.shape, -1)

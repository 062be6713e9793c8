"""Behavioural cloning of the co-players, pooled or of each apart. The control without goals."""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Key, PyTree

from socialrl.learners._baseline import (
    acting_as,
    head_learner,
    imitation_loss,
    of_coplayers,
    of_source,
    softmax_policy,
)
from socialrl.learners._batches import SequenceBatch
from socialrl.learners._config import OffPolicyConfig, check_roster
from socialrl.learners._heads import HeadFns
from socialrl.learners._offpolicy import Losses, OffPolicyState
from socialrl.learners._sequences import others_steps
from socialrl.nets.heads import drawn
from socialrl.types import Decision, Experience, Learner, decision_of
from socialrl_envs.options import option
from socialrl_envs.struct import pytree
from socialrl_envs.types import WorldSpec

TRIALS = 0x7817  # seeds the draw of who is tried; the key of `act` changes at every step, this one at updates


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(OffPolicyConfig):
    """Options of bc, besides those of every off-policy learner; gamma and the target network are not used."""

    epsilon_start: float = option(0.05, "share of random actions at the start of training", low=0, high=1)
    pooled: bool = option(
        True, "one policy for all co-players; else one for each, and the best paid is followed"
    )
    trials: float = option(
        0.25,
        "share of the novices that try a random policy until the next update; unless pooled",
        above=0,
        high=1,
    )
    trial_steps: int = option(
        2_000,
        "environment steps over which the reward of each policy is averaged; unless pooled",
        low=1,
    )

    def build(self, spec: WorldSpec) -> Learner[OffPolicyState]:
        """The learner for this world; raises SocialRLError unless it has a novice and a co-player."""
        check_roster(spec, "bc imitates co-players")
        if self.pooled:
            return head_learner(HeadFns(self, spec), loss, softmax_policy(), "logit")
        net = HeadFns(self, spec, len(spec.coplayers))
        none = jnp.zeros(len(spec.coplayers), jnp.float32)
        apart = Apart(net, self)
        return head_learner(
            net,
            loss,
            apart.choose,
            "logit",
            aux=Rewards(total=none, weight=none),
            observe=apart.observe,
            capabilities=(acting_as(net, with_self),),
        )


def loss(net: HeadFns, params: PyTree, target: PyTree, batch: SequenceBatch) -> Losses:
    """The cross-entropy of the co-players' actions, each by its head (or all by the only one), and the
    auxiliary loss of predicting what they saw next.
    """
    steps = others_steps(batch)
    outputs = net.outputs(params, target, steps)
    logits = of_coplayers(outputs.out, batch)
    return net.with_prediction(imitation_loss(logits, steps), params, outputs.x, steps)


@pytree
class Rewards:
    """Running sum of the novices' reward per step while they acted as each co-player, and its weight."""

    total: Float32[Array, " coplayers"]
    weight: Float32[Array, " coplayers"]


class Apart:
    """One policy for each co-player; which of them to act by is a bandit problem on the novices'
    own rewards.
    """

    def __init__(self, net: HeadFns, config: Config):
        self.net, self.config, self.coplayers = net, config, net.heads

    def choose(
        self, state: OffPolicyState, out: Float32[Array, "N coplayers A"], key: Key[Array, ""], explore: bool
    ) -> Decision:
        """Acts as the co-player with the highest mean reward, an untried one first; while exploring, some
        novices try a random one until the next update.
        """
        logits = with_self(out)
        rewards: Rewards = state.aux
        means = jnp.where(rewards.weight > 0, rewards.total / jnp.maximum(rewards.weight, 1e-8), jnp.inf)
        source = 1 + jnp.broadcast_to(jnp.argmax(means), logits.shape[:1])
        if explore:
            trial_key, who_key = jax.random.split(jax.random.fold_in(jax.random.key(TRIALS), state.steps))
            other = jax.random.randint(who_key, source.shape, 1, 1 + self.coplayers)
            trial = jax.random.uniform(trial_key, source.shape) < self.config.trials
            source = jnp.where(trial, other, source)
        action = drawn(of_source(logits, source), key, explore)
        return decision_of(action, logits, source.astype(jnp.int32))

    def observe(self, state: OffPolicyState, experience: Experience) -> Rewards:
        """The Rewards after one more unroll. Random actions count for nobody, and the mean of a co-player
        that was not imitated does not change.
        """
        source, reward = experience.decision.source, experience.own.reward
        acted = jax.nn.one_hot(source - 1, self.coplayers, dtype=jnp.float32)
        steps = jnp.sum(acted, axis=(0, 1, 2))
        mean = jnp.sum(acted * reward[..., None], axis=(0, 1, 2)) / jnp.maximum(steps, 1.0)
        rate = jnp.minimum(1.0, steps / (reward.shape[2] * self.config.trial_steps))
        old: Rewards = state.aux
        return Rewards(
            total=old.total + rate * (mean - old.total), weight=old.weight + rate * (1 - old.weight)
        )


def with_self(out: Float32[Array, "N coplayers A"]) -> Float32[Array, "N S A"]:
    """The logits of all sources; those of the novice itself, which has no policy of its own, are 0."""
    return jnp.concatenate([jnp.zeros_like(out[:, :1]), out], axis=1)

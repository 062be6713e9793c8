"""Behavioural cloning: imitates what co-players do, pooled or each apart, and learns no goal. The control
without goals.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Key, PyTree

from socialrl.learners._network import (
    Losses,
    Net,
    by_softmax,
    check_roster,
    decided,
    drawn,
    imitation_loss,
    network_learner,
    others_steps,
)
from socialrl.learners._offpolicy import OffPolicyConfig, OffPolicyState, Rows
from socialrl.types import Decision, Experience, Learner
from socialrl_envs.struct import pytree
from socialrl_envs.types import WorldSpec
from socialrl_envs.world import require

TRIALS = 0x7817  # whose turn it is to be tried between two updates; a stream of its own, as acting's changes at every step


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(OffPolicyConfig):
    """Options of bc, besides those of every off-policy learner; gamma and the target network go unused.

    prediction: weight of predicting what each co-player saw next.
    pooled: one policy for what all co-players do. Otherwise one for each: the novice acts as the co-player
        that it was paid most for imitating, by its own rewards. No reward is looked at for anything else.
    trials: share of the novices that, from one update to the next, try a co-player drawn at random; unless
    pooled.
    trial_steps: env steps over which it is judged what imitating a co-player pays; unless pooled.
    """

    epsilon_start: float = 0.05
    pooled: bool = True
    trials: float = 0.25
    trial_steps: int = 2_000

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 < self.trials <= 1, "trials", self.trials, "a share, above 0, at most 1")
        require(self.trial_steps >= 1, "trial_steps", self.trial_steps, "at least 1")

    def build(self, spec: WorldSpec) -> Learner:
        """The learner for this world; it needs a novice and somebody to imitate."""
        check_roster(spec, "bc imitates co-players")
        if self.pooled:
            return network_learner(Net(self, spec), loss, by_softmax(), "logit")
        net, nothing = Net(self, spec, len(spec.coplayers)), jnp.zeros(len(spec.coplayers), jnp.float32)
        apart, extra = Apart(net), Paid(total=nothing, weight=nothing)
        return network_learner(
            net, loss, apart.choose, "logit", extra=extra, observe=apart.observe, follow=apart.follow
        )


def loss(net: Net, params: PyTree, target: PyTree, rows: Rows) -> Losses:
    """Cross-entropy of the co-players' actions given what they saw, each by its head; the auxiliary head
    predicts what they saw next."""
    steps = others_steps(rows)
    read = net.read(params, target, steps)
    seat = jnp.arange(steps.action.shape[1]) % rows.others.action.shape[2]
    logits = read.out[:, jnp.arange(len(seat)), seat % net.heads]
    return net.with_prediction(imitation_loss(logits, steps), params, read.x, steps)


@pytree
class Paid:
    """What the novices were paid per step while they acted as each co-player: a running mean, and the weight
    that it has.
    """

    total: Float32[Array, " K"]
    weight: Float32[Array, " K"]


class Apart:
    """One policy per co-player, and whose to act by: a bandit on one's own rewards."""

    def __init__(self, net: Net):
        self.net, self.config, self.others = net, net.config, net.heads

    def choose(
        self, state: OffPolicyState, out: Float32[Array, "N K A"], key: Key[Array, ""], explore: bool
    ) -> Decision:
        """Acts as whoever paid best so far, the untried first; while exploring, some try others, until the
        next update.
        """
        logits = with_self(out)
        paid: Paid = state.extra
        best = jnp.argmax(jnp.where(paid.weight > 0, paid.total / jnp.maximum(paid.weight, 1e-8), jnp.inf))
        source = 1 + jnp.broadcast_to(best, logits.shape[:1])
        if explore:
            trial_key, who_key = jax.random.split(jax.random.fold_in(jax.random.key(TRIALS), state.steps))
            other = jax.random.randint(who_key, source.shape, 1, 1 + self.others)
            source = jnp.where(
                jax.random.uniform(trial_key, source.shape) < self.config.trials, other, source
            )
        return decided(drawn(of_source(logits, source), key, explore), logits, source)

    def observe(self, state: OffPolicyState, experience: Experience) -> Paid:
        """The means, one unroll later. Random actions are nobody's, and whoever was not imitated is judged as
        before.
        """
        source, reward = experience.decision.source, experience.own.reward
        acted = jax.nn.one_hot(source - 1, self.others, dtype=jnp.float32)
        steps = jnp.sum(acted, axis=(0, 1, 2))
        mean = jnp.sum(acted * reward[..., None], axis=(0, 1, 2)) / jnp.maximum(steps, 1.0)
        rate = jnp.minimum(1.0, steps / (reward.shape[2] * self.config.trial_steps))
        paid: Paid = state.extra
        return Paid(
            total=paid.total + rate * (mean - paid.total), weight=paid.weight + rate * (1 - paid.weight)
        )

    def follow(
        self, state: OffPolicyState, memory: Any, obs: Array, first: Array, source: Array, key: Key[Array, ""]
    ) -> tuple[Array, Any]:
        """An action as that source would act: a co-player by its policy, oneself at random."""
        memory, out, _ = self.net.apply(state.params, memory, obs, first)
        return drawn(of_source(with_self(out[0]), source), key, explore=True).astype(jnp.int32), memory


def with_self(out: Float32[Array, "N K A"]) -> Float32[Array, "N S A"]:
    """The logits of all sources: one has no policy of one's own and would act at random."""
    return jnp.concatenate([jnp.zeros_like(out[:, :1]), out], axis=1)


def of_source(logits: Float32[Array, "N S A"], source: Array) -> Float32[Array, "N A"]:
    """Those of one source each."""
    return jnp.take_along_axis(logits, source[:, None, None], axis=1)[:, 0]

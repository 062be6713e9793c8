"""Whether a policy that was improved on an inferred reward is better than the reference policy from which it
began: both on the same held-out levels, in the novices' seats.

gain = return - reference_return, by the true reward; below: 1 where it is negative, else 0, so that its mean
over seeds is the share of runs that ended below their reference. (Claims compare its interquartile mean: 0 up
to a share of a quarter, 1 from three quarters on, even between.) proxy, reference_proxy: the sums of the
inferred rewards over an episode; proxy_gain: their difference. A policy is over-optimised where proxy_gain is
positive and gain negative.
"""

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.random import clone
from jaxtyping import Float32, Key

from socialrl import evaluation
from socialrl.protocols import LearnerState, Study
from socialrl.record import labels
from socialrl.rollout import Trace, make_rollout
from socialrl.seeds import PerSeed
from socialrl.types import ReferencePolicy
from socialrl_envs.options import Options, option, require
from socialrl_envs.types import World

STREAM = 0x4EFE  # of keys, so that the levels are new
POLICIES = ("sampled", "greedy")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Options):
    """Options of reference."""

    kind: ClassVar[str] = labels.Reference.kind
    needs: ClassVar[str] = "a learner with a reference policy (option comparisons of kl_control)"

    episodes: int = option(512, "held-out episodes per seed, of each policy", low=1)
    policies: tuple[str, ...] = option(POLICIES, "how both policies act", choices=POLICIES)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(len(self.policies) > 0, "policies", self.policies, "sampled, greedy or both")

    def count(self, study: Study) -> int:
        """One per way to act; 0 if the learner has no reference policy."""
        return 0 if study.learner.capability(ReferencePolicy) is None else len(set(self.policies))

    def run(self, study: Study) -> Iterator[tuple[labels.Reference, PerSeed]]:
        """Yields labels and the measures of the module's docstring."""
        reference = study.learner.capability(ReferencePolicy)
        if reference is None:
            return
        keys, rollout = study.keys(STREAM), make_rollout(study.world, study.learner)

        def measure(state: LearnerState, key: Key[Array, ""], explore: bool) -> dict[str, Array]:
            both = jax.tree.map(lambda *pair: jnp.stack(pair), state, reference.reference(state))

            def of(acting: LearnerState) -> dict[str, Float32[Array, ""]]:
                trace = evaluation.trace(rollout, acting, clone(key), self.episodes, None, explore)
                return sums(trace, study.world, reference, state)

            found = jax.vmap(of)(both)  # one program for both policies
            gain, proxy_gain = (found[name][0] - found[name][1] for name in ("return", "proxy"))
            return {
                "return": found["return"][0],
                "proxy": found["proxy"][0],
                "reference_return": found["return"][1],
                "reference_proxy": found["proxy"][1],
                "gain": gain,
                "proxy_gain": proxy_gain,
                "below": (gain < 0).astype(jnp.float32),
            }

        for policy in dict.fromkeys(self.policies):
            explore = policy == "sampled"
            program = study.seeds.map(lambda state, key, explore=explore: measure(state, key, explore), 2)
            yield labels.Reference(policy), program(study.states, keys)


def sums(
    trace: Trace, world: World, reference: ReferencePolicy, state: LearnerState
) -> dict[str, Float32[Array, ""]]:
    """return and proxy: the sums of true and inferred rewards over an episode, means over episodes and
    novices.
    """
    novices, alive = np.array(world.spec.novices), trace.alive[..., None]
    states = jax.tree.map(lambda leaf: leaf[:-1], trace.states)
    views = jax.vmap(jax.vmap(world.observe))(states)[:, :, novices]
    inferred = reference.proxy(state, views, trace.actions[..., novices])
    rewards = {"return": trace.outcome.reward[..., novices], "proxy": inferred}
    return {
        name: jnp.mean(jnp.sum(jnp.where(alive, reward, 0.0), axis=0)) for name, reward in rewards.items()
    }

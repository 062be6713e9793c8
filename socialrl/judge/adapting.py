"""A trained agent that lives by what people's answers say, without training."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32

from socialrl.acting import leaves_by_path
from socialrl.agents import Agent, load_trained, restored
from socialrl.protocols.comparisons import WithCumulants
from socialrl.types import FewShot
from socialrl_envs.errors import SocialRLError
from socialrl_envs.struct import replace

EPISODES = 32  # that the agent plays, and whose steps are paid by the inferred preferences


def adapted(
    run: Path, arm: str | None, agent_seed: int, preferences: Float32[np.ndarray, " K"], seed: int = 0
) -> Agent:
    """The agent of a run after few-shot adaptation to preferences over the true cumulants of its world.

    Raises SocialRLError if its learner cannot adapt, or the world has other cumulants.
    """
    made, state, _ = restored(run, arm, agent_seed)
    few_shot, spec = made.learner.capability(FewShot), made.world.spec
    if few_shot is None:
        raise SocialRLError(f"{run}: {made.arm.name} cannot adapt to preferences", "choose an arm of psiphi")
    if len(spec.cumulants) != len(preferences):
        raise SocialRLError(f"{run}: {spec.name} has {len(spec.cumulants)} cumulants, not {len(preferences)}")
    rollout = WithCumulants(made.world, made.learner)

    @jax.jit
    def adapt(state: object, key: jax.Array) -> object:
        levels_key, begin_key, unroll_key, adapt_key = jax.random.split(key, 4)
        levels = rollout.pool(levels_key, EPISODES)
        carry = rollout.begin(levels, begin_key, EPISODES)
        experience = rollout.unroll(state, carry, levels, unroll_key, spec.horizon)[1]
        extras, cumulants = experience.extras
        own = replace(experience.own, reward=cumulants @ jnp.asarray(preferences))
        return few_shot.adapt(state, replace(experience, own=own, extras=extras), adapt_key)

    facts = load_trained(run, made.arm.name, agent_seed).facts
    return Agent(facts, leaves_by_path(adapt(state, jax.random.key(seed))))

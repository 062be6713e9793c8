"""The check of environments with JaxMARL's methods: our own pass, and each broken rule is told."""

import random

import jax
import jax.numpy as jnp
import pytest

import socialrl_envs
from socialrl_envs.conformance_jaxmarl import check_env
from socialrl_envs.jaxmarl import Box, Discrete, JaxMarlEnv


class Line:
    """Two agents on a line, four steps an episode. It keeps every rule; each class below breaks one."""

    agents = ("a", "b")
    length = 4

    def observation_space(self, agent):
        return Box(0, 40, (2,), jnp.int32)

    def action_space(self, agent):
        return Discrete(3)

    def observe(self, state):
        at, time = state
        return {agent: jnp.stack([at[i], time]) for i, agent in enumerate(self.agents)}

    def reset(self, key):
        state = (jax.random.randint(key, (2,), 0, 20, dtype=jnp.int32), jnp.int32(0))
        return self.observe(state), state

    def move(self, key, state, actions):
        at, time = state
        steps = jnp.stack([actions[agent] for agent in self.agents])
        return jnp.clip(at + steps - 1, 0, 40), time + 1

    def done(self, after):
        return after[1] >= self.length

    def dones(self, ended):
        return {"a": ended, "b": ended, "__all__": ended}

    def last(self, before_reset, returned):
        return before_reset

    def step(self, key, state, actions):
        move_key, reset_key = jax.random.split(key)
        after = self.move(move_key, state, actions)
        ended = self.done(after)
        fresh_obs, fresh = self.reset(reset_key)
        obs = self.observe(after)
        returned, state = jax.tree.map(lambda x, y: jnp.where(ended, x, y), (fresh_obs, fresh), (obs, after))
        rewards = {agent: after[0][i].astype(jnp.float32) for i, agent in enumerate(self.agents)}
        return returned, state, rewards, self.dones(ended), {"last_obs": self.last(obs, returned)}


def test_a_toy_that_keeps_every_rule_passes():
    check_env(Line(), steps=32)


def test_our_own_adapter_passes():
    world = socialrl_envs.make("coin_grid", novices=2, experts=1, size=6, horizon=6)
    check_env(JaxMarlEnv(world), steps=20)


class SmallSpace(Line):
    def observation_space(self, agent):
        return Box(0, 5, (2,), jnp.int32)


class WrongShape(Line):
    def observation_space(self, agent):
        return Box(0, 40, (3,), jnp.int32)


class OneDone(Line):
    def dones(self, ended):
        return {"a": ended, "b": jnp.zeros_like(ended), "__all__": ended}


class LateAll(Line):
    def dones(self, ended):
        return {"a": ended, "b": ended, "__all__": jnp.zeros_like(ended)}


class NoAll(Line):
    def dones(self, ended):
        return {"a": ended, "b": ended}


class NumberDone(Line):
    def dones(self, ended):
        return {"a": ended, "b": ended, "__all__": ended.astype(jnp.float32)}


class Overwritten(Line):
    def last(self, before_reset, returned):
        return returned


class OtherLast(Line):
    def last(self, before_reset, returned):
        return jax.tree.map(lambda x: x + 1, before_reset)


class NeverResets(Line):
    def step(self, key, state, actions):
        after = self.move(key, state, actions)
        ended = self.done(after)
        rewards = {agent: jnp.float32(0) for agent in self.agents}
        return self.observe(after), after, rewards, self.dones(ended), {}


class Drifts(Line):
    def step(self, key, state, actions):
        obs, (at, time), *rest = super().step(key, (state[0].astype(jnp.int32), state[1]), actions)
        return obs, (at.astype(jnp.float32), time), *rest


class HiddenChance(Line):
    def move(self, key, state, actions):
        at, time = super().move(key, state, actions)
        return at + random.randint(0, 10_000_000), time


class Infinite(Line):
    def step(self, key, state, actions):
        obs, state, rewards, dones, infos = super().step(key, state, actions)
        return obs, state, jax.tree.map(lambda r: r / 0.0, rewards), dones, infos


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (SmallSpace, r"^spaces contain observations: an observation of [ab] .* is outside its space"),
        (WrongShape, r"^spaces contain observations: a sees shape \(2,\), its space says \(3,\)"),
        (OneDone, r"^done of every agent and __all__ agree: step 3 ends the episode, but b is not done"),
        (LateAll, r"^done of every agent and __all__ agree: at step 3 every agent is done, but the episode"),
        (NoAll, r"^an entry per agent: step gives no dones of \['__all__'\]"),
        (NumberDone, r"^an entry per agent: the done of __all__ is float32, not bool"),
        (Overwritten, r"^the true last observation is in infos: at every end .* of the next episode"),
        (OtherLast, r"^the true last observation is in infos: .* differs from the observation at step 0"),
        (NeverResets, r"^a reset follows the end: from step 3 on every step is an end"),
        (Drifts, r"^shapes and dtypes stay under scan: a step turns"),
        (HiddenChance, r"^one key, one trajectory: tracing it again gives another program"),
        (Infinite, r"^finite rewards: a reward of a is not"),
    ],
)
def test_each_broken_rule_is_told(env, message):
    with pytest.raises(AssertionError, match=message):
        check_env(env(), steps=16)

"""Worlds with the methods of JaxMARL's MultiAgentEnv; JaxMARL itself need not be installed.

    from socialrl_envs.jaxmarl import JaxMarlEnv
    env = JaxMarlEnv(socialrl_envs.make("coin_grid"))
    obs, state = env.reset(key)
    obs, state, rewards, dones, infos = env.step(key, state, actions)

As in JaxMARL, `step` starts the next episode at the end of one; the last observation before the reset is in
`infos["last_obs"]`.
JaxMARL's IPPO scripts reshape every entry of `infos` to one number per agent and take flat observations:
build the env for them with `JaxMarlEnv(world, flatten=True, full_infos=False)`.
"""

import sys
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, PyTree, Shaped

from socialrl_envs import hosting
from socialrl_envs.errors import SocialRLError
from socialrl_envs.hosting import AnyPolicy, Episode
from socialrl_envs.spaces import Box, Discrete, RawKey, typed
from socialrl_envs.types import Level, World


class JaxMarlEnv:
    """A world as a JaxMARL environment. Observations, actions, rewards and dones are dicts by agent name.

    hosted: the env acts for the co-players and only novices are agents; otherwise every seat is an agent.
    levels: a pool of levels (a Level with a leading axis), from which resets draw uniformly; None draws a new
    level at every reset, and, as in JaxMARL, at every step (where that is costly use a pool, or give
    `reset_state`). flatten: observations are vectors. full_infos: `infos` also has "last_obs" (by agent,
    before any reset) and "cumulants" (by agent, float32 (K,)); its other entries hold one number per agent.
    functions: policies of hosted co-players by agent name, (world, state, seat, key) -> action, that replace
    those of their seats.

    Keys may be of `jax.random.key` or `jax.random.PRNGKey`. An absent agent observes zeros. An agent that is
    absent until the end of the episode (`state.seats.out`) is done from then on.
    """

    def __init__(
        self,
        world: World,
        *,
        hosted: bool = True,
        levels: Level | None = None,
        flatten: bool = False,
        full_infos: bool = True,
        functions: Mapping[str, AnyPolicy] | None = None,
    ):
        spec = world.spec
        self.world, self.levels, self.flatten, self.full_infos = world, levels, flatten, full_infos
        self.seats = spec.novices if hosted else tuple(range(len(spec.seats)))
        if not self.seats:
            raise SocialRLError(
                f"{spec.name}: no novice, so there is no agent", "add one, or give hosted=False"
            )
        self.agents = [spec.agents[seat] for seat in self.seats]
        self.num_agents = len(self.agents)
        self._host = hosting.host(world, functions)
        self._driven = np.isin(np.arange(len(spec.seats)), spec.coplayers) & hosted
        # JaxMARL's own code tests for its own classes of spaces
        spaces = sys.modules.get("jaxmarl.environments.spaces")
        discrete, box = (spaces.Discrete, spaces.Box) if spaces else (Discrete, Box)
        shape = (int(np.prod(spec.obs_shape)),) if flatten else spec.obs_shape
        self.observation_spaces = {agent: box(0, spec.highest, shape, jnp.uint8) for agent in self.agents}
        self.action_spaces = {agent: discrete(len(spec.actions)) for agent in self.agents}

    @property
    def name(self) -> str:
        """The name of the world."""
        return self.world.spec.name

    @property
    def agent_classes(self) -> dict[str, list[str]]:
        """Names of agents by role, {"novice": ["novice_0"], ...}."""
        kinds = dict.fromkeys(agent.rpartition("_")[0] for agent in self.agents)
        return {kind: [agent for agent in self.agents if agent.rpartition("_")[0] == kind] for kind in kinds}

    def observation_space(self, agent: str) -> Any:
        """The space of an agent's observations: uint8 (V, V, C), or its elements as a vector."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        """The space of an agent's actions, numbered as in `world.spec.actions`."""
        return self.action_spaces[agent]

    def reset(self, key: RawKey) -> tuple[dict[str, Array], Episode]:
        """(observations, state) at the start of a new episode."""
        level_key, state_key = jax.random.split(typed(key))
        if self.levels is None:
            level = self.world.sample_level(level_key)
        else:
            index = jax.random.randint(level_key, (), 0, len(self.levels.tiles))
            level = jax.tree.map(lambda x: x[index], self.levels)
        state = hosting.begin(self._host, level, state_key)
        return self.get_obs(state), state

    def step(
        self, key: RawKey, state: Episode, actions: dict[str, Array], reset_state: Episode | None = None
    ) -> tuple[dict[str, Array], Episode, dict[str, Array], dict[str, Array], dict[str, Any]]:
        """(observations, state, rewards, dones, infos) after one step; dones have "__all__" too.

        If the step ends the episode, observations and state are those of the start of the next one:
        `reset_state`, or a new episode where that is None.
        """
        step_key, reset_key = jax.random.split(typed(key))
        obs, after, rewards, dones, infos = self.step_env(step_key, state, actions)
        fresh_obs, fresh = (
            self.reset(reset_key) if reset_state is None else (self.get_obs(reset_state), reset_state)
        )

        def either(new: PyTree, old: PyTree) -> PyTree:
            return jax.tree.map(lambda x, y: jnp.where(dones["__all__"], x, y), new, old)

        return either(fresh_obs, obs), either(fresh, after), rewards, dones, infos

    def step_env(
        self, key: RawKey, state: Episode, actions: dict[str, Array]
    ) -> tuple[dict[str, Array], Episode, dict[str, Array], dict[str, Array], dict[str, Any]]:
        """What `step` returns, without the reset at the end of an episode."""
        given = jnp.stack(
            [jnp.asarray(actions[agent]).astype(jnp.int32).reshape(()) for agent in self.agents]
        )
        seats = jnp.array(self.seats)
        taken = jnp.zeros(len(self._driven), jnp.int32).at[seats].set(given)
        after, outcome = hosting.advance(self._host, state, taken, self._driven, typed(key))
        obs = self.get_obs(after)
        terminated = (outcome.terminated | after.state.seats.out)[seats]
        truncated = outcome.truncated & ~terminated
        infos: dict[str, Any] = {
            "terminated": terminated,
            "truncated": truncated,
            "present": after.state.seats.present[seats],
        }
        if self.full_infos:
            infos |= {"last_obs": obs, "cumulants": self._by_agent(outcome.cumulants)}
        dones = dict(zip(self.agents, terminated | truncated, strict=True)) | {
            "__all__": outcome.terminated | outcome.truncated
        }
        return obs, after, self._by_agent(outcome.reward), dones, infos

    def get_obs(self, state: Episode) -> dict[str, Array]:
        """Observations by agent."""
        views = self.world.observe(state.state)
        return self._by_agent(views.reshape(len(views), -1) if self.flatten else views)

    def get_avail_actions(self, state: Episode) -> dict[str, Bool[Array, " A"]]:
        """Which actions an agent may take, by agent: all of them."""
        return {agent: jnp.ones(len(self.world.spec.actions), bool) for agent in self.agents}

    def _by_agent(self, values: Shaped[Array, "N ..."]) -> dict[str, Array]:
        return {agent: values[seat] for agent, seat in zip(self.agents, self.seats, strict=True)}

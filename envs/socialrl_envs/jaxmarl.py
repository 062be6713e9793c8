"""A world behind the methods of JaxMARL's MultiAgentEnv. JaxMARL itself is not needed.

    from socialrl_envs.jaxmarl import JaxMarlEnv
    env = JaxMarlEnv(socialrl_envs.make("coin_grid"))
    obs, state = env.reset(key)
    obs, state, rewards, dones, infos = env.step(key, state, actions)

As in JaxMARL, `step` starts the next episode by itself; what was really seen last is in `infos["last_obs"]`.
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
from jaxtyping import Bool, Key, PyTree, Shaped, UInt32

from socialrl_envs import hosting
from socialrl_envs.errors import SocialRLError
from socialrl_envs.hosting import Episode
from socialrl_envs.types import CoPlayer, Level, Policy, World

RawKey = Key[Array, ""] | UInt32[Array, " words"]  # of jax.random.key, or of jax.random.PRNGKey


class Discrete:
    """The actions 0..n-1."""

    def __init__(self, num_categories: int, dtype: type = jnp.int32):
        self.n, self.shape, self.dtype = num_categories, (), dtype

    def sample(self, rng: RawKey) -> Shaped[Array, "..."]:
        """A uniformly drawn action."""
        return jax.random.randint(rng, self.shape, 0, self.n).astype(self.dtype)

    def contains(self, x: Shaped[Array, "*batch"]) -> Bool[Array, "*batch"]:
        """Whether x is an action."""
        return (x >= 0) & (x < self.n)


class Box:
    """Arrays of a shape and dtype with entries from low to high, both included."""

    def __init__(self, low: int, high: int, shape: tuple[int, ...], dtype: type = jnp.float32):
        self.low, self.high, self.shape, self.dtype = low, high, shape, dtype

    def sample(self, rng: RawKey) -> Shaped[Array, "..."]:
        """A uniformly drawn array."""
        return jax.random.randint(rng, self.shape, self.low, self.high + 1).astype(self.dtype)

    def contains(self, x: Shaped[Array, "..."]) -> Bool[Array, ""]:
        """Whether all entries are within the bounds."""
        return jnp.all((x >= self.low) & (x <= self.high))


class JaxMarlEnv:
    """A world as a JaxMARL environment. Observations, actions, rewards and dones are dicts by agent name.

    hosted: the env drives the co-players and only novices are agents; else every seat is one. levels: a pool
    of levels (a Level with a leading axis), from which resets draw; None draws a new level at every reset,
    and as in JaxMARL one is drawn at every step (in worlds with costly levels use a pool, or give
    `reset_state`). flatten: observations are vectors. full_infos: also "last_obs" (by agent, before any
    reset) and "cumulants" (by agent, float32 (K,)); the rest of `infos` is one number per agent.
    functions: policies of hosted co-players by agent name, (world, state, seat, key) -> action, instead of
    their own.

    Keys may be of either kind, `jax.random.key` or `jax.random.PRNGKey`. An absent agent sees zeros. One that
    is out for good (`out` in the world's state) is done from then on.
    """

    def __init__(
        self,
        world: World,
        *,
        hosted: bool = True,
        levels: Level | None = None,
        flatten: bool = False,
        full_infos: bool = True,
        functions: Mapping[str, CoPlayer | Policy] | None = None,
    ):
        spec = world.spec
        self.world, self.levels, self.flatten, self.full_infos = world, levels, flatten, full_infos
        self.seats = spec.novices if hosted else tuple(range(len(spec.seats)))
        if not self.seats:
            raise SocialRLError(
                f"{spec.name}: no novice, so nobody is left to act", "add one, or give hosted=False"
            )
        self.agents = [spec.agents[seat] for seat in self.seats]
        self.num_agents = len(self.agents)
        self._host = hosting.host(world, functions)
        self._driven = np.isin(np.arange(len(spec.seats)), spec.coplayers) & hosted
        spaces = sys.modules.get(
            "jaxmarl.environments.spaces"
        )  # JaxMARL asks for its own classes, where it is in use
        discrete, box = (spaces.Discrete, spaces.Box) if spaces else (Discrete, Box)
        shape = (int(np.prod(spec.obs_shape)),) if flatten else spec.obs_shape
        self.observation_spaces = {agent: box(0, spec.highest, shape, jnp.uint8) for agent in self.agents}
        self.action_spaces = {agent: discrete(len(spec.actions)) for agent in self.agents}

    @property
    def name(self) -> str:
        """The world's name."""
        return self.world.spec.name

    @property
    def agent_classes(self) -> dict[str, list[str]]:
        """The agents by what they are: {"novice": ["novice_0"], ...}."""
        kinds = dict.fromkeys(agent.rpartition("_")[0] for agent in self.agents)
        return {kind: [agent for agent in self.agents if agent.rpartition("_")[0] == kind] for kind in kinds}

    def observation_space(self, agent: str) -> Any:
        """uint8; (V, V, C), or flat. 0 or 1 where the world's views are binary."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        """Discrete, as in `world.spec.actions`."""
        return self.action_spaces[agent]

    def reset(self, key: RawKey) -> tuple[dict[str, Array], Episode]:
        """A new level and a new episode: (observations, state)."""
        level_key, state_key = jax.random.split(_typed(key))
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
        """One step, and if it ends the episode the next one begins (in `reset_state`, if given).

        Returns (observations, state, rewards, dones with "__all__", infos); see the class for infos.
        """
        step_key, reset_key = jax.random.split(_typed(key))
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
        """One step without any reset; returns as `step`."""
        given = jnp.stack(
            [jnp.asarray(actions[agent]).astype(jnp.int32).reshape(()) for agent in self.agents]
        )
        seats = jnp.array(self.seats)
        taken = jnp.zeros(len(self._driven), jnp.int32).at[seats].set(given)
        after, outcome = hosting.advance(self._host, state, taken, self._driven, _typed(key))
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
        """What every agent sees."""
        views = self.world.observe(state.state)
        return self._by_agent(views.reshape(len(views), -1) if self.flatten else views)

    def get_avail_actions(self, state: Episode) -> dict[str, Bool[Array, " A"]]:
        """Every action can always be taken."""
        return {agent: jnp.ones(len(self.world.spec.actions), bool) for agent in self.agents}

    def _by_agent(self, values: Shaped[Array, "N ..."]) -> dict[str, Array]:
        return {agent: values[seat] for agent, seat in zip(self.agents, self.seats, strict=True)}


def _typed(key: RawKey) -> Key[Array, ""]:
    """The key as one of `jax.random.key`."""
    return key if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else jax.random.wrap_key_data(key)

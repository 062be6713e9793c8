"""Worlds with one novice and hosted co-players as Gymnasium environments.

    import gymnasium
    env = gymnasium.make("socialrl_envs.gym:socialrl/coin_grid-v0", size=9, experts=2)

Importing this module registers every world with Gymnasium, as "socialrl/<world>-v0"; `gymnasium.make` imports
the module before the colon.
"""

from typing import Any

import gymnasium
import numpy as np

from socialrl_envs import registry
from socialrl_envs.errors import SocialRLError
from socialrl_envs.pettingzoo import RENDER_FPS, RENDER_MODES, WorldEnv, parallel_env


class NoviceEnv(gymnasium.Env[np.ndarray, np.integer]):
    """A WorldEnv with one novice as a Gymnasium environment; infos hold "cumulants" and "present".

    Seeds, rendering and errors are those of `pettingzoo.WorldEnv`. Raises SocialRLError unless the world has
    exactly one novice and hosts its co-players.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": RENDER_FPS}  # noqa: RUF012

    def __init__(self, env: WorldEnv):
        agents = env.possible_agents
        if not env.hosted or len(agents) != 1:
            raise SocialRLError(
                f"{env}: {len(agents)} agents that act", "give novices=1, the co-players are hosted"
            )
        self.env, self.agent, self.render_mode = env, agents[0], env.render_mode
        self.observation_space = env.observation_space(self.agent)
        self.action_space = env.action_space(self.agent)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """(observation, info) at the start of an episode on a new level; `options` are ignored."""
        super().reset(seed=seed)
        observations, infos = self.env.reset(seed=seed)
        return observations[self.agent], infos[self.agent]

    def step(self, action: object) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """(observation, reward, terminated, truncated, info) after one step.

        Raises SocialRLError for an action outside of its space, and after the end of the episode.
        """
        observations, rewards, terminated, truncated, infos = self.env.step({self.agent: action})
        one = self.agent
        return observations[one], rewards[one], terminated[one], truncated[one], infos[one]

    def render(self) -> Any:
        """The picture of the current state, as `pettingzoo.WorldEnv.render` returns it."""
        return self.env.render()

    def close(self) -> None:
        """Closes the window, if there is one."""
        self.env.close()


def make(world: str, **config: Any) -> NoviceEnv:
    """The world of this name as a NoviceEnv.

    config: the world's options, `render_mode` and `max_cycles`, as for `pettingzoo.parallel_env`.
    """
    return NoviceEnv(parallel_env(world, **config))


def register_worlds() -> None:
    """Registers every world with Gymnasium that is not registered yet."""
    for name in registry.names():
        if f"socialrl/{name}-v0" not in gymnasium.registry:
            gymnasium.register(f"socialrl/{name}-v0", entry_point=f"{__name__}:make", kwargs={"world": name})


register_worlds()

"""Any world as a PettingZoo environment: `WorldEnv` (parallel), and `env`, `raw_env`, `parallel_env` for
`<world>_v0`.

    from socialrl_envs import coin_grid_v0
    env = coin_grid_v0.parallel_env(size=9, experts=2, render_mode="rgb_array")

By default the env hosts its co-players: it drives them, and only novices act and appear in `agents`.
`functions` hands in policies by agent name, a trained agent's, say: {"expert_0": (world, state, seat, key) ->
action}, traceable by JAX. `hosted=False` hands every seat to the caller. Importing this file also registers
every world with PettingZoo, as "socialrl/<world>_v0".
"""

import dataclasses
import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Int32, Key, UInt8

try:
    import pettingzoo
    from gymnasium import spaces
    from pettingzoo.utils import wrappers
    from pettingzoo.utils.conversions import parallel_to_aec
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        f"{missing}: pip install 'socialrl[pettingzoo]'", name=missing.name
    ) from missing

from socialrl_envs import grid, hosting, registry
from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.hosting import Episode
from socialrl_envs.types import CoPlayer, Outcome, Policy, State, World
from socialrl_envs.window import Window

RENDER_MODES = ("human", "rgb_array", "ansi")
RENDER_FPS = 8
SEAT_CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclasses.dataclass(frozen=True)
class _Recipe:
    """What identifies a world that was made from options: two envs of one recipe share their compiled
    functions.
    """

    text: str
    world: Any = dataclasses.field(compare=False)


@lru_cache(maxsize=32)
def _first_of(recipe: _Recipe) -> Any:
    return recipe.world


def _recipe(name: str, config: dict[str, Any], max_cycles: int | None) -> _Recipe:
    """The world's; max_cycles is PettingZoo's word for `horizon`. Raises SocialRLError for what
    `registry.make` refuses.
    """
    if max_cycles is not None:
        if "horizon" in config:
            raise SocialRLError(f"{name}: max_cycles and horizon are one and the same", "give one of them")
        config = config | {"horizon": max_cycles}
    world = registry.make(name, **config)
    return _Recipe(world.fingerprint, world)


Reset = Callable[[Array], tuple[Episode, Array]]
Step = Callable[[Episode, Array, Array], tuple[Episode, Array, Outcome]]
Functions = tuple[tuple[str, CoPlayer | Policy], ...]  # as items, which can be hashed


@lru_cache(maxsize=32)
def _compile(world: World, hosted: bool, functions: Functions) -> tuple[Reset, Step]:
    """The jitted (reset, step) of an env.

    The key is the episode's: every step folds its time in, so one seed fixes the whole episode. A seat that
    goes out in this step sees what it would have seen from where it ended; an absent one sees zeros.
    """
    host = hosting.host(world, dict(functions))
    driven = np.isin(np.arange(len(world.spec.seats)), world.spec.coplayers) & hosted

    def reset(key: Key[Array, ""]) -> tuple[Episode, UInt8[Array, "N V V C"]]:
        level_key, state_key = jax.random.split(jax.random.fold_in(key, 0))
        episode = hosting.begin(host, world.sample_level(level_key), state_key)
        return episode, world.observe(episode.state)

    def step(
        episode: Episode, actions: Int32[Array, " N"], key: Key[Array, ""]
    ) -> tuple[Episode, UInt8[Array, "N V V C"], Outcome]:
        now = jax.random.fold_in(key, episode.state.time + 1)
        after, outcome = hosting.advance(host, episode, actions, driven, now)
        return after, world.observe(hosting.leaving(episode.state, after.state)), outcome

    return jax.jit(reset), jax.jit(step)


class WorldEnv(pettingzoo.ParallelEnv[str, np.ndarray, Any]):
    """A world as a PettingZoo ParallelEnv.

    Observations: uint8 (V, V, C), 0 to `world.spec.highest`, channels as in
    `world.spec.channels`. Actions: Discrete, as in `world.spec.actions`.
    infos[agent]: "cumulants", float32 (K,), the agent's own cumulants of this step, and "present", whether it
    is on the grid. An absent agent stays in `agents` (PettingZoo lets nobody come back): it sees zeros and
    its actions do nothing. One that is out until the end of the episode (`Seats.out`) terminates and leaves
    `agents`; its last observation is from where it ended.
    functions: policies of hosted co-players by agent name, see the module.
    render_seat: the agent (a hosted co-player may be it) that pictures mark; what it does not see is dimmed.
    `reset(seed=s)` fixes the whole episode and all that follow; `reset()` goes on from there. `options` are
    ignored.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012  PettingZoo's name and type
        "render_modes": list(RENDER_MODES),
        "is_parallelizable": True,
        "render_fps": RENDER_FPS,
    }

    def __init__(
        self,
        world: World,
        render_mode: str | None = None,
        hosted: bool = True,
        functions: Mapping[str, CoPlayer | Policy] | None = None,
        render_seat: str | None = None,
    ):
        if render_mode is not None and render_mode not in RENDER_MODES:
            raise unknown("render_mode", render_mode, RENDER_MODES)
        spec = world.spec
        if render_seat is not None and render_seat not in spec.agents:
            raise unknown("render_seat", render_seat, spec.agents)
        seats = spec.novices if hosted else range(len(spec.seats))
        if not seats:
            raise SocialRLError(
                f"{spec.name}: no novice, so nobody is left to act", "add one, or give hosted=False"
            )
        if functions and not hosted:
            raise SocialRLError(
                f"{spec.name}: functions for co-players that are not hosted", "leave out hosted=False"
            )
        self.world, self.render_mode, self.render_seat = world, render_mode, render_seat
        self.hosted, self.functions = hosted, tuple((functions or {}).items())
        self.metadata = {**type(self).metadata, "name": f"{spec.name}_v0"}
        self._seat_of = {spec.agents[seat]: seat for seat in seats}
        self.possible_agents = list(self._seat_of)
        self.agents: list[str] = []
        self._observation_spaces = {
            a: spaces.Box(0, spec.highest, spec.obs_shape, np.uint8) for a in self.possible_agents
        }
        self._action_spaces = {a: spaces.Discrete(len(spec.actions)) for a in self.possible_agents}
        self._planes = len(spec.tile_channels)
        shape = (spec.height, spec.width, self._planes + len(spec.seats))
        self.state_space = spaces.Box(0, len(grid.DELTAS), shape, np.uint8)
        self._seeds = np.random.default_rng()
        self._key: Array | None = None
        self._episode: Episode | None = None
        self._recipe: _Recipe | None = None
        self._window: Window | None = None
        self._reset, self._step = _compile(world, hosted, self.functions)

    def observation_space(self, agent: str) -> spaces.Box:
        return self._observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Discrete:
        return self._action_spaces[agent]

    @property
    def world_state(self) -> State:
        """The functional state behind this env; raises SocialRLError before the first reset."""
        return self._begun.state

    @property
    def _begun(self) -> Episode:
        if self._episode is None:
            raise SocialRLError(f"{self}: there is no state yet", "call reset() first")
        return self._episode

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
        """A new level and a new episode; see the class for seeds."""
        if seed is not None:
            if seed < 0:
                raise SocialRLError(f"seed: {seed}", "it must be 0 or more")
            self._seeds = np.random.default_rng(seed)
        self._key = jax.random.key(int(self._seeds.integers(2**31)))
        self._episode, observations = self._reset(self._key)
        self.agents = list(self.possible_agents)
        present, observations = jax.device_get((self.world_state.seats.present, observations))
        cumulants = np.zeros((len(self.world.spec.seats), len(self.world.spec.cumulants)), np.float32)
        if self.render_mode == "human":
            self.render()
        return self._of_agents(observations), self._infos(cumulants, present)

    def step(
        self, actions: Mapping[str, Any]
    ) -> tuple[
        dict[str, np.ndarray], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]
    ]:
        """One step of the world. Raises SocialRLError for a missing or unknown agent and for an action out of
        its space.
        """
        if not self.agents:
            raise SocialRLError(
                f"{self}: step() after the episode's end, or before the first", "call reset() first"
            )
        taken = jnp.asarray(self._checked(actions))
        assert self._key is not None  # an episode has begun
        self._episode, observations, outcome = self._step(self._begun, taken, self._key)
        seats, observations, outcome = jax.device_get((self.world_state.seats, observations, outcome))
        if self.render_mode == "human":
            self.render()
        terminated = {
            agent: bool(outcome.terminated or seats.out[self._seat_of[agent]]) for agent in self.agents
        }
        truncated = {agent: bool(outcome.truncated and not terminated[agent]) for agent in self.agents}
        result = (
            self._of_agents(observations),
            {agent: float(outcome.reward[self._seat_of[agent]]) for agent in self.agents},
            terminated,
            truncated,
            self._infos(outcome.cumulants, seats.present),
        )
        self.agents = [agent for agent in self.agents if not (terminated[agent] or truncated[agent])]
        return result

    def state(self) -> np.ndarray:
        """The whole grid, uint8 (H, W, channels of the tiles + N): what lies where (0 or 1), then a plane per
        seat that holds 1 + its heading where it stands (0 elsewhere, and if it is absent)."""
        state = jax.device_get(self.world_state)
        view = np.zeros(self.state_space.shape, np.uint8)
        for channel, tiles in enumerate(self.world.spec.tile_channels):
            view[..., channel] = np.isin(state.level.tiles, tiles)
        for seat in np.flatnonzero(state.seats.present):
            row, column = state.seats.position[seat]
            view[row, column, self._planes + seat] = 1 + state.seats.heading[seat]
        return view

    def render(self) -> np.ndarray | str | None:
        """rgb_array: uint8 (H * cell, W * cell, 3); ansi: the level's characters and who is who; human: a
        window, None.
        """
        if self.render_mode is None:
            raise SocialRLError(
                f"{self}: render() without a render_mode", "give render_mode='rgb_array' to the env"
            )
        if self.render_mode == "ansi":
            return self._text()
        from socialrl_envs import render

        seat = None if self.render_seat is None else self.world.spec.agents.index(self.render_seat)
        pixels = render.draw(self.world.picture(self.world_state, seat))
        if self.render_mode == "rgb_array":
            return pixels
        self._window = self._window or Window(str(self), pixels.shape)
        self._window.show(pixels, RENDER_FPS)
        return None

    def _repr_png_(self) -> bytes | None:
        """The current state as a notebook shows it; None before the first reset."""
        from socialrl_envs import render

        return (
            None
            if self._episode is None
            else render.to_png(render.draw_state(self.world, self._episode.state))
        )

    def close(self) -> None:
        """Closes the window, if there is one."""
        if self._window is not None:
            self._window.close()
            self._window = None

    def __getstate__(self) -> dict[str, Any]:
        return {
            key: value for key, value in self.__dict__.items() if key not in ("_reset", "_step", "_window")
        }

    def __setstate__(self, fields: dict[str, Any]) -> None:
        self.__dict__.update(fields, _window=None)
        if self._recipe is not None:  # a copy shares what its model has compiled
            self.world = _first_of(self._recipe)
        self._reset, self._step = _compile(self.world, self.hosted, self.functions)

    def _checked(self, actions: Mapping[str, Any]) -> Int32[np.ndarray, " N"]:
        checked = np.zeros(len(self.world.spec.seats), np.int32)
        for (
            agent
        ) in actions:  # of one that is out, too: PettingZoo's conversion to AEC repeats its last action
            if agent not in self._seat_of:
                raise unknown("agent", str(agent), self._seat_of)
        for agent in self.agents:
            if agent not in actions:
                raise SocialRLError(f"{agent}: no action given", "every agent in `agents` acts at every step")
            checked[self._seat_of[agent]] = check_action(agent, actions[agent], self._action_spaces[agent])
        return checked

    def _of_agents(self, observations: np.ndarray) -> dict[str, np.ndarray]:
        return {agent: np.array(observations[self._seat_of[agent]]) for agent in self.agents}

    def _infos(self, cumulants: np.ndarray, present: np.ndarray) -> dict[str, dict[str, Any]]:
        seats = {agent: self._seat_of[agent] for agent in self.agents}
        return {
            agent: {"cumulants": np.array(cumulants[i]), "present": bool(present[i])}
            for agent, i in seats.items()
        }

    def _text(self) -> str:
        state = jax.device_get(self.world_state)
        chars = [[grid.CHAR_OF_TILE[int(tile)] for tile in row] for row in state.level.tiles]
        legend = [f"step {int(state.time)}/{self.world.spec.horizon}"]
        for seat in np.flatnonzero(state.seats.present):
            char = SEAT_CHARS[seat] if seat < len(SEAT_CHARS) else "@"
            row, column = state.seats.position[seat]
            chars[row][column] = char
            legend.append(f"{char} {self.world.spec.agents[seat]}")
        return "\n".join(["".join(row) for row in chars] + ["  ".join(legend)]) + "\n"


def check_action(agent: str, action: Any, space: spaces.Space) -> int:
    """The action as an int; raises SocialRLError naming the agent and the bound if it is not in the agent's
    space.
    """
    assert isinstance(space, spaces.Discrete)
    bound = f"an integer in 0..{int(space.n) - 1}"
    try:
        index = operator.index(action)
    except TypeError:
        raise SocialRLError(f"{agent}: action {action!r}", f"it must be {bound}") from None
    if not 0 <= index < int(space.n):
        raise SocialRLError(f"{agent}: action {index} is outside its space", f"it must be {bound}")
    return index


class CheckedActions(wrappers.AssertOutOfBoundsWrapper):
    """PettingZoo's AssertOutOfBoundsWrapper with an error that names the agent and the bound."""

    def step(self, action: object) -> None:
        agent = self.agent_selection
        if not (action is None and (self.terminations[agent] or self.truncations[agent])):
            check_action(agent, action, self.action_space(agent))
        super().step(action)


def parallel_env(
    world: str,
    *,
    render_mode: str | None = None,
    hosted: bool = True,
    functions: Mapping[str, CoPlayer | Policy] | None = None,
    render_seat: str | None = None,
    max_cycles: int | None = None,
    **config: object,
) -> WorldEnv:
    """The world of that name as a ParallelEnv; config: its options, as for `socialrl_envs.make`.

    Raises SocialRLError for an unknown or impossible option.
    """
    recipe = _recipe(world, config, max_cycles)
    made = WorldEnv(_first_of(recipe), render_mode, hosted, functions, render_seat)
    made._recipe = recipe
    return made


def raw_env(world: str, **config: Any) -> pettingzoo.AECEnv[str, np.ndarray, Any]:
    """The same as an AECEnv, by PettingZoo's own conversion; options as for `parallel_env`."""
    return parallel_to_aec(parallel_env(world, **config))


def env(world: str, **config: Any) -> pettingzoo.AECEnv[str, np.ndarray, Any]:
    """`raw_env` with PettingZoo's usual checks: actions in their space, calls in order."""
    return wrappers.OrderEnforcingWrapper(CheckedActions(raw_env(world, **config)))


def register_worlds() -> None:
    """Enters every world into PettingZoo's registry: `pettingzoo.make("parallel", "socialrl/coin_grid_v0",
    size=7)`.
    """
    if not hasattr(pettingzoo, "register"):  # a PettingZoo without a registry
        return
    for name in registry.names():
        if f"socialrl/{name}-v0" not in pettingzoo.parallel_registry:
            pettingzoo.register(
                "parallel", f"socialrl/{name}_v0", entry_point=f"socialrl_envs.{name}_v0:parallel_env"
            )
            pettingzoo.register("aec", f"socialrl/{name}_v0", entry_point=f"socialrl_envs.{name}_v0:env")


register_worlds()

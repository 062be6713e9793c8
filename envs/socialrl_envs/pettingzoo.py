"""Worlds as PettingZoo environments: `WorldEnv`, and the functions of `<world>_v0`.

    from socialrl_envs import coin_grid_v0
    env = coin_grid_v0.parallel_env(size=9, experts=2, render_mode="rgb_array")

By default the env hosts its co-players: it acts for them, and `agents` holds the novices alone. `functions`
gives policies by agent name, such as that of a trained agent: {"expert_0": (world, state, seat, key) ->
action}, traceable by JAX. With `hosted=False` every seat is an agent. Importing this module registers every
world with PettingZoo, as "socialrl/<world>_v0".
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
from socialrl_envs.hosting import AnyPolicy, Episode
from socialrl_envs.types import Outcome, State, World
from socialrl_envs.window import Window

RENDER_MODES = ("human", "rgb_array", "ansi")
RENDER_FPS = 8
SEAT_CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclasses.dataclass(frozen=True)
class _Recipe:
    """The identity of a world that was made from options; envs of equal recipes share compiled functions.

    text: the world's fingerprint.
    """

    text: str
    world: Any = dataclasses.field(compare=False)


@lru_cache(maxsize=32)
def _first_of(recipe: _Recipe) -> Any:
    return recipe.world


def _recipe(name: str, config: dict[str, Any], max_cycles: int | None) -> _Recipe:
    """The recipe of a world with these options; `max_cycles` replaces `horizon`.

    Raises SocialRLError as `registry.make`, and if both are given.
    """
    if max_cycles is not None:
        if "horizon" in config:
            raise SocialRLError(f"{name}: max_cycles and horizon are the same option", "give one of them")
        config = config | {"horizon": max_cycles}
    world = registry.make(name, **config)
    return _Recipe(world.fingerprint, world)


Reset = Callable[[Array], tuple[Episode, Array]]
Step = Callable[[Episode, Array, Array], tuple[Episode, Array, Outcome]]
Functions = tuple[tuple[str, AnyPolicy], ...]  # as items, which can be hashed


@lru_cache(maxsize=32)
def _compile(world: World, hosted: bool, functions: Functions) -> tuple[Reset, Step]:
    """The jitted (reset, step) of an env.

    Both take the key of the episode, into which every step folds its time, so that one seed determines the
    whole episode. A seat that goes out in a step observes its view from the cell where it went out; an absent
    seat observes zeros.
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
    infos[agent]: "cumulants", float32 (K,), the agent's cumulants of this step, and "present", whether it is
    on the grid. An absent agent stays in `agents`, because in PettingZoo an agent that has left cannot
    return: it observes zeros and its actions have no effect. An agent that is absent until the end of the
    episode (`Seats.out`) terminates and leaves `agents`; its last observation is from the cell where it went
    out.
    functions: policies of hosted co-players by agent name, see the module.
    render_seat: an agent or hosted co-player, outside of whose view pictures are dimmed.
    `reset(seed=s)` determines this episode and all that follow; `reset()` continues the sequence. `options`
    are ignored.
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
        functions: Mapping[str, AnyPolicy] | None = None,
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
                f"{spec.name}: no novice, so there is no agent", "add one, or give hosted=False"
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
        """The world's current state; raises SocialRLError before the first reset."""
        return self._begun.state

    @property
    def _begun(self) -> Episode:
        if self._episode is None:
            raise SocialRLError(f"{self}: there is no state yet", "call reset() first")
        return self._episode

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
        """(observations, infos) at the start of an episode on a new level; see the class for seeds."""
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
        """(observations, rewards, terminations, truncations, infos) after one step, each by agent.

        Raises SocialRLError for a missing or unknown agent, and for an action outside of its space.
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
        """The whole grid, uint8 (H, W, P + N): P planes of tiles, 0 or 1, then one plane per seat.

        A seat's plane is 1 + its heading at its cell and 0 elsewhere; it is all 0 while the seat is absent.
        """
        state = jax.device_get(self.world_state)
        view = np.zeros(self.state_space.shape, np.uint8)
        for channel, tiles in enumerate(self.world.spec.tile_channels):
            view[..., channel] = np.isin(state.level.tiles, tiles)
        for seat in np.flatnonzero(state.seats.present):
            row, column = state.seats.position[seat]
            view[row, column, self._planes + seat] = 1 + state.seats.heading[seat]
        return view

    def render(self) -> np.ndarray | str | None:
        """The picture of the current state in the `render_mode`.

        rgb_array: uint8 (H * cell, W * cell, 3). ansi: the level as text, with a legend of the seats. human:
        None; the picture is shown in a window.
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
        """The picture of the current state as PNG, for notebooks; None before the first reset."""
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
        # Agents that are out are allowed: PettingZoo's conversion to AEC repeats their last action.
        for agent in actions:
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
    """The action as an int; raises SocialRLError, naming the agent, if it is outside of the space."""
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
    functions: Mapping[str, AnyPolicy] | None = None,
    render_seat: str | None = None,
    max_cycles: int | None = None,
    **config: object,
) -> WorldEnv:
    """The world of this name as a ParallelEnv; config: its options, as for `socialrl_envs.make`.

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
    """Registers every world with PettingZoo, as "socialrl/<world>_v0", "parallel" and "aec"."""
    if not hasattr(pettingzoo, "register"):  # a PettingZoo without a registry
        return
    for name in registry.names():
        if f"socialrl/{name}-v0" not in pettingzoo.parallel_registry:
            pettingzoo.register(
                "parallel", f"socialrl/{name}_v0", entry_point=f"socialrl_envs.{name}_v0:parallel_env"
            )
            pettingzoo.register("aec", f"socialrl/{name}_v0", entry_point=f"socialrl_envs.{name}_v0:env")


register_worlds()

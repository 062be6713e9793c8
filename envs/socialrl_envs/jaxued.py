"""Worlds with the methods of JaxUED's UnderspecifiedEnv; JaxUED itself need not be installed.

    from socialrl_envs.jaxued import JaxUedEnv, make_level_generator, make_level_mutator
    env = JaxUedEnv(socialrl_envs.make("goal_search", layout="cluttered"))
    level = make_level_generator(env)(key)
    obs, state = env.reset_to_level(key, level)
    obs, state, reward, done, info = env.step(key, state, action)

Levels are the house's own `Level`, company included: a level says when each co-player is there, how good it
is, and, where the world has preferences, what it wants. `LevelEditor` is the environment in which PAIRED's
adversary builds them, `LevelRenderer` draws them within compiled code.

JaxUED's AutoReplayWrapper resets at every step. That costs nothing on levels of the generator, the mutator,
the editor and `World.level`, which are ready; another level is made ready at every reset.
"""

from collections.abc import Callable, Iterable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Integer, UInt8

from socialrl_envs import hosting, render
from socialrl_envs.errors import SocialRLError
from socialrl_envs.generators.building import builder
from socialrl_envs.hosting import Episode
from socialrl_envs.picture import Picture, seat_colours
from socialrl_envs.presence import Schedule
from socialrl_envs.spaces import Discrete, RawKey, typed
from socialrl_envs.struct import pytree, static
from socialrl_envs.tiles import CHAR_OF_TILE
from socialrl_envs.types import Level, Overrides, World

Draw = Callable[[RawKey], Level]
Mutate = Callable[..., Level]  # (key, level, num_edits=1)
Action = Integer[Array, ""] | int


@pytree
class EnvParams:
    """max_steps_in_episode: steps after which an episode is done; the world's horizon ends it, too."""

    max_steps_in_episode: int = static()


@pytree
class Observation:
    """image: the novice's view. agent_dir: where it looks as JaxUED counts: right, down, left, up."""

    image: UInt8[Array, "V V C"]
    agent_dir: UInt8[Array, ""]


@pytree
class EnvState:
    """An episode, and whether it is over."""

    episode: Episode
    terminal: Bool[Array, ""]


class JaxUedEnv:
    """A world with one novice as a JaxUED environment; the co-players are hosted.

    functions: policies of co-players by agent name that replace those of their seats, see `hosting.host`.

    `step` never resets. A step after the end changes nothing, pays nothing and is done. `info` has
    `terminated` and `truncated` apart, and the novice's `cumulants`, float32 (K,). Keys may be of
    `jax.random.key` or `jax.random.PRNGKey`. Nothing is jitted inside.
    """

    def __init__(self, world: World, functions: hosting.Functions | None = None):
        spec = world.spec
        if len(spec.novices) != 1:
            raise SocialRLError(
                f"{spec.name}: {len(spec.novices)} novices, JaxUED's environments have one agent",
                "make the world with novices=1",
            )
        self.world, self.novice = world, spec.novices[0]
        self.max_height, self.max_width = spec.height, spec.width
        self._host = hosting.host(world, functions)
        self._driven = np.isin(np.arange(len(spec.seats)), spec.coplayers)

    @property
    def default_params(self) -> EnvParams:
        """The params with the world's horizon."""
        return EnvParams(max_steps_in_episode=self.world.spec.horizon)

    def action_space(self, params: EnvParams | None = None) -> Discrete:
        """The space of actions, numbered as in `world.spec.actions`."""
        return Discrete(len(self.world.spec.actions))

    def reset_to_level(
        self, rng: RawKey, level: Level, params: EnvParams | None = None
    ) -> tuple[Observation, EnvState]:
        """(observation, state) at the start of an episode on this level; the key draws who is present."""
        state = EnvState(episode=hosting.begin(self._host, level, typed(rng)), terminal=jnp.array(False))
        return self.get_obs(state), state

    def step(
        self, rng: RawKey, state: EnvState, action: Action, params: EnvParams | None = None
    ) -> tuple[Observation, EnvState, Float32[Array, ""], Bool[Array, ""], dict[str, Array]]:
        """(observation, state, reward, done, info) after one step."""
        limit = (params or self.default_params).max_steps_in_episode
        seats = len(self.world.spec.seats)
        actions = jnp.zeros(seats, jnp.int32).at[self.novice].set(jnp.asarray(action).astype(jnp.int32))
        after, outcome = hosting.advance(self._host, state.episode, actions, self._driven, typed(rng))
        over = state.terminal
        terminated = outcome.terminated | after.state.seats.out[self.novice]
        truncated = (outcome.truncated | (after.state.time >= limit)) & ~terminated
        now = EnvState(
            episode=jax.tree.map(lambda old, new: jnp.where(over, old, new), state.episode, after),
            terminal=over | terminated | truncated,
        )
        info = {
            "terminated": terminated,
            "truncated": truncated,
            "cumulants": jnp.where(over, 0.0, outcome.cumulants[self.novice]),
        }
        return self.get_obs(now), now, jnp.where(over, 0.0, outcome.reward[self.novice]), now.terminal, info

    def get_obs(self, state: EnvState) -> Observation:
        """What the novice sees."""
        heading = state.episode.state.seats.heading[self.novice]
        return Observation(
            image=self.world.observe(state.episode.state)[self.novice],
            agent_dir=((heading + 3) % 4).astype(jnp.uint8),
        )


def make_level_generator(env: JaxUedEnv, overrides: Callable[[Array], Overrides] | None = None) -> Draw:
    """A function (key) -> a level as the world draws them, solvable and ready.

    overrides: key -> parameters of a level, such as the presence of its company; None: the world's own.
    """

    def sample(rng: RawKey) -> Level:
        level_key, params_key = jax.random.split(typed(rng))
        return env.world.sample_level(level_key, None if overrides is None else overrides(params_key))

    return sample


def make_level_mutator(env: JaxUedEnv) -> Mutate:
    """A function (key, level, num_edits=1) -> the level after so many edits of `World.mutate`; solvable if it
    was.
    """

    def mutate(rng: RawKey, level: Level, num_edits: int | Int32[Array, ""] = 1) -> Level:
        key = typed(rng)

        def one(number: Int32[Array, ""], level: Level) -> Level:
            return env.world.mutate(level, jax.random.fold_in(key, number))

        return jax.lax.fori_loop(0, num_edits, one, level)

    return mutate


def load_levels(env: JaxUedEnv, texts: Iterable[str]) -> Level:
    """The levels of ASCII pictures with the world's seats, stacked along a leading axis; constants within
    compiled code.

    Raises SocialRLError that names what does not fit.
    """
    with jax.ensure_compile_time_eval():
        levels = [env.world.level(text) for text in texts]
    if not levels:
        raise SocialRLError("levels: none is given", "give at least one ASCII picture")
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *levels)


@pytree
class EditorParams:
    """The editor has no parameters."""


@pytree
class EditorObservation:
    """image: what is built so far, see `Builder.image`. action_mask: every choice is open. time: choices so
    far. random_z: noise in [0, 1), so that a policy can build several levels; zeros if it is switched off.
    """

    image: UInt8[Array, "H W P"]
    action_mask: Bool[Array, " cells"]
    time: Int32[Array, ""]
    random_z: Float32[Array, " Z"]


@pytree
class EditorState:
    """A level that is being built. draft: as it is so far. time: choices so far. ready: `GridWorld.ready`."""

    draft: Level
    time: Int32[Array, "*batch"]
    ready: Callable[[Level], Level] = static()

    @property
    def level(self) -> Level:
        """The level as it is so far, ready for a reset; of one state or of a batch."""
        make_ready = self.ready if self.draft.tiles.ndim == 2 else jax.vmap(self.ready)
        return make_ready(self.draft)


class LevelEditor:
    """The environment in which an adversary builds a level: every step is a choice of `Builder`.

    schedules: of presence, among which the adversary chooses for each co-player; () keeps their own. It pays
    nothing and never ends: give it at least `placing` steps, and as many more as walls may be built. A level
    of fewer steps lacks items or seats.
    """

    def __init__(
        self,
        env: JaxUedEnv,
        random_z_dimensions: int = 16,
        zero_out_random_z: bool = False,
        schedules: tuple[Schedule, ...] = (),
    ):
        self.builder = builder(env.world, schedules)
        self.random_z_dimensions, self.zero_out_random_z = random_z_dimensions, zero_out_random_z

    @property
    def placing(self) -> int:
        """Steps before the first wall."""
        return self.builder.before_walls

    @property
    def default_params(self) -> EditorParams:
        """No parameters."""
        return EditorParams()

    def action_space(self, params: EditorParams | None = None) -> Discrete:
        """The cells inside the ring of walls, in reading order."""
        return Discrete(self.builder.cells)

    def sample_empty_level(self) -> Level:
        """An empty room in which nothing is placed, always the same."""
        return self.builder.begin(jax.random.key(0))

    def reset_to_level(
        self, rng: RawKey, level: Level, params: EditorParams | None = None
    ) -> tuple[EditorObservation, EditorState]:
        """(observation, state) before the first choice, with headings and parameters of this level; what
        stands in it is cleared away.
        """
        state = self._state(self.builder.emptied(level), jnp.int32(0))
        return self.get_obs(rng, state), state

    def step(
        self, rng: RawKey, state: EditorState, action: Action, params: EditorParams | None = None
    ) -> tuple[EditorObservation, EditorState, Float32[Array, ""], Bool[Array, ""], dict[str, Array]]:
        """(observation, state, reward 0, done False, info) after one choice; `built` in info says whether
        it changed the level.
        """
        choice = jnp.asarray(action).astype(jnp.int32)
        draft, built = self.builder.choose(state.draft, state.time, choice)
        after = self._state(draft, state.time + 1)
        return self.get_obs(rng, after), after, jnp.float32(0), jnp.array(False), {"built": built}

    def get_obs(self, rng: RawKey, state: EditorState) -> EditorObservation:
        """What the adversary sees."""
        noise = jax.random.uniform(typed(rng), (self.random_z_dimensions,))
        return EditorObservation(
            image=self.builder.image(state.draft),
            action_mask=jnp.ones(self.builder.cells, bool),
            time=state.time,
            random_z=jnp.where(self.zero_out_random_z, 0.0, noise),
        )

    def _state(self, draft: Level, time: Int32[Array, ""]) -> EditorState:
        return EditorState(draft=draft, time=time, ready=self.builder.world.ready)


class LevelRenderer:
    """Draws states and levels within compiled code, uint8 (h, w, 3), as the house draws them.

    tile_size: pixels along each side of a cell.
    """

    def __init__(self, env: JaxUedEnv, tile_size: int = 32):
        spec = env.world.spec
        self.tile_size, turns = tile_size, spec.movement == "turning"
        colours = seat_colours(len(spec.seats), [seat.colour for seat in spec.seats])

        def cell(tile: int, seat: int | None = None, heading: int = 0) -> UInt8[np.ndarray, "s s 3"]:
            count = 0 if seat is None else 1
            picture = Picture(
                tiles=np.array([[tile]], np.uint8),
                position=np.zeros((count, 2), np.int32),
                heading=np.full(count, heading, np.int32),
                present=np.ones(count, bool),
                colours=() if seat is None else (colours[seat],),
                headings=turns,
                notes=np.zeros((1, 1), np.uint8),
            )
            return render.draw(picture, tile_size)

        atlas = np.zeros((256, tile_size, tile_size, 3), np.uint8)
        for tile in CHAR_OF_TILE:
            atlas[tile] = cell(tile)
        figures = [[cell(0, seat, heading) for heading in range(4)] for seat in range(len(spec.seats))]
        self._atlas, self._figures = atlas, np.array(figures, np.uint8).reshape(-1, 4, *atlas.shape[1:])

    def render_state(self, state: EnvState, params: EnvParams | None = None) -> UInt8[Array, "h w 3"]:
        """The image of a state."""
        now = state.episode.state
        return self._image(now.level.tiles, now.seats.position, now.seats.heading, now.seats.present)

    def render_level(self, level: Level, params: EnvParams | None = None) -> UInt8[Array, "h w 3"]:
        """The image of a level with every seat at its start."""
        return self._image(level.tiles, level.position, level.heading, jnp.ones(len(level.heading), bool))

    def _image(
        self,
        tiles: UInt8[Array, "H W"],
        position: Int32[Array, "N 2"],
        heading: Int32[Array, " N"],
        present: Bool[Array, " N"],
    ) -> UInt8[Array, "h w 3"]:
        cells = jnp.asarray(self._atlas)[tiles]
        for seat, figures in enumerate(self._figures):
            row, column = position[seat]
            figure, floor = jnp.asarray(figures)[heading[seat]], jnp.asarray(self._atlas[0])
            drawn = jnp.any(figure != floor, axis=-1, keepdims=True) & present[seat]
            cells = cells.at[row, column].set(jnp.where(drawn, figure, cells[row, column]))
        height, width, size = *tiles.shape, self.tile_size
        return cells.transpose(0, 2, 1, 3, 4).reshape(height * size, width * size, 3)

"""A world composed of a task, a movement, a view and a generator of levels."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, UInt8

from socialrl_envs import grid, presence
from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.facts import UNDEFINED
from socialrl_envs.generators import Generator, mutation, redrawing
from socialrl_envs.movement import Movement
from socialrl_envs.options import require
from socialrl_envs.picture import Picture, seat_colours
from socialrl_envs.planning.tables import action_tables
from socialrl_envs.roster import Roster
from socialrl_envs.task import Task, any_of
from socialrl_envs.types import Level, Outcome, Overrides, Params, Seats, State, WorldSpec
from socialrl_envs.view import View
from socialrl_envs.view.pixels import Pixels


class GridWorld:
    """The World made of these parts; see `types.World` for its functions."""

    def __init__(
        self,
        config: Any,
        roster: Roster,
        task: Task,
        movement: Movement,
        view: View,
        generator: Generator,
        fingerprint: str,
    ):
        self.config, self.fingerprint = config, fingerprint
        self.task, self.movement, self.view, self.generator = task, movement, view, generator
        self.roster = roster
        pixels = view.pixels if isinstance(view, Pixels) else 1
        tables = movement.kind == "turning" and not task.changes_tiles
        self.spec = WorldSpec(
            name=task.name,
            seats=roster.seats,
            agents=roster.agents,
            height=config.size,
            width=config.size,
            movement=movement.kind,
            view=view.spec,
            obs_shape=(view.spec.size * pixels, view.spec.size * pixels, len(view.channels)),
            channels=view.channels,
            actions=movement.actions,
            cumulants=task.cumulants,
            horizon=config.horizon,
            blocking=config.blocking,
            binary_views=view.binary,
            channels_of_others=view.channels_of_others,
            tile_channels=tuple(task.channels.values()),
            targets=task.targets if tables and roster.coplayers else (),
            channel_highs=view.highs,
            pixels=pixels,
            solved_above=task.solved_above,
            concepts=tuple(fact.concept for fact in task.facts(movement.kind == "turning")),
            trial=task.trial,
        )
        shown = task.shown()
        with jax.ensure_compile_time_eval():  # a world may be made while something is traced
            self.params = task.params(**_params(config, roster, task))
            self._shown = None if shown is None else jnp.asarray(shown)
        redrawing.check(config.redrawn, roster, self.params)

    def solid(self, tiles: UInt8[Array, "H W"]) -> Bool[Array, "H W"]:
        """Where nobody can walk."""
        return any_of(tiles, self.task.solid)

    def sample_level(self, key: Key[Array, ""], overrides: Overrides | None = None) -> Level:
        """A level drawn at random. Parameters come from the overrides, else a file, else the task's draw,
        else the config; then co-players are redrawn, see `generators/redrawing.py`.
        """
        drawn: dict[str, Array] = {}
        if self.task.draws_params:
            key, params_key = jax.random.split(key)
            drawn = self.task.draw_params(params_key)
        params = self.params.with_overrides(drawn | self.generator.given_params() | dict(overrides or {}))
        given = self.config.redrawn == "partners" and "partner" in (overrides or {})
        if self.config.redrawn != "nothing" and not given:
            key, redrawn_key = jax.random.split(key)
            params = redrawing.redrawn(params, self.config.redrawn, self.roster, redrawn_key)
        tiles, position, heading = self.generator.sample(key, params)
        return self.ready(Level(tiles=tiles, position=position, heading=heading, params=params))

    def level(self, drawn: str | Level) -> Level:
        """The level, checked and ready for `reset`, with the world's own parameters where it names none.

        Raises SocialRLError that names what does not fit.
        """
        level = Level.from_ascii(drawn) if isinstance(drawn, str) else drawn
        check_level(self, level, "level")
        return self.ready(level)

    def mutate(self, level: Level, key: Key[Array, ""]) -> Level:
        """The level with one random edit, solvable if `level` is; see `generators.mutation`."""
        edited = mutation.mutate(level.edit(), key, self.task.solid, self.task.solvable)
        return self.ready(edited)

    def solvable(self, level: Level) -> Bool[Array, ""]:
        """Whether the level can be solved at all, as its task has it."""
        return self.task.solvable(level)

    def ready(self, level: Level) -> Level:
        """The level with what view and planner derive from its tiles, and with the world's own parameters
        where it names none; nothing is checked.
        """
        if not isinstance(level.params, Params):
            level = dataclasses.replace(level, params=self.params.with_overrides(level.params))
        plan = ()
        if self.spec.targets:
            ratio = self.task.penalty_ratio(level)
            plan = action_tables(level, self.spec.targets, self.solid(level.tiles), ratio)
        params = jax.tree.map(jnp.asarray, level.params)
        view = self.view.prepare(self.task.planes(dataclasses.replace(level, params=params)))
        return dataclasses.replace(level, params=params, view=view, plan=plan, ready=True)

    def reset(self, level: Level, key: Key[Array, ""]) -> State:
        """The first state of an episode on this level; the key draws who is present, and what the task
        draws.
        """
        if not level.ready:
            check_fit(self.spec, level, "level")
            level = self.ready(level)
        key, task_key = jax.random.split(key) if self.task.random_reset else (key, key)
        count = len(self.spec.seats)
        seats = Seats(
            position=level.position,
            heading=level.heading,
            present=presence.begin(level.params.presence, key),
            out=jnp.zeros(count, bool),
            prestige=None if self.view.prestige_decay is None else jnp.zeros(count, jnp.float32),
        )
        return State(level=level, seats=seats, task=self.task.reset(level, task_key), time=jnp.int32(0))

    def step(self, state: State, actions: Int32[Array, " N"], key: Key[Array, ""]) -> tuple[State, Outcome]:
        """The state after everybody acted, and what the step brought."""
        order_key, *keys = jax.random.split(key, 2 + self.task.random_step)
        task_key, presence_key = keys[0], keys[-1]
        moves = self.movement.move(state.seats, actions, self.solid(state.level.tiles), order_key)
        effects = self.task.step(state, moves, task_key)
        time, level = state.time + 1, effects.level
        if self.task.changes_tiles:
            level = dataclasses.replace(level, view=self.view.prepare(self.task.planes(level)))
        seats = self._presence(state.seats, effects.seats, level.params, time, presence_key)
        if seats.prestige is not None and self.view.prestige_decay is not None:
            prestige = update_prestige(seats.prestige, effects.reward, self.view.prestige_decay)
            seats = dataclasses.replace(seats, prestige=prestige)
        terminated = jnp.array(False) if effects.terminated is None else effects.terminated
        outcome = Outcome(
            reward=effects.reward,
            terminated=terminated,
            truncated=(time >= self.spec.horizon) & ~terminated,
            cumulants=effects.cumulants,
        )
        return State(level=level, seats=seats, task=effects.task, time=time), outcome

    def _presence(
        self, before: Seats, after: Seats, params: Params, time: Int32[Array, ""], key: Key[Array, ""]
    ) -> Seats:
        """The seats after a step with who is present then; with blocking, a seat that comes back waits for
        room.
        """
        present = presence.advance(params.presence, before.present, time, self.spec.horizon, key)
        if self.spec.blocking:
            present = presence.wait_for_room(before.present, present, after.position)
        return dataclasses.replace(after, present=present & ~after.out)

    def observe(self, state: State) -> UInt8[Array, "N V V C"]:
        """The view of every seat, channels as in `spec.channels`; zeros for an absent one."""
        return self.view.observe(state, self.task.planes(state.level), self._shown)

    def cell_rewards(self, state: State) -> Float32[Array, "N H W"]:
        """What each seat would be paid for stepping onto each cell now."""
        return self.task.cell_rewards(state)

    def concepts(self, state: State, after: State) -> Int32[Array, "N concepts"]:
        """The index of each concept's value to each seat in a state, -1 where it means nothing. after: the
        state that follows.
        """
        facts = self.task.facts(self.movement.kind == "turning")
        truth = jnp.stack([fact.truth(state, after) for fact in facts], axis=1)
        return jnp.where(state.seats.present[:, None], truth, UNDEFINED)

    def picture(self, state: State, seat: int | None = None) -> Picture:
        """What there is to see of one state (not of a batch), on the host. seat: it is marked, and what it
        does not see is dimmed.
        """
        host = jax.device_get(state)
        whole = Picture(
            tiles=host.level.tiles,
            position=host.seats.position,
            heading=host.seats.heading,
            present=host.seats.present,
            colours=seat_colours(len(self.spec.seats), [one.colour for one in self.spec.seats]),
            headings=self.spec.movement == "turning",
            notes=self.task.notes(host),
            kinds=self.task.kinds(host, seat),
        )
        return whole if seat is None else whole.seen_by(seat, self.spec.view)


def _params(config: Any, roster: Roster, task: Task) -> dict[str, Any]:
    """The world's parameters by name, float32 arrays."""
    schedules = [
        presence.parse(f"{a}.presence", s.presence) for a, s in zip(roster.agents, roster.seats, strict=True)
    ]
    common = {
        "size": config.size,
        "density": config.density,
        "presence": schedules,
        "skill": [seat.skill for seat in roster.seats],
    }
    if config.redrawn == "partners":
        common["partner"] = [0.0] * len(roster.seats)
    return {
        name: jnp.asarray(np.asarray(value, np.float32))
        for name, value in (common | task.default_params()).items()
    }


def update_prestige(
    prestige: Float32[Array, " N"], reward: Float32[Array, " N"], decay: float
) -> Float32[Array, " N"]:
    """Prestige after a step: decay * prestige + reward, 0 after a negative reward (marlgrid's rule)."""
    return jnp.where(reward < 0, 0.0, decay * prestige + reward)


def check_fit(spec: WorldSpec, level: Level, where: str) -> None:
    """Raises SocialRLError, naming `where`, unless the level has the world's size and number of seats."""
    seats, shape = level.position.shape[0], level.tiles.shape
    require(
        seats == len(spec.seats), "layout", where, f"a level with {len(spec.seats)} seats, it has {seats}"
    )
    require(shape == (spec.height, spec.width), "size", spec.height, f"the level's {shape[0]} (a square)")


def check_level(world: GridWorld, level: Level, where: str) -> None:
    """Raises SocialRLError, naming `where`, if a level drawn by hand does not suit the world."""
    check_fit(world.spec, level, where)
    known = {grid.FLOOR, *world.task.solid, *(tile for tiles in world.spec.tile_channels for tile in tiles)}
    for row, column in np.argwhere(~np.isin(np.asarray(level.tiles), list(known))):
        char = grid.CHAR_OF_TILE[int(level.tiles[row, column])]
        chars = " ".join(grid.CHAR_OF_TILE[tile] for tile in sorted(known))
        place = f"{where}: row {row}, column {column}"
        raise SocialRLError(f"{place}: {char!r} is not part of {world.spec.name}", f"use {chars}")
    named = level.params.named() if isinstance(level.params, Params) else level.params
    own = world.params.named()
    for name, value in named.items():
        if name not in own:
            raise unknown(f"parameter ({where})", name, own)
        shape = np.shape(own[name])
        require(np.shape(value) == shape, f"{where}: {name}", np.asarray(value).tolist(), f"of shape {shape}")
    missing = [
        grid.CHAR_OF_TILE[tile] for tile in world.task.targets if not bool((level.tiles == tile).any())
    ]
    require(not missing, "layout", where, f"a level with all goals, it lacks {' '.join(missing)}")
    world.task.check(level, where)

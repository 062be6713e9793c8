"""What the worlds of seats that turn share: options of the view, turning and going forward, prestige, ways
known by heart.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int8, Int32, Key, UInt8, UInt32

from socialrl_envs import grid, presence, routes, sight, turning
from socialrl_envs.errors import SocialRLError
from socialrl_envs.struct import pytree
from socialrl_envs.types import Level, State, WorldSpec
from socialrl_envs.world import GridWorld, WorldConfig, require, roster


@dataclasses.dataclass(frozen=True, kw_only=True)
class FacingConfig(WorldConfig):
    """Options of the worlds of seats that turn, besides those of every world.

    view: cells along a side of the view, odd. occlusion: walls hide what is behind them. prestige: others'
    recent success is seen; each step it fades by `prestige_decay`, rewards add to it, a loss sets it to 0;
    tanh(it / `prestige_scale`) is shown.
    actions: 3, or marlgrid's 7, of which 4 do nothing. shuffle: the order in which blocking seats move is
    drawn anew at every step, else it is that of the seats.
    """

    view: int = 7
    occlusion: bool = True
    prestige: bool = False
    prestige_decay: float = 0.95
    prestige_scale: float = 2.0
    actions: int = 3
    shuffle: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        good = self.view % 2 == 1 and 3 <= self.view <= sight.LARGEST
        require(good, "view", self.view, f"odd, 3..{sight.LARGEST}")
        require(0 <= self.prestige_decay <= 1, "prestige_decay", self.prestige_decay, "in 0..1")
        require(self.prestige_scale > 0, "prestige_scale", self.prestige_scale, "above 0")
        require(self.actions in turning.ACTIONS, "actions", self.actions, "3 or 7")


@pytree
class FacingLevel(Level):
    """A level with what follows from its tiles, so that a reset costs nothing: `FacingWorld.prepare` draws it
    up.

    maps: the grid in bits, see `sight.bitmaps`. ways: see `routes.pack`, without targets if nobody plans.
    aim: the target that is nearest to each seat.
    """

    maps: UInt32[Array, "2 S K P"]
    ways: UInt8[Array, "T X"]
    aim: Int8[Array, " N"]


@pytree
class FacingState(State):
    """maps, ways, aim: as in the level. prestige: recent success of every seat."""

    maps: UInt32[Array, "2 S K P"]
    ways: UInt8[Array, "T X"]
    aim: Int8[Array, " N"]
    prestige: Float32[Array, " N"]


class FacingWorld(GridWorld):
    """Base of the worlds of seats that turn. channels: name -> the tiles that it shows, the walls first.

    targets: the tiles that somebody may want to go to, kind by kind.
    """

    def __init__(
        self,
        config: Any,
        channels: Mapping[str, tuple[int, ...]],
        targets: tuple[int, ...],
        cumulants: tuple[str, ...],
        items: tuple[int, ...],
        numbers: dict[str, Any],
    ):
        seats, agents = roster(config)
        for agent, seat in zip(agents, seats, strict=True):
            if seat.preferences is not None:
                raise SocialRLError(
                    f"{agent}.preferences: {self.name} pays everybody alike", "leave them out"
                )
        others = (*sight.FACING, *(("prestige",) if config.prestige else ()))
        names = (*channels, *(("unseen",) if config.occlusion else ()), *others)
        spec = WorldSpec(
            name=self.name,
            seats=seats,
            agents=agents,
            height=config.size,
            width=config.size,
            obs_shape=(config.view, config.view, len(names)),
            channels=names,
            actions=turning.ACTIONS[config.actions],
            cumulants=cumulants,
            horizon=config.horizon,
            binary_views=not config.prestige,
            channels_of_others=others,
        )
        self.shown, self.targets = tuple(channels.values()), targets
        self.channel_of_tile = {tile: channel for channel, tiles in enumerate(self.shown) for tile in tiles}
        super().__init__(config, spec, items, numbers)
        if self.drawn is not None:
            missing = [grid.CHAR_OF_TILE[tile] for tile in targets if not (self.drawn.tiles == tile).any()]
            require(
                not missing, "layout", config.layout, f"a level with all goals, it lacks {' '.join(missing)}"
            )

    def draw_headings(self, key: Key[Array, ""]) -> Int32[Array, " N"]:
        """Everybody looks somewhere."""
        return jax.random.randint(key, (len(self.spec.seats),), 0, 4, dtype=jnp.int32)

    def sample_level(self, key: Key[Array, ""], numbers: dict[str, Array] | None = None) -> FacingLevel:
        """As in every world, drawn up for fast resets."""
        return self.prepare(super().sample_level(key, numbers))

    def level(self, drawn: str | Level) -> FacingLevel:
        """As in every world, drawn up for fast resets."""
        return self.prepare(super().level(drawn))

    def prepare(self, level: Level) -> FacingLevel:
        """The level with what follows from its tiles."""
        ways, aim = self._ways(level)
        basics = {name: getattr(level, name) for name in ("tiles", "position", "heading", "numbers")}
        return FacingLevel(
            **basics, maps=sight.bitmaps(self.planes(level), self.config.view), ways=ways, aim=aim
        )

    def planes(self, level: Level) -> Bool[Array, "P H W"]:
        """What is shown of the tiles, channel by channel."""
        return jnp.stack([_any_of(level.tiles, tiles) for tiles in self.shown])

    def _ways(self, level: Level) -> tuple[UInt8[Array, "T X"], Int8[Array, " N"]]:
        seats = len(self.spec.seats)
        if not self.spec.coplayers:
            return jnp.zeros((0, 1), jnp.uint8), jnp.zeros(seats, jnp.int8)
        target = jnp.stack([level.tiles == tile for tile in self.targets])
        solid, (row, column) = self.solid(level.tiles), level.position.T

        def to_all(toll: Float32[Array, "H W"]) -> Float32[Array, "T 4 H W"]:
            return jax.vmap(lambda one: routes.costs(one, toll, solid))(target)

        pace = routes.pace(to_all(jnp.zeros(solid.shape, jnp.float32)), target)
        toll = jnp.where(jnp.any(target, axis=0), self.toll(level) * pace, 0.0)
        costs = to_all(toll)
        actions = jax.vmap(lambda found, one: routes.actions(found, one, toll, solid))(costs, target)
        return routes.pack(actions), jnp.argmin(costs[:, level.heading, row, column], axis=0).astype(jnp.int8)

    def toll(self, level: Level) -> Float32[Array, ""]:
        """What is lost by stepping on a target that is not one's own, in units of what one's own pays.

        Planners go as far out of their way to avoid a loss as they would have to go to earn as much."""
        return jnp.abs(level.numbers["penalty"]) / level.numbers["reward"]

    def begin(self, level: Level, key: Key[Array, ""]) -> dict[str, Any]:
        """The fields of the first FacingState on this level; the key draws who is present."""
        ready = level if isinstance(level, FacingLevel) else self.prepare(self.complete(level))
        fields = {
            name: getattr(ready, name)
            for name in ("tiles", "position", "heading", "numbers", "maps", "ways", "aim")
        }
        return fields | {
            "present": presence.begin(ready.numbers["presence"], key),
            "time": jnp.int32(0),
            "prestige": jnp.zeros(len(self.spec.seats), jnp.float32),
        }

    def walk(
        self, state: FacingState, actions: Int32[Array, " N"], key: Key[Array, ""]
    ) -> tuple[Int32[Array, "N 2"], Int32[Array, " N"], Bool[Array, " N"]]:
        """Everybody turns or goes forward: the positions, the headings, and who has moved. The key draws the
        order.
        """
        seats, priority = len(self.spec.seats), None
        if self.config.blocking:
            priority = jnp.arange(seats, dtype=jnp.int32)
            if self.config.shuffle:
                priority = jnp.argsort(jax.random.uniform(key, (seats,))).astype(jnp.int32)
        solid = self.solid(state.tiles)
        position, moved = turning.advance(
            state.position, state.heading, actions, solid, state.present, priority
        )
        return position, turning.turned(state.heading, actions, state.present), moved

    def present_after(
        self, state: FacingState, position: Int32[Array, "N 2"], key: Key[Array, ""]
    ) -> Bool[Array, " N"]:
        """Who is there after this step, given where everybody stands then; with blocking, who comes back
        waits for room.
        """
        schedule, horizon = state.numbers["presence"], self.config.horizon
        present = presence.advance(schedule, state.present, state.time + 1, horizon, key)
        return presence.wait_for_room(state.present, present, position) if self.config.blocking else present

    def goal_under(
        self, state: FacingState, position: Int32[Array, "N 2"], moved: Bool[Array, " N"]
    ) -> Int32[Array, " N"]:
        """Which target (an index into `targets`) each seat has just stepped on, -1 if none."""
        tile = grid.at(state.tiles, position)
        hits = (tile[:, None] == jnp.array(self.targets, jnp.uint8)) & moved[:, None]
        number = jnp.arange(len(self.targets), dtype=jnp.int32)
        return jnp.max(jnp.where(hits, number, -1), axis=1)

    def fame(self, state: FacingState, reward: Float32[Array, " N"]) -> Float32[Array, " N"]:
        """Prestige after a step: p <- decay * p + reward, 0 after a loss."""
        return jnp.where(reward < 0, 0.0, self.config.prestige_decay * state.prestige + reward)

    def observe(self, state: FacingState) -> UInt8[Array, "N V V C"]:
        """Every seat's view, channels as in `spec.channels`. An absent seat sees nothing."""
        glow = None
        if self.config.prestige:
            glow = jnp.round(255 * jnp.tanh(state.prestige / self.config.prestige_scale)).astype(jnp.uint8)
        config, shown = self.config, self.shown_to_seats()
        seats = (state.position, state.heading, state.present)
        return sight.views(state.maps, *seats, config.view, config.occlusion, glow, shown)

    def shown_to_seats(self) -> Bool[Array, "N P"] | None:
        """Which planes each seat is shown; None: all."""
        return None

    def target_gains(
        self, tiles: UInt8[Array, "H W"], gains: Float32[Array, "N T"]
    ) -> Float32[Array, "N H W"]:
        """Gains per target as gains per cell."""
        planes = jnp.stack([tiles == tile for tile in self.targets]).astype(jnp.float32)
        return jnp.einsum("nt,thw->nhw", gains, planes)

    def errand(
        self, state: FacingState, gain: Float32[Array, "H W"], seat: int, key: Key[Array, ""]
    ) -> Int32[Array, ""] | None:
        """The action on the way to the target with the highest gain (the nearest one at the start, if it is
        among them); without any gain a turn to the left. Other targets cost a toll. None if nobody lives here
        who plans."""
        if state.ways.shape[0] == 0:
            return None
        worth = jnp.stack([jnp.max(jnp.where(state.tiles == tile, gain, -jnp.inf)) for tile in self.targets])
        best, aim = worth == jnp.max(worth), state.aim[seat].astype(jnp.int32)
        chosen = jnp.where(best[aim], aim, jnp.argmax(best).astype(jnp.int32))
        position, heading = state.position[seat], state.heading[seat]
        action = routes.look_up(state.ways, chosen, heading, position, self.spec.width)
        action = jnp.where((jnp.max(worth) > 0) & (action != routes.NOWHERE), action, turning.LEFT)
        if not self.config.blocking:
            return action
        others = state.present & (jnp.arange(len(self.spec.seats)) != seat)
        blocked = (action == turning.FORWARD) & jnp.any(
            others & grid.same_cell(state.position, _front(position, heading))
        )
        return jnp.where(blocked, jax.random.randint(key, (), 0, 3, dtype=jnp.int32), action)


def _front(position: Int32[Array, " 2"], heading: Int32[Array, ""]) -> Int32[Array, "1 2"]:
    return turning.ahead(position[None], heading[None])


def _any_of(tiles: UInt8[Array, "H W"], kinds: tuple[int, ...]) -> Bool[Array, "H W"]:
    return jnp.any(jnp.stack([tiles == kind for kind in kinds]), axis=0)

"""Base of worlds that tests write from scratch: everything of the `World` protocol that such a world does not
care about.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32

from socialrl_envs.options import param
from socialrl_envs.picture import Picture
from socialrl_envs.presence import SCHEDULES
from socialrl_envs.struct import pytree
from socialrl_envs.types import Level, Overrides, Params, Seat, Seats, State, WorldSpec
from socialrl_envs.visibility import ViewSpec


@pytree
class Marked(Params):
    """Parameters of a level that is told apart from others by a number."""

    mark: Float32[Array, ""] = param("a number that is drawn anew for every level")


def scratch_spec(
    name: str,
    seats: tuple[Seat, ...],
    channels: tuple[str, ...],
    actions: tuple[str, ...],
    horizon: int,
    width: int = 1,
    channels_of_others: tuple[str, ...] = (),
) -> WorldSpec:
    """The spec of a world of one row of cells, with views of one cell and one cumulant."""
    return WorldSpec(
        name=name,
        seats=seats,
        agents=tuple(f"{seat.role}_{i}" for i, seat in enumerate(seats)),
        height=1,
        width=width,
        movement="cardinal",
        view=ViewSpec(kind="partial", size=1),
        obs_shape=(1, 1, len(channels)),
        channels=channels,
        actions=actions,
        cumulants=("reward",),
        horizon=horizon,
        channels_of_others=channels_of_others,
    )


class ScratchWorld:
    """A world without walls and items, in which all seats start at the first cell and are always present.

    A subclass gives `draw_mark`, `step` and `observe`. config: plain data that tells apart two worlds of one
    class and spec.
    """

    def __init__(self, spec: WorldSpec, config: Any = None):
        self.spec, self.config = spec, config
        self.params = Marked(
            size=jnp.float32(spec.width),
            density=jnp.float32(0),
            presence=jnp.array([SCHEDULES["always"]] * len(spec.seats), jnp.float32),
            skill=jnp.ones(len(spec.seats), jnp.float32),
            mark=jnp.float32(0),
        )

    @property
    def fingerprint(self) -> str:
        return f"{type(self).__qualname__}{self.spec!r}{self.config!r}"

    def draw_mark(self, key: Any) -> Array:
        """The mark of a level."""
        raise NotImplementedError

    def sample_level(self, key: Any, overrides: Overrides | None = None) -> Level:
        seats = len(self.spec.seats)
        return Level(
            tiles=jnp.zeros((self.spec.height, self.spec.width), jnp.uint8),
            position=jnp.zeros((seats, 2), jnp.int32),
            heading=jnp.zeros(seats, jnp.int32),
            params=self.params.with_overrides({"mark": self.draw_mark(key)} | dict(overrides or {})),
            ready=True,
        )

    def level(self, drawn: str | Level) -> Level:
        level = Level.from_ascii(drawn) if isinstance(drawn, str) else drawn
        params = level.params
        if not isinstance(params, Params):
            params = self.params.with_overrides(params)
        return dataclasses.replace(level, params=params, ready=True)

    def ready(self, level: Level) -> Level:
        return self.level(level)

    def mutate(self, level: Level, key: Any) -> Level:
        return self.level(level.edit(params=level.params.with_overrides({"mark": self.draw_mark(key)})))

    def solvable(self, level: Level) -> Array:
        return jnp.array(True)

    def reset(self, level: Level, key: Any) -> State:
        count = len(self.spec.seats)
        seats = Seats(
            position=level.position,
            heading=level.heading,
            present=jnp.ones(count, bool),
            out=jnp.zeros(count, bool),
        )
        return State(level=level, seats=seats, task=(), time=jnp.int32(0))

    def solid(self, tiles: Array) -> Array:
        return jnp.zeros(tiles.shape, bool)

    def cell_rewards(self, state: State) -> Array:
        return jnp.zeros((len(self.spec.seats), *state.level.tiles.shape), jnp.float32)

    def picture(self, state: State, seat: int | None = None) -> Picture:
        host = jax.device_get(state)
        return Picture(
            tiles=host.level.tiles,
            position=host.seats.position,
            heading=host.seats.heading,
            present=host.seats.present,
            headings=False,
            seat=seat,
        )

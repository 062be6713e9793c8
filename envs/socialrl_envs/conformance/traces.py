"""Rules of a world about an episode played with random actions."""

import jax
import jax.numpy as jnp
import numpy as np

from socialrl_envs import grid
from socialrl_envs.conformance.playing import (
    Trace,
    demand,
    equal,
)
from socialrl_envs.options import meanings
from socialrl_envs.types import Level, World


def level_survives_ascii(world: World, played: Trace) -> None:
    """A level, its ASCII picture and the level read from it are the same."""
    text = played.level.to_ascii()
    read = Level.from_ascii(text)
    level = played.level
    pairs = {
        "tiles": (level.tiles, read.tiles),
        "starts": ((level.position, level.heading), (read.position, read.heading)),
        "parameters": (
            level.params.named(),
            {name: np.asarray(value) for name, value in read.params.items()},
        ),
    }
    for field, (written, found) in pairs.items():
        same = equal(written, found)
        demand(same, world, "level -> ASCII -> level is the identity", f"{field} differ:\n{text}")


def observations_in_space(world: World, played: Trace) -> None:
    """Every entry of a view is 0 or 1, if the spec says that views are binary."""
    most, highest = int(played.views.max()), world.spec.highest
    demand(
        most <= highest,
        world,
        "observations are within their space",
        f"an entry is {most}, the highest is {highest}",
    )


def seats_on_walkable_cells(world: World, played: Trace) -> None:
    """Levels put seats and items on different free cells, and nobody ever stands on a solid tile or off the
    grid.
    """
    rule, position = "nobody stands on a solid tile", played.states.seats.position
    size = np.array([world.spec.height, world.spec.width])
    demand((position >= 0) & (position < size), world, rule, "a seat is off the grid")
    starts = played.level.position
    demand(len(np.unique(starts, axis=0)) == len(starts), world, rule, "two seats start on one cell")
    demand(
        played.level.tiles[starts[:, 0], starts[:, 1]] == grid.FLOOR,
        world,
        rule,
        "a seat starts on something",
    )
    solid = np.asarray(jax.vmap(world.solid)(jnp.asarray(played.states.level.tiles)))
    under = np.stack([s[p[:, 0], p[:, 1]] for s, p in zip(solid, position, strict=True)])
    demand(~(under & played.states.seats.present), world, rule, "a present seat does")


def no_overlap_when_blocking(world: World, played: Trace) -> None:
    """With the option `blocking`, no two present seats share a cell."""
    if not world.spec.blocking:
        return
    position, present = played.states.seats.position, played.states.seats.present
    together = (position[:, :, None] == position[:, None]).all(-1) & present[:, :, None] & present[:, None]
    together &= ~np.eye(position.shape[1], dtype=bool)
    demand(
        ~together, world, "no overlap when blocking", f"first at time {int(np.argmax(together.any((1, 2))))}"
    )


def absent_seats_stay(world: World, played: Trace) -> None:
    """A seat that is absent during a step is where it was, and gets nothing."""
    absent = ~played.states.seats.present[:-1]
    moved = (played.states.seats.position[1:] != played.states.seats.position[:-1]).any(-1)
    rule = "absent seats are neither seen nor in the way"
    demand(~(absent & moved), world, rule, "an absent seat moves")
    demand(played.outcomes.reward[absent] == 0, world, rule, "an absent seat is paid")
    demand(played.outcomes.cumulants[absent] == 0, world, rule, "something happens to an absent seat")
    demand(~played.views[~played.states.seats.present].any(), world, rule, "an absent seat sees something")


def endings(world: World, played: Trace) -> None:
    """Termination (the task ended) and truncation (time ran out) are told apart; time runs out exactly at the
    horizon.
    """
    rule, horizon = "terminated and truncated are apart", world.spec.horizon
    time, ended, cut = played.states.time[1:], played.outcomes.terminated, played.outcomes.truncated
    demand(~(ended & cut), world, rule, "a step reports both")
    demand(~cut | (time >= horizon), world, rule, f"a step is truncated before the horizon {horizon}")
    demand(cut | ended | (time < horizon), world, rule, f"a step at the horizon {horizon} is not truncated")


def never_resets_itself(world: World, played: Trace) -> None:
    """After its end an episode goes on as if nothing were: time counts, walls stay, numbers stay."""
    rule, states = "a world never resets itself", played.states
    expected = np.arange(len(states.time))
    demand(states.time == expected, world, rule, f"time goes {states.time.tolist()}")
    solid = states.level.tiles == grid.WALL
    demand(solid == solid[0], world, rule, "walls move")


def finite_numbers(world: World, played: Trace) -> None:
    """Rewards and events are finite."""
    demand(np.isfinite(played.outcomes.reward), world, "finite rewards", "a reward is not")
    demand(np.isfinite(played.outcomes.cumulants), world, "finite cumulants", "a cumulant is not")


def reward_is_worth_of_cumulants(world: World, played: Trace) -> None:
    """Where a world has preferences, reward = cumulants . preferences, seat by seat."""
    preferences = played.states.level.params.named().get("preferences")
    if preferences is None:
        return
    worth = np.sum(played.outcomes.cumulants * preferences[:-1], axis=-1)
    off = np.abs(worth - played.outcomes.reward)
    demand(off < 1e-4, world, "reward = cumulants . preferences", f"off by {off.max():.3g} for a seat")


def params_within_bounds(world: World, played: Trace) -> None:
    """Every parameter of a level is declared with a meaning, and within the bounds that are declared."""
    rule, declared = "parameters are declared", meanings(type(world.params))
    for name, value in played.level.params.named().items():
        demand(
            name in declared and declared[name].help != "", world, rule, f"{name} has no meaning: use `param`"
        )
        bounds = declared[name]
        within = all(bounds.takes(float(entry)) for entry in np.ravel(value))
        demand(within, world, rule, f"{name} is {value}, it must be {bounds.bound}")


def pictures_show_the_state(world: World, played: Trace) -> None:
    """`picture` gives the tiles and seats of the state, for everybody and for one seat."""
    rule, last = "pictures show the state", jax.tree.map(lambda x: x[-1], played.states)
    for seat in (None, 0):
        picture = world.picture(last, seat)
        picture.check()
        same = np.array_equal(picture.tiles, last.level.tiles) and np.array_equal(
            picture.position, last.seats.position
        )
        demand(same, world, rule, "its tiles or seats are other ones")

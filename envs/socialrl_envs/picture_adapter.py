"""`world.picture` and `world.spec.view` for worlds that do not have them yet."""

from typing import Any

import numpy as np

from socialrl_envs.picture import Picture, flood_notes, goal_kinds, hidden_goals, seat_colours
from socialrl_envs.visibility import Movement, ViewSpec


def movement_of(world: Any) -> Movement:
    """How seats move."""
    return "turning" if "forward" in world.spec.actions else "cardinal"


def view_of(world: Any) -> ViewSpec:
    """What a seat's view covers."""
    if movement_of(world) == "turning":
        return ViewSpec(kind="egocentric", size=world.spec.obs_shape[0], occlusion=world.config.occlusion)
    return ViewSpec(kind=world.config.observation, size=world.spec.obs_shape[0])


def picture_of(world: Any, state: Any, seat: int | None = None) -> Picture:
    """The picture of one State (not of a batch). seat: it is marked and what it does not see is dimmed."""
    tiles, numbers = np.asarray(state.tiles), getattr(state, "numbers", {})
    kinds = None
    if "looks" in numbers:
        kinds = goal_kinds(tiles, [round(float(look)) for look in np.asarray(numbers["looks"])])
    if seat is not None and hasattr(world, "shown_to_seats"):
        shown = world.shown_to_seats()
        if shown is not None and not np.asarray(shown)[seat, 1:].any():
            kinds = hidden_goals(tiles)
    picture = Picture(
        tiles=tiles,
        position=np.asarray(state.position),
        heading=np.asarray(state.heading),
        present=np.asarray(state.present),
        colours=seat_colours(len(world.spec.seats), [one.colour for one in world.spec.seats]),
        headings=movement_of(world) == "turning",
        notes=flood_notes(tiles, bool(getattr(state, "flooded", False))),
        kinds=kinds,
    )
    return picture if seat is None else picture.seen_by(seat, view_of(world))

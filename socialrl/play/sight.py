"""What a person in a seat is shown of a session: the picture of what the seat sees, and words about it."""

import dataclasses

import numpy as np
from jaxtyping import Bool, UInt8

from socialrl.play.session import SharedSession
from socialrl_envs.picture import Picture, order_notes, seat_colours
from socialrl_envs.sprites import Colour
from socialrl_envs.tiles import CHAR_OF_TILE, COIN, COLOURS, DOOR, FLOOR, GOAL, KEY, WALL
from socialrl_envs.types import WorldSpec

HEADINGS = ("up", "right", "down", "left")
THINGS = {"goal": range(GOAL, GOAL + 9), "key": (KEY,), "door": (DOOR,)} | {
    f"{name} coin": (COIN + number,) for number, name in enumerate(COLOURS)
}


def picture(session: SharedSession, seat: int, fog: bool) -> Picture:
    """The picture of the state now, with a person's seat marked.

    fog: only what the seat sees is drawn; notes, which seats are not shown, are kept for co-players alone.
    """
    whole = session.world.picture(session.state, seat)
    mask = whole.visible
    if not fog or mask is None:
        return dataclasses.replace(whole, visible=None)
    row, column = whole.position.T
    return dataclasses.replace(
        whole,
        tiles=np.where(mask, whole.tiles, FLOOR).astype(np.uint8),
        present=whole.present & mask[row, column],
        notes=_notes_within(whole, mask, seat in session.spec.coplayers),
        visible=None if mask[whole.tiles != WALL].all() else mask,
    )


def _notes_within(whole: Picture, mask: Bool[np.ndarray, "H W"], known: bool) -> UInt8[np.ndarray, "H W"]:
    """The notes of the cells in view, or none if the seat does not know them."""
    notes = order_notes(whole.tiles) if whole.notes is None else whole.notes
    return np.where(mask & known, notes, 0).astype(np.uint8)


def worth(session: SharedSession, seat: int) -> list[tuple[str, float]]:
    """(cumulant, preference) of a seat; empty in a world without preferences."""
    preferences = session.state.level.params.named().get("preferences")
    if preferences is None:
        return []
    return [
        (name, float(w))
        for name, w in zip(session.spec.cumulants, np.asarray(preferences)[seat], strict=True)
    ]


def about(session: SharedSession, seat: int, you: int) -> str:
    """What acts on a seat and, for a trained novice, whom it follows. you: the seat that is told."""
    if seat in session.seats:
        return "a person"
    names, followed = session.spec.agents, session.followed(seat)
    actor = (session.cast.actor(seat) or "").partition(",")[0]
    if followed is None:
        return actor
    whom = "itself" if followed == seat else "you" if followed == you else names[followed]
    return f"follows {whom} · {actor}"


def seat_colour(spec: WorldSpec, seat: int) -> Colour:
    """The colour of a seat in every picture."""
    return seat_colours(len(spec.seats), [one.colour for one in spec.seats])[seat]


def others(session: SharedSession, seat: int) -> list[int]:
    """The other seats that somebody acts on."""
    seats = range(len(session.spec.seats))
    return [one for one in seats if one != seat and (one in session.seats or session.cast.actor(one))]


def how_it_ended(session: SharedSession) -> str | None:
    """How the episode ended, None while it goes on."""
    if not session.ended:
        return None
    return "the task ended" if session.terminated else "time is up"


def in_words(session: SharedSession, seat: int, shown: Picture) -> str:
    """A picture in a sentence, for people who do not see it."""
    spec = session.spec
    if not session.is_present(seat):
        return "You are not on the grid now."
    row, column = shown.position[seat]
    facing = (
        f", facing {HEADINGS[int(shown.heading[seat])]}" if session.world.spec.movement == "turning" else ""
    )
    mask = np.ones_like(shown.tiles, bool) if shown.visible is None else shown.visible
    seen = [name for one, name in enumerate(spec.agents) if one != seat and shown.present[one]]
    for name, tiles in THINGS.items():
        count = int((np.isin(shown.tiles, list(tiles)) & mask).sum())
        seen += [f"{count} {name}{'s' if count > 1 else ''}"] if count else []
    marks = {CHAR_OF_TILE.get(int(tile), "?") for tile in np.unique(shown.tiles[mask]) if tile >= 40}
    seen += [f"something marked {char}" for char in sorted(marks)]
    return f"You are in row {row}, column {column}{facing}. In view: {', '.join(seen) or 'nothing'}."

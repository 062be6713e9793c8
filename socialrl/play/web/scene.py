"""What the page of a seat shows, as JSON values: nothing in it says more than the seat may know."""

import base64
from typing import Any

from socialrl.play import moves, sight
from socialrl.play.web.room import Room
from socialrl_envs.picture import Picture
from socialrl_envs.render import draw, to_png
from socialrl_envs.tiles import SEATS

WIDE = 900  # pixels of the picture of a grid, at most
CELL = 64  # pixels of a cell, at most
KEYS = {"up": "ArrowUp", "right": "ArrowRight", "down": "ArrowDown", "left": "ArrowLeft", "space": " "}


def lobby(room: Room) -> dict[str, Any]:
    """The world, and which seats may be taken."""
    session = room.session
    return {
        "type": "lobby",
        "world": session.spec.name,
        "rules": moves.rules(session.world),
        "seats": [seat_facts(room, seat) | {"free": room.is_free(name)} for name, seat in seats(room)],
    }


def seats(room: Room) -> list[tuple[str, int]]:
    """(name, number) of the people's seats."""
    return [(name, person.seat) for name, person in room.people.items()]


def seat_facts(room: Room, seat: int) -> dict[str, Any]:
    """How a seat is shown: name, letter, colour."""
    spec = room.session.spec
    return {
        "name": spec.agents[seat],
        "letter": SEATS[seat % len(SEATS)],
        "colour": "#{:02x}{:02x}{:02x}".format(*sight.seat_colour(spec, seat)),
    }


def seated(room: Room, name: str, key: str) -> dict[str, Any]:
    """What somebody who takes a seat is told: its key, and which keys do what."""
    session = room.session
    return {
        "type": "seated",
        "key": key,
        "you": seat_facts(room, room.people[name].seat),
        "keys": {
            KEYS.get(name, name): action for name, action in moves.keys_of(session.spec.actions).items()
        },
        "moves": [{"key": name, "does": does} for name, does in moves.moves(session.world)],
        "rate": room.fps,
    }


def scene(room: Room, name: str, fog: bool) -> tuple[dict[str, Any], Picture]:
    """The state now as a seat sees it, without its image, and the picture of it for `drawn`.

    fog: without what it does not see.
    """
    session, seat = room.session, room.people[name].seat
    shown = sight.picture(session, seat, fog)
    returns = session.returns(seat)
    others = [
        seat_facts(room, one) | {"about": _about(room, one, seat)} for one in sight.others(session, seat)
    ]
    facts = {
        "type": "scene",
        "words": sight.in_words(session, seat, shown),
        "time": session.t,
        "horizon": session.spec.horizon,
        "episode": len(session.episodes),
        "score": returns[-1],
        "best": max(returns[:-1], default=None),
        "reward": session.reward_of(seat),
        "present": session.is_present(seat),
        "ended": sight.how_it_ended(session),
        "chosen": room.people[name].chosen is not None,
        "waits": room.waits_for(name),
        "worth": [{"name": what, "value": value} for what, value in sight.worth(session, seat)],
        "others": others,
        "people": len(room.people),
        "wanting": {what: room.wanting(what) for what in ("next", "end")},
        "fog": fog,
        "marked": session.marked if room.marking else None,
    }
    return facts, shown


def drawn(shown: Picture, theme: str) -> str:
    """The image of a picture, a PNG as base64. theme: "light" or "dark"."""
    cell = max(4, min(CELL, WIDE // max(shown.tiles.shape)))
    return base64.b64encode(to_png(draw(shown, cell, theme))).decode("ascii")


def _about(room: Room, seat: int, you: int) -> str:
    """What acts on a seat; of a person, whether they are there."""
    text = sight.about(room.session, seat, you)
    person = next((one for one in room.people.values() if one.seat == seat), None)
    if person is None or person.here:
        return text
    return f"{text}, not connected" if person.key else "free for a person"

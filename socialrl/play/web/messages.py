"""What a page may say to the server: one JSON object of at most 2,000 characters, checked before it is used.

{"type": "sit", "seat": "expert_0", "key": "..."}    takes a seat; the key is that of an earlier connection
{"type": "press", "action": 2}                       a key of that action is down
{"type": "release", "action": 2}                     and up again
{"type": "look", "fog": true, "theme": "dark"}       how the grid is drawn
{"type": "mark", "good": true}                       what the trained agent just did is good, or bad
{"type": "next"}                                     asks for the next episode
{"type": "end"}                                      asks for the end of the game
{"type": "leave"}                                    gives the seat up
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from socialrl_envs.errors import SocialRLError, nearest
from socialrl_envs.safe_json import read_json

MAX_LENGTH = 2000  # characters
THEMES = ("light", "dark")


class Refused(Exception):  # noqa: N818  a message that is not followed, not a fault
    """A message that is not followed; the text is one line for the person who sent it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Message:
    """A message that has been checked; fields that its kind does not have keep their defaults."""

    type: str
    seat: str = ""
    key: str = ""
    action: int = 0
    fog: bool = True
    theme: str = "light"
    good: bool = True


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 200 and value.isprintable()


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "seat": (_is_text, "the name of a seat"),
    "key": (_is_text, "the key of a seat"),
    "action": (_is_count, "the number of an action"),
    "fog": (lambda value: isinstance(value, bool), "true or false"),
    "good": (lambda value: isinstance(value, bool), "true or false"),
    "theme": (lambda value: value in THEMES, "light or dark"),
}
TYPES: dict[str, tuple[str, ...]] = {
    "sit": ("seat", "key"),
    "press": ("action",),
    "release": ("action",),
    "look": ("fog", "theme"),
    "mark": ("good",),
    "next": (),
    "end": (),
    "leave": (),
}


def parse(text: str | bytes, actions: int) -> Message:
    """The message in a frame. actions: how many the world has. Raises Refused for anything else."""
    found = _object(text)
    kind = found.pop("type", None)
    if not isinstance(kind, str) or kind not in TYPES:
        raise Refused(f"unknown type of message ({nearest(str(kind)[:40], TYPES)})")
    for name, value in found.items():
        if name not in TYPES[kind]:
            raise Refused(f"{kind}: unknown field {str(name)[:40]!r}")
        check, wanted = FIELDS[name]
        if not check(value):
            raise Refused(f"{kind}: {name} must be {wanted}")
    for name in TYPES[kind]:
        if name not in found and name != "key":
            raise Refused(f"{kind}: {name} is missing")
    if found.get("action", 0) >= actions:
        raise Refused(f"{kind}: action must be below {actions}")
    return Message(type=kind, **found)


def _object(text: str | bytes) -> dict[str, Any]:
    """The JSON object that a frame holds."""
    if isinstance(text, bytes):
        raise Refused("a message is text, not bytes")
    if len(text) > MAX_LENGTH:
        raise Refused(f"a message has at most {MAX_LENGTH} characters, this one has {len(text)}")
    try:
        found = read_json(text, "message")
    except SocialRLError as error:
        raise Refused(error.message) from error
    if not isinstance(found, dict):
        raise Refused("a message is a JSON object")
    return found

"""JSON read from files that are not trusted: text in, a value out, or one error that names the file."""

import json
import re
from typing import Any, TypeAlias

from socialrl_envs.errors import SocialRLError

Json: TypeAlias = bool | int | float | str | list[Any] | dict[str, Any] | None

MAX_DEPTH = 64  # of lists and objects inside one another; what this program writes has fewer than ten
# One bracket, or a string up to its closing quote. An unfinished string goes to the end of the text: a scan
# never starts again inside of it.
TOKEN = re.compile(r'"(?:[^"\\]|\\.?)*+(?:"|\Z)|[\[\]{}]', re.DOTALL)


def read_json(text: str | bytes, where: str) -> Json:
    """The value that a JSON text holds.

    text: str, or UTF-8 as bytes. where: the file, and the part of it, that errors name.
    Raises SocialRLError, of one line, for anything that is not JSON and for lists and objects that are nested
    more than 64 deep.
    """
    try:
        whole = text.decode("utf-8") if isinstance(text, bytes) else text
        deep = depth(whole) > MAX_DEPTH
        value = None if deep else json.loads(whole)
    except (ValueError, RecursionError) as error:
        cause = str(error).partition("\n")[0][:200]
        raise SocialRLError(f"{where}: not readable as JSON ({cause})") from error
    if deep:
        raise SocialRLError(f"{where}: lists or objects are nested more than {MAX_DEPTH} deep in this JSON")
    return value


def depth(text: str) -> int:
    """The largest number of lists and objects inside one another in a JSON text, found without parsing it.

    If the text has at most MAX_DEPTH opening brackets, the result is their number, an upper bound.
    """
    brackets = text.count("[") + text.count("{")
    if brackets <= MAX_DEPTH:
        return brackets
    deepest = now = 0
    for token in TOKEN.finditer(text):
        if token[0] in "[{":
            now += 1
            deepest = max(deepest, now)
        elif token[0] in "]}":
            now -= 1
    return deepest

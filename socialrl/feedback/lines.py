"""Files of JSON lines that hold what people judged: a header, then an object per line, checked key by key."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from socialrl.record import schema
from socialrl_envs.errors import SocialRLError, nearest
from socialrl_envs.safe_json import read_json

MOST = 2**31  # of a number in a file
CURE = "delete that line, or leave out what cannot be read: --skip-bad"
Rules = Mapping[str, tuple[Any, str]]  # by key: whether a value will do, and what it must be
Line = TypeVar("Line")


class Lines(NamedTuple):
    """What a file holds. items: of its lines, in order. bad: what is wrong with each line that was left out.
    torn: whether the last line has no end.
    """

    items: tuple[Any, ...]
    bad: tuple[str, ...]
    torn: bool


def read_lines(
    path: Path, header: Mapping[str, Any], what: str, parse: Callable[[bytes, str], Line], skip_bad: bool
) -> Lines:
    """The lines of a file; none if there is no file. A last line without its end does not count.

    header: the object of the first line. what: the file holds, in words. parse(line, where): what a line
    means, or SocialRLError. skip_bad: leaves such lines out; else the error is raised.
    """
    try:
        data = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise SocialRLError(f"{path}: cannot read this file: {error.strerror or error}") from error
    *lines, rest = data.split(b"\n")
    items: list[Line] = []
    bad: list[str] = []
    for number, line in enumerate(lines, start=1):
        where = f"{path}, line {number}"
        try:
            if number == 1:
                _check_header(line, where, header, what)
            else:
                items.append(parse(line, where))
        except SocialRLError as error:
            if not skip_bad:
                raise
            bad.append(error.message)
    return Lines(tuple(items), tuple(bad), bool(rest))


def _check_header(line: bytes, where: str, header: Mapping[str, Any], what: str) -> None:
    found = read_json(line, where)
    if not isinstance(found, dict) or found.get("format") != header["format"]:
        raise SocialRLError(f"{where}: not a file of {what}", f"it begins with {json.dumps(header)}")
    if found != header:
        raise SocialRLError(
            f"{where}: {what} of version {found.get('version')!r}", f"this version reads {header['version']}"
        )


def read_object(line: bytes, rules: Rules, where: str) -> dict[str, Any]:
    """The object of a line, see `checked`."""
    try:
        found = read_json(line, where)
    except SocialRLError as error:
        raise SocialRLError(error.message, CURE) from error
    return checked(found, rules, where)


def checked(found: object, rules: Rules, where: str) -> dict[str, Any]:
    """The object, with exactly the keys of the rules and values that will do; raises SocialRLError that names
    the line and the key.
    """
    if not isinstance(found, dict):
        raise SocialRLError(f"{where}: not an object", CURE)
    for key in found:
        if key not in rules:
            raise SocialRLError(f"{where}: unknown key {key!r}, {nearest(str(key), rules)}", CURE)
    for key, (fits, words) in rules.items():
        if key not in found:
            raise SocialRLError(f"{where}: key {key} is missing", CURE)
        if not fits(found[key]):
            raise SocialRLError(f"{where}: {key} is {json.dumps(found[key])[:60]}, it must be {words}", CURE)
    return found


def is_count(value: object) -> bool:
    """Whether a value is a whole number from 0 that a file may hold."""
    return schema.is_count(value) and isinstance(value, int) and value < MOST


COUNT = (is_count, "a whole number from 0")

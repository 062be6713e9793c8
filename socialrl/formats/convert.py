"""Conversion by address: `demos.npz` and `minari:ID` are demonstrations; `level.txt`, `jaxued:FILE` and
`minigrid:FILE` are levels.
"""

from pathlib import Path
from typing import Literal, NamedTuple

from socialrl.formats.minari import read_minari, write_minari
from socialrl.record.atomic import write_text
from socialrl.record.demonstrations import Demonstrations, read_demonstrations, write_demonstrations
from socialrl_envs.configs import read_level
from socialrl_envs.errors import SocialRLError
from socialrl_envs.types import Level, WorldSpec

KNOWN = "FILE.npz, minari:ID, FILE.txt, jaxued:FILE, minigrid:FILE"
MAX_TEXT = 2**20  # bytes of a level's file


class Address(NamedTuple):
    """Where something lies, in which format, and what it is."""

    format: str
    place: str
    content: Literal["demonstrations", "level"]


def parse_address(text: str) -> Address:
    """The parts of an address; raises SocialRLError that lists the formats."""
    kind, colon, place = text.partition(":")
    if colon and place and kind == "minari":
        return Address(kind, place, "demonstrations")
    if colon and place and kind in ("jaxued", "minigrid"):
        return Address(kind, place, "level")
    if text.endswith(".npz"):
        return Address("npz", text, "demonstrations")
    if text.endswith(".txt"):
        return Address("txt", text, "level")
    raise SocialRLError(f"{text}: no format that is known", f"give {KNOWN}")


def convert(source: str, target: str, world: WorldSpec | None = None) -> list[str]:
    """Reads what lies at one address, writes it to another, and returns the addresses that were written.

    world: of the demonstrations of a Minari dataset that socialrl did not write. Raises SocialRLError for
    what cannot be read, what the target has no place for, and a target that exists.
    """
    here, there = parse_address(source), parse_address(target)
    if here.content != there.content:
        raise SocialRLError(f"{source} is {here.content}, {target} {there.content}", f"known: {KNOWN}")
    if there.format != "minari" and Path(there.place).exists():
        raise SocialRLError(f"{there.place}: exists already", "choose another name, or remove it first")
    if here.content == "level":
        _write_level(there, _read_level(here))
        return [target]
    return _write_demonstrations(there, _read_demonstrations(here, world))


def _read_level(address: Address) -> Level:
    if address.format == "txt":
        return read_level(address.place)
    try:
        with open(address.place, encoding="utf-8") as file:
            text = file.read(MAX_TEXT)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SocialRLError(f"{address.place}: cannot read this level file: {reason}") from error
    try:
        return Level.from_text(text, address.format)
    except SocialRLError as error:
        raise SocialRLError(f"{address.place}: {error.message}", error.hint) from error


def _write_level(address: Address, level: Level) -> None:
    text = level.to_ascii() if address.format == "txt" else level.to_text(address.format)
    write_text(address.place, text)


def _read_demonstrations(address: Address, world: WorldSpec | None) -> Demonstrations:
    return (
        read_minari(address.place, world)
        if address.format == "minari"
        else read_demonstrations(address.place)
    )


def _write_demonstrations(address: Address, demonstrations: Demonstrations) -> list[str]:
    if address.format == "minari":
        return [f"minari:{one}" for one in write_minari(address.place, demonstrations)]
    write_demonstrations(address.place, demonstrations)
    return [address.place]

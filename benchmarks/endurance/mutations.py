"""Mutated files of every kind that is read: each must be refused in one line, or read.

A mutation changes, cuts, doubles, moves or inserts bytes; in JSON also whole tokens (numbers, words,
brackets). Archives are also changed inside, with checksums that fit. What raises anything but a SocialRLError
of one line, or takes long, is kept.
"""

import io
import random
import re
import shutil
import time
import traceback
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from socialrl_envs.errors import SocialRLError

SLOW = 5.0  # seconds of CPU that no mutated file may take
TOKEN = re.compile(rb'-?\d+(?:\.\d+)?|"(?:[^"\\]|\\.)*"|true|false|null|[\[\]{}:,]')
TOKENS = (
    *(b"0", b"-1", b"1e999", b"-0.0", b"NaN", b"1.5", b"9" * 40, b"9" * 5000, b"123456789012345678901"),
    *(b"null", b"true", b'""', b'"\\ud800"', b'"\\u0000"', b'"1"', b"[]", b"{}", b"[[1]]", b'{"a": 1}'),
    *(b"[" * 200_000, b'{"a":' * 100_000, b"]", b"}", b",", b'"', b'"' + "\u0661".encode() + b'"'),
)


@dataclass(frozen=True)
class Target:
    """A kind of file. path: the whole one. read: what reads it. nested: whether it is an archive."""

    path: Path
    read: Callable[[Path], Any]
    nested: bool = False


@dataclass
class Found:
    """What became of the files. read, refused, seconds: how many, and what they took, by kind. faults: one
    line each.
    """

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    read: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """The data with some changes."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        at, size = rng.randrange(len(changed) + 1), rng.randrange(1, 40)
        match rng.randrange(8):
            case 0:
                changed[at : at + 1] = bytes(byte ^ (1 << rng.randrange(8)) for byte in changed[at : at + 1])
            case 1:
                changed[at : at + 1] = rng.randbytes(1)
            case 2:
                del changed[at : at + size]
            case 3:
                changed[at:at] = changed[at : at + size]
            case 4:
                del changed[at:]
            case 5:
                changed[at:at] = rng.randbytes(size)
            case 6:
                other = rng.randrange(len(changed) + 1)
                changed[at : at + size], changed[other : other + size] = (
                    changed[other : other + size],
                    changed[at : at + size],
                )
            case _:
                changed = bytearray(retokened(bytes(changed), rng))
    return bytes(changed)


def retokened(data: bytes, rng: random.Random) -> bytes:
    """The data with one token of JSON in the place of another."""
    tokens = list(TOKEN.finditer(data))
    if not tokens:
        return data
    old, new = rng.choice(tokens), rng.choice((*TOKENS, rng.choice(tokens)[0]))
    return data[: old.start()] + new + data[old.end() :]


def inside(data: bytes, rng: random.Random) -> bytes:
    """An archive with one member changed, whose checksums fit what it holds now."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except zipfile.BadZipFile:
        return data
    name = "header.npy" if rng.random() < 0.6 else rng.choice(list(members))
    if name == "header.npy":
        text = np.load(io.BytesIO(members[name])).tobytes()
        file = io.BytesIO()
        np.save(file, np.frombuffer(mutated(text, rng) or b" ", np.uint8))
        members[name] = file.getvalue()
    else:
        members[name] = mutated(members[name], rng)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return out.getvalue()


def mutate_all(targets: Mapping[str, Target], count: int, keep: Path, seed: int = 0) -> Found:
    """What became of so many mutated files, of all kinds in turn. keep: where those go that made trouble."""
    found, rng = Found(), random.Random(seed)
    wholes = {kind: target.path.read_bytes() for kind, target in targets.items()}
    for target in targets.values():
        target.read(target.path)  # must not raise
    for number in range(count):
        kind = list(targets)[number % len(targets)]
        target = targets[kind]
        change = inside if target.nested and rng.random() < 0.5 else mutated
        target.path.write_bytes(change(wholes[kind], rng))
        began = time.process_time()
        fault = _fault(target, kind, found)
        found.seconds[kind] += (seconds := time.process_time() - began)
        if not fault and seconds > SLOW:
            fault = f"it took {seconds:.1f} s"
        if fault:
            keep.mkdir(parents=True, exist_ok=True)
            shutil.copy(target.path, keep / f"{kind.replace(' ', '_')}-{number}")
            found.faults.append(f"{kind} {number}: {fault}")
        target.path.write_bytes(wholes[kind])
    return found


def _fault(target: Target, kind: str, found: Found) -> str:
    """What is wrong with how a file is read; "" if nothing is."""
    try:
        target.read(target.path)
    except SocialRLError as error:
        found.refused[kind] += 1
        return "" if "\n" not in str(error) else f"more than one line: {str(error)[:200]!r}"
    except BaseException as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:120]} ({Path(place.filename).name}:{place.lineno})"
    found.read[kind] += 1
    return ""

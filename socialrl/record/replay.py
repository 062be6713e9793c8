"""Replays: evaluation episodes with the decision of every step, in one file that is read without trusting it.

    replay = load("runs/coin_grid/001/replays/psiphi-seed0.npz")
    replay.share(episode=0)         # {"self": 0.6, "expert_0": 0.3, "expert_1": 0.1}
    image = draw(replay.picture(episode=0, t=12))

The format is in `replay_format.py`. It needs neither learners nor a display.
"""

import dataclasses
import json
import math
import re
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int8, Int32, Shaped, UInt8, UInt32

from socialrl.record import replay_format as form
from socialrl.record.atomic import open_atomic
from socialrl_envs.errors import SocialRLError
from socialrl_envs.render import Picture, seat_colours
from socialrl_envs.sprites import Colour

MAX_BYTES = 2**30  # of all arrays together, uncompressed
MAX_HEADER = 2**22
MAX_ARRAYS = 128
HEX = re.compile("#[0-9a-fA-F]{6}")
# What reading a damaged zip file, or an array's head in one, is known to raise.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    RuntimeError,
    KeyError,
    IndexError,
    OverflowError,
    MemoryError,
    SyntaxError,
    tokenize.TokenError,
)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Replay:
    """Episodes as they were seen and decided; `E` episodes, `T` steps in the longest, axes as in the annotations.

    State t of an episode is before its step t; the last state follows its last step. source: whom the novice followed in a
    step, a number into `sources`. values: what each source held each action worth to the novice, NaN where it has none.
    source_seats: the seat of each source, None for "self". level: what was drawn before the episodes, by field.

    What follows is None in replays that have none. checksum: of every state, see `resimulation.py`, which begins with `start`,
    the fields of the first states. spread: how far an ensemble was apart about `values`. observed: what the novices saw next,
    255 as the highest entry; prediction: what they expected to see. occupancy: where a novice expects to be in the discounted
    future, 255 the likeliest cell.
    """

    world: dict[str, Any]
    agents: tuple[str, ...]
    novices: tuple[int, ...]
    sources: tuple[str, ...]
    source_seats: tuple[int | None, ...]
    actions: tuple[str, ...]
    cumulants: tuple[str, ...]
    channels: tuple[str, ...]
    obs_shape: tuple[int, int, int]
    preferences: tuple[tuple[float, ...], ...] | None
    experiment: str
    arm: str
    seed: int
    step: int
    versions: dict[str, str]

    length: Int32[np.ndarray, " E"]
    action: Int8[np.ndarray, "E T N"]
    reward: Float32[np.ndarray, "E T N"]
    terminated: Bool[np.ndarray, "E T"]
    truncated: Bool[np.ndarray, "E T"]
    source: Int8[np.ndarray, "E T M"]
    values: Float32[np.ndarray, "E T M S A"]
    influence: Float32[np.ndarray, "E T M"]
    tiles: UInt8[np.ndarray, "E T+1 H W"]
    position: UInt8[np.ndarray, "E T+1 N 2"]
    heading: UInt8[np.ndarray, "E T+1 N"]
    present: Bool[np.ndarray, "E T+1 N"]

    reset_key: UInt32[np.ndarray, "E 2"] | None = None
    step_key: UInt32[np.ndarray, "E T 2"] | None = None
    checksum: UInt32[np.ndarray, "E T+1"] | None = None
    spread: Float32[np.ndarray, "E T M S A"] | None = None
    observed: UInt8[np.ndarray, "E T M V U C"] | None = None
    prediction: UInt8[np.ndarray, "E T M V U C"] | None = None
    occupancy: UInt8[np.ndarray, "E T M H W"] | None = None
    level: dict[str, Shaped[np.ndarray, "E ..."]] = dataclasses.field(default_factory=dict)
    start: dict[str, Shaped[np.ndarray, "E ..."]] = dataclasses.field(default_factory=dict)

    @property
    def colours(self) -> tuple[Colour, ...]:
        """RGB of every seat: the one that the world's options give it, else the usual one of its place."""
        given: list[Any] = []
        for group in ("novices", "experts", "coplayers"):
            seats = self.world.get(group)  # a list of them, or how many
            if isinstance(seats, int):
                given += [None] * min(seats, len(self.agents))
            elif isinstance(seats, list | tuple):
                given += [seat.get("colour") if isinstance(seat, dict) else None for seat in seats]
        sound = [one if isinstance(one, str) and HEX.fullmatch(one) else None for one in given]
        return seat_colours(len(self.agents), sound[: len(self.agents)])

    @property
    def episodes(self) -> int:
        """How many episodes there are."""
        return len(self.length)

    def steps(self, episode: int) -> int:
        """How many steps an episode has; it has one state more."""
        return int(self.length[episode])

    def states(self, name: str, episode: int) -> np.ndarray:
        """An array of states (`tiles`, `position`, `heading`, `present`, `checksum`) of one episode, without padding."""
        return getattr(self, name)[episode, : self.steps(episode) + 1]

    def during(self, name: str, episode: int) -> np.ndarray:
        """An array of steps (`action`, `reward`, `source`, `values`, ...) of one episode, without padding."""
        return getattr(self, name)[episode, : self.steps(episode)]

    def picture(self, episode: int, t: int) -> Picture:
        """State t of an episode, 0 <= t <= steps(episode), ready for `socialrl_envs.render.draw`."""
        if not 0 <= t <= self.steps(episode):
            raise SocialRLError(f"step {t} of episode {episode}: it has states 0..{self.steps(episode)}")
        at = (episode, t)
        return Picture(self.tiles[at], self.position[at], self.heading[at], self.present[at], self.colours)

    def share(self, episode: int | None = None, novice: int = 0) -> dict[str, float]:
        """The share of steps on which each source was followed, by one novice (its number among the novices).

        episode: None for all episodes together.
        """
        chosen = range(self.episodes) if episode is None else (episode,)
        followed = np.concatenate([self.during("source", e)[:, novice] for e in chosen])
        counts = np.bincount(followed, minlength=len(self.sources))
        return dict(zip(self.sources, (counts / len(followed)).tolist(), strict=True))

    def returns(self, episode: int) -> Float32[np.ndarray, " N"]:
        """The sum of rewards of every seat in an episode."""
        return self.during("reward", episode).sum(axis=0)

    def seat_of(self, source: int, novice: int = 0) -> int:
        """The seat behind a source; for "self" the seat of the novice (its number among the novices)."""
        seat = self.source_seats[source]
        return self.novices[novice] if seat is None else seat


def _header(replay: Replay) -> dict[str, Any]:
    own = {key: getattr(replay, key) for key in form.HEADER if key not in ("format", "version")}
    return {"format": form.FORMAT, "version": form.VERSION, **own}


def _arrays(replay: Replay) -> dict[str, np.ndarray]:
    named = {name: getattr(replay, name) for name in (*form.ARRAYS, *form.OPTIONAL)}
    groups = {prefix + key: a for prefix, part in _groups(replay).items() for key, a in part.items()}
    return {name: np.ascontiguousarray(array) for name, array in (named | groups).items() if array is not None}


def _groups(replay: Replay) -> dict[str, dict[str, np.ndarray]]:
    return {form.LEVEL: replay.level, form.START: replay.start}


def save(path: str | Path, replay: Replay) -> None:
    """Writes a replay, all or nothing. Raises SocialRLError if its parts do not fit together; nothing is written then."""
    try:
        text = json.dumps(_header(replay), ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise SocialRLError(f"{path}: the replay's header cannot be JSON: {error}") from error
    arrays = _arrays(replay)
    header = json.loads(text)
    form.check_header(header, str(path))
    form.check_layout(header, {name: (a.dtype, a.shape) for name, a in arrays.items()}, str(path))
    form.check_values(arrays, str(path))
    data = np.frombuffer(text.encode("utf-8"), np.uint8)
    if data.nbytes > MAX_HEADER or sum(a.nbytes for a in arrays.values()) > MAX_BYTES or len(arrays) >= MAX_ARRAYS:
        raise SocialRLError(f"{path}: the replay is too large to be read back", "record fewer or shorter episodes")
    with open_atomic(path) as file:
        np.savez_compressed(file, allow_pickle=False, header=data, **arrays)


def load(path: str | Path) -> Replay:
    """Reads a replay and checks all of it before anything large is allocated.

    Raises SocialRLError that names the file and the cause if it is missing, truncated, foreign, oversized or hostile.
    """
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
            return _read(archive, str(path))
    except SocialRLError:
        raise
    except OSError as error:
        raise SocialRLError(f"{path}: cannot read this replay: {error.strerror or error}") from error
    except DAMAGE as error:
        cause = str(error).partition("\n")[0][:200] or type(error).__name__
        raise SocialRLError(f"{path}: not a replay, or a damaged one ({cause})") from error


def _read(archive: zipfile.ZipFile, where: str) -> Replay:
    members = _members(archive, where)
    header = _read_header(archive, members, where)
    form.check_header(header, where)
    layout = {name: _peek(archive, member, where) for name, member in members.items() if name != "header"}
    form.check_layout(header, layout, where)
    arrays = {name: _read_array(archive, members[name], *layout[name], where) for name in layout}
    form.check_values(arrays, where)
    level, start = (_pop(arrays, prefix) for prefix in (form.LEVEL, form.START))
    fields: dict[str, Any] = {key: _freeze(value) for key, value in header.items() if key not in ("format", "version")}
    fields.update(arrays)
    return Replay(**fields, level=level, start=start)


def _pop(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Takes the arrays of a group out, by their names without the prefix."""
    return {name.removeprefix(prefix): arrays.pop(name) for name in list(arrays) if name.startswith(prefix)}


def _members(archive: zipfile.ZipFile, where: str) -> dict[str, zipfile.ZipInfo]:
    """The arrays in the file by name, after their number and their sizes were found harmless."""
    infos = archive.infolist()
    if len(infos) > MAX_ARRAYS:
        raise SocialRLError(f"{where}: {len(infos)} arrays in it, a replay has at most {MAX_ARRAYS}")
    members = {info.filename.removesuffix(".npy"): info for info in infos}
    plain = all(i.filename.endswith(".npy") and i.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for i in infos)
    if len(members) < len(infos) or not plain:
        raise SocialRLError(f"{where}: this is not a socialrl replay", "name a file that `socialrl run` wrote into replays/")
    total = sum(info.file_size for info in infos)
    if total > MAX_BYTES:
        raise SocialRLError(f"{where}: {total / 2**20:,.0f} MiB of arrays, a replay has at most {MAX_BYTES // 2**20} MiB")
    return members


def _read_header(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], where: str) -> Any:
    member = members.get("header")
    if member is None:
        raise SocialRLError(f"{where}: this is not a socialrl replay", "name a file that `socialrl run` wrote into replays/")
    if member.file_size > MAX_HEADER:
        raise SocialRLError(f"{where}: header: {member.file_size:,} bytes, a replay's has at most {MAX_HEADER:,}")
    dtype, shape = _peek(archive, member, where)
    if dtype != np.uint8 or len(shape) != 1:
        raise SocialRLError(f"{where}: header: it must be bytes of text, not {dtype} {shape}")
    try:
        return json.loads(_read_array(archive, member, dtype, shape, where).tobytes().decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise SocialRLError(f"{where}: header: not readable as JSON ({error})") from error


def _array_head(file: Any, name: str, where: str) -> tuple[np.dtype, tuple[int, ...], bool]:
    """What an array's first bytes say of it: dtype, shape, and whether it is in Fortran's order."""
    version = np.lib.format.read_magic(file)
    if version != (1, 0):  # later ones may announce a header of 4 GiB
        raise SocialRLError(f"{where}: array {name} is in an unknown format {version}")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.kind not in "buif" or dtype.shape or not dtype.isnative or len(shape) > 8 or min(shape, default=0) < 0:
        raise SocialRLError(f"{where}: array {name} holds {str(dtype)[:80]}, it must hold plain numbers")
    return dtype, shape, fortran


def _peek(archive: zipfile.ZipFile, member: zipfile.ZipInfo, where: str) -> tuple[np.dtype, tuple[int, ...]]:
    """dtype and shape of an array, after the size of the member was found to agree with them."""
    name = member.filename.removesuffix(".npy")
    with archive.open(member) as file:
        dtype, shape, _ = _array_head(file, name, where)
        at = file.tell()
    size = dtype.itemsize * math.prod(shape)
    if size != member.file_size - at:
        raise SocialRLError(
            f"{where}: array {name} says {size:,} bytes and has {member.file_size - at:,}", "the file is damaged"
        )
    return dtype, shape


def _read_array(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, dtype: np.dtype, shape: tuple[int, ...], where: str
) -> np.ndarray:
    name = member.filename.removesuffix(".npy")
    with archive.open(member) as file:
        fortran = _array_head(file, name, where)[2]
        data = file.read(dtype.itemsize * math.prod(shape))  # never more, whatever the member would unpack to
    flat = np.frombuffer(data, dtype)
    return np.ascontiguousarray(flat.reshape(shape, order="F" if fortran else "C"))


def _freeze(value: Any) -> Any:
    """Lists as tuples; objects as they are."""
    return tuple(_freeze(item) for item in value) if isinstance(value, list) else value

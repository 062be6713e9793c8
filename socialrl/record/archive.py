"""Archives: arrays and a JSON header in one compressed .npz, written whole and read without trusting it.

The header is the array `header`, UTF-8 text as bytes; nothing is pickled, so `numpy.load(path,
allow_pickle=False)` opens it. What a kind of file holds is checked by whoever knows that kind:
`replay_format.py`, `demonstrations.py`.
"""

import contextlib
import dataclasses
import json
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from socialrl.record.atomic import open_atomic
from socialrl.record.safe_json import Json, read_json
from socialrl_envs.errors import SocialRLError

MAX_BYTES = 2**30  # of all arrays together, uncompressed
MAX_HEADER = 2**22
MAX_ARRAYS = 128
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

Layout = Mapping[str, tuple[np.dtype, tuple[int, ...]]]  # name -> dtype and shape of each array


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of archive, as errors speak of it. word: e.g. "replay". origin: what to do about a foreign file.
    smaller: what to do about one that grows too large."""

    word: str
    origin: str
    smaller: str

    def foreign(self, where: str) -> SocialRLError:
        """The error for a file that is something else."""
        return SocialRLError(f"{where}: this is not a socialrl {self.word}", self.origin)


def write(
    path: str | Path,
    header: dict[str, Any],
    arrays: dict[str, np.ndarray],
    kind: Kind,
    check: Callable[[Json, dict[str, np.ndarray], str], None],
) -> None:
    """Writes an archive, all or nothing. check(header as it will be read, arrays, path) raises if they do not
    fit together; nothing is written then, nor if it could not be read back."""
    try:
        text = json.dumps(header, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise SocialRLError(f"{path}: the {kind.word}'s header cannot be JSON: {error}") from error
    check(read_json(text, f"{path}: header"), arrays, str(path))
    data = np.frombuffer(text.encode("utf-8"), np.uint8)
    if (
        data.nbytes > MAX_HEADER
        or sum(a.nbytes for a in arrays.values()) > MAX_BYTES
        or len(arrays) >= MAX_ARRAYS
    ):
        raise SocialRLError(f"{path}: the {kind.word} is too large to be read back", kind.smaller)
    with open_atomic(path) as file:
        np.savez_compressed(file, allow_pickle=False, header=data, **arrays)


class Reader:
    """An archive that is open: its header first, then what its arrays say of themselves, then the arrays."""

    def __init__(self, archive: zipfile.ZipFile, kind: Kind, where: str):
        self.archive, self.kind, self.where = archive, kind, where
        self.members = self._members()
        self.header = self._header()

    def layout(self) -> Layout:
        """dtype and shape of every array, none of which is read."""
        return {name: self._peek(member) for name, member in self.members.items() if name != "header"}

    def arrays(self, layout: Layout) -> dict[str, np.ndarray]:
        """The arrays of a layout that was found to be good."""
        return {name: self._array(self.members[name], *facts) for name, facts in layout.items()}

    def _members(self) -> dict[str, zipfile.ZipInfo]:
        """The arrays in the file by name, after their number and their sizes were found harmless."""
        infos, kind = self.archive.infolist(), self.kind
        if len(infos) > MAX_ARRAYS:
            raise SocialRLError(
                f"{self.where}: {len(infos)} arrays in it, a {kind.word} has at most {MAX_ARRAYS}"
            )
        members = {info.filename.removesuffix(".npy"): info for info in infos}
        packed = all(info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in infos)
        if (
            len(members) < len(infos)
            or not packed
            or not all(info.filename.endswith(".npy") for info in infos)
        ):
            raise kind.foreign(self.where)
        total = sum(info.file_size for info in infos)
        if total > MAX_BYTES:
            size, most = f"{total / 2**20:,.0f} MiB", f"{MAX_BYTES // 2**20} MiB"
            raise SocialRLError(f"{self.where}: {size} of arrays, a {kind.word} has at most {most}")
        return members

    def _header(self) -> Json:
        member, where = self.members.get("header"), self.where
        if member is None:
            raise self.kind.foreign(where)
        if member.file_size > MAX_HEADER:
            size = f"{member.file_size:,} bytes"
            raise SocialRLError(f"{where}: header: {size}, a {self.kind.word}'s has at most {MAX_HEADER:,}")
        dtype, shape = self._peek(member)
        if dtype != np.uint8 or len(shape) != 1:
            raise SocialRLError(f"{where}: header: it must be bytes of text, not {dtype} {shape}")
        return read_json(self._array(member, dtype, shape).tobytes(), f"{where}: header")

    def _head(self, file: Any, name: str) -> tuple[np.dtype, tuple[int, ...], bool]:
        """What an array's first bytes say of it: dtype, shape, and whether it is in Fortran's order."""
        version = np.lib.format.read_magic(file)
        if version != (1, 0):  # later ones may announce a header of 4 GiB
            raise SocialRLError(f"{self.where}: array {name} is in an unknown format {version}")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        if (
            dtype.kind not in "buif"
            or dtype.shape
            or not dtype.isnative
            or len(shape) > 8
            or min(shape, default=0) < 0
        ):
            raise SocialRLError(
                f"{self.where}: array {name} holds {str(dtype)[:80]}, it must hold plain numbers"
            )
        return dtype, shape, fortran

    def _peek(self, member: zipfile.ZipInfo) -> tuple[np.dtype, tuple[int, ...]]:
        """dtype and shape of an array, after the size of the member was found to agree with them."""
        name = member.filename.removesuffix(".npy")
        with self.archive.open(member) as file:
            dtype, shape, _ = self._head(file, name)
            room = member.file_size - file.tell()
        size = dtype.itemsize * math.prod(shape)
        if size != room:
            raise SocialRLError(
                f"{self.where}: array {name} says {size:,} bytes and has {room:,}", "the file is damaged"
            )
        return dtype, shape

    def _array(self, member: zipfile.ZipInfo, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
        with self.archive.open(member) as file:
            fortran = self._head(file, member.filename.removesuffix(".npy"))[2]
            data = file.read(
                dtype.itemsize * math.prod(shape)
            )  # never more, whatever the member would unpack to
        flat = np.frombuffer(data, dtype)
        return np.asarray(flat.reshape(shape, order="F" if fortran else "C"), order="C")


@contextlib.contextmanager
def reading(path: str | Path, kind: Kind) -> Iterator[Reader]:
    """An archive open for reading. Whatever is wrong with the file, also while the block reads and checks it,
    is a SocialRLError that names it; nothing large is allocated before `layout` was looked at."""
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
            yield Reader(archive, kind, str(path))
    except SocialRLError:
        raise
    except OSError as error:
        raise SocialRLError(f"{path}: cannot read this {kind.word}: {error.strerror or error}") from error
    except DAMAGE as error:
        cause = str(error).partition("\n")[0][:200] or type(error).__name__
        raise SocialRLError(f"{path}: not a {kind.word}, or a damaged one ({cause})") from error

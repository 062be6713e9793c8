"""Archives: arrays and a JSON header in one compressed .npz, written atomically and read without trusting it.

The header is the array `header`, UTF-8 text as bytes. Nothing is pickled: `numpy.load(path,
allow_pickle=False)` opens the file. The contents of each kind of file are checked in `replay_format.py` and
`demonstrations.py`.
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
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Shaped

from socialrl.record.atomic import open_atomic
from socialrl_envs.errors import SocialRLError
from socialrl_envs.safe_json import Json, read_json

MAX_BYTES = 2**30  # of all arrays together, uncompressed
MAX_HEADER = 2**22
MAX_ARRAYS = 128
# What reading a damaged zip file, or the head of an array in one, is known to raise.
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


@runtime_checkable
class Readable(Protocol):
    """What an open member of a zip file can do that is needed here."""

    def read(self, size: int = -1, /) -> bytes:
        """The next `size` bytes, or all that are left."""
        ...


Arrays = dict[str, Shaped[np.ndarray, "..."]]
Layout = Mapping[str, tuple[np.dtype, tuple[int, ...]]]  # name -> dtype and shape of each array


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of archive in the words of its errors.

    word: its name, e.g. "replay". origin, smaller: hints for a foreign file and for one that is too large.
    """

    word: str
    origin: str
    smaller: str

    def foreign(self, where: str) -> SocialRLError:
        """The error for a file of another kind."""
        return SocialRLError(f"{where}: this is not a socialrl {self.word}", self.origin)


def write(
    path: str | Path,
    header: dict[str, Json],
    arrays: Arrays,
    kind: Kind,
    check: Callable[[Json, Arrays, str], None],
) -> None:
    """Writes an archive atomically.

    check(header, arrays, path): raises SocialRLError if they do not fit together; nothing is written then, or
    if the file would be too large to be read.
    """
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
    """An open archive: its header, then dtypes and shapes of its arrays, then the arrays."""

    def __init__(self, archive: zipfile.ZipFile, kind: Kind, where: str):
        self.archive, self.kind, self.where = archive, kind, where
        self.members = self._members()
        self.header = self._header()

    def layout(self) -> Layout:
        """dtype and shape of every array, without reading one."""
        return {name: self._peek(member) for name, member in self.members.items() if name != "header"}

    def arrays(self, layout: Layout) -> Arrays:
        """The arrays of a layout that has been checked."""
        return {name: self._array(self.members[name], *facts) for name, facts in layout.items()}

    def _members(self) -> dict[str, zipfile.ZipInfo]:
        """The members of the file by name, after a check of their number and sizes."""
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

    def _head(self, file: Readable, name: str) -> tuple[np.dtype, tuple[int, ...], bool]:
        """dtype, shape and Fortran order of an array, from its first bytes."""
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
        """dtype and shape of an array, after a check of the size of its member."""
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

    def _array(
        self, member: zipfile.ZipInfo, dtype: np.dtype, shape: tuple[int, ...]
    ) -> Shaped[np.ndarray, "..."]:
        with self.archive.open(member) as file:
            fortran = self._head(file, member.filename.removesuffix(".npy"))[2]
            data = file.read(
                dtype.itemsize * math.prod(shape)
            )  # never more, whatever the member would unpack to
        flat = np.frombuffer(data, dtype)
        return np.asarray(flat.reshape(shape, order="F" if fortran else "C"), order="C")


@contextlib.contextmanager
def reading(path: str | Path, kind: Kind) -> Iterator[Reader]:
    """An archive open for reading.

    Any fault of the file, also one found while the block reads and checks it, is raised as a SocialRLError
    that names it. Nothing large is allocated before the block calls `arrays`.
    """
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

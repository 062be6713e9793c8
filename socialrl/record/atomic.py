"""Atomic writes: a file is written under another name, flushed to the disk, and then renamed."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from socialrl_envs.errors import SocialRLError

PART = ".part"  # the ending of a file that is being written
CURES = {  # by the number of a system error
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "your quota on this disk is used up: make room",
    errno.EFBIG: "the system allows no larger file here",
    errno.EROFS: "choose a folder on a disk that can be written",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
}


@contextlib.contextmanager
def open_atomic(path: str | Path) -> Iterator[IO[bytes]]:
    """A binary file for writing that replaces `path` when the block ends without an exception.

    If the block raises, `path` stays as it was. Its folder must exist. An existing file keeps its
    permissions. Raises SocialRLError naming the file if it cannot be written.
    """
    path = Path(path)
    try:
        target = Path(os.path.realpath(path))  # the target of a link is replaced, not the link
        if target.is_dir():
            raise SocialRLError(f"{path}: cannot write this file: it is a folder", "name a file in it")
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:60]}.", suffix=PART, dir=target.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(name, target)
        sync(target.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(name)
        if isinstance(error, OSError):
            raise cannot_write(path, error) from error
        raise


def write_bytes(path: str | Path, data: bytes) -> None:
    """Writes `data` to `path` atomically."""
    with open_atomic(path) as file:
        file.write(data)


def write_text(path: str | Path, text: str) -> None:
    """Writes `text` to `path` as UTF-8, atomically and without changing its line ends."""
    write_bytes(path, text.encode("utf-8"))


def append(path: Path, data: bytes) -> None:
    """Appends the data to a file and flushes it; where there is no room for all of it, the file is as it was,
    and an OSError is raised.
    """
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(file).st_size
        try:
            while data:
                data = data[os.write(file, data) :]
            os.fsync(file)
        except OSError:
            os.ftruncate(file, size)
            raise
        if not size:
            sync(path.parent)
    finally:
        os.close(file)


def cannot_write(path: Path, error: OSError) -> SocialRLError:
    """The error for a file or a folder that the system refuses to write, with the cure where it is known."""
    missing = None if path.parent.is_dir() else f"there is no folder {path.parent}"
    hint = CURES.get(error.errno or 0, missing)
    what = "folder" if path.is_dir() else "file"
    return SocialRLError(f"{path}: cannot write this {what}: {error.strerror or error}", hint)


def is_part(path: Path) -> bool:
    """Whether this is a file that is being written, or was when its process was killed."""
    return path.name.startswith(".") and path.name.endswith(PART) and not path.is_dir()


def make_folder(path: Path) -> None:
    """Makes a folder and those above it, where there is none; raises SocialRLError if that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error


def sync(path: Path) -> None:
    """Flushes a file, or the names in a folder, to the disk; a folder only where the system allows it."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:  # of a folder, where the system is Windows
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):  # no such thing on this file system
            raise
    finally:
        os.close(descriptor)


def _umask() -> int:
    """The permissions that new files do not get; they can only be read by setting them."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask

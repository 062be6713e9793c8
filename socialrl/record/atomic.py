"""Atomic writes: a file is written under another name, flushed to the disk, and then renamed."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from socialrl_envs.errors import SocialRLError


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
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:60]}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise _cannot(path, error) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(name, target)
        _sync_folder(target.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(name)
        if isinstance(error, OSError):
            raise _cannot(path, error) from error
        raise


def write_bytes(path: str | Path, data: bytes) -> None:
    """Writes `data` to `path` atomically."""
    with open_atomic(path) as file:
        file.write(data)


def write_text(path: str | Path, text: str) -> None:
    """Writes `text` to `path` as UTF-8, atomically and without changing its line ends."""
    write_bytes(path, text.encode("utf-8"))


def _cannot(path: Path, error: OSError) -> SocialRLError:
    hint = None if path.parent.is_dir() else f"there is no folder {path.parent}"
    return SocialRLError(f"{path}: cannot write this file: {error.strerror or error}", hint)


def _umask() -> int:
    """The permissions that new files do not get; they can only be read by setting them."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    """Flushes the names in a folder to the disk, where the system allows it."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

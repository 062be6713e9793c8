"""The lock of a run folder: a file that names the process that writes in it."""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from socialrl.record.atomic import write_text
from socialrl_envs.errors import SocialRLError

LOCK = ".lock"


def _self() -> list[str]:
    """The owner in a lock: process, machine, and start of the process, as process numbers are reused."""
    return [str(os.getpid()), socket.gethostname(), _began(os.getpid())]


def _began(pid: int) -> str:
    """The start of a process in clock ticks since boot; "" where this is not known."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _read_lock(file: Path) -> list[str] | None:
    """The owner in a lock: process, machine, start; None if there is no lock."""
    try:
        lines = file.read_bytes().decode("utf-8", errors="replace").split()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SocialRLError(f"{file}: cannot read this lock: {error.strerror or error}") from error
    return [*lines, "", "", ""][:3]


def _alive(owner: list[str]) -> bool:
    """Whether the owner of a lock may still be writing; always True for one on another machine."""
    pid, host, began = owner
    if host and host != socket.gethostname():
        return True
    if not (pid.isascii() and pid.isdecimal() and len(pid) < 20) or int(pid) == 0:
        return False
    if os.name != "posix":
        return True
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return not began or began == _began(int(pid))


def refuse_in_use(path: Path) -> None:
    """Raises SocialRLError if another process, or this one, may be writing in a folder."""
    owner = _read_lock(path / LOCK)
    if owner is not None and _alive(owner):
        elsewhere = owner[1] and owner[1] != socket.gethostname()
        where = f"process {owner[0]}" + (f" on {owner[1]}" if elsewhere else "")
        raise SocialRLError(
            f"{path}: in use by {where}", f"wait for it, or delete {path / LOCK} if it has ended"
        )


def take(path: Path) -> None:
    """Locks the folder for this process, also if the owner of its lock has ended.

    Raises SocialRLError if it is in use.
    """
    with _one_at_a_time(path):
        refuse_in_use(path)
        write_text(path / LOCK, "\n".join(_self()) + "\n")


@contextlib.contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Excludes other processes from locking a folder at the same time, where the system has `flock`."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def release(path: Path) -> None:
    """Unlocks a folder, unless the lock is another process's.

    Where the disk refuses that, the lock stays, and is taken over once this process has ended.
    """
    with contextlib.suppress(OSError, SocialRLError):
        owner = _read_lock(path / LOCK)
        if owner is not None and owner[:2] == _self()[:2]:
            (path / LOCK).unlink(missing_ok=True)

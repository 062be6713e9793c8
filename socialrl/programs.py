"""Compiled programs, kept in a folder for the next start of the same experiment."""

import contextlib
import hashlib
import os
import platform
import tempfile
from pathlib import Path

import jax

VARIABLE = "JAX_COMPILATION_CACHE_DIR"  # names the folder; jax reads it, too
LIMIT = 4 * 2**30  # bytes; programs above it are removed at the next start, the oldest first
SECONDS = 0.1  # programs that compile faster are not kept


def keep_programs(folder: Path | str | None = None, limit: int = LIMIT) -> Path | None:
    """The folder in which this process keeps compiled programs from now on; None if it keeps none.

    folder: None takes that of the environment variable JAX_COMPILATION_CACHE_DIR, else `default_folder`.
    limit: bytes; the programs that were not written lately are removed above it. Nothing is kept where
    JAX_ENABLE_COMPILATION_CACHE is false, or if the folder cannot be written.
    """
    if not jax.config.jax_enable_compilation_cache:  # pyright: ignore[reportAttributeAccessIssue]
        return None
    named = jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]
    chosen = Path(folder or named or default_folder())
    if not _writable(chosen):
        return None
    _prune(chosen, limit)
    jax.config.update("jax_compilation_cache_dir", str(chosen))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", SECONDS)
    return chosen


def keep_none() -> None:
    """Compiles every program anew in this process, and keeps none."""
    jax.config.update("jax_enable_compilation_cache", False)


def default_folder() -> Path:
    """A folder in the user's cache folder, one for every kind of processor.

    A program for a processor need not run on another one, and machines of a cluster share home folders.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    caches = Path(base) if base else Path.home() / ".cache"
    return caches / "socialrl" / "programs" / processor()


def processor() -> str:
    """Twelve hexadecimal digits that differ between processors with different instructions."""
    facts = [platform.machine(), platform.processor()]
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        facts += sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))})
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]


def _writable(folder: Path) -> bool:
    """Whether files can be written in the folder, which is made if it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _prune(folder: Path, limit: int) -> None:
    """Removes the oldest programs until the others are at most `limit` bytes. Another process may do the
    same at the same time.
    """
    found = []
    for file in folder.glob("*-cache"):
        with contextlib.suppress(OSError):
            facts = file.stat()
            found.append((facts.st_mtime_ns, facts.st_size, file))
    excess = sum(size for _, size, _ in found) - limit
    for _, size, file in sorted(found):
        if excess <= 0:
            return
        with contextlib.suppress(OSError):
            file.unlink()
        excess -= size

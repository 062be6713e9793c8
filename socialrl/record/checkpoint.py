"""Checkpoints: a pytree of arrays as an orbax folder, with a manifest that describes each leaf.

    <step>/manifest.json   format, metadata, CRC-32 of the files; dtype, shape and CRC-32 of every leaf
    <step>/state/          the leaves, by orbax

A checkpoint gets its name only when it is complete and on the disk, and restores the exact bits that were
saved.
"""

import contextlib
import json
import logging
import os
import re
import shutil
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from jaxtyping import PyTree, Shaped

from socialrl.record import schema
from socialrl.record.atomic import cannot_write, sync, write_text
from socialrl_envs.errors import SocialRLError
from socialrl_envs.safe_json import read_json

FORMAT, VERSION = "socialrl-checkpoint", 1
PARTIAL, OLD, GONE = ".partial", ".old", ".gone"  # endings of folders that are not, or no more, a checkpoint
ATTEMPTS, PAUSE = 100, 0.02  # to remove a folder, and seconds between them
_ENTRY = re.compile(r"\[(\d+)\]")  # begins the name of a leaf of a list
KEY_KINDS = {
    "key<fry>": "threefry2x32",
    "key<rbg>": "rbg",
    "key<urbg>": "unsafe_rbg",
}  # dtype of a typed key -> its PRNG


def save(
    path: Path | str,
    tree: PyTree,
    metadata: dict[str, Any] | None = None,
    keep: int = 2,
    spare: Sequence[int] = (),
) -> Path:
    """Writes a tree to the folder `path`, named by its step; returns the absolute path.

    Leaves are arrays of any dtype, including typed PRNG keys, or Python numbers; metadata is JSON. keep: how
    many of the latest checkpoints beside it are kept. spare: steps of checkpoints that are kept besides.
    Raises SocialRLError if `path` exists and is not a checkpoint, and, with the older ones left as they are,
    if it cannot be written.
    """
    named = _named(tree)
    arrays = {name: _array(leaf) for name, leaf in named.items()}
    leaves = {name: _facts(leaf) | {"crc": _crc(arrays[name])} for name, leaf in named.items()}
    return _write(Path(path), arrays, leaves, metadata or {}, keep, spare)


def join(parts: Sequence[Path], path: Path | str, keep: int = 2) -> Path:
    """Writes the checkpoints of several lists, one after the other, as that of one list; returns its absolute
    path.

    Entry 0 of the second part follows the last entry of the first, and so on; no code of what was saved is
    needed. The metadata are those of the first part. Raises SocialRLError that names the folder if a part is
    damaged or is not of a list.
    """
    arrays: dict[str, Any] = {}
    leaves: dict[str, Any] = {}
    first = 0
    for part in parts:
        manifest, stored = _whole(part)
        for name, facts in manifest["leaves"].items():
            place = _ENTRY.match(name)
            if place is None:
                raise SocialRLError(f"{part}: checkpoint of no list: leaf {name}")
            renamed = f"[{first + int(place[1])}]{name[place.end() :]}"
            arrays[renamed], leaves[renamed] = _stored(part, stored, name, facts), facts
        first = 1 + max(int(name[1 : name.index("]")]) for name in leaves)
    return _write(Path(path), arrays, leaves, metadata(parts[0]), keep)


def _write(
    path: Path,
    arrays: dict[str, Any],
    leaves: dict[str, Any],
    metadata: dict[str, Any],
    keep: int,
    spare: Sequence[int] = (),
) -> Path:
    """Writes arrays by the name of their leaf, and the facts of each, as a checkpoint."""
    path = path.absolute()
    if not _is_step(path.name):
        raise SocialRLError(
            f"{path}: a checkpoint's folder is named by its step", "e.g. checkpoints/psiphi/3000"
        )
    if path.exists():
        _manifest(path)
    partial = path.with_name(f".{path.name}{PARTIAL}")
    with _writing(path, partial):
        _remove(partial)
        partial.mkdir(parents=True)
        _write_state(partial / "state", arrays)
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "metadata": metadata,
            "leaves": leaves,
            "files": _files(partial / "state"),
        }
        write_text(partial / "manifest.json", json.dumps(manifest, indent=1))
        _sync_all(partial)
        _swap(partial, path)
        _keep(path.parent, keep, (*spare, int(path.name)))
    return path


def restore(path: Path | str, template: PyTree) -> tuple[PyTree, dict[str, Any]]:
    """The saved tree in the structure of `template`, and its metadata.

    template: a tree with the same leaves, arrays or the result of `jax.eval_shape`; its values are not used.
    Raises SocialRLError naming the folder and the difference if it is truncated, foreign, or of another tree.
    """
    path = Path(path).absolute()
    manifest = _manifest(path)
    wanted = _named(template)
    _compare(path, manifest["leaves"], {name: _facts(leaf) for name, leaf in wanted.items()})
    verify(path)
    stored = _read_state(path)
    leaves = []
    for name, like in wanted.items():
        facts = manifest["leaves"][name]
        leaves.append(_leaf(_stored(path, stored, name, facts), facts, like))
    return jax.tree.unflatten(jax.tree.structure(template), leaves), manifest["metadata"]


def _orbax() -> ocp.Checkpointer:
    """What writes and reads the leaves. Where several processes share a run it waits for none of them: one
    alone saves, and each restores when it likes.
    """
    if jax.process_count() == 1:
        return ocp.Checkpointer(ocp.StandardCheckpointHandler())
    alone = ocp.options.MultiprocessingOptions(
        primary_host=jax.process_index(),
        active_processes={jax.process_index()},
        barrier_sync_key_prefix=f"process{jax.process_index()}",
    )
    handler = ocp.StandardCheckpointHandler(multiprocessing_options=alone)
    return ocp.Checkpointer(handler, multiprocessing_options=alone)


def verify(path: Path | str) -> None:
    """Raises SocialRLError unless the files of a checkpoint are those that were saved."""
    path = Path(path)
    manifest = _manifest(path)
    if "files" in manifest and _files(path / "state") != manifest["files"]:
        raise _damaged(path, "its files are not those that were saved")  # orbax is less clear about this


def _whole(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The manifest of a checkpoint and its arrays by name, whose files are those that were saved."""
    path = path.absolute()
    verify(path)
    return _manifest(path), _read_state(path)


def _stored(
    path: Path, stored: dict[str, Any], name: str, facts: dict[str, Any]
) -> Shaped[np.ndarray, "..."]:
    """The array of a leaf, which has the checksum that the manifest says."""
    array = stored.get(name, np.zeros(facts["shape"], facts["dtype"]) if 0 in facts["shape"] else None)
    if array is None or _crc(np.asarray(array)) != facts["crc"]:
        raise _damaged(path, f"leaf {name} is not what was saved")
    return np.asarray(array)


def metadata(path: Path | str) -> dict[str, Any]:
    """The metadata of a checkpoint, without reading its arrays."""
    return _manifest(Path(path))["metadata"]


def steps(folder: Path | str) -> tuple[int, ...]:
    """The steps of the checkpoints in a folder, ascending."""
    folder = Path(folder)
    return (
        tuple(sorted(int(p.name) for p in folder.iterdir() if _is_step(p.name) and p.is_dir()))
        if folder.is_dir()
        else ()
    )


def latest(folder: Path | str) -> Path | None:
    """The checkpoint of the highest step in a folder, None if there is none."""
    found = steps(folder)
    return Path(folder) / str(found[-1]) if found else None


def tidy(folder: Path | str, keep: int = 2, spare: Sequence[int] = ()) -> None:
    """Removes what a process that was killed while it saved has left beside the checkpoints of a folder.

    A checkpoint that was just being replaced gets its name back. keep, spare: as in `save`.
    """
    for left in sorted(Path(folder).glob(".*")):
        name = left.name.removesuffix(OLD).removeprefix(".")
        if left.name.endswith(OLD) and _is_step(name) and not left.with_name(name).exists():
            os.rename(left, left.with_name(name))
        elif left.name.endswith((OLD, PARTIAL, GONE)):
            _remove(left)
    _keep(Path(folder), keep, spare)


def _is_step(name: str) -> bool:
    """Whether a folder of that name is a checkpoint's."""
    return name.isascii() and name.isdecimal()


@contextlib.contextmanager
def _writing(path: Path, partial: Path) -> Iterator[None]:
    """Turns what orbax or the disk raises into a SocialRLError, and removes what was written until then."""
    log = logging.getLogger("absl")  # orbax logs what its threads raise, and raises it as well
    before, log.disabled = log.disabled, True
    hook = sys.unraisablehook
    sys.unraisablehook = _without_futures(hook)
    try:
        yield
        sys.unraisablehook = hook  # after a failure it stays, as threads of tensorstore may be late
    except OSError as error:
        _remove(partial)
        raise cannot_write(path, error) from error
    except SocialRLError as error:  # of a file in it
        _remove(partial)
        raise SocialRLError(
            f"{path}: cannot write this checkpoint: {error.message}", error.hint
        ) from error.__cause__
    except (ValueError, RuntimeError) as error:  # orbax and tensorstore raise these for what the disk refuses
        _remove(partial)
        refused = _disk_error(error)
        raise cannot_write(path, refused) from refused
    finally:
        log.disabled = before


def _without_futures(usual: Callable[[Any], object]) -> Callable[[Any], None]:
    """An unraisable hook that says nothing of tensorstore's futures that outlive a failed save."""

    def hook(unraisable: Any) -> None:
        if str(unraisable.exc_value) != "Event loop is closed":
            usual(unraisable)

    return hook


def _disk_error(error: Exception) -> OSError:
    """What the system said, from the words of tensorstore."""
    text = " ".join(str(error).split())
    number = re.search(r"(?:OS error |os_error_code=')(\d+)", text)
    found = OSError(int(number[1]), os.strerror(int(number[1]))) if number else OSError(0, text[:200])
    found.__cause__ = error
    return found


def _write_state(folder: Path, arrays: dict[str, Shaped[np.ndarray, "..."]]) -> None:
    """Writes the arrays by orbax."""
    full = {name: array for name, array in arrays.items() if array.size} or {"(none)": np.zeros(1)}
    with _orbax() as saver:
        saver.save(folder, args=ocp.args.StandardSave(full))


def _sync_all(folder: Path) -> None:
    """Flushes every file of a folder, and every folder in it, to the disk."""
    for inner, _, files in os.walk(folder, topdown=False):
        for name in (*files, "."):
            sync(Path(inner, name))


def _named(tree: PyTree) -> dict[str, Any]:
    """The leaves by their path in the tree, e.g. ".params['torso'][0]"."""
    return {
        jax.tree_util.keystr(path) or "(root)": leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }


def _is_key(leaf: object) -> TypeGuard[jax.Array | jax.ShapeDtypeStruct]:
    return isinstance(leaf, jax.Array | jax.ShapeDtypeStruct) and jnp.issubdtype(
        leaf.dtype, jax.dtypes.prng_key
    )


def _array(leaf: object) -> Shaped[np.ndarray, "..."]:
    """A leaf as an array on the host; a copy, which later donation of the buffer does not change."""
    if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return np.array(jax.random.key_data(leaf))
    return np.array(leaf)


def _facts(leaf: object) -> dict[str, Any]:
    """What a restored leaf must have in common with the template's: dtype, shape, and the PRNG of a key."""
    if _is_key(leaf):
        data = jax.eval_shape(jax.random.key_data, leaf)
        return {"dtype": str(data.dtype), "shape": list(data.shape), "key": str(leaf.dtype)}
    if not isinstance(leaf, jax.Array | jax.ShapeDtypeStruct | np.ndarray | np.generic):
        leaf = np.asarray(leaf)
    return {"dtype": str(leaf.dtype), "shape": list(leaf.shape)}


def _leaf(array: Shaped[np.ndarray, "..."], facts: dict[str, Any], like: object) -> Any:
    """The array as the same kind of leaf as the template's."""
    if "key" in facts:
        return jax.random.wrap_key_data(jnp.asarray(array), impl=KEY_KINDS[facts["key"]])
    if isinstance(like, bool | int | float | complex):
        return type(like)(array.item())
    return array if isinstance(like, np.ndarray | np.generic) else jnp.asarray(array)


def _crc(array: Shaped[np.ndarray, "..."]) -> int:
    return zlib.crc32(np.ascontiguousarray(array).tobytes())


def _files(folder: Path) -> dict[str, int]:
    """The CRC-32 of every file in a folder, by its path within it."""
    found = sorted(file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): zlib.crc32(file.read_bytes()) for file in found}


def _remove(folder: Path) -> None:
    """Removes the folder as far as that can be done. A thread of orbax whose save has failed may write into
    it for a moment still, so that it is removed again until it is gone.
    """
    for _ in range(ATTEMPTS):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(PAUSE)


def _keep(folder: Path, keep: int, spare: Sequence[int] = ()) -> None:
    """Removes all but the latest checkpoints, and but those of the steps in `spare`."""
    for step in steps(folder)[:-keep]:
        if step not in spare:
            _retire(folder / str(step))


def _retire(path: Path) -> None:
    """Removes a checkpoint, which loses its name first: there is never a part of one under a name."""
    gone = path.with_name(f".{path.name}{GONE}")
    _remove(gone)
    os.rename(path, gone)
    _remove(gone)


def _swap(new: Path, path: Path) -> None:
    """Renames the finished folder to its name, and then removes the older one of that name."""
    old = path.with_name(f".{path.name}{OLD}")
    _remove(old)
    if path.exists():
        os.rename(path, old)
    os.rename(new, path)
    sync(path.parent)
    _remove(old)


def _damaged(path: Path, why: str) -> SocialRLError:
    return SocialRLError(
        f"{path}: damaged checkpoint: {why}", "delete this folder to continue from the checkpoint before it"
    )


def _manifest(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise SocialRLError(f"{path}: no such checkpoint", f"there are {list(steps(path.parent)) or 'none'}")
    file = path / "manifest.json"
    if not file.is_file():
        raise SocialRLError(f"{path}: not a checkpoint of socialrl", "it has no manifest.json")
    try:
        content = read_json(file.read_bytes(), str(file))
    except SocialRLError as error:
        raise _damaged(path, "manifest.json is not whole") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise SocialRLError(
            f"{path}: not a checkpoint of socialrl", f"its manifest.json is not of format {FORMAT!r}"
        )
    if content.get("version") != VERSION:
        raise SocialRLError(
            f"{path}: written in format version {content.get('version')!r}", f"this version reads {VERSION}"
        )
    for key, check in MANIFEST.items():
        if not check(content.get(key)):
            raise _damaged(path, f"manifest.json: {key} is not what was saved")
    return content


def _is_leaves(value: object) -> bool:
    """Whether this describes leaves: by name their dtype, shape and CRC-32, and the PRNG of a key."""
    return isinstance(value, dict) and all(
        isinstance(facts, dict)
        and isinstance(facts.get("dtype"), str)
        and schema.is_counts(facts.get("shape"))
        and schema.is_count(facts.get("crc"))
        and ("key" not in facts or facts["key"] in list(KEY_KINDS))
        for facts in value.values()
    )


MANIFEST: dict[str, Callable[[Any], bool]] = {
    "metadata": lambda value: isinstance(value, dict),
    "leaves": _is_leaves,
    "files": lambda value: value is None or isinstance(value, dict),
}


def _compare(path: Path, stored: dict[str, Any], wanted: dict[str, Any]) -> None:
    for name in [*wanted, *stored]:
        here, there = (_words(leaves.get(name)) for leaves in (wanted, stored))
        if here != there:
            raise SocialRLError(
                f"{path}: checkpoint of another state: {name} is {there} there, {here} here",
                "resume with the same config",
            )


def _words(facts: dict[str, Any] | None) -> str:
    if facts is None:
        return "missing"
    return f"{facts.get('key', facts['dtype'])}[{','.join(map(str, facts['shape']))}]"


def _read_state(path: Path) -> dict[str, Any]:
    try:
        return _orbax().restore(path / "state", args=ocp.args.StandardRestore())
    except Exception as error:  # orbax and tensorstore raise many kinds
        raise _damaged(path, " ".join(str(error).split())[:120]) from error

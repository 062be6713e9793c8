"""Records as JSON lines: appended one by one, readable after a crash, bit-equal after a resumed run."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from socialrl.record.atomic import append, cannot_write, write_text
from socialrl_envs.errors import SocialRLError
from socialrl_envs.safe_json import Json, read_json


def plain(value: object) -> Json:
    """A value as JSON can hold it: arrays as lists, NaN and infinities as null, float32 as short decimals."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float) and not isinstance(value, np.floating):
        return value if math.isfinite(value) else None
    array = np.asarray(value)
    if array.ndim:
        return [plain(item) for item in array]
    if array.dtype.kind in "biu":
        return array.item()
    if not np.isfinite(array):
        return None
    return array.item() if array.dtype.itemsize == 8 else float(str(array))


def _read(path: Path) -> tuple[list[dict[str, Any]], list[str], bool]:
    """The records, their lines with line ends, and whether an incomplete last line was left out."""
    text = path.read_bytes().decode("utf-8", errors="replace") if path.exists() else ""
    records, lines = [], text.splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        try:
            record = read_json(line, f"{path}, line {number}") if line.endswith("\n") else None
        except SocialRLError:
            record = None
        if isinstance(record, dict):
            records.append(record)
        elif number == len(lines):
            return records, lines[:-1], True
        else:
            raise SocialRLError(
                f"{path}, line {number}: not a record", "the file is damaged; delete that line"
            )
    return records, lines, False


def _line(record: Mapping[str, object]) -> str:
    return json.dumps(plain(record), allow_nan=False) + "\n"


def read_records(path: Path | str) -> list[dict[str, Any]]:
    """All records of a file, without an incomplete last line as a crash leaves it; none if there is no file.

    Raises SocialRLError naming file and line if any other line is not a record.
    """
    return _read(Path(path))[0]


def write_records(path: Path | str, records: Iterable[Mapping[str, object]]) -> None:
    """Writes a whole file of records, atomically."""
    write_text(path, "".join(map(_line, records)))


@runtime_checkable
class Listener(Protocol):
    """What is told of a growing file as it changes, e.g. a logger."""

    def appended(self, record: Mapping[str, Any], /) -> None:
        """A record was appended."""
        ...

    def truncated(self, arm: str, step: int, /) -> None:
        """The records of an arm after this step were removed, for it goes on from there."""
        ...


class Records:
    """A growing file of JSON lines, e.g. metrics.jsonl. An incomplete last line is removed on opening.

    listeners: told of every record that is appended, and of truncation.
    """

    def __init__(self, path: Path | str, listeners: Sequence[Listener] = ()):
        self.path, self.listeners = Path(path), tuple(listeners)
        _, lines, torn = _read(self.path)
        if torn:
            write_text(self.path, "".join(lines))

    def append(self, record: Mapping[str, object]) -> None:
        """Appends one record in one write and flushes it to the disk.

        Raises SocialRLError naming the file if it cannot be written; what it held before is still there.
        """
        try:
            append(self.path, _line(record).encode())
        except OSError as error:
            raise cannot_write(self.path, error) from error
        for listener in self.listeners:
            listener.appended(record)

    def records(self) -> list[dict[str, Any]]:
        """All records in the file."""
        return read_records(self.path)

    def truncate_after(self, arm: str, step: int, drop_kinds: tuple[str, ...] = ()) -> None:
        """Removes the records of `arm` after `step`, and all its records of `drop_kinds`, in one write.

        As each record is written before the checkpoint of its step, a resumed run then leaves the same file
        as an uninterrupted one.
        """
        records, lines, _ = _read(self.path)
        keep = [
            not (r.get("arm") == arm and (r["step"] > step or r.get("kind") in drop_kinds)) for r in records
        ]
        if not all(keep):
            write_text(self.path, "".join(line for line, kept in zip(lines, keep, strict=True) if kept))
        for listener in self.listeners:
            listener.truncated(arm, step)

    def replace(self, arm: str, kind: str, records: Sequence[Mapping[str, object]]) -> None:
        """Replaces all records of `arm` of a kind by these, at the end of the file, in one atomic write."""
        before, lines, _ = _read(self.path)
        kept = [
            line
            for r, line in zip(before, lines, strict=True)
            if (r.get("arm"), r.get("kind")) != (arm, kind)
        ]
        write_text(self.path, "".join([*kept, *map(_line, records)]))

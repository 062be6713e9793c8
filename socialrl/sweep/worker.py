"""What a worker does: it trains what a task says in a run folder of the task, from the last checkpoint on.

A process of its own is `python -m socialrl.sweep.worker PLACE [--plugin ...]`. Its standard input is held
open by the process that started it: when that ends, the worker saves and ends. The last line of its standard
output is its outcome as JSON; everything else goes to standard error.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from socialrl.record.metrics import Listener

WHERE = "worker.json"  # in the folder of a task: which process trains it
End = Literal["done", "stopped", "failed"]


def work(
    place: Path,
    *,
    plugins: Sequence[str] = (),
    accept_changes: bool = False,
    where: str = "",
    listeners: "Sequence[Listener]" = (),
    interrupted: Callable[[], bool] | None = None,
) -> tuple[End, str]:
    """(end, text): trains the task of a folder, or goes on with it, and says how that ended.

    done: it is complete. stopped: it was interrupted, and saved. failed: by an error that would come again,
    which is the text. plugins: code that may be used, as for `--plugin`. where: in words, beside the name of
    the machine. listeners, interrupted: as of `runs.train`.
    """
    from socialrl_envs.errors import SocialRLError

    try:
        _train(place, plugins, accept_changes, where, listeners, interrupted)
    except KeyboardInterrupt:
        return "stopped", ""
    except SocialRLError as error:
        return "failed", str(error)
    return "done", ""


def _train(
    place: Path,
    plugins: Sequence[str],
    accept_changes: bool,
    where: str,
    listeners: "Sequence[Listener]",
    interrupted: Callable[[], bool] | None,
) -> None:
    attempt = claim(place)
    _note_where(place, where)
    from socialrl.config import from_json, to_json
    from socialrl.record import folder
    from socialrl.runs import train
    from socialrl.sweep.plan import TASK
    from socialrl_envs import plugins as allowed
    from socialrl_envs.safe_json import read_json

    for given in plugins:
        allowed.allow(given)
    if accept_changes:
        allowed.accept_changes()
    file = place / TASK
    experiment = from_json(read_json(file.read_bytes(), str(file)))
    data, exists = to_json(experiment), (attempt / "config.json").exists()
    device = _device()
    opened = folder.resume(attempt, data) if exists else folder.create(data, out=attempt, device=device)
    with opened:
        if interrupted is not None and interrupted():
            raise KeyboardInterrupt
        train(experiment, opened, resume=exists, progress=False, listeners=listeners, interrupted=interrupted)


def claim(place: Path) -> Path:
    """The run folder of a new attempt at a task, which holds what the attempt before it left.

    The folder is renamed: a worker that was taken for dead, and is not, finds it no more, and cannot write
    into what another one goes on with.
    """
    before = latest(place)
    number = 1 if before is None else int(before.name) + 1
    attempt = place / str(number)
    if before is None:
        attempt.mkdir(parents=True)
    else:
        os.rename(before, attempt)
        (attempt / ".lock").unlink(missing_ok=True)
        if not (attempt / "config.json").exists():  # it ended before it began
            for left in attempt.iterdir():
                left.unlink()
    return attempt


def latest(place: Path) -> Path | None:
    """The run folder of the last attempt at a task; None if there was none."""
    if not place.is_dir():
        return None
    numbers = [int(path.name) for path in place.iterdir() if path.name.isdigit()]
    return place / str(max(numbers)) if numbers else None


def _device() -> str:
    """The kind and number of devices that this worker computes on, e.g. "cpu x1 (2 cores)"."""
    import jax

    from socialrl.devices import kind_and_number
    from socialrl_envs.errors import SocialRLError

    try:
        devices = jax.devices()
    except (RuntimeError, AssertionError) as error:  # jax asserts where a plug-in is missing
        raise SocialRLError(f"jax finds no device: {error}", "see --gpus and --platform") from error
    return kind_and_number(devices)


def _note_where(place: Path, where: str) -> None:
    from socialrl.record.atomic import write_text

    content = {"host": socket.gethostname(), "pid": os.getpid(), "where": where}
    write_text(place / WHERE, json.dumps(content) + "\n")


def stop_at(*signals: int) -> threading.Event:
    """An event that is set when this process gets one of the signals.

    No exception is raised, for one that comes while something is imported can get lost.
    """
    asked = threading.Event()
    for number in signals:
        signal.signal(number, lambda *_: asked.set())
    return asked


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code of a worker's process: 0 if its outcome is written, whatever it is."""
    parser = argparse.ArgumentParser(prog="python -m socialrl.sweep.worker")
    parser.add_argument("place", type=Path)
    parser.add_argument("--plugin", action="append", default=[])
    parser.add_argument("--accept-changes", action="store_true")
    options = parser.parse_args(arguments)
    with os.fdopen(os.dup(1), "w") as outcome:
        os.dup2(2, 1)
        asked = stop_at(signal.SIGINT, signal.SIGTERM)
        threading.Thread(target=_stop_at_the_end_of_input, args=(asked,), daemon=True).start()
        end, text = work(
            options.place,
            plugins=options.plugin,
            accept_changes=options.accept_changes,
            interrupted=asked.is_set,
        )
        print(json.dumps({"end": end, "text": text}), file=outcome)
    return 0


def _stop_at_the_end_of_input(asked: threading.Event) -> None:
    """Sets the event when whoever started this process ends or says so."""
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass
    asked.set()


if __name__ == "__main__":
    sys.exit(main())

"""How far a task is, as its folder says: the same files tell it of a worker anywhere."""

import dataclasses
import os
from pathlib import Path
from typing import Any

from socialrl.config import Experiment
from socialrl.record import checkpoint
from socialrl.sweep.worker import WHERE, latest
from socialrl_envs.errors import SocialRLError
from socialrl_envs.safe_json import read_json

TAIL = 65_536  # bytes at the end of a file in which its last records are looked for


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a task stands.

    attempt: how many there were, 0 if none began. host, pid, where: of the worker, "" and 0 if none began.
    step: environment steps per seed so far. saved: those of the last checkpoint. rate: environment steps per
    second of all its seeds in the last chunk, 0 if unknown. score: the last mean return over seeds on
    held-out levels, None if there is none. done: whether the final evaluation is recorded.
    """

    attempt: int = 0
    host: str = ""
    pid: int = 0
    where: str = ""
    step: int = 0
    saved: int = 0
    rate: float = 0.0
    score: float | None = None
    done: bool = False


def progress(place: Path, experiment: Experiment) -> Progress:
    """Where the task of a folder stands, whose experiment has one arm."""
    attempt = latest(place)
    if attempt is None:
        return Progress()
    try:
        worker = read_json((place / WHERE).read_bytes(), WHERE)
    except (OSError, SocialRLError):
        worker = {}
    where = worker if isinstance(worker, dict) else {}
    records, timing = tail(attempt / "metrics.jsonl"), tail(attempt / "timing.jsonl")
    scores = [score for record in records if (score := _score(record)) is not None]
    steps = checkpoint.steps(attempt / "checkpoints" / experiment.arms[0].name)
    return Progress(
        attempt=int(attempt.name),
        host=str(where.get("host", "")),
        pid=int(where.get("pid", 0)),
        where=str(where.get("where", "")),
        step=int(timing[-1]["step"]) if timing else 0,
        saved=steps[-1] if steps else 0,
        rate=float(timing[-1].get("env_steps_per_second", 0.0)) if timing else 0.0,
        score=scores[-1] if scores else None,
        done=any(record.get("kind") == "final" for record in records),
    )


def _score(record: dict[str, Any]) -> float | None:
    """The mean return over seeds in an evaluation, None in other records or if a seed has no number."""
    returns = record.get("values", {}).get("return") if record.get("kind") in ("eval", "final") else None
    if not returns or None in returns:
        return None
    return sum(returns) / len(returns)


def tail(file: Path) -> list[dict[str, Any]]:
    """The last records of a file that may be growing; none if it does not exist."""
    try:
        with open(file, "rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            opened.seek(max(0, size - TAIL))
            lines = opened.read().split(b"\n")[1 if size > TAIL else 0 : -1]
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            record = read_json(line, str(file))
        except SocialRLError:
            continue
        if isinstance(record, dict):
            found.append(record)
    return found

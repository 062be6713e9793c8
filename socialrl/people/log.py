"""The data file of a participant, `0007/data.jsonl`: every page and every step, as it happened.

One JSON object per line, each written and flushed when it happens; a last line that a crash cut short is left
out. The first line names the study. Then, in the order of the study:

    {"kind": "study", "format": "socialrl-study-data", "version": 1, "study": ..., "plan": ...,
     "participant": 7, "group": "people", "began": "2026-11-26T10:00:00+00:00"}
    {"kind": "page", "part": 0, "seconds": 12.5, "agreed": true}
    {"kind": "begin", "trial": 0, "part": 1, "condition": "half", "seed": 11}
    {"kind": "step", "t": 0, "action": 2, "seconds": 0.61, "reward": 1.0}
    {"kind": "end", "trial": 0, "return": 3.0, "steps": 50}
    {"kind": "done"}

seconds: between what was shown and the key; null for the first one after an interruption. As the seed of a
trial determines all but the participant's actions, the file holds the whole episode: `sitting.replayed`
computes it anew, and refuses a file whose rewards are not those of the world.
"""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from socialrl.people.order import order_of
from socialrl.people.plan import Plan
from socialrl.record.metrics import read_records
from socialrl_envs.errors import SocialRLError

FORMAT, VERSION = "socialrl-study-data", 1
LARGEST = 64 * 1024 * 1024  # bytes of a data file
FIELDS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "page": {"part": int, "seconds": (int, float, type(None)), "agreed": bool},
    "begin": {"trial": int, "part": int, "condition": str, "seed": int},
    "step": {"t": int, "action": int, "seconds": (int, float, type(None)), "reward": (int, float)},
    "end": {"trial": int, "return": (int, float), "steps": int},
    "done": {},
}
HEADER: dict[str, type | tuple[type, ...]] = {
    "format": str,
    "version": int,
    "study": str,
    "plan": str,
    "participant": int,
    "group": str,
    "began": str,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """An episode of a study: its number, the part that it is of, its condition, and the seed of its level.

    test: whether it is measured, and not practice.
    """

    number: int
    part: int
    condition: str
    seed: int
    test: bool


@dataclasses.dataclass(kw_only=True)
class Done:
    """What a data file holds of a trial: actions, reaction times in seconds (None: unknown), rewards.

    ended: whether its end is recorded.
    """

    trial: Trial
    actions: list[int] = dataclasses.field(default_factory=list)
    seconds: list[float | None] = dataclasses.field(default_factory=list)
    rewards: list[float] = dataclasses.field(default_factory=list)
    ended: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Data:
    """What a participant did so far. pages: part -> whether the participant agreed. finished: the whole
    study.
    """

    participant: int
    group: str
    pages: dict[int, bool]
    trials: list[Done]
    finished: bool

    @property
    def refused(self) -> bool:
        """Whether consent was refused."""
        return not all(self.pages.values())


def agenda(plan: Plan, participant: int) -> list[int | Trial]:
    """All that a participant meets, in order: the number of a part that is a page, or a trial."""
    found: list[int | Trial] = []
    number = 0
    for place, part in enumerate(plan.parts):
        if part.page:
            found.append(place)
            continue
        rounds = len(part.seeds) // len(part.conditions)
        names = order_of(part.conditions, participant, rounds, part.balanced)
        for name, seed in zip(names, part.seeds, strict=True):
            trial = Trial(number=number, part=place, condition=name, seed=seed, test=bool(part.test))
            found.append(trial)
            number += 1
    return found


def file_of(folder: Path, participant: int) -> Path:
    """The data file of a participant in a folder."""
    return folder / f"{participant:04d}" / "data.jsonl"


def header(plan: Plan, participant: int, group: str, began: str) -> dict[str, Any]:
    """The first line of a data file. began: a time in ISO 8601."""
    facts = {"study": plan.name, "plan": plan.fingerprint, "participant": participant, "group": group}
    return {"kind": "study", "format": FORMAT, "version": VERSION, **facts, "began": began}


def read(path: Path, plan: Plan) -> Data:
    """What a data file holds. Raises SocialRLError, of one line that names the file and the line, unless it
    is one of this study and follows its agenda step by step.
    """
    if not path.is_file():
        raise SocialRLError(f"{path}: no such data file")
    if path.stat().st_size > LARGEST:
        raise SocialRLError(f"{path}: too large for a data file", f"at most {LARGEST:,} bytes")
    records = read_records(path)
    if not records:
        raise SocialRLError(f"{path}: it is empty", "remove it to begin anew")
    participant, group = _checked_header(path, records[0], plan)
    reader = _Reader(path, agenda(plan, participant))
    for number, record in enumerate(records[1:], start=2):
        reader.take(record, f"{path}, line {number}")
    return Data(
        participant=participant,
        group=group,
        pages=reader.pages,
        trials=reader.trials,
        finished=reader.finished,
    )


def _checked_header(path: Path, record: Mapping[str, Any], plan: Plan) -> tuple[int, str]:
    """(participant, group) of the first line."""
    where = f"{path}, line 1"
    if record.get("kind") != "study" or record.get("format") != FORMAT:
        raise SocialRLError(f"{where}: not the data of a study", "`socialrl study FILE` writes such files")
    if record.get("version") != VERSION:
        found = str(record.get("version"))[:20]
        raise SocialRLError(f"{where}: version {found!r}", f"this program reads {VERSION}")
    _check_fields(record, HEADER, where)
    if (record["study"], record["plan"]) != (plan.name, plan.fingerprint):
        raise SocialRLError(
            f"{where}: of study {record['study'][:80]!r} ({record['plan'][:16]!r}), not of {plan.name!r} "
            f"({plan.fingerprint})",
            "data belong to the study file that they were taken with",
        )
    if record["participant"] < 1:
        raise SocialRLError(f"{where}: participant {record['participant']}", "numbers begin at 1")
    return record["participant"], record["group"]


def _check_fields(record: Mapping[str, Any], fields: Mapping[str, Any], where: str) -> None:
    """Raises SocialRLError unless a record has exactly these fields besides its kind, of these types."""
    for key in (*(set(record) - {"kind"} - set(fields)), *(set(fields) - set(record))):
        raise SocialRLError(f"{where}: {'unknown' if key in record else 'missing'} key {key[:80]!r}")
    for key, kinds in fields.items():
        value, allowed = record[key], kinds if isinstance(kinds, tuple) else (kinds,)
        good = isinstance(value, allowed) and (bool in allowed or not isinstance(value, bool))
        if not good or (isinstance(value, float) and not math.isfinite(value)):
            raise SocialRLError(f"{where}: {key} is {str(value)[:80]!r}")
        if isinstance(value, int) and abs(value) >= 2**53:
            raise SocialRLError(f"{where}: {key} is out of range")


class _Reader:
    """Follows the agenda through the lines of a file."""

    def __init__(self, path: Path, todo: list[int | Trial]):
        self.path, self.todo = path, todo
        self.pages: dict[int, bool] = {}
        self.trials: list[Done] = []
        self.finished = False

    def take(self, record: Mapping[str, Any], where: str) -> None:
        """One line; raises SocialRLError if it is not what comes next."""
        kind = record.get("kind")
        if not isinstance(kind, str) or kind not in FIELDS:
            raise SocialRLError(f"{where}: unknown kind {str(kind)[:80]!r}")
        _check_fields(record, FIELDS[kind], where)
        if self.finished or not all(self.pages.values()):
            raise SocialRLError(f"{where}: something after the end of the study")
        takers = {
            "page": self._page,
            "begin": self._begin,
            "step": self._step,
            "end": self._end,
            "done": self._done,
        }
        if not takers[kind](record):
            raise SocialRLError(f"{where}: this {kind} is not what comes next in the study")

    @property
    def _next(self) -> int | Trial | None:
        """What comes next of the agenda, also if it has begun; None at its end."""
        place = len(self.pages) + sum(done.ended for done in self.trials)
        return self.todo[place] if place < len(self.todo) else None

    @property
    def _open(self) -> Done | None:
        """The trial that has begun and not ended."""
        return self.trials[-1] if self.trials and not self.trials[-1].ended else None

    def _page(self, record: Mapping[str, Any]) -> bool:
        if self._open is not None or self._next != record["part"]:
            return False
        self.pages[record["part"]] = record["agreed"]
        return True

    def _begin(self, record: Mapping[str, Any]) -> bool:
        trial = self._next
        if self._open is not None or not isinstance(trial, Trial):
            return False
        told = (record["trial"], record["part"], record["condition"], record["seed"])
        self.trials.append(Done(trial=trial))
        return told == (trial.number, trial.part, trial.condition, trial.seed)

    def _step(self, record: Mapping[str, Any]) -> bool:
        now = self._open
        if now is None or record["t"] != len(now.actions):
            return False
        now.actions.append(record["action"])
        now.seconds.append(record["seconds"])
        now.rewards.append(float(record["reward"]))
        return record["seconds"] is None or record["seconds"] >= 0

    def _end(self, record: Mapping[str, Any]) -> bool:
        now = self._open
        if now is None or (record["trial"], record["steps"]) != (now.trial.number, len(now.actions)):
            return False
        now.ended = True
        return math.isclose(record["return"], sum(now.rewards), rel_tol=1e-4, abs_tol=1e-3)

    def _done(self, record: Mapping[str, Any]) -> bool:
        self.finished = self._open is None and self._next is None
        return self.finished

"""Marks: good or bad, by somebody who watches an agent act, and the steps that they are credited to.

A mark comes some time after what it is about: `credit.py` spreads it over the steps before it. It is then
taken as a comparison of what it is credited to with nothing: P(good) = sigmoid(w . x), with x
the credited sum of the steps' cumulants. So marks give the same posterior over preferences as comparisons,
and train the same reward models. Where there is no mark, nothing is learnt.

The file of marks has a header and then a line per mark:

    {"annotator": "me", "time": "2026-11-26T10:15:02.120+00:00", "replay": "mine", "digest": "0f3c...",
     "episode": 1, "novice": 0, "step": 12, "good": true, "ages_ms": [310, 560, 810]}
"""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Float32

from socialrl.feedback.clips import Clip, Library
from socialrl.feedback.comparisons import CLIP, is_annotator, is_time
from socialrl.feedback.credit import credited
from socialrl.feedback.lines import COUNT, Rules, is_count, read_lines, read_object
from socialrl.record.atomic import write_text
from socialrl_envs.errors import SocialRLError

FORMAT, VERSION = "socialrl-marks", 1
HEADER = {"format": FORMAT, "version": VERSION}
SUFFIX = ".marks.jsonl"  # of the file of marks beside a replay, in place of .npz
LONGEST = 3.0  # seconds before a mark that it may be about; the delay is longer in 0.03 % of cases
MOST = 64  # steps that a mark is credited to


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mark:
    """A mark of one person.

    time: when it was given, ISO 8601 with an offset. replay, digest, episode, novice: of what, as in
    `clips.Clip`. step: steps that had been taken, at least 1. good: else bad. ages_ms: milliseconds since
    each of the last steps was shown, the last one first.
    """

    annotator: str
    time: str
    replay: str
    digest: str
    episode: int
    novice: int
    step: int
    good: bool
    ages_ms: tuple[int, ...]

    @property
    def clip(self) -> Clip:
        """The steps that it is credited to."""
        length = len(self.ages_ms)
        where = {"replay": self.replay, "digest": self.digest, "episode": self.episode}
        return Clip(**where, first=self.step - length, length=length, novice=self.novice)

    @property
    def credit(self) -> Float32[np.ndarray, " steps"]:
        """The share of each step of `clip`."""
        ages = np.array(self.ages_ms[::-1], np.float32) / np.float32(1000)
        padded = np.pad(ages, (MOST - len(ages), 0), mode="edge")  # a step at once with the next gets nothing
        return np.asarray(_credited(padded))[-len(ages) :]


_credited = jax.jit(credited)


def recent(shown: Sequence[float], now: float) -> tuple[int, ...]:
    """`ages_ms` of a mark that is given now. shown: when each step of the episode was, in seconds."""
    ages = [max(0, round(1000 * (now - one))) for one in reversed(shown[-MOST:])]
    return tuple(age for number, age in enumerate(ages) if number == 0 or age <= 1000 * LONGEST)


def features(library: Library, marks: Sequence[Mark]) -> Float32[np.ndarray, "marks K"]:
    """The credited sums of true cumulants of each mark; see `Library.cumulants`."""
    rows = [mark.credit @ library.steps(mark.clip) for mark in marks]
    return np.stack(rows).astype(np.float32)


def known(library: Library, marks: Iterable[Mark]) -> list[Mark]:
    """The marks whose steps are in the library, as they were recorded."""
    return [mark for mark in marks if library.has(mark.clip)]


def read(path: Path, skip_bad: bool = False) -> tuple[tuple[Mark, ...], tuple[str, ...]]:
    """(marks, bad): of a file, and what is wrong with each line that was left out.

    skip_bad: leaves out lines that are no marks; else raises SocialRLError that names file, line and cure.
    """
    if not path.is_file():
        hint = "`socialrl play --with RUN --record FILE` writes it"
        raise SocialRLError(f"{path}: no such file of marks", hint)
    found = read_lines(path, HEADER, "marks", _mark, skip_bad)
    return found.items, found.bad


def write(path: Path, marks: Iterable[Mark]) -> None:
    """Writes a file of marks atomically, in the place of one that is there."""
    lines = [HEADER, *(dataclasses.asdict(mark) for mark in marks)]
    write_text(path, "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines))


def _is_ages(value: object) -> bool:
    """Whether these are ages, ascending."""
    return (
        isinstance(value, list)
        and 0 < len(value) <= MOST
        and all(map(is_count, value))
        and value == sorted(value)
    )


MARK: Rules = {
    "annotator": (is_annotator, "a name of at most 64 characters"),
    "time": (is_time, "a time with an offset, in ISO 8601"),
    "replay": CLIP["replay"],
    "digest": CLIP["digest"],
    "episode": COUNT,
    "novice": COUNT,
    "step": (lambda v: is_count(v) and v > 0, "a whole number from 1"),
    "good": (lambda v: isinstance(v, bool), "true or false"),
    "ages_ms": (_is_ages, f"at most {MOST} ascending whole numbers"),
}


def _mark(line: bytes, where: str) -> Mark:
    """The mark of a line; raises SocialRLError that names the line and the key."""
    fields: dict[str, Any] = read_object(line, MARK, where)
    if len(fields["ages_ms"]) > fields["step"]:
        raise SocialRLError(f"{where}: ages_ms are of more steps than had been taken")
    fields["ages_ms"] = tuple(fields["ages_ms"])
    return Mark(**fields)

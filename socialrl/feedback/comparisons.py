"""The file of answers: JSON lines, of which each is written and flushed before the next question is shown.

The first line names the format; each other line is one answer:

    {"annotator": "ann", "number": 3, "time": "2026-11-26T10:15:02.120+00:00", "reaction_ms": 2310,
     "query": "disagreement", "left": CLIP, "right": CLIP, "answer": "left"}

with CLIP an object of the fields of `clips.Clip`. Nothing is ever taken out: an answer to the same question
(annotator, number) that comes later takes the place of the earlier one. A last line without its end, as a
crash leaves it, is cut off when the file is opened for writing.
"""

import dataclasses
import datetime
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, get_args

from socialrl.feedback.clips import DIGITS, Clip
from socialrl.feedback.lines import COUNT, CURE, Rules, checked, is_count, read_lines, read_object
from socialrl.record.atomic import append, cannot_write, make_folder, write_bytes
from socialrl_envs.errors import SocialRLError

FORMAT, VERSION = "socialrl-comparisons", 1
HEADER = {"format": FORMAT, "version": VERSION}
Choice = Literal["left", "right", "tie", "cannot_tell"]
CHOICES: tuple[Choice, ...] = get_args(Choice)
Query = Literal["disagreement", "random", "shared", "repeat"]
QUERIES: tuple[Query, ...] = get_args(Query)
PREFERRED = {"left": 1.0, "right": 0.0, "tie": 0.5}  # as the models take it


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer of one person.

    number: of the question among the annotator's, from 0. time: when it was given, ISO 8601 with an offset.
    reaction_ms: milliseconds since the question was shown. query: why these clips were chosen: because models
    disagree on them, at random, because others were asked the same, or because the annotator was, the other
    way round. left, right: the clips as they were shown.
    """

    annotator: str
    number: int
    time: str
    reaction_ms: int
    query: Query
    left: Clip
    right: Clip
    answer: Choice

    @property
    def pair(self) -> tuple[Clip, Clip]:
        """The two clips, in the same order whichever was on the left."""
        first, second = sorted((self.left, self.right), key=dataclasses.astuple)
        return first, second

    @property
    def verdict(self) -> str:
        """The answer about `pair`: "first", "second", "tie" or "cannot_tell"."""
        if self.answer in ("tie", "cannot_tell"):
            return self.answer
        return "first" if (self.answer == "left") == (self.pair[0] == self.left) else "second"


@dataclasses.dataclass(frozen=True)
class Found:
    """What a file holds. answers: in its order. bad: what is wrong with each line that was left out. torn:
    whether the last line has no end.
    """

    answers: tuple[Answer, ...]
    bad: tuple[str, ...] = ()
    torn: bool = False


def now() -> str:
    """The time of an answer that is given now."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def read(path: Path | str, skip_bad: bool = False) -> Found:
    """The answers of a file; none if there is no file. A last line without its end does not count.

    skip_bad: leaves out lines that are no answers; else raises SocialRLError that names file, line and cure.
    """
    return Found(*read_lines(Path(path), HEADER, "comparisons", _answer, skip_bad))


def latest(answers: Iterable[Answer]) -> tuple[Answer, ...]:
    """The answers that count: of several to one question the last one."""
    return tuple({(one.annotator, one.number): one for one in answers}.values())


class AnswerFile:
    """A file of answers that grows; opening it cuts off a last line without its end.

    skip_bad: see `read`; the lines that are left out stay in the file.
    """

    def __init__(self, path: Path | str, skip_bad: bool = False):
        self.path = Path(path)
        found = read(self.path, skip_bad)
        self.bad, self.torn = found.bad, found.torn
        self.answers: list[Answer] = list(found.answers)
        if found.torn:
            data = self.path.read_bytes()
            write_bytes(self.path, data[: data.rfind(b"\n") + 1])

    def append(self, answer: Answer) -> None:
        """Writes an answer and flushes it to the disk; it counts only after that.

        Raises SocialRLError naming the file if it cannot be written; what it held before is still there.
        """
        data = json.dumps(dataclasses.asdict(answer), allow_nan=False) + "\n"
        make_folder(self.path.parent)
        try:
            if not self.path.exists() or not self.path.stat().st_size:
                data = json.dumps(HEADER) + "\n" + data
            append(self.path, data.encode())
        except OSError as error:
            raise cannot_write(self.path, error) from error
        self.answers.append(answer)


def is_time(value: object) -> bool:
    """Whether a value is a time with an offset, in ISO 8601."""
    try:
        return isinstance(value, str) and datetime.datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def is_annotator(value: object) -> bool:
    """Whether a value can be the name of an annotator."""
    return isinstance(value, str) and 0 < len(value) <= 64 and value.isprintable() and value == value.strip()


CLIP: Rules = {
    "replay": (lambda v: isinstance(v, str) and 0 < len(v) <= 255, "the stem of a replay's file"),
    "digest": (
        lambda v: isinstance(v, str) and len(v) == DIGITS and not set(v) - set("0123456789abcdef"),
        f"{DIGITS} hexadecimal digits",
    ),
    "episode": COUNT,
    "first": COUNT,
    "length": (lambda v: is_count(v) and v > 0, "a whole number from 1"),
    "novice": COUNT,
}
ANSWER: Rules = {
    "annotator": (is_annotator, "a name of at most 64 characters"),
    "number": COUNT,
    "time": (is_time, "a time with an offset, in ISO 8601"),
    "reaction_ms": COUNT,
    "query": (lambda v: isinstance(v, str) and v in QUERIES, f"one of {', '.join(QUERIES)}"),
    "left": (lambda v: isinstance(v, dict), "a clip, an object"),
    "right": (lambda v: isinstance(v, dict), "a clip, an object"),
    "answer": (lambda v: isinstance(v, str) and v in CHOICES, f"one of {', '.join(CHOICES)}"),
}


def _answer(line: bytes, where: str) -> Answer:
    """The answer of a line; raises SocialRLError that names the line and the key."""
    fields = read_object(line, ANSWER, where)
    left, right = (Clip(**checked(fields[side], CLIP, f"{where}: {side}")) for side in ("left", "right"))
    if left == right:
        raise SocialRLError(f"{where}: a clip is compared with itself", CURE)
    given: dict[str, Any] = fields | {"left": left, "right": right}
    return Answer(**given)

"""The levels that a curriculum keeps, as text: several ASCII levels, each below a line that says what it is.

    == score 0.4312, replayed 12
    #######
    #A.1..#
    #######

A score is `nan` where the curriculum has no opinion.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from socialrl.record.atomic import make_folder, write_text
from socialrl_envs.errors import SocialRLError

HEAD = re.compile(r"== score (nan|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?), replayed (\d+)")


class KeptLevel(NamedTuple):
    """A level as ASCII, which `Level.from_ascii` reads; its score; and how often it was handed out again."""

    ascii: str
    score: float
    replayed: int


def save(path: Path, levels: Sequence[KeptLevel]) -> None:
    """Writes the levels, atomically; the folder is made."""
    make_folder(path.parent)
    heads = (f"== score {one.score:.6g}, replayed {one.replayed}\n{one.ascii.rstrip()}\n" for one in levels)
    write_text(path, "\n".join(heads))


def load(path: Path) -> list[KeptLevel]:
    """The levels of a file; raises SocialRLError that names the file and the line if it is none of these."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SocialRLError(f"{path}: cannot read these levels: {reason}") from error
    found: list[KeptLevel] = []
    for number, line in enumerate(lines, start=1):
        if line.startswith("=="):
            head = HEAD.fullmatch(line.rstrip())
            if head is None:
                raise SocialRLError(
                    f"{path}, line {number}: {line!r}", "write '== score NUMBER, replayed NUMBER'"
                )
            found.append(KeptLevel("", float(head[1]), int(head[2])))
        elif found:
            found[-1] = found[-1]._replace(ascii=found[-1].ascii + line.rstrip() + "\n")
        elif line.strip():
            raise SocialRLError(f"{path}, line {number}: no level begins there", "write '== score ...' first")
    return [one._replace(ascii=one.ascii.rstrip() + "\n") for one in found]

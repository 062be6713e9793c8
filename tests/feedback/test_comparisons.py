"""The file of answers: what is written is there, what is torn is repaired, what is damaged is refused."""

import dataclasses
import errno
import json
import os
import random
import re

import pytest

from socialrl.feedback.clips import Clip
from socialrl.feedback.comparisons import HEADER, Answer, AnswerFile, latest, read
from socialrl_envs.errors import SocialRLError

CLIP = Clip(replay="psiphi-seed0", digest="0123456789ab", episode=0, first=0, length=10)


def clip(first):
    return dataclasses.replace(CLIP, first=first)


def answer(number=0, choice="left", annotator="ann", query="random", left=0, right=10, reaction_ms=900):
    return Answer(
        annotator=annotator,
        number=number,
        time="2026-11-26T10:15:02.120+00:00",
        reaction_ms=reaction_ms,
        query=query,
        left=clip(left),
        right=clip(right),
        answer=choice,
    )


@pytest.fixture
def path(tmp_path):
    file = AnswerFile(tmp_path / "answers.jsonl")
    for number in range(4):
        file.append(answer(number, ("left", "right", "tie", "cannot_tell")[number]))
    return file.path


def test_every_answer_is_on_the_disk_at_once(path):
    lines = path.read_text().splitlines()
    assert json.loads(lines[0]) == HEADER
    assert len(lines) == 5
    assert json.loads(lines[1])["left"]["replay"] == "psiphi-seed0"
    assert read(path).answers == tuple(AnswerFile(path).answers)
    assert [one.answer for one in read(path).answers] == ["left", "right", "tie", "cannot_tell"]


def test_a_later_answer_to_the_same_question_counts_and_the_earlier_one_stays(path):
    AnswerFile(path).append(answer(0, "right"))
    found = read(path).answers
    assert len(found) == 5
    assert [one.answer for one in latest(found) if one.number == 0] == ["right"]
    assert len(latest(found)) == 4


def test_a_torn_last_line_is_cut_off_wherever_it_is_torn(path, tmp_path):
    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    for size in range(0, len(whole), 41):
        torn = tmp_path / "torn.jsonl"
        torn.write_bytes(whole[:size])
        complete = max((end for end in ends if end <= size), default=0)
        file = AnswerFile(torn)
        assert file.torn == (size != complete)
        assert torn.read_bytes() == whole[:complete]
        file.append(answer(7))
        assert read(torn).answers[-1].number == 7
        assert len(read(torn).answers) == max(0, whole[:complete].count(b"\n") - 1) + 1


def test_nothing_is_lost_where_the_disk_is_full(path, monkeypatch):
    before, file = path.read_bytes(), AnswerFile(path)

    def full(descriptor, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(SocialRLError, match="make room"):
        file.append(answer(9))
    assert path.read_bytes() == before
    assert len(file.answers) == 4


LINE = json.dumps(dataclasses.asdict(answer()))
DAMAGE = {
    "a key is missing": LINE.replace('"number": 0, ', ""),
    "key answer is missing": LINE.replace('"answer": "left"', '"time": "2026-11-26T10:15:02+00:00"'),
    "unknown key 'anotator'": LINE.replace("annotator", "anotator"),
    "did you mean 'annotator'": LINE.replace("annotator", "anotator"),
    'answer is "both"': LINE.replace('"answer": "left"', '"answer": "both"'),
    "left: length is 0": LINE.replace('"length": 10', '"length": 0', 1),
    "left: first is -1": LINE.replace('"first": 0', '"first": -1'),
    "number is true": LINE.replace('"number": 0', '"number": true'),
    "number is 1.5": LINE.replace('"number": 0', '"number": 1.5'),
    "time is": LINE.replace("+00:00", ""),
    "digest is": LINE.replace("0123456789ab", "0123456789xy"),
    "compared with itself": LINE.replace('"first": 10', '"first": 0'),
    "query is": LINE.replace('"random"', '"whim"'),
    "reaction_ms is": LINE.replace("900", "1e400"),
    "annotator is": LINE.replace('"ann"', '" "'),
    "left is []": LINE.replace('"left": {', '"left": [], "x": {'),
    "not readable as JSON": "{",
    "not an object": "[1]",
    "nested more than": "[" * 100,
}
DAMAGE["key number is missing"] = DAMAGE.pop("a key is missing")
DAMAGE["unknown key 'x'"] = DAMAGE.pop("left is []")


@pytest.mark.parametrize("words", DAMAGE)
def test_a_damaged_line_is_refused_in_one_line_or_left_out_by_choice(path, words):
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], DAMAGE[words], *lines[2:]]) + "\n")
    with pytest.raises(SocialRLError) as error:
        AnswerFile(path)
    message = str(error.value)
    assert message.startswith(f"{path}, line 3: ")
    assert words in message
    assert "--skip-bad" in message
    assert "\n" not in message
    found = read(path, skip_bad=True)
    assert len(found.answers) == 4
    assert len(found.bad) == 1


def test_mutated_files_are_read_refused_or_read_in_part(path):
    whole, rng = b"".join(path.read_bytes().splitlines(keepends=True)[:3]), random.Random(0)
    refused = 0
    for number in range(500):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 1, 3))):
            at = rng.randrange(len(data))
            kind = rng.randrange(3)
            if kind == 0:
                data[at] = rng.randrange(256)
            elif kind == 1:
                del data[at : at + rng.randrange(1, 30)]
            else:
                data[at:at] = rng.choice((b"{", b"\n", b"[" * 90, b'"', b"\xff", b"-1", b"null"))
        path.write_bytes(bytes(data))
        in_part = read(path, skip_bad=True)
        assert len(in_part.answers) <= 6
        refused += bool(in_part.bad)
        if number % 10:  # what is left out by choice is what is refused
            continue
        if in_part.bad:
            with pytest.raises(SocialRLError, match=re.escape(f"{path}, line ")):
                read(path)
        else:
            assert read(path).answers == in_part.answers
    assert refused > 250


def test_another_file_and_another_version_are_named(path, tmp_path):
    other = tmp_path / "metrics.jsonl"
    other.write_text('{"arm": "psiphi"}\n')
    with pytest.raises(SocialRLError, match="line 1: not a file of comparisons"):
        AnswerFile(other)
    other.write_text(json.dumps(HEADER | {"version": 2}) + "\n")
    with pytest.raises(SocialRLError, match="version 2"):
        AnswerFile(other)


def test_a_pair_is_the_same_whichever_clip_is_on_the_left():
    one, other = answer(choice="left"), answer(choice="right", left=10, right=0)
    assert one.pair == other.pair
    assert one.verdict == other.verdict == "first"
    assert answer(choice="left", left=10, right=0).verdict == "second"

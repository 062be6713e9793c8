"""Atomic files: the old one or the new one, never a part of either."""

import os

import pytest

from socialrl.record.atomic import open_atomic, write_bytes, write_text
from socialrl_envs.errors import SocialRLError


def test_writes_and_replaces(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "one\r\nzwei ü\n")
    assert path.read_bytes() == "one\r\nzwei ü\n".encode()
    write_bytes(path, b"\x00\x01")
    assert path.read_bytes() == b"\x00\x01"
    assert os.listdir(tmp_path) == ["a.txt"]


def write_half(path, error: type[BaseException]):
    with open_atomic(path) as file:
        file.write(b"new, and then")
        file.flush()
        assert path.read_text() == "old"
        raise error


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_no_litter(tmp_path, error):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(error):
        write_half(path, error)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_failed_move_is_named_and_leaves_no_litter(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(SocialRLError, match=r"a\.txt: cannot write this file: No space left"):
        write_text(tmp_path / "a.txt", "x")
    assert os.listdir(tmp_path) == []


def test_permissions_follow_the_umask_and_then_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    old = os.umask(0o027)
    try:
        write_text(path, "x")
        assert path.stat().st_mode & 0o777 == 0o640
        path.chmod(0o604)
        write_text(path, "y")
        assert path.stat().st_mode & 0o777 == 0o604
    finally:
        os.umask(old)


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "a.txt", tmp_path / "link.txt"
    target.write_text("old")
    link.symlink_to(target)
    write_text(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_impossible_places_are_named(tmp_path):
    with pytest.raises(
        SocialRLError, match=r"none/a\.txt: cannot write this file: .*there is no folder .*none"
    ):
        write_text(tmp_path / "none" / "a.txt", "x")
    with pytest.raises(SocialRLError, match="it is a folder"):
        write_text(tmp_path, "x")

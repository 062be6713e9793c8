"""`socialrl convert`: what it writes, and what it says of what it cannot."""

import pytest

from socialrl.cli import main
from socialrl.record.demonstrations import write_demonstrations
from tests.record.test_demonstrations import make


def test_demonstrations_go_to_minari_and_come_back(in_tmp, monkeypatch, capsys):
    pytest.importorskip("minari")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(in_tmp / "minari"))
    write_demonstrations("demos.npz", make())
    assert main(["convert", "demos.npz", "--to", "minari:mine/demos-v0"]) == 0
    assert main(["convert", "minari:mine/demos-v0", "--to", "again.npz"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "minari:mine/demos/expert_0-v0",
        "minari:mine/demos/expert_1-v0",
        "again.npz",
    ]
    assert (in_tmp / "again.npz").read_bytes() == (in_tmp / "demos.npz").read_bytes()


def test_levels_go_through_every_text(in_tmp, capsys):
    (in_tmp / "maze.txt").write_text("..#G\n.##.\n>...\n")
    for source, target in (
        ("jaxued:maze.txt", "level.txt"),
        ("level.txt", "minigrid:grid.txt"),
        ("minigrid:grid.txt", "jaxued:again.txt"),
    ):
        assert main(["convert", source, "--to", target]) == 0
    assert (in_tmp / "again.txt").read_text() == (in_tmp / "maze.txt").read_text()


def test_what_it_refuses_is_one_line(in_tmp, capsys):
    (in_tmp / "maze.txt").write_text("..\n.?\n")
    for words, said in (
        (["a.csv", "--to", "b.npz"], "a.csv: no format that is known (give FILE.npz, minari:ID,"),
        (["a.npz", "--to", "b.txt"], "a.npz is demonstrations, b.txt level"),
        (["a.npz", "--to", "b.npz"], "a.npz: cannot read this demonstration file"),
        (["jaxued:gone.txt", "--to", "b.txt"], "gone.txt: cannot read this level file"),
        (
            ["jaxued:maze.txt", "--to", "b.txt"],
            "maze.txt: JaxUED level, line 2, column 2: '?' has no meaning",
        ),
        (["jaxued:maze.txt", "--to", "minigrid:maze.txt"], "maze.txt: exists already"),
        (["minari:x-v0", "--to", "b.npz", "--world.size", "5"], "--world.KEY needs --world"),
        (["a.npz"], "the following arguments are required: --to"),
    ):
        assert main(["convert", *words]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
    assert not (in_tmp / "b.txt").exists()

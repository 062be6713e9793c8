"""The examples are worlds of strangers: they pass the conformance checks."""

from pathlib import Path

from socialrl.cli import main

EXAMPLE = Path(__file__).parent.parent / "examples" / "key_and_door.py"


def test_a_world_of_another_task_takes_sixty_lines_and_keeps_the_contract(capsys):
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) <= 60
    assert main(["check", str(EXAMPLE)]) == 0, capsys.readouterr()

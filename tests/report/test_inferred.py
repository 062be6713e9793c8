"""The sections about offline training and inferred preferences."""

from socialrl.report.page import context_of
from socialrl.report.reading import read
from socialrl.report.sections import inverse_rl, offline
from socialrl.report.sections.final import further
from tests.report.fake_run import line, write_run

KINDS = frozenset(offline.SECTION.kinds + inverse_rl.SECTION.kinds)


def shown(tmp_path, lines):
    """The study, and the text of both sections."""
    study = read(write_run(tmp_path / "run", lines))
    context = context_of(study, KINDS)
    bodies = [one.render(context) for one in (offline.SECTION, inverse_rl.SECTION)]
    return study, "".join(str(part) for body in bodies if body is not None for part in body)


def test_the_last_of_the_offline_records_is_shown_beside_the_first_return(tmp_path):
    early = {"cloning_accuracy": [0.25, 0.25], "loss/cloning": [1.5, 1.5]}
    late = {"cloning_accuracy": [0.75, 0.85], "loss/cloning": [0.5, 0.5]}
    lines = [
        line("a", "offline", 0, values, {"gradient_steps": n}) for n, values in ((250, early), (1500, late))
    ]
    study, text = shown(
        tmp_path, [*lines, line("a", "eval", 0, [3.0, 3.25]), line("a", "eval", 80, [9.0, 9.0])]
    )
    for part in ("1,500", "0.80", "0.50", "3.12"):
        assert part in text
    for part in ("0.25", "250<", "9.00"):
        assert part not in text
    assert further(study, KINDS) is None  # it is shown once


def test_preferences_found_stand_beside_the_true_ones(tmp_path):
    found = {"cosine": [0.9, 1.0], "correlation": [0.5, 0.7], "found/red": [0.8, 1.0], "true/red": [1.0, 1.0]}
    study, text = shown(tmp_path, [line("a", "inverse_rl", 80, found, {"agent": "expert_0"})])
    for part in ("expert_0", "0.95", "0.60", "red 0.90", "red 1.00"):
        assert part in text
    assert further(study, KINDS) is None


def test_a_run_without_either_has_neither_section(tmp_path):
    assert shown(tmp_path, [line("a", "eval", 0, [1.0])])[1] == ""

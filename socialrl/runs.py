"""A whole run: every arm of an experiment in turn, then summary and report."""

import contextlib
import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from socialrl.arm import ArmRun
from socialrl.config import Experiment
from socialrl.record.atomic import write_text
from socialrl.record.folder import RunFolder
from socialrl.record.metrics import Records
from socialrl_envs.errors import SocialRLError


def run(experiment: Experiment, folder: RunFolder, *, resume: bool = False, progress: bool = True) -> None:
    """Trains every arm, records it in the folder, and writes summary and report.

    resume: go on from the last checkpoints; what comes out is bit-equal to an uninterrupted run.
    progress: whether to show progress bars and print the results.
    Ctrl-C ends the chunk, saves a checkpoint and raises KeyboardInterrupt.
    """
    records, timing = Records(folder.metrics), Records(folder.timing)
    with _interrupts() as interrupted:
        for arm in experiment.arms:
            ArmRun(experiment, arm, folder, records, timing, interrupted, progress).go(resume)
    finish(folder, show=print if progress else _silent)


@contextlib.contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """A function that tells whether Ctrl-C was pressed; the second Ctrl-C stops at once."""
    flag = []

    def note(*_: object) -> None:
        flag.append(True)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        print("\nstopping after this chunk; Ctrl-C again stops at once", file=sys.stderr)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(flag)
    finally:
        signal.signal(signal.SIGINT, before)


def _silent(text: str) -> None:
    """Prints nothing."""


def finish(folder: RunFolder, out: Path | None = None, show: Callable[[str], None] = print) -> None:
    """Writes summary, evaluation and report from what is recorded, and shows the tables.

    summary.json holds the numbers by arm, and the verdicts on claims, if there are any, under `claims`; no
    arm can have that name. Where matplotlib is not installed, the report is left out.
    out: where the numbers of the social protocol are written; None takes evaluation.json in the folder.
    show: prints a text.
    """
    from socialrl import report

    summary, claims = report.summarise(folder.path), report.summarise_claims(folder.path)
    content = summary | ({"claims": claims} if claims else {})
    write_text(folder.summary, json.dumps(content, indent=1, allow_nan=False) + "\n")
    show("\n" + report.format_table(summary))
    if evaluation := report.summarise_evaluation(folder.path):
        path = out or folder.path / "evaluation.json"
        write_text(path, json.dumps(evaluation, indent=1, allow_nan=False) + "\n")
        show(f"\n{report.format_evaluation(folder.path)}\n\nevaluation: {path}")
    if claims:
        show(f"\n{report.format_claims(folder.path)}\n")
    try:
        show(f"report: {report.write_report(folder.path)}")
    except SocialRLError as error:
        show(f"no report: {error.message}; elsewhere: socialrl report {folder.path}")

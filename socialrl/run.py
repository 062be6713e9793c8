"""A run: every arm of an experiment in turn, then summary and report."""

import contextlib
import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from socialrl.arm import ArmRun
from socialrl.config import Experiment
from socialrl.record.atomic import write_text
from socialrl.record.folder import RunFolder
from socialrl.record.metrics import Records
from socialrl_envs.errors import SocialRLError


def run(experiment: Experiment, folder: RunFolder, *, resume: bool = False) -> None:
    """Trains every arm, records it in the folder, and writes summary and report.

    resume: go on from the last checkpoints; what comes out is bit-equal to an uninterrupted run. Ctrl-C ends
    the chunk, saves a checkpoint and raises KeyboardInterrupt.
    """
    records, timing = Records(folder.metrics), Records(folder.timing)
    with _interrupts() as interrupted:
        for arm in experiment.arms:
            ArmRun(experiment, arm, folder, records, timing, interrupted).go(resume)
    finish(folder)


@contextlib.contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """A flag that the first Ctrl-C sets; the second one stops at once."""
    flag = []

    def note(*_: Any) -> None:
        flag.append(True)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        print("\nstopping after this chunk; Ctrl-C again stops at once", file=sys.stderr)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(flag)
    finally:
        signal.signal(signal.SIGINT, before)


def finish(folder: RunFolder, out: Path | None = None) -> None:
    """Tables, summary and report of all that is recorded; without matplotlib the report is left for another
    machine.

    summary.json holds the arms' numbers by arm, and the verdicts under `claims`, if there are any; no arm can
    have that name.
    out: where the social protocol's numbers go, if there are any; None takes evaluation.json in the folder.
    """
    from socialrl import report

    summary, claims = report.summarise(folder.path), report.summarise_claims(folder.path)
    content = summary | ({"claims": claims} if claims else {})
    write_text(folder.summary, json.dumps(content, indent=1, allow_nan=False) + "\n")
    print("\n" + report.format_table(summary))
    if evaluation := report.summarise_evaluation(folder.path):
        path = out or folder.path / "evaluation.json"
        write_text(path, json.dumps(evaluation, indent=1, allow_nan=False) + "\n")
        print(f"\n{report.format_evaluation(folder.path)}\n\nevaluation: {path}")
    if claims:
        print(f"\n{report.format_claims(folder.path)}\n")
    try:
        print(f"report: {report.write_report(folder.path)}")
    except SocialRLError as error:
        print(f"no report: {error.message}; elsewhere: socialrl report {folder.path}")

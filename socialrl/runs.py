"""Runs: the training of every arm of an experiment, then summary and report."""

import contextlib
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from socialrl.arm import ArmRun
from socialrl.config import Experiment
from socialrl.devices import Devices
from socialrl.formats.loggers import open_loggers
from socialrl.memory import one_line
from socialrl.processes import first, meet
from socialrl.record.atomic import write_text
from socialrl.record.folder import RunFolder
from socialrl.record.metrics import Listener, Records
from socialrl_envs.errors import SocialRLError, Terminated


def run(
    experiment: Experiment,
    folder: RunFolder,
    *,
    resume: bool = False,
    progress: bool = True,
    log: Sequence[str] = (),
    devices: Devices | None = None,
    profile: bool = False,
) -> None:
    """Trains every arm, records it in the folder, and writes summary and report.

    resume: whether to continue from the last checkpoints; the results are bit-equal to those of an
    uninterrupted run. progress: whether to show progress bars and print the results. log: loggers that get
    the metrics, too, see `formats.loggers`. devices: None takes those of `devices.choose`.
    profile: whether to trace a chunk of every arm and say what bounds it.
    After Ctrl-C or SIGTERM the current chunk is completed, a checkpoint is saved, and KeyboardInterrupt is
    raised, or Terminated, which is one.
    """
    train(experiment, folder, resume=resume, progress=progress, log=log, devices=devices, profile=profile)
    if first():
        finish(folder, show=print if progress else _silent)
    meet()


def train(
    experiment: Experiment,
    folder: RunFolder,
    *,
    resume: bool = False,
    progress: bool = True,
    log: Sequence[str] = (),
    devices: Devices | None = None,
    profile: bool = False,
    listeners: Sequence[Listener] = (),
    interrupted: Callable[[], bool] | None = None,
) -> None:
    """Trains every arm and records it, as `run` does, without summary and report.

    listeners: told of every record. interrupted: whether to stop after the current chunk; None: after Ctrl-C
    or SIGTERM.
    """
    experiment.check_run()
    stops = _interrupts() if interrupted is None else contextlib.nullcontext(interrupted)
    with open_loggers(log if first() else (), folder) as loggers, stops as interrupted:
        records, timing = Records(folder.metrics, (*loggers, *listeners)), Records(folder.timing)
        for arm in experiment.arms:
            with one_line(arm.name, experiment.seeds, experiment.num_envs, experiment.unroll_length):
                ArmRun(experiment, arm, folder, records, timing, interrupted, progress, devices, profile).go(
                    resume
                )


@contextlib.contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """A function that returns whether to stop, by Ctrl-C or by SIGTERM; a second one of these stops at once.

    In a thread that is not the main one, which gets no signals, it is always False.
    """
    flag: list[int] = []

    def note(number: int, _: object) -> None:
        if flag:
            raise Terminated if number == signal.SIGTERM else KeyboardInterrupt
        flag.append(number)
        again = "SIGTERM" if number == signal.SIGTERM else "Ctrl-C"
        print(f"\nstopping after this chunk; {again} again stops at once", file=sys.stderr)

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(flag)
    except KeyboardInterrupt as stop:
        if flag and flag[0] == signal.SIGTERM and not isinstance(stop, Terminated):
            raise Terminated(*stop.args) from stop
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _silent(text: str) -> None:
    """Prints nothing."""


def finish(folder: RunFolder, out: Path | None = None, show: Callable[[str], None] = print) -> None:
    """Writes summary, evaluation and report from the records of a run, and shows the tables.

    summary.json holds the results by arm, and the verdicts on claims, if there are any, under `claims`, a
    name that no arm can have. Without matplotlib no report is written. out: the file of the results of the
    social protocol; None: evaluation.json in the folder. show: prints a text.
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
        if isinstance(error.__cause__, OSError):  # it could not be written
            raise
        show(f"no report: {error.message}; elsewhere: socialrl report {folder.path}")

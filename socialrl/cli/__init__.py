"""The command line: run, sweep, tune, reproduce, eval, view, play, study, judge, record, export, report...

Each command imports what it needs when it is called, so that `--help` is fast.

commands/    one file per command
parsing.py   parsers, and the split of arguments into options and settings
settings.py  settings as text
machine.py   devices, and packages of extras
"""

import argparse
import errno
import importlib
import os
import sys
import warnings
from collections.abc import Callable, Sequence

from socialrl.cli.parsing import make_parser

HELP = """\
Learning from others in gridworlds: train agents that decide at every step whom to imitate.

examples:
  socialrl list                                                worlds, learners, experiments, ...
  socialrl run experiments/coin_grid.py                        trains, records, reports
  socialrl eval runs/coin_grid/001                             tests for social learning
  socialrl view runs/coin_grid/001                             shows the decisions
  socialrl play goal_cycle                                     take a seat with the keyboard
  socialrl check my_world.py                                   tests code of your own
  socialrl COMMAND --help                                      more about a command
"""


DISK_ERRORS = (  # what no code of ours can cure
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.EMFILE,
)

COMMANDS = {  # in the order of `--help`; each is a module of commands/
    "run": "train an experiment's arms and record them",
    "sweep": "train arms, settings and seeds on many cores, GPUs or machines",
    "merge": "join the shards of a sweep to one run",
    "tune": "search settings of all arms alike, on seeds for tuning",
    "reproduce": "run what is reported, and rebuild results, pictures, pages and numbers",
    "eval": "test the arms of a run for social learning",
    "view": "show a replay step by step, or export it",
    "explain": "say what had become of a decision, had it been another",
    "play": "take a seat of a world with the keyboard",
    "study": "let people take part in a study, and show them beside trained arms",
    "judge": "compare clips of agents, from which preferences are inferred",
    "record": "write demonstrations of co-players or trained agents",
    "export": "write a trained agent of a run into one file",
    "metrics": "write the metrics of a run as CSV or Parquet, or into TensorBoard or W&B",
    "convert": "convert demonstrations and levels from and to other programs' formats",
    "report": "write the page of one run or several",
    "benchmark": "is a learner or an agent never worse than alone?",
    "check": "test a world, co-player, learner, curriculum or protocol of your own",
    "list": "list worlds, co-players, learners and other registered code, and experiments",
}


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code of a command, which is run.

    0: done. 1: a check failed. 2: an error that the user or the disk caused, printed in one line. 130:
    Ctrl-C. 143: SIGTERM, after which a run has saved and can go on.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn(warnings.showwarning)
            code = _run(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader, such as `| head`, has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt as stop:
        from socialrl_envs.errors import Terminated

        print(": ".join(["\nsocialrl: stopped", *map(str, stop.args)]), file=sys.stderr)
        return 143 if isinstance(stop, Terminated) else 130
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        place = f"{error.filename}: " if error.filename else ""
        print(f"socialrl: error: {place}{error.strerror or error}", file=sys.stderr)
        return 2
    except ValueError as error:
        from socialrl_envs.errors import SocialRLError

        if not isinstance(error, SocialRLError):
            raise
        print(f"socialrl: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


def _run(arguments: list[str]) -> int:
    """The exit code of a command, whose module is imported and run."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_parser().format_help(), end="")
        return 0
    if arguments[0] == "--version":
        from socialrl import __version__

        print(f"socialrl {__version__}")
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        from socialrl_envs.errors import unknown

        raise unknown("command", name, COMMANDS)
    try:
        return importlib.import_module(f"socialrl.cli.commands.{name}").command(rest) or 0
    except SystemExit as leave:  # raised by argparse after --help
        return int(leave.code or 0)


def _warn(usual: Callable[..., None]) -> Callable[..., None]:
    """A function that shows warnings: those about plug-ins in one line, others by `usual`."""

    def show(message: Warning | str, category: type[Warning], *place: object, **more: object) -> None:
        if category.__name__ == "PluginWarning":
            print(f"socialrl: warning: {' '.join(str(message).split())}", file=sys.stderr)
        else:
            usual(message, category, *place, **more)

    return show


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("socialrl", HELP)
    parser.add_argument("--version", action="store_true", help="print the version")
    sub = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, text in COMMANDS.items():
        sub.add_parser(name, help=text)
    return parser

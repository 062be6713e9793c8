"""`socialrl study`: people take part in a study, and are measured as agents are."""

import argparse
import importlib
from pathlib import Path

from socialrl.cli.machine import with_extra
from socialrl.cli.parsing import add_plugins, make_parser, use_plugins
from socialrl_envs.errors import SocialRLError

HELP = """\
People take part in a study: pages of text, practice, and episodes under several conditions, in a window. What
they did is measured as what agents do, and shown beside trained arms (docs/howto/study.md).

A study file is plain data (TOML). Without further options its parts and the orders of conditions are printed.
Every key is written when it is pressed; the same command goes on where a participant has stopped, also amid
an episode. The participant's number determines the order of the conditions.

examples:
  socialrl study examples/study/company.toml                                  what is in it, in which orders
  socialrl study examples/study/company.toml --participant 7 --data people    takes part, or goes on
  socialrl study examples/study/company.toml --data people --report           the page of all participants
  socialrl study examples/study/company.toml --data people --report --beside runs/goal_cycle/001
  socialrl study examples/study/company.toml --data made --synthetic follower --participants 1-8
"""


def command(arguments: list[str]) -> None:
    parser = make_parser("socialrl study", HELP)
    parser.add_argument("file", metavar="FILE", type=Path, help="a study file")
    parser.add_argument("--participant", metavar="N", type=int, help="take part as this participant, from 1")
    parser.add_argument("--data", metavar="FOLDER", type=Path, help="what participants did")
    parser.add_argument("--group", metavar="NAME", help="whose arm they are (default: people)")
    parser.add_argument("--report", action="store_true", help="measure all participants and write the page")
    parser.add_argument(
        "--beside", metavar="RUN", nargs="+", type=Path, default=[], help="runs on the same page"
    )
    parser.add_argument("--out", metavar="FILE", type=Path, help="where to write the page")
    parser.add_argument(
        "--synthetic", metavar="KIND", help="scripted: follower, apprentice, explorer or wanderer"
    )
    parser.add_argument("--participants", metavar="A-B", default="1-8", help="their numbers (default: 1-8)")
    parser.add_argument(
        "--noise", metavar="P", type=float, default=0.05, help="their share of random actions (default: 0.05)"
    )
    add_plugins(parser)
    options = parser.parse_args(arguments)
    use_plugins(options)
    _run(options)


def _run(options: argparse.Namespace) -> None:
    """What the options ask for: the schedule, a sitting, scripted participants, or the page."""
    asked = [options.participant is not None, options.synthetic is not None, options.report]
    if sum(asked) > 1:
        raise SocialRLError("study: --participant, --synthetic and --report", "one at a time")
    if any(asked) and options.data is None:
        raise SocialRLError("study: no folder for the data", "--data FOLDER")
    if options.participant is not None:
        with_extra("view", "socialrl.people.window", "study")
    if options.report:
        with_extra("report", "socialrl.report", "study --report")
    study = importlib.import_module("socialrl.people.commands")
    if options.participant is not None:
        print(study.take_part(options.file, options.data, options.participant, options.group or "people"))
    elif options.synthetic is not None:
        kind, numbers = options.synthetic, _numbers(options.participants)
        study.simulate(options.file, options.data, kind, numbers, options.noise, options.group or kind)
    elif options.report:
        print(study.report(options.file, options.data, options.beside, options.out))
    else:
        print(study.schedule(options.file, 6))


def _numbers(text: str) -> range:
    """The numbers of `A-B`, or of `A` alone."""
    first, _, last = text.partition("-")
    if not (first.isdecimal() and (last or first).isdecimal() and 1 <= int(first) <= int(last or first)):
        raise SocialRLError(f"--participants: {text!r}", "such as 1-8")
    return range(int(first), int(last or first) + 1)

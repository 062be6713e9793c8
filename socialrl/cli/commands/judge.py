"""`socialrl judge`: somebody compares clips of agents, two at a time."""

import argparse
import importlib
from pathlib import Path

from socialrl.cli.machine import with_extra
from socialrl.cli.parsing import add_plugins, make_parser, use_plugins

HELP = """\
Shows two clips of trained agents side by side, and asks which one is better.

Keys: left and right for the better one, up for a tie, down if you cannot tell, space plays again, backspace
goes back. Every answer is written at once; a session that is broken off goes on where it stopped. Which clips
are shown next is chosen by how uncertain your preferences still are. Several people may judge one run, each
under a name: every fifth question is one that others were asked, and every tenth one that you were, the other
way round, so that agreement can be told. At the end it prints agreement, what is suspect, and the preferences
over the world's cumulants that the answers reveal (docs/howto/judge.md).

Marks count as well: `socialrl play --with RUN --record mine.npz` has keys for good and bad while an agent
acts, which go to mine.marks.jsonl. Of arms that are still training, episodes of the newest checkpoint are
recorded, in RUN/judged.

examples:
  socialrl judge runs/coin_grid/001                            answers go to RUN/comparisons.jsonl
  socialrl judge runs/coin_grid/001 --annotator ann --count 30 --arm psiphi
  socialrl judge runs/coin_grid/001 --queries random           the control
  socialrl judge runs/coin_grid/001 --summary                  what all answers say
  socialrl judge runs/coin_grid/001 --summary --adapt psiphi:0 --out mine.npz     an agent that lives by them
  socialrl judge runs/coin_grid/001 --teacher boltzmann        a synthetic person answers, without a window
  socialrl judge runs/coin_grid/001 --teacher noisy,noise=0.1 --wants 1,-1,0 --labels synthetic.jsonl
  socialrl judge mine.npz --marks mine.marks.jsonl --summary   what your marks say
  socialrl judge RUN mine.npz --marks mine.marks.jsonl --summary --adapt psiphi:0 --out agent.npz
  socialrl judge RUN --marker noise=0.1 --marks marks.jsonl    a synthetic person watches and marks

teachers: boltzmann, myopic, noisy, tired, inverted; each takes rationality, discount, noise, tiring,
indifference, inverted. Markers: `usual`, or KEY=VALUE of rationality, attention, indifference, noise, delay,
inverted.
"""


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("socialrl judge", HELP)
    parser.add_argument("paths", metavar="PATH", nargs="+", type=Path, help="a run folder, or replays")
    parser.add_argument(
        "--labels", metavar="FILE", type=Path, help="the file of answers (default: RUN/comparisons.jsonl)"
    )
    parser.add_argument(
        "--marks",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="a file of marks that count as well; repeatable",
    )
    parser.add_argument("--annotator", metavar="NAME", help="who answers (default: me, or the teacher)")
    parser.add_argument("--arm", metavar="ARM", action="append", default=[], help="whose clips; repeatable")
    parser.add_argument("--length", metavar="N", type=int, default=12, help="steps of a clip (default: 12)")
    parser.add_argument("--count", metavar="N", type=int, default=50, help="questions in all (default: 50)")
    parser.add_argument(
        "--queries",
        choices=("disagreement", "random"),
        default="disagreement",
        help="how clips are chosen (default: disagreement)",
    )
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of random choices (default: 0)")
    parser.add_argument("--fps", metavar="N", type=float, default=4, help="steps per second (default: 4)")
    parser.add_argument("--skip-bad", action="store_true", help="leave out lines of FILE that are no answers")
    parser.add_argument(
        "--summary", action="store_true", help="print what answers and marks say, and ask nothing"
    )
    parser.add_argument("--teacher", metavar="NAME[,KEY=VALUE]", help="a synthetic person answers")
    parser.add_argument(
        "--marker",
        metavar="usual|KEY=VALUE,...",
        help="a synthetic person watches all episodes at --fps and writes its marks to the file of --marks",
    )
    parser.add_argument(
        "--wants",
        metavar="W,W,...",
        type=_numbers,
        help="the synthetic person's preferences (default: true rewards)",
    )
    parser.add_argument(
        "--adapt", metavar="ARM[:SEED]", help="afterwards adapt this agent to the answers: no training"
    )
    parser.add_argument("--out", metavar="FILE", type=Path, help="where to write that agent, .npz")
    parser.add_argument(
        "--dataset", metavar="FILE", type=Path, help="afterwards write the answers for reward models, .npz"
    )
    add_plugins(parser)
    return parser


def command(arguments: list[str]) -> None:
    parser = _parser()
    options = parser.parse_args(arguments)
    use_plugins(options)
    _check(parser, options)
    judge = importlib.import_module("socialrl.judge.commands")
    sitting = judge.Sitting(
        paths=tuple(options.paths),
        labels=options.labels,
        marks=tuple(options.marks),
        annotator=_annotator(options),
        arms=tuple(options.arm),
        length=options.length,
        count=options.count,
        by=options.queries,
        seed=options.seed,
        skip_bad=options.skip_bad,
    )
    if options.marker is not None:
        judge.mark(sitting, options.marker, options.wants, options.fps)
    if options.summary or options.marker is not None:
        judge.report(sitting)
    else:
        judge.sit(sitting, options.teacher, options.wants, options.fps)
    if options.dataset is not None:
        judge.write_dataset(sitting, options.dataset)
    if options.adapt is not None:
        judge.adapt(sitting, options.adapt, options.out)


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Ends with an error if options do not go together."""
    for key, least in (("length", 1), ("count", 1), ("fps", 0.1)):
        if vars(options)[key] < least:
            parser.error(f"--{key}: it must be at least {least}")
    if (options.adapt is None) != (options.out is None):
        parser.error("--adapt and --out go together: which agent, and where to write it")
    synthetic = options.teacher or options.marker
    if options.wants is not None and synthetic is None:
        parser.error("--wants is what a synthetic person wants: add --teacher or --marker")
    if options.teacher is not None and options.marker is not None:
        parser.error("--teacher and --marker are two synthetic people: call it twice")
    if synthetic is None and not options.summary:
        with_extra("view", "socialrl.judge.window", "judge")


def _annotator(options: argparse.Namespace) -> str:
    """Who answers or marks."""
    if options.annotator is not None:
        return options.annotator
    return "marker" if options.marker else (options.teacher or "me").partition(",")[0]


def _numbers(text: str) -> tuple[float, ...]:
    """`1,-1,0` as numbers."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not numbers, e.g. 1,-1,0") from error

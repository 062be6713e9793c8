"""`socialrl report`: writes the page of one run or several."""

from pathlib import Path

from socialrl.cli.machine import with_extra
from socialrl.cli.parsing import add_plugins, make_parser, use_plugins

HELP = """\
Writes one self-contained page of a run, or of several side by side.

examples:
  socialrl report runs/coin_grid/001
  socialrl report runs/coin_grid/001 runs/coin_grid/002 --out both.html
"""


def command(arguments: list[str]) -> None:
    parser = make_parser("socialrl report", HELP)
    parser.add_argument("runs", metavar="RUN", nargs="+", help="a run folder")
    parser.add_argument(
        "--out", metavar="FILE", help="where to write the page (default: report.html in the first RUN)"
    )
    add_plugins(parser)
    options = parser.parse_args(arguments)
    use_plugins(options)
    out = Path(options.out) if options.out else None
    report, runs = with_extra("report", "socialrl.report"), [Path(run) for run in options.runs]
    page = report.write_report(runs, out)
    if claims := report.format_claims(runs):
        print(f"{claims}\n")
    print(page)

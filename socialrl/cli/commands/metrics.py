"""`socialrl metrics`: a run's metrics as a table, or in a logger."""

import importlib
from pathlib import Path

from socialrl.cli.parsing import make_parser

HELP = """\
Writes the metrics of a run as a table, or into TensorBoard or W&B.

A row per record and seed; columns arm, kind, step, seed, label/<name>, then every measure, as in
socialrl.open_run(RUN).metrics(). Without --to and --log the table is printed as CSV.

examples:
  socialrl metrics runs/coin_grid/001 --to coin_grid.parquet
  socialrl metrics runs/coin_grid/001 --arm psiphi --kind eval --to eval.csv
  socialrl metrics runs/coin_grid/001 | head
  socialrl metrics runs/coin_grid/001 --log tensorboard        for a run that was trained without
"""


def command(arguments: list[str]) -> None:
    parser = make_parser("socialrl metrics", HELP)
    parser.add_argument("run", metavar="RUN", help="a run folder")
    parser.add_argument("--to", metavar="FILE", type=Path, help="where to write, .csv or .parquet")
    parser.add_argument("--arm", metavar="ARM", help="only records of this arm")
    parser.add_argument("--kind", metavar="KIND", help="only records of this kind: train, eval, final, ...")
    parser.add_argument("--log", metavar="A,B", default="", help="give them to tensorboard, wandb or both")
    options = parser.parse_args(arguments)
    names = [name for name in options.log.split(",") if name]
    if names and (options.to or options.arm or options.kind):
        parser.error("--log gives all metrics of the run")
    results = importlib.import_module("socialrl.results")
    run = results.Run(options.run)
    if names:
        importlib.import_module("socialrl.formats.loggers").log_again(names, run.path)
        return
    tables = importlib.import_module("socialrl.formats.tables")
    columns = run.metrics(options.arm, options.kind)
    if options.to is None:
        print(tables.to_csv(columns), end="")
        return
    tables.write_table(options.to, columns, {"experiment": run.config})
    print(options.to)

"""Access to what a run recorded: metrics as columns, replays, report, and trained agents."""

import contextlib
import html
import itertools
import json
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np

from socialrl.agents import Agent, load_trained
from socialrl.config import Experiment, load_experiment
from socialrl.record import folder, replay
from socialrl.record.metrics import read_records
from socialrl.web import notebook
from socialrl_envs.errors import SocialRLError, unknown

Columns = dict[str, np.ndarray]
HEAD = ("arm", "steps", "return")


class Run:
    """A run folder, opened for reading.

    run = socialrl.open_run("runs/coin_grid/001")
    returns = run.metrics(arm="psiphi", kind="eval")["return"]
    agent = run.load_agent("psiphi", seed=0)

    path: the folder. config: the experiment as JSON values, read without running any code.
    """

    def __init__(self, path: str | Path):
        """Raises SocialRLError if there is no run in this folder."""
        self.path = Path(path)
        self.config: dict[str, Any] = folder.read_config(self.path)["experiment"]

    @property
    def experiment(self) -> Experiment:
        """The experiment; raises SocialRLError if one of its worlds or learners is unknown."""
        return load_experiment(self.path)

    @property
    def arms(self) -> tuple[str, ...]:
        """The names of the arms, in the experiment's order."""
        return tuple(arm["name"] for arm in self.config["arms"])

    @overload
    def metrics(
        self, arm: str | None = None, kind: str | None = None, as_pandas: Literal[False] = False
    ) -> Columns: ...

    @overload
    def metrics(
        self, arm: str | None = None, kind: str | None = None, *, as_pandas: Literal[True]
    ) -> Any: ...

    def metrics(self, arm: str | None = None, kind: str | None = None, as_pandas: bool = False) -> Any:
        """The recorded metrics as columns, with one row per record and seed, in the order of recording.

        Returns a dict of NumPy arrays of one length, or with `as_pandas` the same as a pandas.DataFrame. The
        columns `arm`, `kind`, `step` (environment steps) and `seed` (counted from 0) come first, then
        `label/<name>` as text, "" where a record has no such label, then every metric as float64, NaN where a
        record does not have it.

            eval = run.metrics(arm="psiphi", kind="eval")
            eval["return"][eval["seed"] == 0]

        arm, kind: only records of this arm, of this kind ("train", "eval", "final", or that of a protocol).
        An arm that the run does not have raises SocialRLError, a kind that was not recorded gives empty
        columns.
        """
        if arm is not None and arm not in self.arms:
            raise unknown("arm", arm, self.arms)
        records = [
            record
            for record in read_records(self.path / "metrics.jsonl")
            if arm in (None, record["arm"]) and kind in (None, record["kind"])
        ]
        columns = _columns(records)
        return _frame(columns) if as_pandas else columns

    def replays(self, arm: str | None = None) -> tuple[replay.Replay, ...]:
        """The recorded episodes, one Replay per arm and seed; arm: only those of this arm."""
        if arm is not None and arm not in self.arms:
            raise unknown("arm", arm, self.arms)
        opened, count = folder.RunFolder(self.path, {}), self.config["seeds"]
        places = [
            opened.replay(name, seed) for name in self.arms for seed in range(count) if arm in (None, name)
        ]
        return tuple(replay.load(place) for place in places if place.is_file())

    def report(self) -> Path:
        """The path of the report, a self-contained HTML page, which is written from the records.

        Raises SocialRLError if matplotlib or pillow is not installed.
        """
        from socialrl import report

        return report.write_report(self.path)

    def load_agent(
        self, arm: str | None = None, seed: int = 0, *, greedy: bool = True, novice: int = 0
    ) -> Agent:
        """The agent of one seed of an arm, from its last checkpoint, see `socialrl.load_agent`."""
        return load_trained(self.path, arm, seed, greedy=greedy, novice=novice)

    def __repr__(self) -> str:
        seeds = self.config["seeds"]
        return f"Run({str(self.path)!r}: {self.config['name']}, arms {', '.join(self.arms)}, {seeds} seeds)"

    def _repr_html_(self) -> str:
        """An HTML table of the arms and their evaluation returns, for notebooks."""
        rows = "".join(_arm_row(name, self.metrics(arm=name)) for name in self.arms)
        head = "".join(f"<th>{title}</th>" for title in (*HEAD, "evaluations"))
        return (
            f"<div><b>{html.escape(self._title)}</b><br>{html.escape(str(self.config['question']))}"
            f"<table><tr>{head}</tr>{rows}</table></div>"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """The arms and the player with the replays, for notebooks with anywidget; else the table alone."""
        replays = self._readable()
        return notebook.bundle(replays, [one.name for one in replays], self._facts())

    def _display_(self) -> Any:
        """The same for marimo."""
        replays = self._readable()
        return notebook.display(replays, [one.name for one in replays], self._repr_html_(), self._facts())

    @property
    def _title(self) -> str:
        return f"{self.config['name']}, {self.config['seeds']} seeds, {self.path}"

    def _facts(self) -> notebook.Facts:
        """The table of the arms as text."""
        rows = [list(_arm_cells(self.metrics(arm=name))) for name in self.arms]
        cells = [[name, *row] for name, row in zip(self.arms, rows, strict=True)]
        return notebook.Facts(title=self._title, text=str(self.config["question"]), rows=[HEAD, *cells])

    def _readable(self) -> list[replay.Replay]:
        """The replays of the run, without those that cannot be read."""
        opened, found = folder.RunFolder(self.path, {}), []
        for arm, seed in itertools.product(self.arms, range(self.config["seeds"])):
            with contextlib.suppress(SocialRLError):
                found.append(replay.load(opened.replay(arm, seed)))
        return found


def text(label: object) -> str:
    """A label's value as text."""
    return label if isinstance(label, str) else json.dumps(label)


def _columns(records: list[dict[str, Any]]) -> Columns:
    """The records as columns, a row per record and seed."""
    rows = [(r, seed) for r in records for seed in range(max(map(len, r["values"].values()), default=0))]
    labels = dict.fromkeys(name for record in records for name in record.get("labels", {}))
    names = dict.fromkeys(name for record in records for name in record["values"])
    columns: Columns = {
        "arm": np.array([record["arm"] for record, _ in rows], np.str_),
        "kind": np.array([record["kind"] for record, _ in rows], np.str_),
        "step": np.array([record["step"] for record, _ in rows], np.int64),
        "seed": np.array([seed for _, seed in rows], np.int64),
    }
    for name in labels:
        found = [record.get("labels", {}).get(name, "") for record, _ in rows]
        columns[f"label/{name}"] = np.array([text(value) for value in found], np.str_)
    for name in names:
        columns[name] = np.array(
            [_number(record["values"].get(name), seed) for record, seed in rows], np.float64
        )
    return columns


def _number(values: list[Any] | None, seed: int) -> float:
    """The value of a seed; NaN if there is none, or it was not finite."""
    value = None if values is None or seed >= len(values) else values[seed]
    return float("nan") if value is None else float(value)


def _frame(columns: Columns) -> Any:
    try:
        import pandas  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise SocialRLError("as_pandas: pandas is not installed", "pip install pandas") from error
    return pandas.DataFrame(columns)


def _arm_row(name: str, columns: Columns) -> str:
    """A row of a table: the arm, its steps so far, its last mean return, and the curve of its evaluations."""
    cells = (html.escape(name), *_arm_cells(columns), _sparkline(_curve(columns)))
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _curve(columns: Columns) -> list[float]:
    """The mean return of every evaluation."""
    returns, evals = columns.get("return", np.zeros(0)), columns["kind"] == "eval"
    steps = np.unique(columns["step"][evals])
    return [float(np.mean(returns[evals & (columns["step"] == step)])) for step in steps]


def _arm_cells(columns: Columns) -> tuple[str, str]:
    """The steps of an arm so far, and its last mean return, "" without one."""
    curve, finals = _curve(columns), columns.get("return", np.zeros(0))[columns["kind"] == "final"]
    last = float(np.mean(finals)) if finals.size else (curve[-1] if curve else float("nan"))
    return f"{int(columns['step'].max(initial=0)):,}", "" if np.isnan(last) else f"{last:.2f}"


def _sparkline(values: list[float], width: int = 120, height: int = 24) -> str:
    """A curve as a small inline SVG picture; "" for fewer than two finite values."""
    found = [(i, value) for i, value in enumerate(values) if np.isfinite(value)]
    if len(found) < 2:
        return ""
    low, high = min(value for _, value in found), max(value for _, value in found)
    right, up = (width - 4) / (len(values) - 1), (height - 4) / (high - low or 1)
    points = " ".join(f"{2 + right * i:.1f},{height - 2 - up * (value - low):.1f}" for i, value in found)
    return (
        f'<svg width="{width}" height="{height}" role="img" aria-label="evaluation returns">'
        f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="1.5"/></svg>'
    )

"""Metrics as CSV and Parquet: every number as it was recorded, and where it comes from."""

import csv
import json

import numpy as np
import pytest

from socialrl.cli import main
from socialrl.results import Run
from tests.report.fake_run import line, write_run


@pytest.fixture
def run(tmp_path):
    lines = [
        line("a", "train", 10 * n, {"return": [n / 3, None], "loss/td": [1e-7 * n, -1.5]}) for n in range(4)
    ]
    lines += [line("b", "social", 30, [0.1, 2.0], {"company": "good, and bad", "trained": True})]
    return write_run(tmp_path / "run", [*lines, line("a", "final", 30, [1.0, 2.0])])


def test_csv_reads_back_exactly(run, tmp_path, capsys):
    columns = Run(run).metrics()
    assert main(["metrics", str(run), "--to", str(tmp_path / "all.csv")]) == 0
    with open(tmp_path / "all.csv", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == list(columns)
    assert len(rows) == len(columns["arm"]) > 0
    for number, name in enumerate(head):
        cells = [row[number] for row in rows]
        if columns[name].dtype.kind == "f":
            found = np.array([float(cell or "nan") for cell in cells])
            assert found.tobytes() == np.where(np.isnan(columns[name]), np.nan, columns[name]).tobytes()
        else:
            assert cells == [str(value) for value in columns[name]]
    capsys.readouterr()
    assert main(["metrics", str(run), "--kind", "final"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 1 + (columns["kind"] == "final").sum()


def test_parquet_reads_back_exactly_and_says_where_it_comes_from(run, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = Run(run).metrics()
    assert main(["metrics", str(run), "--to", str(tmp_path / "all.parquet")]) == 0
    table = parquet.read_table(tmp_path / "all.parquet")
    assert table.column_names == list(columns)
    for name, column in columns.items():
        found = np.array(table[name].to_pylist(), column.dtype)
        assert found.tobytes() == column.tobytes(), name
    about = json.loads(table.schema.metadata[b"socialrl"])
    assert about["experiment"] == Run(run).config


def test_what_it_refuses_is_one_line(run, tmp_path, capsys):
    taken = tmp_path / "taken.csv"
    taken.write_text("mine")
    for words, said in (
        (["--to", tmp_path / "a.xlsx"], "metrics are written as .csv or .parquet"),
        (["--to", taken], "exists already"),
        (["--arm", "nobody"], "unknown arm 'nobody'"),
        (["--log", "tensorboard", "--kind", "eval"], "--log gives all metrics of the run"),
    ):
        assert main(["metrics", str(run), *map(str, words)]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
    assert main(["metrics", str(tmp_path)]) == 2
    assert taken.read_text() == "mine"

"""Metrics as tables, CSV or Parquet: a row per record and seed, the columns of `socialrl.Run.metrics`."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from socialrl.formats import need
from socialrl.record.atomic import open_atomic, write_text
from socialrl_envs.errors import SocialRLError

Columns = Mapping[str, Shaped[np.ndarray, " rows"]]
SUFFIXES = (".csv", ".parquet")


def write_table(path: Path, columns: Columns, about: Mapping[str, Any]) -> None:
    """Writes the columns into a file, whose suffix says as what; atomically.

    about: JSON values that say where the numbers come from; a Parquet file keeps them in its metadata, under
    "socialrl". Raises SocialRLError for another suffix, if the file exists, or if pyarrow is not installed.
    """
    if path.suffix not in SUFFIXES:
        raise SocialRLError(f"{path}: metrics are written as {' or '.join(SUFFIXES)}", "name such a file")
    if path.exists():
        raise SocialRLError(f"{path}: exists already", "choose another name, or remove it first")
    if path.suffix == ".csv":
        write_text(path, to_csv(columns))
        return
    arrow = need("pyarrow", "parquet", f"{path}: Parquet")
    parquet = need("pyarrow.parquet", "parquet", f"{path}: Parquet")
    table = arrow.table(
        {
            name: arrow.array(list(map(str, column)) if column.dtype.kind == "U" else column)
            for name, column in columns.items()
        }
    )
    table = table.replace_schema_metadata({"socialrl": json.dumps(about)})
    with open_atomic(path) as file:
        parquet.write_table(table, file)


def to_csv(columns: Columns) -> str:
    """The columns as CSV (RFC 4180, lines end with a line feed), numbers such that they read back exactly.

    What is not a number is an empty cell.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*map(_cells, columns.values()), strict=True))
    return text.getvalue()


def _cells(column: Shaped[np.ndarray, " rows"]) -> list[Any]:
    if column.dtype.kind == "f":
        return ["" if np.isnan(value) else repr(float(value)) for value in column]
    return column.tolist()

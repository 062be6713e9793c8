"""Measured speeds that are committed: tables that programs of benchmarks/ saved, read for the pages.

A file `benchmarks/results/<name>.json` has "format", "version", the "command", the "machine" (device, cores,
version of jax), and the table: "head", the names of its columns, and "rows", all of them text.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from socialrl.report.markdown import table
from socialrl.report.reading import JsonObject
from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.safe_json import read_json

FOLDER = Path("benchmarks/results")
FORMAT, VERSION = "socialrl-speed", 1


def read_speeds(folder: Path = FOLDER) -> dict[str, JsonObject]:
    """The tables of a folder by name. Raises SocialRLError that names a file that is none."""
    return {file.stem: _read(file) for file in sorted(folder.glob("*.json"))}


def _read(file: Path) -> JsonObject:
    content = read_json(file.read_bytes(), str(file))
    if not isinstance(content, dict) or (content.get("format"), content.get("version")) != (FORMAT, VERSION):
        raise SocialRLError(
            f"{file}: no measured speeds", f'they have "format": "{FORMAT}", "version": {VERSION}'
        )
    head, rows = content.get("head"), content.get("rows")
    if not isinstance(head, list) or not isinstance(rows, list) or any(len(row) != len(head) for row in rows):
        raise SocialRLError(f"{file}: no table", '"rows" are as long as "head", the names of columns')
    return content


def cell(speeds: Mapping[str, JsonObject], name: str, column: str, row: Mapping[str, str]) -> str:
    """One cell of a table as text: that of the column, in the one row whose cells are as in `row`. Raises
    SocialRLError if there is no such table or column, or not exactly one such row.
    """
    found = of_name(speeds, name)
    head = found["head"]
    for one in (column, *row):
        if one not in head:
            raise unknown("column", one, head)
    records = [dict(zip(head, cells, strict=True)) for cells in found["rows"]]
    fitting = [record for record in records if all(record[key] == text for key, text in row.items())]
    if len(fitting) != 1:
        raise SocialRLError(f"speeds of {name}: {len(fitting)} rows have {dict(row)}", "name exactly one")
    return fitting[0][column]


def speed_table(speeds: Mapping[str, JsonObject], name: str, columns: Sequence[str] = ()) -> str:
    """A table as Markdown; columns: those to show, all of them if none is named."""
    found = of_name(speeds, name)
    head = list(columns) or found["head"]
    for one in head:
        if one not in found["head"]:
            raise unknown("column", one, found["head"])
    places = [found["head"].index(one) for one in head]
    return table(head, [[cells[place] for place in places] for cells in found["rows"]])


def of_name(speeds: Mapping[str, JsonObject], name: str) -> JsonObject:
    """The table of this name; raises SocialRLError if there is none."""
    if name not in speeds:
        raise unknown("speeds", name, speeds)
    return speeds[name]

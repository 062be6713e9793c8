"""Tables of the benchmarks: as text with aligned columns, and as files that pages are filled in from."""

import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from socialrl.record.atomic import write_text
from socialrl.report.speeds import FORMAT, VERSION


def table(rows: Sequence[Sequence[Any]], texts: Sequence[int] = (0,)) -> str:
    """Aligned columns, numbers to the right. texts: the columns that are no numbers."""
    cells = [tuple(map(str, row)) for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(w) if i in texts else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    )


def machine() -> str:
    """The version of jax, the devices, the cores and the load of this machine, in words."""
    device, load = jax.devices()[0].device_kind, os.getloadavg()[0]
    return f"jax {jax.__version__}, {device} x{jax.device_count()}, {os.cpu_count()} cores, load {load:.1f}"


def save(file: Path | None, rows: Sequence[Sequence[Any]]) -> None:
    """Writes a table, its head first, to a file that `socialrl.report.speeds` reads; nothing without one."""
    if file is None:
        return
    words = ["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]]
    head, *cells = [list(map(str, row)) for row in rows]
    content = {"format": FORMAT, "version": VERSION, "command": shlex.join(words), "machine": machine()}
    lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in (content | {"head": head}).items()]
    listed = ",\n".join(f"  {json.dumps(row)}" for row in cells)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, "{\n" + ",\n".join([*lines, f' "rows": [\n{listed}\n ]']) + "\n}\n")

"""Runs a notebook's code cells in this process, as Jupyter would, without Jupyter."""

import ast
import json
from pathlib import Path
from typing import Any

RICH = ("_repr_html_", "_repr_png_", "_repr_svg_")


def cells(path: Path) -> list[dict[str, Any]]:
    """The cells of a notebook file."""
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def source(cell: dict[str, Any]) -> str:
    """The text of a cell."""
    return "".join(cell["source"])


def run(path: Path, parameters: dict[str, Any]) -> list[Any]:
    """Executes all code cells in order; returns the values of the expressions that cells end with.

    parameters: replace the values that the cell tagged "parameters" gives to these names.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    shown = []
    for number, cell in enumerate(one for one in cells(path) if one["cell_type"] == "code"):
        tree = ast.parse(source(cell), f"{path.name}, code cell {number}")
        *_, end = tree.body
        last = end if isinstance(end, ast.Expr) else None
        tree.body = tree.body[: len(tree.body) - (last is not None)]
        exec(compile(tree, f"{path.name}, code cell {number}", "exec"), names)
        if last is not None:
            shown.append(
                eval(compile(ast.Expression(last.value), f"{path.name}, code cell {number}", "eval"), names)
            )
        if "parameters" in cell["metadata"].get("tags", ()):
            assert parameters.keys() <= names.keys()
            names |= parameters
    return shown


def displays(value: Any) -> list[str | bytes]:
    """What Jupyter would show of a value richly: HTML, PNG, SVG."""
    return [getattr(value, name)() for name in RICH if hasattr(value, name)]

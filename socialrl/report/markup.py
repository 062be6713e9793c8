"""HTML by nested calls. Every string is escaped unless it is `Markup`, so that no text from a file becomes
code.
"""

import html
from collections.abc import Iterable, Sequence

_VOID = frozenset({"br", "img", "meta", "source"})


class Markup(str):
    """Text that is HTML: made by this module or by a figure, never read from a file."""


def escape(text: object) -> Markup:
    """The text escaped for HTML, also for the value of an attribute."""
    return text if isinstance(text, Markup) else Markup(html.escape(str(text)))


def tag(element: str, /, *children: object, **attributes: object) -> Markup:
    """An element with these children and attributes; those that are None are left out.

    `class_` stands for class; in other names underscores become hyphens.
    """
    pairs = (
        (key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items() if value is not None
    )
    opening = element + "".join(f' {key}="{escape(value)}"' for key, value in pairs)
    if element in _VOID:
        return Markup(f"<{opening}/>")
    return Markup(f"<{opening}>{join(children)}</{element}>")


def join(children: Iterable[object], between: str = "") -> Markup:
    """The children in order, escaped; None is left out."""
    return Markup(escape(between).join(escape(child) for child in children if child is not None))


def table(
    head: Sequence[object],
    rows: Iterable[Sequence[object]],
    numeric: Iterable[int] = (),
    marked: Iterable[int] = (),
) -> Markup:
    """A table whose first column has the headings of the rows.

    numeric: columns that are aligned to the right. marked: rows that are highlighted.
    """
    right, bright = set(numeric), set(marked)
    cell = dict.fromkeys(right, "number")
    header = tag("tr", *(tag("th", text, scope="col", class_=cell.get(i)) for i, text in enumerate(head)))
    body = [
        tag(
            "tr",
            tag("th", row[0], scope="row"),
            *(tag("td", text, class_=cell.get(i)) for i, text in enumerate(row[1:], start=1)),
            class_="marked" if number in bright else None,
        )
        for number, row in enumerate(rows)
    ]
    return tag("div", tag("table", tag("thead", header), tag("tbody", *body)), class_="wide")


def fold(title: str, *children: object) -> Markup:
    """A part that is closed until it is clicked, and open in print."""
    return tag("details", tag("summary", title), *children)


def figure(picture: Markup, caption: object = None, legend: Markup | None = None) -> Markup:
    """A picture with its legend above it and its caption below it."""
    return tag("figure", legend, picture, tag("figcaption", caption) if caption is not None else None)

"""HTML from nested calls. Every string is escaped unless it is `Markup`, so nothing from a config can become
code.
"""

import html
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_VOID = frozenset({"br", "img", "meta", "source"})


class Markup(str):
    """Text that is HTML already: made by this module or by our own figures, never from a file."""


def escape(text: object) -> Markup:
    """The text as it must stand in HTML, in an attribute too."""
    return text if isinstance(text, Markup) else Markup(html.escape(str(text)))


def tag(element: str, /, *children: object, **attributes: object) -> Markup:
    """One element. `class_` is class, other underscores become hyphens; an attribute that is None is left
    out.
    """
    pairs = (
        (key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items() if value is not None
    )
    opening = element + "".join(f' {key}="{escape(value)}"' for key, value in pairs)
    if element in _VOID:
        return Markup(f"<{opening}/>")
    return Markup(f"<{opening}>{join(children)}</{element}>")


def join(children: Iterable[object], between: str = "") -> Markup:
    """The children one after the other, None left out."""
    return Markup(escape(between).join(escape(child) for child in children if child is not None))


def table(
    head: Sequence[object],
    rows: Iterable[Sequence[object]],
    numeric: Iterable[int] = (),
    marked: Iterable[int] = (),
) -> Markup:
    """A table whose first column heads the rows; `numeric` columns align right, `marked` rows are
    highlighted.
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


class Section(NamedTuple):
    """A titled part of the page; `anchor` is its id."""

    anchor: str
    title: str
    body: tuple[object, ...]


def section(title: str, *children: object, anchor: str) -> Section:
    """A part of the page of these elements (None is left out)."""
    return Section(anchor, title, children)


def fold(title: str, *children: object) -> Markup:
    """A part that is closed until asked for (and open in print)."""
    return tag("details", tag("summary", title), *children)


def figure(picture: Markup, caption: object = None, legend: Markup | None = None) -> Markup:
    """A picture with its legend above and its caption below."""
    return tag("figure", legend, picture, tag("figcaption", caption) if caption is not None else None)

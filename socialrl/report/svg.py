"""Matplotlib figures as small inline SVG elements: text stays text, colours follow the page's light or dark
scheme.

There is no global state: each figure is drawn in its own rc context, without pyplot. The same figure gives
the same bytes.
"""

import contextlib
import io
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from socialrl_envs.errors import SocialRLError

try:
    import matplotlib
    from matplotlib.axes import Axes as Axes  # exported, so that it has this guard
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle
    from matplotlib.ticker import EngFormatter, PercentFormatter
    from PIL import Image
except ImportError as error:
    raise SocialRLError(
        "the report needs matplotlib and pillow, which are not both installed",
        "pip install 'socialrl[report]'",
    ) from error

# Placeholders while drawing, which are then replaced by variables of the page's style sheet.
INK, FAINT, LINES, PAPER = "#010203", "#040506", "#070809", "#fdfeff"
_VARIABLES = {INK: "var(--ink)", FAINT: "var(--faint)", LINES: "var(--lines)", PAPER: "var(--paper)"}
ON_WHITE = {
    INK: "#1b1f24",
    FAINT: "#5b6470",
    LINES: "#e3e6ea",
    PAPER: "#ffffff",
}  # for pictures outside a page

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "socialrl",
    "text.parse_math": False,  # names may hold a dollar sign
    "font.family": "DejaVu Sans",
    "font.size": 10.0,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": LINES,
    "grid.linewidth": 0.8,
    "hatch.linewidth": 0.7,
    "hatch.color": PAPER,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
}


@contextlib.contextmanager
def style(colours: Mapping[str, str] | None = None) -> Iterator[None]:
    """A context in which figures are made and written: the report's style over matplotlib's defaults; rc
    files are ignored.

    colours: replacements of the placeholders INK, FAINT, LINES and PAPER.
    """
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({key: (colours or {}).get(value, value) for key, value in _STYLE.items()})
        warnings.filterwarnings(
            "ignore", message="Glyph .* missing from font"
        )  # the browser's font may have it
        yield


def figure(width: float, height: float) -> Figure:
    """An empty figure of this size in inches (72 CSS points each); the layout makes room for labels."""
    made = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(made)
    return made


def compact() -> EngFormatter:
    """Axis numbers as 0, 500, 10k, 2.5M."""
    return EngFormatter(sep="")


def square(x: float, y: float, strength: float, colour: str = "#0072b2") -> Rectangle:
    """A cell of a shaded table around (x, y); strength: its opacity."""
    return Rectangle((x - 0.48, y - 0.48), 0.96, 0.96, facecolor=colour, alpha=strength, edgecolor="none")


def percent() -> PercentFormatter:
    """Axis numbers from 0..1 as 0 %..100 %."""
    return PercentFormatter(xmax=1)


def png(made: Figure, colours: int = 128) -> bytes:
    """The figure as a small PNG on white, 150 dots per inch, with that many colours."""
    buffer, small = io.BytesIO(), io.BytesIO()
    made.savefig(buffer, format="png", dpi=150, facecolor="#ffffff", metadata={"Software": None})
    with Image.open(buffer) as image:
        image.convert("RGB").quantize(colours, kmeans=2, dither=Image.Dither.NONE).save(
            small, "PNG", optimize=True
        )
    return small.getvalue()


def inline(made: Figure, name: str, description: str) -> str:
    """The figure as an <svg> element.

    name: prefix of all ids, unique on the page. description: for screen readers; "" if there is text beside
    the figure.
    """
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    made.savefig(buffer, format="svg", metadata=nothing)
    return _clean(buffer.getvalue(), name, description)


def _clean(text: str, name: str, description: str) -> str:
    text = re.sub(r"<!--.*?-->", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text).replace("xlink:href", "href")
    text = _scope_ids(text, name)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    text = re.sub(
        r"<[^>]*>", lambda m: _shorten(m[0]), re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)
    )
    text = re.sub(r"\n\s*", "\n", text)
    width = re.findall(r'width="([\d.]+)pt"', text)[0]
    role = 'role="img"' if description else 'aria-hidden="true"'
    text = re.sub(
        r'^<svg[^>]*viewBox="([^"]*)"[^>]*>', rf'<svg viewBox="\1" {role} style="width: {width}pt">', text
    )
    return text.replace(">", f"><title>{_escape(description)}</title>" if description else ">", 1).strip()


def _scope_ids(text: str, name: str) -> str:
    """The text with the figure's name in front of ids that are referred to; other ids are removed. So ids are
    unique on the page."""
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text))
    text = re.sub(r' id="([^"]*)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", text)
    return re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", text)


def _shorten(element: str) -> str:
    """A start tag without the font, which the page sets, and with coordinates to a hundredth of a point."""
    element = re.sub(r"font-family: [^;\"]*;? ?", "", element)
    return re.sub(r"(\d\.\d\d)\d+", r"\1", element)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

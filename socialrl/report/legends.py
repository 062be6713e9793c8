"""Legends of the figures: arms and sources."""

from collections.abc import Iterable, Mapping, Sequence

from socialrl.report import figures
from socialrl.report.figures import Styles
from socialrl.report.markup import Markup, tag


def arm_legend(arms: Sequence[str], styles: Styles, name: str) -> Markup:
    """A list of the arms with line and marker. name: unique on the page."""
    swatches = (Markup(figures.swatch(styles[arm], f"{name}{i}")) for i, arm in enumerate(arms))
    return tag(
        "ul", *(tag("li", swatch, arm) for swatch, arm in zip(swatches, arms, strict=True)), class_="legend"
    )


def source_legend(sources: Iterable[str], colours: Mapping[str, str], name: str) -> Markup:
    """A list of the sources with their fill. colours: of all sources. name: unique on the page."""
    swatches = [
        (Markup(figures.source_swatch(source, colours, f"{name}{i}")), source)
        for i, source in enumerate(sources)
    ]
    return tag("ul", *(tag("li", swatch, source) for swatch, source in swatches), class_="legend")

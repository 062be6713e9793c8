"""The page's section about whom each arm followed."""

from collections.abc import Iterable, Mapping

import numpy as np

from socialrl.report import figures
from socialrl.report.legends import source_legend
from socialrl.report.markup import Markup, Section, figure, join, section, tag
from socialrl.report.reading import ArmRun, Study
from socialrl.report.tables import SHARE


def sources_of(study: Study) -> list[str]:
    """Every source that any arm could follow, self first, then by name and number."""
    found = {
        name
        for arm in study.arms
        for kind in ("final", "eval")
        for name in arm.metrics(kind)
        if name.startswith(SHARE)
    }
    return sorted((name.removeprefix(SHARE) for name in found), key=_place)


def _place(source: str) -> tuple[bool, str, int, str]:
    stem, _, number = source.rpartition("_")
    return source != "self", stem, int(number) if number.isdecimal() else -1, source


def followed(study: Study, colours: Mapping[str, str]) -> Section | None:
    """Whom each arm followed, at the end and over training."""
    bars = {arm.label: parts for arm in study.arms if (parts := _last_shares(arm, colours))}
    if not bars:
        return None
    over_training = _over_training(study, colours)
    if not any(share > 0 for parts in bars.values() for source, share in parts.items() if source != "self"):
        text = (
            "No arm decides to act as another at its last evaluation. A policy without such sources follows, if at all, by "
            "what it sees: the maps below show how far the others move it."
        )
        return section("Who was followed", tag("p", text), over_training, anchor="followed")
    legend = source_legend(colours, colours, "source-key")
    picture = Markup(figures.shares(bars, colours, "shares"))
    text = "Share of steps on which the novice acted as itself, or as that co-player would; last evaluation, mean over seeds."
    return section("Who was followed", figure(picture, text, legend), over_training, anchor="followed")


def _last_shares(arm: ArmRun, order: Iterable[str]) -> dict[str, float]:
    record = arm.latest()
    values = {} if record is None else record.values
    means = {
        name.removeprefix(SHARE): float(np.mean(shares[np.isfinite(shares)]))
        for name, shares in values.items()
        if name.startswith(SHARE) and np.isfinite(shares).any()
    }
    return {source: means[source] for source in order if source in means}


def _over_training(study: Study, colours: Mapping[str, str]) -> Markup | None:
    pictures, alone = [], []
    for i, arm in enumerate(study.arms):
        names = [SHARE + source for source in colours if SHARE + source in arm.metrics("eval")]
        series = {name.removeprefix(SHARE): figures.thin(arm.series("eval", name)) for name in names}
        if len(names) < 2 or min(len(one) for one in series.values()) < 2:
            continue
        if not any((one.values > 0).any() for source, one in series.items() if source != "self"):
            alone.append(arm.label)
            continue
        parts = {source: figures.mean_over_seeds(one.values) for source, one in series.items()}
        steps = next(iter(series.values())).steps
        picture = Markup(
            figures.shares_over(steps, parts, colours, f"share{i}", f"{arm.label} over training")
        )
        pictures.append(tag("figure", tag("h4", arm.label), picture))
    rest = (
        tag("p", f"Followed no one, at any evaluation: {', '.join(alone)}.", class_="note") if alone else None
    )
    if not pictures:
        return rest
    return join([tag("h3", "Over training"), tag("div", *pictures, class_="grid halves"), rest])

"""Section: the shares of steps on which each source was followed, at the end of training and during it."""

from collections.abc import Iterable, Mapping

import numpy as np

from socialrl.report import figures
from socialrl.report.legends import source_legend
from socialrl.report.markup import Markup, figure, join, tag
from socialrl.report.reading import ArmRun, Study
from socialrl.report.section import Body, Context, ReportSection
from socialrl.report.tables import SHARE

NOTE = (
    "Share of steps on which the novice acted by its own policy (self), or as it believes that co-player "
    "would act; latest evaluation, mean over seeds."
)
NOBODY = (
    "No arm follows another source at its latest evaluation. For a policy without sources, the decision maps "
    "below show how far the presence of the others changes it."
)


def render(context: Context) -> Body | None:
    """Bars of the latest evaluation, and areas over training."""
    study, colours = context.study, context.colours
    bars = {arm.label: parts for arm in study.arms if (parts := _last_shares(arm, colours))}
    if not bars:
        return None
    over_training = _over_training(study, colours)
    if not any(share > 0 for parts in bars.values() for source, share in parts.items() if source != "self"):
        return tag("p", NOBODY), over_training
    legend = source_legend(colours, colours, "source-key")
    picture = Markup(figures.shares(bars, colours, "shares"))
    return figure(picture, NOTE, legend), over_training


def _last_shares(arm: ArmRun, order: Iterable[str]) -> dict[str, float]:
    """The shares of the latest evaluation by source, in this order: means over seeds with a number."""
    record = arm.latest()
    values = {} if record is None else record.values
    means = {
        name.removeprefix(SHARE): float(np.mean(shares[np.isfinite(shares)]))
        for name, shares in values.items()
        if name.startswith(SHARE) and np.isfinite(shares).any()
    }
    return {source: means[source] for source in order if source in means}


def _over_training(study: Study, colours: Mapping[str, str]) -> Markup | None:
    """The shares of all evaluations, of arms that followed another source in one of them."""
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
            figures.shares_over(
                steps,
                parts,
                colours,
                f"share{i}",
                f"{arm.label} over training",
                xlabel="environment steps per seed",
            )
        )
        pictures.append(tag("figure", tag("h4", arm.label), picture))
    rest = (
        tag("p", f"Followed no one at any evaluation: {', '.join(alone)}.", class_="note") if alone else None
    )
    if not pictures:
        return rest
    return join([tag("h3", "Over training"), tag("div", *pictures, class_="grid halves"), rest])


SECTION = ReportSection(title="Who was followed", anchor="followed", order=60, render=render)

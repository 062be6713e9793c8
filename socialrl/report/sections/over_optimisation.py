"""Section: what became of policies that were improved on an inferred reward, from the records of `reference`
and of training: the inferred and the true reward over the distance from the reference policy, and the risk to
end below it.
"""

from collections.abc import Mapping

import numpy as np

from socialrl.record.labels import Reference
from socialrl.report import optimisation_figures as figures
from socialrl.report.legends import arm_legend
from socialrl.report.markup import Markup, figure, table, tag
from socialrl.report.optimisation_figures import Path
from socialrl.report.reading import ArmRun
from socialrl.report.scores import PerSeed, cell
from socialrl.report.section import Body, Context, ReportSection
from socialrl.report.statistics import interval
from socialrl.report.tables import NONE

COLUMNS = {
    "return": "return",
    "reference_return": "of the reference",
    "gain": "gain",
    "below": "share of runs below",
    "proxy_gain": "gain by the inferred reward",
}
NOTE = (
    "The policy and the reference policy from which it was improved, on the same held-out levels. Gain: "
    "difference in return by the true reward. Share of runs below: seeds whose gain is negative. Gain by the "
    "inferred reward: the same in the reward that it was improved on. Where that rises and the gain falls, "
    "the inferred reward is over-optimised."
)
CURVE = (
    "Over training, from the reference policy on: the mean reward of a step over KL(policy || reference) in "
    "nats, each the mean over seeds; above the inferred reward, below the true one, which no learner sees."
)
RISK = "The share of runs that end below their reference, and the gain: right and low is better."


def render(context: Context) -> Body | None:
    """Both figures and the table."""
    found = [
        (arm, labels.policy, record.values)
        for arm in context.study.arms
        for labels, record in arm.measured(Reference)
    ]
    if not found:
        return None
    arms = list(dict.fromkeys(arm.label for arm, _, _ in found))
    legend = arm_legend(arms, context.styles, "optimisation-key")
    paths = {arm.label: one for arm in context.study.arms if (one := path(arm)) is not None}
    sampled = {arm.label: values for arm, policy, values in found if policy == "sampled"}
    rows = [
        (
            arm.label,
            policy,
            *(_cell(name, values) for name in COLUMNS),
        )
        for arm, policy, values in found
    ]
    return (
        figure(Markup(figures.over_distance(paths, context.styles, "optimisation")), CURVE, legend)
        if paths
        else None,
        figure(Markup(figures.risk(sampled, context.styles, "optimisation-risk")), RISK, legend)
        if sampled
        else None,
        table(("arm", "policy", *COLUMNS.values()), rows),
        tag("p", NOTE, class_="note"),
    )


def _cell(name: str, values: Mapping[str, PerSeed]) -> object:
    """The estimate of a measure; of `below` the plain share of runs, which an interquartile mean is not."""
    if name not in values:
        return NONE
    if name != "below":
        return cell(interval(values[name]))
    known = values[name][np.isfinite(values[name])]
    return f"{known.mean():.0%} of {len(known)}" if len(known) else NONE


def path(arm: ArmRun) -> Path | None:
    """Where training led an arm: means over seeds, at the records after the reference policy was cloned; None
    if it infers no reward.
    """
    names = ("reference_kl", "true_reward", "proxy_reward")
    if not set(names) <= set(arm.metrics("train")):
        return None
    series = [arm.series("train", name).values for name in names]
    begun = np.isfinite(series[0]).all(axis=1) & (series[0] != 0).all(axis=1)
    if not begun.any():
        return None
    kl, true, proxy = (values[begun].mean(axis=1) for values in series)
    return Path(kl=kl, true=true, proxy=proxy)


SECTION = ReportSection(
    title="Over-optimisation", anchor="over-optimisation", order=98, render=render, kinds=(Reference.kind,)
)

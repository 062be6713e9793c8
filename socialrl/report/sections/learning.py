"""Section: learning curves."""

from socialrl.report import figures
from socialrl.report.legends import arm_legend
from socialrl.report.markup import Markup, figure, tag
from socialrl.report.scores import heading
from socialrl.report.section import Body, Context, ReportSection

NOTE = "Thick lines: interquartile mean over seeds, with its pointwise 95 % band. Thin lines: each seed."
HELD_OUT = " Greedy episodes on levels that are not used for training."


def render(context: Context) -> Body | None:
    """The return of the evaluations over training; the training return if there are no evaluations."""
    study, styles = context.study, context.styles
    kind = "eval" if any("return" in arm.metrics("eval") for arm in study.arms) else "train"
    what = "return on held-out levels" if kind == "eval" else "return in training"
    parts = []
    for i, (title, arms) in enumerate(study.groups.items()):
        curves = {arm.label: series for arm in arms if len(series := arm.series(kind, "return"))}
        if curves:
            picture = Markup(figures.learning_curves(curves, styles, f"curves{i}", what))
            legend = arm_legend(list(curves), styles, f"curve-key{i}")
            parts += [heading(study, title), figure(picture, legend=legend)]
    note = tag("p", NOTE + HELD_OUT if kind == "eval" else NOTE, class_="note")
    return (*parts, note) if parts else None


SECTION = ReportSection(title="Learning curves", anchor="curves", order=30, render=render)

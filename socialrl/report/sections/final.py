"""Section: final scores as a figure, all measures of the final evaluation, and further evaluations."""

from socialrl.record import labels
from socialrl.report import figures
from socialrl.report.markup import Markup, figure, fold, table, tag
from socialrl.report.reading import Record, Study
from socialrl.report.scores import cell, heading, returns, seed_cells
from socialrl.report.section import Body, Context, ReportSection
from socialrl.report.statistics import interval
from socialrl.report.tables import NONE, SHARE, returns_first

OWN = ("train", "eval", "final")  # kinds of the experiment's own records


def render(context: Context) -> Body | None:
    """Final scores by experiment, then the tables, folded."""
    study, parts, unfinished = context.study, [], []
    for i, (title, arms) in enumerate(study.groups.items()):
        scores = {label: (seeds, interval(seeds)) for label, seeds in returns(arms).items()}
        unfinished += [arm.label for arm in arms if arm.label in scores and not arm.finished]
        if scores:
            drawn = figures.final_scores(scores, context.styles, f"final{i}", "return")
            parts += [heading(study, title), figure(Markup(drawn))]
    text = "Open points: each seed. Filled points with bars: interquartile mean and its 95 % interval."
    if unfinished:
        text += f" Not finished, so the latest evaluation is shown: {', '.join(unfinished)}."
    note, others = tag("p", text, class_="note"), further(study, context.kinds)
    if parts:
        return *parts, note, measures(study), others
    return None if others is None else (others,)


def measures(study: Study) -> Markup | None:
    """The measures of the latest evaluation except shares of sources; None if there is but the return."""
    latest = [
        (arm, record) for arm in study.arms if (record := arm.latest()) is not None and record.kind != "train"
    ]
    names = returns_first(
        name for _, record in latest for name in record.values if not name.startswith(SHARE)
    )
    if len(names) < 2:
        return None
    rows = []
    for name in names:
        cells = [
            cell(interval(record.values[name])) if name in record.values else NONE for _, record in latest
        ]
        rows.append((name, *cells))
    note = "IQM and 95 % interval, per episode. No learner sees the co-players' returns."
    head = ("measure", *(arm.label for arm, _ in latest))
    return fold("All measures of the final evaluation", tag("p", note, class_="note"), table(head, rows))


def further(study: Study, kinds: frozenset[str]) -> Markup | None:
    """The records of protocols that no section shows: a row per arm, condition and measure. kinds: those
    shown.
    """
    rows = [
        (
            arm.label,
            record.kind,
            ", ".join(f"{key} {value}" for key, value in record.labels.items()),
            name,
            cell(interval(values)),
            seed_cells(values),
        )
        for arm in study.arms
        for record in arm.records
        if not is_shown(record, kinds)
        for name, values in record.values.items()
    ]
    if not rows:
        return None
    head = ("arm", "evaluation", "condition", "measure", "IQM, 95 % interval", "each seed")
    return fold("Further evaluations", table(head, rows))


def is_shown(record: Record, kinds: frozenset[str]) -> bool:
    """Whether another part of the page shows a record: the experiment's own, or of a kind with a section that
    can read its labels."""
    if record.kind in OWN:
        return not record.labels
    schema = labels.SCHEMAS.get(record.kind)
    return record.kind in kinds and (schema is None or labels.read(schema, record.labels) is not None)


SECTION = ReportSection(title="Final scores", anchor="final", order=50, render=render)

"""A section of the report: the return of each arm with and without exploration."""

from socialrl.report.markup import table
from socialrl.report.section import Body, Context, ReportSection


def render(context: Context) -> Body | None:
    """A table with a row per arm and condition; None if no run was evaluated by the protocol `exploring`."""
    rows = [
        (arm.label, str(record.labels["policy"]), f"{record.values['return'].mean():.2f}")
        for arm in context.study.arms
        for record in arm.records
        if record.kind == "exploring"
    ]
    return (table(("arm", "policy", "mean return"), rows),) if rows else None


SECTION = ReportSection(
    title="Exploration", anchor="exploring", order=135, render=render, kinds=("exploring",)
)

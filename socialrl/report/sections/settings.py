"""Section: the resolved settings of each arm."""

import json
from collections.abc import Mapping

from socialrl.report.markup import Markup, escape, fold, join, table, tag
from socialrl.report.section import Body, Context, ReportSection
from socialrl.report.tables import NONE

COLUMNS = 4  # the most arms with a column each; of more, arms with equal values are listed together


def render(context: Context) -> Body | None:
    """The settings in which the arms differ, and all settings, folded."""
    flat = {arm.label: flatten(arm.settings) for arm in context.study.arms if arm.settings}
    if not flat:
        return None
    keys = list(dict.fromkeys(key for values in flat.values() for key in values))
    different = [key for key in keys if differs(key, flat)]
    if len(flat) <= COLUMNS:
        head = ("setting", *flat)
        everything = [(key, *(values.get(key, NONE) for values in flat.values())) for key in keys]
    else:
        head = ("setting", "values, each with its arms")
        everything = [(key, by_value(key, flat)) for key in keys]
    parts: list[Markup] = []
    if len(flat) > 1:
        rows = [row for row, key in zip(everything, keys, strict=True) if key in different]
        note = "Settings that at least two arms have, with different values."
        parts.append(
            join(
                [tag("h3", "Differences between the arms"), tag("p", note, class_="note"), table(head, rows)]
            )
            if rows
            else tag("p", "The arms have equal settings.")
        )
    marked = [i for i, key in enumerate(keys) if key in different]
    parts.append(fold(f"All {len(keys)} settings", table(head, everything, marked=marked)))
    return (tag("div", *parts, class_="settings" if len(flat) <= COLUMNS else "settings joint"),)


def by_value(key: str, flat: Mapping[str, Mapping[str, str]]) -> Markup:
    """The values of a setting, most common first, each on a line with its arms; without arms if all have the
    same.
    """
    arms: dict[str, list[str]] = {}
    for arm, values in flat.items():
        if key in values:
            arms.setdefault(values[key], []).append(arm)
    if list(map(len, arms.values())) == [len(flat)]:
        return escape(next(iter(arms)))
    missing = len(flat) - sum(map(len, arms.values()))
    lines = []
    for value, names in sorted(arms.items(), key=lambda item: -len(item[1])):
        most = len(names) > 2 and not missing and not lines
        who = f"the other {len(names)} arms" if most else ", ".join(names)
        lines.append(tag("div", value, tag("span", who, class_="source")))
    return join(lines)


def differs(key: str, flat: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether two arms have different values of a setting that both have."""
    return len({values[key] for values in flat.values() if key in values}) > 1


def flatten(value: object, path: str = "") -> dict[str, str]:
    """A JSON value as text by dotted key; a list is one value unless it contains objects."""
    if isinstance(value, dict) and value:
        items = [(f"{path}.{key}" if path else str(key), item) for key, item in value.items()]
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        items = [(f"{path}.{i}", item) for i, item in enumerate(value)]
    else:
        return {path: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}
    return {key: text for name, item in items for key, text in flatten(item, name).items()}


SECTION = ReportSection(title="Settings", anchor="settings", order=150, render=render)

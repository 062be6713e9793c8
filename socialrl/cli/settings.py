"""Settings of an experiment or a world as text, with types, values, ranges and meanings."""

import dataclasses
import itertools
import shutil
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from socialrl.config import Arm, Experiment

Row = tuple[str, str, str]  # the key, its type with value and range, its meaning


def describe(experiment: "Experiment") -> str:
    """All settings of an experiment with their values, as lines of text."""

    def line(word: str, config: Any, skipped: Sequence[str] = ()) -> str:
        known = [field.name for field in dataclasses.fields(config) if field.name not in skipped]
        words = [_name(config), *(f"{key}={_show(getattr(config, key))}" for key in known)]
        text = f"{word:<12} " + "  ".join(words)
        return textwrap.fill(
            text, width, subsequent_indent=" " * 13, break_long_words=False, break_on_hyphens=False
        )

    width = max(shutil.get_terminal_size((120, 24)).columns, 60)
    lines = [
        line("experiment", experiment, ("name", "world", "arms", "claims", "claims_in_all")),
        line("world", experiment.world),
    ]
    for arm in experiment.arms:
        lines.append(line(f"arm {arm.name}", arm.learner))
        lines += [line("  its world", arm.world)] if arm.world is not None else []
        lines += [line("  beside", arm.partners)] if arm.partners is not None else []
        lines += [line("  lives in", arm.generations)] if arm.generations is not None else []
    return "\n".join(lines)


def settings_help(experiment: "Experiment") -> str:
    """The keys that can be overridden, with type, value, range and meaning, as text in three columns."""
    from socialrl.overrides import keys

    rows = []
    for key, holder in keys(experiment).items():
        part, _, name = key.rpartition(".")
        if key == "arms":
            names = ", ".join(arm.name for arm in experiment.arms)
            rows.append(("--arms", f"a list of names = {names}", _meaning(type(holder), name)))
        else:
            values = _values(experiment, part, name)
            rows.append(_row(f"--{key}", type(holder), name, ", ".join(values), len(values) == 1))
    arms = ", ".join(arm.name for arm in experiment.arms)
    return f"settings of {experiment.name} (arms: {arms}), with type, value and meaning:\n{_columns(rows)}"


def world_settings_help(target: str) -> str:
    """The settings of a world as text in three columns; target: a world's name or a run folder."""
    from socialrl.play.cast import world_of

    config = world_of(target)
    fields = [field.name for field in dataclasses.fields(config) if field.init]
    rows = [_row(f"--world.{key}", type(config), key, _show(getattr(config, key))) for key in fields]
    return f"settings of {_name(config)}, with type, value and meaning:\n{_columns(rows)}"


def _row(key: str, cls: type, name: str, value: str, single: bool = True) -> Row:
    """A key, its type and value, "int = 9 (in 5..64; default 7)", and its meaning.

    single: whether the value is the same for all arms.
    """
    from socialrl.coerce import describe as describe_type
    from socialrl.coerce import fields_of
    from socialrl_envs.options import meanings

    field = next(field for field in dataclasses.fields(cls) if field.name == name)
    meaning = meanings(cls).get(name)
    kind = describe_type(fields_of(cls)[name])
    notes = [] if meaning is None or kind.startswith("one of") else [meaning.bound]
    default = "" if field.default is dataclasses.MISSING else _show(field.default)
    notes += [f"default {default}"] if single and default and default != value.partition(" (")[0] else []
    shown = "; ".join(note for note in notes if note)
    return key, f"{kind} = {value}" + (f" ({shown})" if shown else ""), _meaning(cls, name)


def _meaning(cls: type, name: str) -> str:
    """The meaning of a field by its metadata; "" if it has none."""
    from socialrl_envs.options import meanings

    meaning = meanings(cls).get(name)
    return "" if meaning is None else meaning.help


def _columns(rows: Sequence[Row]) -> str:
    """The rows as text in three columns."""
    first = max(len(key) for key, _, _ in rows)
    second = min(max(len(value) for _, value, _ in rows), 48)
    width = max(shutil.get_terminal_size((150, 24)).columns - first - second - 6, 40)
    lines = []
    for key, value, doc in rows:
        columns = ([key], textwrap.wrap(value, second, break_on_hyphens=False), textwrap.wrap(doc, width))
        for parts in itertools.zip_longest(*columns, fillvalue=""):
            lines.append(f"  {parts[0]:<{first}}  {parts[1]:<{second}}  {parts[2]}".rstrip())
    return "\n".join(lines)


def _values(experiment: "Experiment", part: str, name: str) -> list[str]:
    """The value of a key, or where arms differ the value of each, followed by the arm's name."""
    if part == "":
        return [_show(getattr(experiment, name))]
    held = {arm.name: _held(experiment, part, arm) for arm in experiment.arms}
    shown = {arm: _show(getattr(config, name)) for arm, config in held.items() if _has(config, name)}
    if len(set(shown.values())) == 1 and len(shown) == len(held):
        return [next(iter(shown.values()))]
    return [f"{value} ({arm})" for arm, value in shown.items()]


def _held(experiment: "Experiment", part: str, arm: "Arm") -> Any:
    """The Config of an arm's world, curriculum, partners, generations or learner; None if it has no such
    part.
    """
    parts = {
        "world": experiment.world_of(arm),
        "curriculum": experiment.curriculum_of(arm),
        "partners": arm.partners,
        "generations": arm.generations,
    }
    return parts.get(part, arm.learner)


def _has(config: object, name: str) -> bool:
    return dataclasses.is_dataclass(config) and any(
        field.name == name for field in dataclasses.fields(config)
    )


def _show(value: object) -> str:
    """A value in one line; of a dataclass, such as a seat, only the fields that are not at their default."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        held = {
            field.name: (getattr(value, field.name), field.default) for field in dataclasses.fields(value)
        }
        own = [f"{name}={_show(now)}" for name, (now, default) in held.items() if now != default]
        return f"{_name(value)}({', '.join(own)})"
    if isinstance(value, tuple | list):
        shown = [repr(item) if isinstance(item, str) else _show(item) for item in value]
        return f"({','.join(shown)}{',' * (len(shown) == 1)})"
    return str(value)


def _name(config: object) -> str:
    """The name of a config: its module's, an experiment's or arm's own, otherwise that of its class."""
    from socialrl.config import Arm, Experiment
    from socialrl_envs import plugins

    cls = type(config)
    if isinstance(config, Experiment | Arm):
        return config.name
    return plugins.stem(cls).rpartition(".")[2] if cls.__qualname__ == "Config" else cls.__qualname__

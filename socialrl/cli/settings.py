"""Settings as text: those of an experiment or a world, with types, values and meanings."""

import dataclasses
import itertools
import shutil
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from socialrl.config import Experiment


def describe(experiment: "Experiment") -> str:
    """The resolved experiment in lines of text: every setting with its value."""

    def line(word: str, config: Any, skipped: Sequence[str] = ()) -> str:
        known = [field.name for field in dataclasses.fields(config) if field.name not in skipped]
        words = [_name(config), *(f"{key}={_show(getattr(config, key))}" for key in known)]
        text = f"{word:<12} " + "  ".join(words)
        return textwrap.fill(
            text, width, subsequent_indent=" " * 13, break_long_words=False, break_on_hyphens=False
        )

    width = max(shutil.get_terminal_size((120, 24)).columns, 60)
    lines = [
        line("experiment", experiment, ("name", "world", "arms", "claims")),
        line("world", experiment.world),
    ]
    for arm in experiment.arms:
        lines.append(line(f"arm {arm.name}", arm.learner))
        lines += [line("  its world", arm.world)] if arm.world is not None else []
    return "\n".join(lines)


def settings_help(experiment: "Experiment") -> str:
    """All keys that can be overridden, each with its type, value and meaning, in three columns."""
    from socialrl.coerce import describe as describe_type
    from socialrl.coerce import fields_of
    from socialrl.fielddocs import field_docs
    from socialrl.overrides import keys

    rows = []
    for key, holder in keys(experiment).items():
        part, _, name = key.rpartition(".")
        known = fields_of(type(holder))
        if key == "arms":
            kind, value = "a list of names", ", ".join(arm.name for arm in experiment.arms)
        else:
            kind, value = describe_type(known[name]), _values(experiment, part, name)
        rows.append((f"--{key}", f"{kind} = {value}", field_docs(type(holder)).get(name, "")))
    arms = ", ".join(arm.name for arm in experiment.arms)
    return f"settings of {experiment.name} (arms: {arms}), with type, value and meaning:\n{_columns(rows)}"


def world_settings_help(target: str) -> str:
    """The same of a world by name, or of the world of a run."""
    from socialrl.coerce import describe as describe_type
    from socialrl.coerce import fields_of
    from socialrl.fielddocs import field_docs
    from socialrl.play.cast import world_of

    config = world_of(target)
    docs, kinds = field_docs(type(config)), fields_of(type(config))
    rows = [
        (f"--world.{k}", f"{describe_type(kind)} = {_show(getattr(config, k))}", docs[k])
        for k, kind in kinds.items()
    ]
    return f"settings of {_name(config)}, with type, value and meaning:\n{_columns(rows)}"


def _columns(rows: Sequence[tuple[str, str, str]]) -> str:
    """Keys, what they hold and what they mean, in three columns."""
    first = max(len(key) for key, _, _ in rows)
    second = min(max(len(value) for _, value, _ in rows), 48)
    width = max(shutil.get_terminal_size((150, 24)).columns - first - second - 6, 40)
    lines = []
    for key, value, doc in rows:
        columns = ([key], textwrap.wrap(value, second, break_on_hyphens=False), textwrap.wrap(doc, width))
        for parts in itertools.zip_longest(*columns, fillvalue=""):
            lines.append(f"  {parts[0]:<{first}}  {parts[1]:<{second}}  {parts[2]}".rstrip())
    return "\n".join(lines)


def _values(experiment: "Experiment", part: str, name: str) -> str:
    """The key's value, or where the arms differ each arm's."""
    if part == "":
        return _show(getattr(experiment, name))
    holders = {
        arm.name: experiment.world_of(arm) if part == "world" else arm.learner for arm in experiment.arms
    }
    shown = {arm: _show(getattr(holder, name)) for arm, holder in holders.items() if hasattr(holder, name)}
    if len(set(shown.values())) == 1 and len(shown) == len(holders):
        return next(iter(shown.values()))
    return ", ".join(f"{value} ({arm})" for arm, value in shown.items())


def _show(value: Any) -> str:
    """A setting's value in one line; of a part, such as a seat or a protocol, what is not its default."""
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


def _name(config: Any) -> str:
    """What a config is called: a Config by its file, anything that has a name by that, else by its class."""
    if type(config).__name__ == "Config":
        return type(config).__module__.rpartition(".")[2]
    return getattr(config, "name", type(config).__name__)

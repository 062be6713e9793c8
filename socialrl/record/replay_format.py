"""The replay format, version 5, as tables: what the header and the arrays hold, and how both are checked.

Axis letters of the arrays: `E` episodes, `T` steps of the longest episode, `N` seats, `M` novices, `S`
sources, `A` actions, `H` x `W` cells, `V` x `U` x `C` one view, `Q` concepts, `L` values of the concept that
has most.

From version 4 on a file holds all that a picture needs, so that it can be shown without the code of its
world: movement, view and colours in the header, notes and kinds as arrays. Version 5 has the concepts that a
novice reads. Older versions are read too, see `replay_versions.py`.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np

from socialrl.record import schema
from socialrl.record.archive import Arrays, Kind, Layout
from socialrl.record.replay_versions import table_of, upgraded
from socialrl_envs.concepts import Concept, ConceptKind
from socialrl_envs.errors import SocialRLError, nearest
from socialrl_envs.picture import HIDDEN, KINDS
from socialrl_envs.safe_json import Json
from socialrl_envs.visibility import Movement, ViewKind, ViewSpec

FORMAT, VERSION, READABLE = "socialrl-replay", 5, (1, 2, 3, 4, 5)
KIND = Kind(
    word="replay",
    origin="name a file that `socialrl run` wrote into replays/",
    smaller="record fewer or shorter episodes",
)
HEX = re.compile("#[0-9a-fA-F]{6}")

# name -> dtype and axes. `T+1` counts states, `T` steps; rows past an episode's length are padding.
ARRAYS: dict[str, tuple[str, str]] = {
    "length": ("int32", "E"),
    "tiles": ("uint8", "E T+1 H W"),
    "position": ("uint8", "E T+1 N 2"),
    "heading": ("uint8", "E T+1 N"),
    "present": ("bool", "E T+1 N"),
    "action": ("int8", "E T N"),
    "reward": ("float32", "E T N"),
    "terminated": ("bool", "E T"),
    "truncated": ("bool", "E T"),
    "source": ("int8", "E T M"),
    "values": ("float32", "E T M S A"),
    "influence": ("float32", "E T M"),
}
OPTIONAL: dict[str, tuple[str, str]] = {
    "reset_key": ("uint32", "E 2"),
    "step_key": ("uint32", "E T 2"),
    "checksum": ("uint32", "E T+1"),
    "spread": ("float32", "E T M S A"),
    "observed": ("uint8", "E T M V U C"),
    "prediction": ("uint8", "E T M V U C"),
    "occupancy": ("uint8", "E T M H W"),
    "belief": ("uint8", "E T M 4 H W"),
    "concept_read": ("uint8", "E T M Q L"),
    "concept_truth": ("int16", "E T M Q"),
    "notes": ("uint8", "E T+1 H W"),
    "kinds": ("uint8", "E T+1 H W"),
}
# Optional arrays `level_<field>` and `start_<field>`: any numbers, first axis E.
LEVEL, START = "level_", "start_"


def _is_view(value: object) -> bool:
    """Whether a header's value holds the fields of a ViewSpec that can be."""
    if not isinstance(value, dict) or value.keys() != {"kind", "size", "occlusion"}:
        return False
    kind, size, occlusion = value["kind"], value["size"], value["occlusion"]
    if kind not in get_args(ViewKind) or not schema.is_count(size) or not isinstance(occlusion, bool):
        return False
    try:
        ViewSpec(kind=kind, size=size, occlusion=occlusion)
    except SocialRLError:
        return False
    return size <= 255


def concepts_of(value: Sequence[Mapping[str, Any]]) -> tuple[Concept, ...]:
    """The concepts of a header."""
    return tuple(Concept(**{**one, "words": tuple(one["words"])}) for one in value)


def _is_concepts(value: object) -> bool:
    """Whether a header's value is a list of concepts with different names."""
    fields = {field.name for field in dataclasses.fields(Concept)}
    if not isinstance(value, list) or len(value) > 100:
        return False
    for one in value:
        if not isinstance(one, dict) or one.keys() != fields or one["kind"] not in get_args(ConceptKind):
            return False
        if not schema.is_name(one["name"]) or not schema.is_name(one["meaning"]):
            return False
        if (one["words"] != [] and not schema.is_names(one["words"])) or not schema.is_count(one["radius"]):
            return False
    try:
        return len({one.name for one in concepts_of(value)}) == len(value)
    except SocialRLError:
        return False


def _is_colours(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) and HEX.fullmatch(one) for one in value)


HEADER: schema.Keys = {
    "format": (lambda v: v == FORMAT, f'"{FORMAT}"'),
    "version": schema.VERSION,
    "world": schema.WORLD,
    "agents": schema.NAMES,
    "novices": (lambda v: schema.is_counts(v) and len(v) > 0, "a list of seat indices"),
    "sources": schema.NAMES,
    "source_seats": (
        lambda v: (
            isinstance(v, list)
            and v[:1] == [None]
            and schema.is_counts([seat for seat in v if seat is not None])
        ),
        "null and then the seat index of each other source, or null where it is not said whom it follows",
    ),
    "actions": schema.NAMES,
    "cumulants": schema.NAMES,
    "channels": schema.NAMES,
    "obs_shape": schema.SHAPE,
    "preferences": (lambda v: v is None or schema.is_matrix(v), "null, or one list of numbers per seat"),
    "experiment": schema.NAME,
    "arm": schema.NAME,
    "seed": schema.COUNT,
    "step": schema.COUNT,
    "versions": schema.VERSIONS,
    "value_unit": (lambda v: v in (None, "reward", "logit"), '"reward", "logit" or null'),
    "movement": (lambda v: v in get_args(Movement), '"turning" or "cardinal"'),
    "view": (_is_view, "an object with kind, size and occlusion of a view"),
    "colours": (_is_colours, 'a list of "#rrggbb"'),
    "concepts": (_is_concepts, "a list of concepts, each with name, meaning, kind, words and radius"),
}


def check_header(header: Json, where: str) -> dict[str, Any]:
    """The header of a replay in the keys of this version, whichever readable version the file is of.

    where: named in errors. Raises SocialRLError unless this is the header of a replay that can be read.
    """
    version = header.get("version") if isinstance(header, dict) else None
    table = table_of(HEADER, version)
    header = schema.check_header(header, table, FORMAT, READABLE, KIND, where)
    current = upgraded(header)
    seats, sources, cumulants = len(current["agents"]), len(current["sources"]), len(current["cumulants"])
    rules = {
        f"novices must be different seats below {seats}": len(set(current["novices"]))
        == len(current["novices"])
        and max(current["novices"]) < seats,
        f"source_seats must be {sources}, one per source, below {seats}": len(current["source_seats"])
        == sources
        and max((seat for seat in current["source_seats"] if seat is not None), default=0) < seats,
        f"channels must be {current['obs_shape'][2]}, as in obs_shape": len(current["channels"])
        == current["obs_shape"][2],
        f"preferences must be {seats} x {cumulants}": current["preferences"] is None
        or [len(row) for row in current["preferences"]] == [cumulants] * seats,
        f"colours must be {seats}, one per seat": len(current["colours"]) == seats,
        "there may be at most 255 seats, and 127 sources and actions": seats <= 255
        and max(sources, len(current["actions"])) <= 127,
    }
    schema.check_rules(rules, KIND, where)
    return current


def check_layout(header: Mapping[str, Any], layout: Layout, where: str) -> None:
    """Raises SocialRLError unless names, dtypes and shapes are those of a replay with this header. Reads no
    array.
    """
    sizes = {
        axis: len(header[key])
        for axis, key in zip("NMSA", ("agents", "novices", "sources", "actions"), strict=True)
    }
    sizes |= dict(zip("VUC", header["obs_shape"], strict=True))
    concepts = concepts_of(header["concepts"])
    sizes |= {"Q": len(concepts), "L": max((len(one.values) for one in concepts), default=0)}
    for name in ("concept_read", "concept_truth"):
        if (name in layout) != bool(concepts):
            has = "no concepts, but an" if name in layout else "concepts, but no"
            raise SocialRLError(f"{where}: it has {has} array {name}")
    schema.check_arrays(layout, ARRAYS, OPTIONAL, sizes, KIND, where)
    for name in layout.keys() - ARRAYS.keys() - OPTIONAL.keys():
        if not name.startswith((LEVEL, START)):
            raise SocialRLError(f"{where}: unknown array {name!r}", nearest(name, (*ARRAYS, *OPTIONAL)))
        found, shape = layout[name]
        if found.kind not in "buif" or shape[:1] != (sizes["E"],):
            raise SocialRLError(f"{where}: array {name} must hold numbers for each of {sizes['E']} episodes")
    schema.check_sizes(
        sizes, {"E": "episode", "T": "step", "H": "row of cells", "W": "column of cells"}, where
    )


def check_values(arrays: Arrays, where: str) -> None:
    """Raises SocialRLError if an entry is out of its range. The arrays must have passed `check_layout`."""
    height, width = arrays["tiles"].shape[2:]
    sources, actions = arrays["values"].shape[3:]
    schema.check_range("length", arrays["length"], 1, arrays["action"].shape[1], where)
    schema.check_range("position (row)", arrays["position"][..., 0], 0, height - 1, where)
    schema.check_range("position (column)", arrays["position"][..., 1], 0, width - 1, where)
    schema.check_range("heading", arrays["heading"], 0, 3, where)
    schema.check_range("action", arrays["action"], 0, actions - 1, where)
    schema.check_range("source", arrays["source"], 0, sources - 1, where)
    if "notes" in arrays:
        schema.check_range("notes", arrays["notes"], 0, 126, where)  # codes of ASCII characters
    if "kinds" in arrays:
        kinds = arrays["kinds"]
        schema.check_range("kinds", kinds[kinds != HIDDEN], 0, KINDS, where)
    if "concept_truth" in arrays:
        most = arrays["concept_read"].shape[-1]
        schema.check_range("concept_truth", arrays["concept_truth"], -1, most - 1, where)
    if not np.isfinite(arrays["reward"]).all():
        raise SocialRLError(f"{where}: array reward holds numbers that are not finite")
    for name in ("values", "influence", "spread"):
        if name in arrays and np.isinf(arrays[name]).any():
            raise SocialRLError(f"{where}: array {name} holds infinite numbers")
    for name in ("terminated", "truncated", "present"):
        schema.check_bools(name, arrays[name], where)

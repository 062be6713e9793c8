"""The replay format, version 2, as tables: what the header holds, what the arrays hold, and how both are checked.

Axis letters of the arrays: `E` episodes, `T` longest episode, `N` seats, `M` novices, `S` sources, `A` actions,
`H` x `W` cells, `V` x `U` x `C` one view. Version 1 had none of the optional arrays after `checksum`, and no `start_` arrays.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from socialrl_envs.errors import SocialRLError, nearest

FORMAT, VERSION, READABLE = "socialrl-replay", 2, (1, 2)
MAX_NAME = 200  # characters

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
}
# Optional arrays `level_<field>` and `start_<field>`: any numbers, first axis E.
LEVEL, START = "level_", "start_"


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME and value.isprintable()


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(map(_is_name, value)) and len(set(value)) == len(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def _is_counts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_count, value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e30  # False for NaN


def _is_matrix(value: Any) -> bool:
    rows = isinstance(value, list) and all(isinstance(row, list) for row in value)
    return rows and all(_is_number(x) for row in value for x in row)


NAMES = (_is_names, "a list of names, none of them twice")
# key -> (check, what it should be); all are required, and no others are known.
HEADER: dict[str, tuple[Callable[[Any], bool], str]] = {
    "format": (lambda v: v == FORMAT, f'"{FORMAT}"'),
    "version": (_is_count, "a whole number"),
    "world": (lambda v: isinstance(v, dict) and _is_name(v.get("name")), "an object with the world's name and config"),
    "agents": NAMES,
    "novices": (lambda v: _is_counts(v) and len(v) > 0, "a list of seat indices"),
    "sources": NAMES,
    "source_seats": (
        lambda v: isinstance(v, list) and v[:1] == [None] and _is_counts(v[1:]),
        "null and then the seat index of each other source",
    ),
    "actions": NAMES,
    "cumulants": NAMES,
    "channels": NAMES,
    "obs_shape": (lambda v: _is_counts(v) and len(v) == 3, "three whole numbers"),
    "preferences": (lambda v: v is None or _is_matrix(v), "null, or one list of numbers per seat"),
    "experiment": (_is_name, "a name"),
    "arm": (_is_name, "a name"),
    "seed": (_is_count, "a whole number"),
    "step": (_is_count, "a whole number"),
    "versions": (
        lambda v: isinstance(v, dict) and all(isinstance(x, str) for x in v.values()),
        "an object of version texts",
    ),
}


def check_header(header: Any, where: str) -> None:
    """Raises SocialRLError unless this is the header of a replay of a version that can be read. where: named in errors."""
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise SocialRLError(f"{where}: this is not a socialrl replay", "name a file that `socialrl run` wrote into replays/")
    version = header.get("version")
    if isinstance(version, bool) or version not in READABLE:
        found = version if _is_count(version) else "unknown"
        known = f"{READABLE[0]} to {READABLE[-1]}"
        raise SocialRLError(f"{where}: replay format version {found}, this program reads {known}", "use a newer socialrl")
    for key in header.keys() - HEADER.keys():
        raise SocialRLError(f"{where}: header: unknown key {str(key)[:80]!r}", nearest(str(key)[:80], HEADER))
    for key, (check, wanted) in HEADER.items():
        if key not in header:
            raise SocialRLError(f"{where}: header: {key} is missing", "the file is damaged, or not a replay")
        if not check(header[key]):
            raise SocialRLError(f"{where}: header: {key} must be {wanted}", "the file is damaged, or not a replay")
    _check_agreement(header, where)


def _check_agreement(header: dict[str, Any], where: str) -> None:
    """What the keys of a header must have in common."""
    seats, sources, cumulants = len(header["agents"]), len(header["sources"]), len(header["cumulants"])
    rules = {
        f"novices must be different seats below {seats}": len(set(header["novices"])) == len(header["novices"])
        and max(header["novices"]) < seats,
        f"source_seats must be {sources}, one per source, below {seats}": len(header["source_seats"]) == sources
        and max(header["source_seats"][1:], default=0) < seats,
        f"channels must be {header['obs_shape'][2]}, as in obs_shape": len(header["channels"]) == header["obs_shape"][2],
        f"preferences must be {seats} x {cumulants}": header["preferences"] is None
        or [len(row) for row in header["preferences"]] == [cumulants] * seats,
        "there may be at most 255 seats, and 127 sources and actions": seats <= 255
        and max(sources, len(header["actions"])) <= 127,
    }
    for rule, holds in rules.items():
        if not holds:
            raise SocialRLError(f"{where}: header: {rule}", "the file is damaged, or not a replay")


def check_layout(header: dict[str, Any], layout: Mapping[str, tuple[np.dtype, tuple[int, ...]]], where: str) -> None:
    """Raises SocialRLError unless names, dtypes and shapes are those of a replay with this header. Reads no array.

    layout: name -> (dtype, shape) of each array.
    """
    for key in ARRAYS.keys() - layout.keys():
        raise SocialRLError(f"{where}: array {key} is missing", "the file is damaged, or not a replay")
    sizes = {axis: len(header[key]) for axis, key in zip("NMSA", ("agents", "novices", "sources", "actions"), strict=True)}
    sizes |= dict(zip("VUC", header["obs_shape"], strict=True))
    for name, (dtype, axes) in (ARRAYS | OPTIONAL).items():
        if name in layout:
            found, shape = layout[name]
            if found != np.dtype(dtype):
                raise SocialRLError(f"{where}: array {name} holds {found}, it must hold {dtype}")
            _match(name, shape, axes, sizes, where)
    for name in layout.keys() - ARRAYS.keys() - OPTIONAL.keys():
        if not name.startswith((LEVEL, START)):
            raise SocialRLError(f"{where}: unknown array {name!r}", nearest(name, (*ARRAYS, *OPTIONAL)))
        found, shape = layout[name]
        if found.kind not in "buif" or shape[:1] != (sizes["E"],):
            raise SocialRLError(f"{where}: array {name} must hold numbers for each of {sizes['E']} episodes")
    for axis, word in (("E", "episode"), ("T", "step"), ("H", "row of cells"), ("W", "column of cells")):
        if sizes[axis] < 1:
            raise SocialRLError(f"{where}: there is not one {word} in it")


def _match(name: str, shape: tuple[int, ...], axes: str, sizes: dict[str, int], where: str) -> None:
    """Fits a shape to axis letters; letters that are met for the first time get their size from it."""
    letters = axes.split()
    ok = len(shape) == len(letters)
    for size, letter in zip(shape, letters, strict=False):
        more = letter.endswith("+1")
        axis = letter.removesuffix("+1")
        wanted = int(axis) if axis.isdigit() else sizes.setdefault(axis, size - more)
        ok = ok and size == wanted + more
    if not ok:
        known = ", ".join(f"{axis}={size}" for axis, size in sizes.items() if axis in axes)
        raise SocialRLError(f"{where}: array {name} has shape {shape}, it must be ({axes}) with {known}")


def check_values(arrays: Mapping[str, np.ndarray], where: str) -> None:
    """Raises SocialRLError if an entry is out of its range. The arrays must have passed `check_layout`."""
    height, width = arrays["tiles"].shape[2:]
    sources, actions = arrays["values"].shape[3:]
    ranges = {
        "length": (arrays["length"], 1, arrays["action"].shape[1]),
        "position (row)": (arrays["position"][..., 0], 0, height - 1),
        "position (column)": (arrays["position"][..., 1], 0, width - 1),
        "heading": (arrays["heading"], 0, 3),
        "action": (arrays["action"], 0, actions - 1),
        "source": (arrays["source"], 0, sources - 1),
    }
    for name, (array, low, high) in ranges.items():
        if array.min() < low or array.max() > high:
            wrong = array.min() if array.min() < low else array.max()
            raise SocialRLError(f"{where}: array {name} holds {wrong}, it must be in {low}..{high}")
    if not np.isfinite(arrays["reward"]).all():
        raise SocialRLError(f"{where}: array reward holds numbers that are not finite")
    for name in ("values", "influence", "spread"):
        if name in arrays and np.isinf(arrays[name]).any():
            raise SocialRLError(f"{where}: array {name} holds infinite numbers")
    for name in ("terminated", "truncated", "present"):  # a bool array from a file may hold any byte
        if arrays[name].view(np.uint8).max() > 1:
            raise SocialRLError(f"{where}: array {name} holds something that is neither true nor false")

"""Tables of what the header and the arrays of a file hold, and the checks of a file against them.

The table of a header: key -> (check, the allowed values in words); all keys are required, others are refused.
The table of arrays: name -> (dtype, axes), e.g. ("float32", "E T+1 N 2"); a letter has the same size wherever
it stands.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Shaped

from socialrl.record.archive import Kind, Layout
from socialrl_envs.errors import SocialRLError, nearest
from socialrl_envs.safe_json import Json
from socialrl_envs.sprites import Real

MAX_NAME = 200  # characters
DAMAGED = "the file is damaged, or not a {}"

Keys = Mapping[str, tuple[Callable[[Any], bool], str]]
Arrays = Mapping[str, tuple[str, str]]


def is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME and value.isprintable()


def is_names(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) > 0
        and all(map(is_name, value))
        and len(set(value)) == len(value)
    )


def is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def is_counts(value: object) -> bool:
    return isinstance(value, list) and all(map(is_count, value))


def is_number(value: object) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e30
    )  # False for NaN


def is_matrix(value: object) -> bool:
    if not isinstance(value, list) or not all(isinstance(row, list) for row in value):
        return False
    return all(is_number(x) for row in value for x in row)


# Entries that several tables share.
VERSION = (is_count, "a whole number")
NAME = (is_name, "a name")
NAMES = (is_names, "a list of different names")
COUNT = (is_count, "a whole number")
WORLD = (
    lambda v: isinstance(v, dict) and is_name(v.get("name")),
    "an object with the world's name and config",
)
SHAPE = (lambda v: is_counts(v) and len(v) == 3, "three whole numbers")
VERSIONS = (
    lambda v: isinstance(v, dict) and all(isinstance(x, str) for x in v.values()),
    "an object of version texts",
)


def check_header(
    header: Json, table: Keys, name: str, readable: Sequence[int], kind: Kind, where: str
) -> dict[str, Any]:
    """The header, if it is one by the table, of the format of that name, in a version that can be read.

    where: named in errors. Raises SocialRLError for any other header.
    """
    if not isinstance(header, dict) or header.get("format") != name:
        raise kind.foreign(where)
    version = header.get("version")
    if isinstance(version, bool) or version not in readable:
        found = version if is_count(version) else "unknown"
        known = " to ".join(str(one) for one in sorted({readable[0], readable[-1]}))
        raise SocialRLError(
            f"{where}: {kind.word} format version {found}, this program reads {known}", "use a newer socialrl"
        )
    for key in header.keys() - table.keys():
        raise SocialRLError(f"{where}: header: unknown key {str(key)[:80]!r}", nearest(str(key)[:80], table))
    for key, (check, wanted) in table.items():
        if key not in header:
            raise SocialRLError(f"{where}: header: {key} is missing", DAMAGED.format(kind.word))
        if not check(header[key]):
            raise SocialRLError(f"{where}: header: {key} must be {wanted}", DAMAGED.format(kind.word))
    return header


def check_rules(rules: Mapping[str, bool], kind: Kind, where: str) -> None:
    """Raises SocialRLError for the first of these rules between keys of a header that does not hold."""
    for rule, holds in rules.items():
        if not holds:
            raise SocialRLError(f"{where}: header: {rule}", DAMAGED.format(kind.word))


def check_arrays(
    layout: Layout, required: Arrays, optional: Arrays, sizes: dict[str, int], kind: Kind, where: str
) -> None:
    """Raises SocialRLError unless the arrays of these tables have the right dtypes and shapes.

    Arrays of other names are not checked.

    sizes: of the axis letters that are known; those of the others are added from the arrays.
    """
    for name in required.keys() - layout.keys():
        raise SocialRLError(f"{where}: array {name} is missing", DAMAGED.format(kind.word))
    for name, (dtype, axes) in {**required, **optional}.items():
        if name in layout:
            found, shape = layout[name]
            if found != np.dtype(dtype):
                raise SocialRLError(f"{where}: array {name} holds {found}, it must hold {dtype}")
            _match(name, shape, axes, sizes, where)


def _match(name: str, shape: tuple[int, ...], axes: str, sizes: dict[str, int], where: str) -> None:
    """Raises SocialRLError unless the shape has these axes; adds the sizes of new axis letters to `sizes`."""
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


def check_sizes(sizes: Mapping[str, int], words: Mapping[str, str], where: str) -> None:
    """Raises SocialRLError if an axis has size 0. words: axis letter -> what the axis counts."""
    for axis, word in words.items():
        if sizes[axis] < 1:
            raise SocialRLError(f"{where}: it has no {word}")


def check_range(name: str, array: Shaped[np.ndarray, "..."], low: Real, high: Real, where: str) -> None:
    """Raises SocialRLError if an entry is outside low..high, NaN included."""
    ends = [array.min(), array.max()] if array.size else []
    for end in ends:
        if not low <= end <= high:
            raise SocialRLError(f"{where}: array {name} holds {end}, it must be in {low}..{high}")


def check_bools(name: str, array: Bool[np.ndarray, "..."], where: str) -> None:
    """Raises SocialRLError if a bool array holds a byte other than 0 and 1, as one from a file may."""
    if array.view(np.uint8).max(initial=0) > 1:
        raise SocialRLError(f"{where}: array {name} holds something that is neither true nor false")

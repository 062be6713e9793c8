"""Headers of older versions of the replay format in the keys of the newest.

Version 1 had no `start_` arrays and no optional arrays after `checksum`. Versions 1 and 2 did not record what
the values are, version 3 called that `scale`. Versions before 4 had neither movement, view nor colours, which
are derived from the world's config here, and no notes and kinds. Versions before 5 had no concepts.
"""

import re
from collections.abc import Mapping
from typing import Any

from socialrl.record.schema import Keys
from socialrl_envs.errors import SocialRLError
from socialrl_envs.picture import seat_colours
from socialrl_envs.visibility import ViewSpec

SINCE = {  # the first version that has a key
    "value_unit": 4,
    "movement": 4,
    "view": 4,
    "colours": 4,
    "concepts": 5,
}
HEX = re.compile("#[0-9a-fA-F]{6}")


def table_of(newest: Keys, version: object) -> Keys:
    """The header's table in a version, from that of the newest; for an unknown version that of the newest."""
    if version not in (1, 2, 3, 4) or isinstance(version, bool):
        return newest
    older = {key: check for key, check in newest.items() if SINCE.get(key, 1) <= int(version)}
    return older | {"scale": newest["value_unit"]} if version == 3 else older


def upgraded(header: Mapping[str, Any]) -> dict[str, Any]:
    """A checked header of any readable version with the keys of the newest."""
    if header["version"] >= 4:
        return {"concepts": []} | dict(header)
    own = {key: value for key, value in header.items() if key != "scale"}
    turning = "forward" in header["actions"]
    return own | {
        "value_unit": header.get("scale"),
        "movement": "turning" if turning else "cardinal",
        "view": _view(header, turning),
        "colours": _colours(header),
        "concepts": [],
    }


def _view(header: Mapping[str, Any], turning: bool) -> dict[str, Any]:
    """The fields of a ViewSpec from the world's config; the whole grid where it makes no sense."""
    config, size = header["world"], header["obs_shape"][0]
    kind = "egocentric" if turning else config.get("observation", "partial")
    occlusion = turning and config.get("occlusion", True) is True
    try:
        known = kind if kind in ("egocentric", "window", "partial", "grid") else "grid"
        spec = ViewSpec(kind=known, size=size, occlusion=occlusion)
    except SocialRLError:
        spec = ViewSpec(kind="grid", size=max(1, size))
    return {"kind": spec.kind, "size": spec.size, "occlusion": spec.occlusion}


def _colours(header: Mapping[str, Any]) -> list[str]:
    """The colour of every seat: that of the world's config, or else the usual one of its place."""
    seats, given = len(header["agents"]), []
    for group in ("novices", "experts", "coplayers"):
        members = header["world"].get(group)  # a list of seats, or their number
        if isinstance(members, int):
            given += [None] * min(members, seats)
        elif isinstance(members, list):
            given += [one.get("colour") if isinstance(one, dict) else None for one in members]
    sound = [one if isinstance(one, str) and HEX.fullmatch(one) else None for one in given]
    return ["#{:02x}{:02x}{:02x}".format(*colour) for colour in seat_colours(seats, sound[:seats])]

"""Demonstrations: what can be observed of the steps of some seats, without rewards, in a file for numpy.

    found = read_demonstrations("demos.npz")
    found.steps                 # a Demonstration, leaves (T, B, K, ...): steps, episodes, recorded seats
    found.check_fits(spec)      # or SocialRLError: views or actions of another world

`socialrl record` and `socialrl play` write such files; docs/demonstrations.md describes them.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Int32

from socialrl.record import archive, schema
from socialrl.types import Demonstration
from socialrl_envs.errors import SocialRLError
from socialrl_envs.safe_json import Json
from socialrl_envs.types import WorldSpec

FORMAT, VERSION, READABLE = "socialrl-demonstrations", 1, (1,)
KIND = archive.Kind(
    word="demonstration file",
    origin="name a file that `socialrl record` or `socialrl play --demonstrations` wrote",
    smaller="record fewer or shorter episodes, or fewer seats",
)
# One array per field of Demonstration.
ARRAYS: dict[str, tuple[str, str]] = {
    "obs": ("uint8", "T B K V U C"),
    "action": ("int32", "T B K"),
    "next_obs": ("uint8", "T B K V U C"),
    "discount": ("float32", "T B K"),
    "last": ("bool", "T B K"),
    "present": ("bool", "T B K"),
}
HEADER: schema.Keys = {
    "format": (lambda v: v == FORMAT, f'"{FORMAT}"'),
    "version": schema.VERSION,
    "world": schema.WORLD,
    "agents": schema.NAMES,
    "seats": schema.NAMES,
    "actors": (lambda v: isinstance(v, list) and all(map(schema.is_name, v)), "a list of names"),
    "actions": schema.NAMES,
    "channels": schema.NAMES,
    "obs_shape": schema.SHAPE,
    "seed": schema.COUNT,
    "versions": schema.VERSIONS,
}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Demonstrations:
    """The steps of some seats in recorded episodes, and where they were recorded.

    steps: leaves (T, B, K, ...), T steps of the longest episode, B episodes, K recorded seats; after the end
    of an episode comes padding, where `present` is False and `last` True. world: its name and options.
    agents: names of all seats. seats: names of the recorded ones, in the order of axis K. actors: what acted
    on each of these, e.g. "planner" or "person". actions, channels, obs_shape: as in the world's spec. seed:
    that the episodes were drawn from.
    """

    steps: Demonstration
    world: dict[str, Json]
    agents: tuple[str, ...]
    seats: tuple[str, ...]
    actors: tuple[str, ...]
    actions: tuple[str, ...]
    channels: tuple[str, ...]
    obs_shape: tuple[int, int, int]
    seed: int
    versions: dict[str, str]

    @property
    def length(self) -> Int32[np.ndarray, " B"]:
        """The number of steps of each episode."""
        return (np.argmax(np.asarray(self.steps.last[..., 0]), axis=0) + 1).astype(np.int32)

    def check_fits(self, spec: WorldSpec) -> None:
        """Raises SocialRLError unless a world of this spec has the same views, channels and actions."""
        pairs = {
            "obs_shape": (self.obs_shape, spec.obs_shape),
            "channels": (self.channels, spec.channels),
            "actions": (self.actions, spec.actions),
        }
        for name, (here, there) in pairs.items():
            if here != there:
                raise SocialRLError(
                    f"demonstrations of {self.world['name']}: {name} {here}, in {spec.name} {there}",
                    "record them in the world that the learner lives in",
                )


def write_demonstrations(path: str | Path, demonstrations: Demonstrations) -> None:
    """Writes a file atomically. Raises SocialRLError if its parts do not fit together or are too large."""
    header, arrays = to_parts(demonstrations)
    archive.write(path, header, arrays, KIND, _check)


def read_demonstrations(path: str | Path) -> Demonstrations:
    """Reads a file and checks all of it before anything large is allocated.

    Raises SocialRLError that names the file and the cause if it is missing, truncated, foreign, oversized or
    hostile.
    """
    where = str(path)
    with archive.reading(path, KIND) as found:
        header = _check_header(found.header, where)
        layout = found.layout()
        _check_layout(header, layout, where)
        arrays = found.arrays(layout)
        _check_values(arrays, len(header["actions"]), where)
    return _of_parts(header, arrays)


def to_parts(demonstrations: Demonstrations) -> tuple[dict[str, Any], archive.Arrays]:
    """(header, arrays) of a file with this content, for files of other formats."""
    facts = {key: value for key, value in vars(demonstrations).items() if key != "steps"}
    arrays = {name: np.asarray(array) for name, array in vars(demonstrations.steps).items()}
    return {"format": FORMAT, "version": VERSION, **facts}, arrays


def from_parts(header: Json, arrays: archive.Arrays, where: str) -> Demonstrations:
    """What `to_parts` took apart. Raises SocialRLError, as reading a file does, if it does not fit together.

    header: JSON values. where: named in errors.
    """
    _check(header, arrays, where)
    return _of_parts(_check_header(header, where), arrays)


def _of_parts(header: dict[str, Any], arrays: archive.Arrays) -> Demonstrations:
    """The demonstrations of a header and arrays that have been checked."""
    steps = Demonstration(**{name: jnp.asarray(array) for name, array in arrays.items()})
    facts = {key: _tuple(value) for key, value in header.items() if key not in ("format", "version")}
    return Demonstrations(steps=steps, **facts)


def size_in_bytes(steps: int, episodes: int, seats: int, obs_shape: Sequence[int]) -> int:
    """The bytes of all arrays of a file, uncompressed; at most `archive.MAX_BYTES` are read."""
    one = sum(
        np.dtype(dtype).itemsize * (int(np.prod(obs_shape)) if "V" in axes else 1)
        for dtype, axes in ARRAYS.values()
    )
    return one * steps * episodes * seats


def _check(header: Json, arrays: archive.Arrays, where: str) -> None:
    found = _check_header(header, where)
    _check_layout(found, {name: (array.dtype, array.shape) for name, array in arrays.items()}, where)
    _check_values(arrays, len(found["actions"]), where)


def _check_header(header: Json, where: str) -> dict[str, Any]:
    """The header, if it is one of demonstrations; raises SocialRLError for any other."""
    header = schema.check_header(header, HEADER, FORMAT, READABLE, KIND, where)
    seats = len(header["seats"])
    rules = {
        f"seats must be among the {len(header['agents'])} agents": set(header["seats"])
        <= set(header["agents"]),
        f"actors must be {seats}, one per seat": len(header["actors"]) == seats,
        f"channels must be {header['obs_shape'][2]}, as in obs_shape": len(header["channels"])
        == header["obs_shape"][2],
    }
    schema.check_rules(rules, KIND, where)
    return header


def _check_layout(header: dict[str, Any], layout: archive.Layout, where: str) -> None:
    sizes = {"K": len(header["seats"]), **dict(zip("VUC", header["obs_shape"], strict=True))}
    schema.check_arrays(layout, ARRAYS, {}, sizes, KIND, where)
    for name in layout.keys() - ARRAYS.keys():
        raise SocialRLError(f"{where}: unknown array {name!r}", f"there are {', '.join(ARRAYS)}")
    schema.check_sizes(
        sizes, {"T": "step", "B": "episode", "V": "cell of a view", "U": "cell of a view"}, where
    )


def _check_values(arrays: archive.Arrays, actions: int, where: str) -> None:
    schema.check_range("action", arrays["action"], 0, actions - 1, where)
    schema.check_range("discount", arrays["discount"], 0, 1, where)
    for name in ("last", "present"):
        schema.check_bools(name, arrays[name], where)
    if not arrays["last"][-1].all():
        raise SocialRLError(
            f"{where}: array last must be true in the last step", "every episode ends in the file"
        )
    if (arrays["last"] != arrays["last"][..., :1]).any():
        raise SocialRLError(f"{where}: array last must be the same for all seats of an episode")


def _tuple(value: Json) -> Any:
    """Lists as tuples; all else as it is."""
    return tuple(_tuple(item) for item in value) if isinstance(value, list) else value

"""People's answers with what their clips show, in a file that reward models learn from.

    found = read_answers("answers.npz")
    found.obs, found.action, found.preferred     # views, actions, and which of the two clips is preferred
    found.check_fits(spec)                       # or SocialRLError: views or actions of another world

`socialrl judge --dataset` writes such files from a file of comparisons; no replay is needed to read them.
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int32, UInt8

from socialrl.record import archive, schema
from socialrl_envs.errors import SocialRLError
from socialrl_envs.safe_json import Json
from socialrl_envs.types import WorldSpec

FORMAT, VERSION, READABLE = "socialrl-answers", 1, (1,)
KIND = archive.Kind(
    word="file of answers",
    origin="name a file that `socialrl judge --dataset` wrote",
    smaller="judge fewer or shorter clips",
)
ARRAYS: dict[str, tuple[str, str]] = {
    "obs": ("uint8", "Q 2 L V U C"),
    "action": ("int32", "Q 2 L"),
    "counts": ("float32", "Q 2 L"),
    "preferred": ("float32", "Q"),
}
HEADER: schema.Keys = {
    "format": (lambda v: v == FORMAT, f'"{FORMAT}"'),
    "version": schema.VERSION,
    "world": schema.NAME,
    "actions": schema.NAMES,
    "channels": schema.NAMES,
    "obs_shape": schema.SHAPE,
    "annotators": schema.NAMES,
    "versions": schema.VERSIONS,
}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """Q comparisons of two clips of at most L steps, the left one first.

    obs, action: own views, and the actions taken there. counts: 1, or 0 where a clip is over; of a mark the
    shares of its credit, and 0 in the right clip. preferred: 1 for the left clip, 0 for the right one, 0.5
    for a tie. world: its name. annotators: who answered.
    """

    obs: UInt8[np.ndarray, "Q 2 L V V C"]
    action: Int32[np.ndarray, "Q 2 L"]
    counts: Float32[np.ndarray, "Q 2 L"]
    preferred: Float32[np.ndarray, " Q"]
    world: str
    actions: tuple[str, ...]
    channels: tuple[str, ...]
    annotators: tuple[str, ...]
    versions: dict[str, str]

    def check_fits(self, spec: WorldSpec) -> None:
        """Raises SocialRLError unless a world of this spec has the same views, channels and actions."""
        pairs = {
            "obs_shape": (self.obs.shape[3:], spec.obs_shape),
            "channels": (self.channels, spec.channels),
            "actions": (self.actions, spec.actions),
        }
        for name, (here, there) in pairs.items():
            if here != there:
                raise SocialRLError(
                    f"answers about {self.world}: {name} {here}, in {spec.name} {there}",
                    "have clips judged of the world that the learner lives in",
                )


def write_answers(path: str | Path, answers: Answers) -> None:
    """Writes a file atomically. Raises SocialRLError if its parts do not fit together or are too large."""
    header: dict[str, Json] = {
        "format": FORMAT,
        "version": VERSION,
        "world": answers.world,
        "actions": list(answers.actions),
        "channels": list(answers.channels),
        "obs_shape": list(answers.obs.shape[3:]),
        "annotators": list(answers.annotators),
        "versions": dict(answers.versions),
    }
    arrays = {name: np.ascontiguousarray(vars(answers)[name]) for name in ARRAYS}
    archive.write(path, header, arrays, KIND, _check)


def read_answers(path: str | Path) -> Answers:
    """Reads a file and checks all of it before anything large is allocated.

    Raises SocialRLError that names the file and the cause if it is missing, truncated, foreign, oversized or
    hostile.
    """
    where = str(path)
    with archive.reading(path, KIND) as found:
        header = schema.check_header(found.header, HEADER, FORMAT, READABLE, KIND, where)
        layout = found.layout()
        _check_layout(header, layout, where)
        arrays = found.arrays(layout)
        _check_values(arrays, len(header["actions"]), where)
    facts: dict[str, Any] = {key: tuple(header[key]) for key in ("actions", "channels", "annotators")}
    return Answers(**arrays, **facts, world=header["world"], versions=header["versions"])


def _check(header: Json, arrays: archive.Arrays, where: str) -> None:
    found = schema.check_header(header, HEADER, FORMAT, READABLE, KIND, where)
    _check_layout(found, {name: (array.dtype, array.shape) for name, array in arrays.items()}, where)
    _check_values(arrays, len(found["actions"]), where)


def _check_layout(header: dict[str, Any], layout: archive.Layout, where: str) -> None:
    sizes = dict(zip("VUC", header["obs_shape"], strict=True))
    schema.check_arrays(layout, ARRAYS, {}, sizes, KIND, where)
    for name in layout.keys() - ARRAYS.keys():
        raise SocialRLError(f"{where}: unknown array {name!r}", f"there are {', '.join(ARRAYS)}")
    schema.check_sizes(sizes, {"Q": "answer", "L": "step", "V": "cell of a view"}, where)


def _check_values(arrays: archive.Arrays, actions: int, where: str) -> None:
    schema.check_range("action", arrays["action"], 0, actions - 1, where)
    for name in ("counts", "preferred"):
        schema.check_range(name, arrays[name], 0, 1, where)

"""The file of an exported agent: the config of its learner, the facts of its world, and its parameters.

One .npz archive without pickle, see `archive.py`: a JSON header with the keys of `HEADER`, and one array per
leaf of the learner's state that acting reads, named `state/<path>`. Reading a file runs no code of it.
"""

import dataclasses
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from socialrl.record import archive, schema
from socialrl_envs.errors import SocialRLError
from socialrl_envs.safe_json import Json

FORMAT, VERSION, READABLE = "socialrl-agent", 1, (1,)
PREFIX = "state/"
MAX_HEADER = 2**16  # bytes; more than any config needs, and few enough that nothing large is built from it
KIND = archive.Kind(
    word="agent",
    origin="write one by `socialrl export RUN:ARM:SEED agent.npz`",
    smaller="export an agent with fewer parameters",
)


def is_object(value: object) -> bool:
    return isinstance(value, dict)


def is_positive(value: object) -> bool:
    return schema.is_count(value) and value != 0


HEADER: schema.Keys = {
    "format": (lambda v: v == FORMAT, f'"{FORMAT}"'),
    "version": schema.VERSION,
    "learner": (
        lambda v: is_object(v) and schema.is_name(v.get("name")),
        "an object with the learner's name and config",
    ),
    "world": schema.WORLD,
    "spec": (is_object, "an object with the facts of a world"),
    "unroll_length": (is_positive, "a positive whole number"),
    "num_envs": (is_positive, "a positive whole number"),
    "novice": schema.COUNT,
    "experiment": schema.NAME,
    "arm": schema.NAME,
    "seed": schema.COUNT,
    "step": schema.COUNT,
    "versions": schema.VERSIONS,
    "checksum": schema.COUNT,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class AgentFacts:
    """What is known of a trained agent besides its parameters: JSON values.

    learner: the learner's name and config. world: name and config of the world in which it learnt. spec: the
    facts of that world, the fields of `WorldSpec`. unroll_length, num_envs: what the learner was initialised
    with. novice: its number among the novices. experiment, arm, seed, step: where it comes from; `seed`
    counts the seeds of the run from 0, `step` is the environment steps that it was trained for. versions: of
    socialrl and the packages below it.
    """

    learner: dict[str, Any]
    world: dict[str, Any]
    spec: dict[str, Any]
    unroll_length: int
    num_envs: int
    novice: int
    experiment: str
    arm: str
    seed: int
    step: int
    versions: dict[str, str]

    @property
    def title(self) -> str:
        """E.g. "psiphi, seed 0, step 12000 of coin_grid"."""
        return f"{self.arm}, seed {self.seed}, step {self.step} of {self.experiment}"


def save(path: str | Path, facts: AgentFacts, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes an agent, all or nothing. arrays: leaves of the learner's state by path.

    Raises SocialRLError if the file could not be read back; nothing is written then.
    """
    named = {PREFIX + name: np.asarray(array, order="C") for name, array in arrays.items()}
    header = {"format": FORMAT, "version": VERSION} | dataclasses.asdict(facts)
    header = json.loads(json.dumps(header))
    archive.write(path, header | {"checksum": _checksum(header, named)}, named, KIND, _check)


def load(path: str | Path) -> tuple[AgentFacts, dict[str, np.ndarray]]:
    """The facts of an agent, and leaves of its learner's state by path.

    Raises SocialRLError in one line that names the file if it is missing, truncated, foreign, of another
    version, changed, or oversized.
    """
    with archive.reading(path, KIND) as found:
        schema.check_header(found.header, HEADER, FORMAT, READABLE, KIND, str(path))
        arrays = found.arrays(found.layout())
        _check(found.header, arrays, str(path))
        header = found.header
    assert isinstance(header, dict)  # by its check
    values: dict[str, Any] = {field.name: header[field.name] for field in dataclasses.fields(AgentFacts)}
    return AgentFacts(**values), {name.removeprefix(PREFIX): array for name, array in arrays.items()}


def _check(header: Json, arrays: dict[str, np.ndarray], where: str) -> None:
    """Raises SocialRLError unless header and arrays are those of one agent, as they were written."""
    checked = schema.check_header(header, HEADER, FORMAT, READABLE, KIND, where)
    if len(json.dumps(checked)) > MAX_HEADER:
        raise SocialRLError(f"{where}: header: more than {MAX_HEADER:,} bytes", "its config is too long")
    for name, array in arrays.items():
        if not name.startswith(PREFIX):
            raise SocialRLError(f"{where}: unknown array {name[:80]!r}", f"names begin with {PREFIX}")
        if array.dtype.kind not in "buif":
            raise SocialRLError(f"{where}: array {name} holds {array.dtype}", "it must hold plain numbers")
        if array.dtype.kind == "b":
            schema.check_bools(name, array, where)
    rest = {key: value for key, value in checked.items() if key != "checksum"}
    if checked["checksum"] != _checksum(rest, arrays):
        raise SocialRLError(f"{where}: the checksum is wrong", schema.DAMAGED.format(KIND.word))


def _checksum(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> int:
    """CRC-32 of the header, and of name, dtype, shape and bytes of every array."""
    crc = zlib.crc32(json.dumps(header, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        crc = zlib.crc32(f"{name} {array.dtype} {array.shape}".encode(), crc)
        crc = zlib.crc32(array.tobytes(), crc)
    return crc

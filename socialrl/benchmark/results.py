"""Results of the benchmark: one JSON file per entrant, checked when it is read."""

import json
import math
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from socialrl.benchmark.scores import never_worse, over_worlds, scores
from socialrl.benchmark.suite import VERSION
from socialrl.record.atomic import write_text
from socialrl.record.metrics import plain
from socialrl_envs.errors import SocialRLError
from socialrl_envs.safe_json import read_json

FORMAT = "socialrl-benchmark"
FACTS = {
    "entrant": str,
    "kind": str,
    "learner": str,
    "steps": int,
    "seeds": int,
    "episodes": int,
    "salt": str,
    "seconds": float,
}


class Result:
    """One entrant's returns, and the scores that follow from them.

    facts: see FACTS. worlds: world -> condition -> who -> measure -> number per seed.
    """

    def __init__(self, facts: dict[str, Any], worlds: dict[str, Any]):
        self.facts, self.worlds = facts, worlds
        self.by_world = {name: scores(name, measured) for name, measured in worlds.items()}
        self.overall = over_worlds(self.by_world)
        self.safe = {name: float(np.mean(never_worse(measured))) for name, measured in worlds.items()}

    @property
    def name(self) -> str:
        """The entrant's name."""
        return self.facts["entrant"]

    def to_json(self) -> dict[str, Any]:
        """As it is written; the scores are added for readers, and computed anew when it is read."""
        return {
            "format": FORMAT,
            "suite": VERSION,
            **self.facts,
            "scores": self.overall,
            "never_worse_than_alone": self.safe,
            "worlds": self.worlds,
        }


def save(path: Path, result: Result) -> None:
    """Writes a result, all or nothing."""
    write_text(path, json.dumps(plain(result.to_json()), indent=1, allow_nan=False) + "\n")


def load(path: Path) -> Result:
    """Reads a result; raises SocialRLError that names the file if it is none, or of another version."""
    return parse(path.read_bytes() if path.is_file() else b"", str(path))


def shipped() -> list[Result]:
    """The results that come with the package."""
    folder = resources.files("socialrl.benchmark") / "results"
    files = sorted((one for one in folder.iterdir() if one.name.endswith(".json")), key=lambda one: one.name)
    return [parse(one.read_bytes(), one.name) for one in files]


def parse(content: bytes, where: str) -> Result:
    """The Result in the bytes of a file."""
    data = read_json(content, where)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise SocialRLError(f"{where}: no result of the benchmark", "write one by socialrl benchmark")
    if data.get("suite") != VERSION:
        raise SocialRLError(
            f"{where}: of version {data.get('suite')!r} of the suite", f"only those of {VERSION} compare"
        )
    facts = {name: data.get(name) for name in FACTS}
    for name, kind in FACTS.items():
        good = isinstance(facts[name], (int, float) if kind is float else kind)
        if not good or isinstance(facts[name], bool):
            raise SocialRLError(f"{where}, {name}: expected {kind.__name__}, got {facts[name]!r}")
    try:
        worlds = {name: _measured(measured) for name, measured in data["worlds"].items()}
        return Result(facts, worlds)
    except (KeyError, AttributeError, TypeError, ValueError) as error:
        raise SocialRLError(f"{where}: its returns are incomplete: {error!r}", "measure it again") from error


def _measured(conditions: Any) -> dict[str, Any]:
    """The returns of a world with arrays; raises ValueError for numbers that are none."""
    return {
        str(condition): {
            str(who): {str(measure): _numbers(values) for measure, values in measures.items()}
            for who, measures in by_who.items()
        }
        for condition, by_who in conditions.items()
    }


def _numbers(values: Any) -> np.ndarray:
    found = np.array([math.nan if value is None else float(value) for value in values], float)
    if found.ndim != 1 or not len(found):
        raise ValueError("a measure has no numbers")
    return found

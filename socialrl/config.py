"""What an experiment is: a world, the arms that are compared in it, and how long they learn. Plain data that
JSON can hold.
"""

import dataclasses
import json
import math
import re
import runpy
import sys
from pathlib import Path
from typing import Annotated, Any

from socialrl.coerce import build, construct, fields_of, join, kind_of
from socialrl.registry import CURRICULUM, KINDS, LEARNER, PROTOCOL, WORLD
from socialrl_envs.errors import SocialRLError, nearest

RUN_FORMAT, RUN_VERSION = "socialrl-run", 1
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def _check_name(what: str, name: Any) -> None:
    if not isinstance(name, str) or not _FILE_NAME.fullmatch(name):
        raise SocialRLError(
            f"{what} {name!r} cannot name a file",
            "use letters, digits, '-' and '_', beginning with a letter or digit",
        )


def _check_config(what: str, config: Any) -> None:
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        raise SocialRLError(
            f"{what}: expected a Config instance, got {config!r}", "import the file and call its Config(...)"
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Arm:
    """One condition of an experiment.

    name: names the arm in records, file names and overrides (`--<arm>.learner.lr`).
    learner: a learner's Config.
    world: a world's Config for this arm alone; None takes the experiment's.
    curriculum: a curriculum's Config for this arm alone; None takes the experiment's.
    """

    name: str
    learner: Annotated[Any, LEARNER]
    world: Annotated[Any, WORLD] | None = None
    curriculum: Annotated[Any, CURRICULUM] | None = None

    def __post_init__(self) -> None:
        _check_name("arm", self.name)
        if self.name in RESERVED:
            raise SocialRLError(
                f"arm {self.name!r} has the name of an experiment's key", "choose another name"
            )
        _check_config(f"arm {self.name}, learner", self.learner)
        for part in ("world", "curriculum"):
            if getattr(self, part) is not None:
                _check_config(f"arm {self.name}, {part}", getattr(self, part))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claim:
    """A statement of the literature that the report checks: `arm` is above `over` (or above `value`) in a
    measure.

    text: the statement.
    source: where it stands.
    arm: the arm that it is about.
    over: the arm that it is compared with, or "expert": the co-players where they stay throughout; None
    compares with `value`.
    value: the number it is compared with where `over` is None.
    times: what the other side is multiplied by, e.g. 0.9 of the expert.
    below: the claim is that `arm` is below the other side.
    measure: a measure of the evaluation.
    labels: (label, value) pairs that pick a condition of the social protocol, or of the one that ("protocol",
        kind) names; none picks the final evaluation. A value is written as text: ("episodes", "1").
    """

    text: str
    source: str
    arm: str
    over: str | None = None
    value: float = 0.0
    times: float = 1.0
    below: bool = False
    measure: str = "return"
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms it names."""
        return (self.arm,) if self.over in (None, "expert") else (self.arm, self.over)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment:
    """One question: the arms that are compared, in which world, for how long. Lengths are environment steps
    of one seed.

    name: names the run folder, `runs/<name>/<NNN>`.
    question: what the experiment asks, in one sentence; the report begins with it.
    world: a world's Config, unless an arm has its own.
    arms: the conditions that are compared.
    seeds: independent repetitions of every arm, trained side by side.
    first_seed: the number of the first of them; the others follow it.
    steps: environment steps per seed, over all parallel worlds; rounded up to whole chunks of
        `chunk * parallel * unroll`.
    parallel: worlds that are stepped side by side, per seed.
    unroll: steps between two updates, and the length of a learning sequence.
    pool: levels from which training's episodes start, each drawn from all of them alike.
    refresh: share of the pool that is replaced by fresh levels before each chunk, the oldest first.
    chunk: updates per compiled call; records and checkpoints fall between calls.
    evaluate_every: steps between two evaluations on held-out levels; rounded up to whole chunks.
    evaluation_episodes: episodes of such an evaluation, per seed.
    final_episodes: episodes of the evaluation at the end, per seed.
    replay_episodes: episodes at the end that are recorded with every decision, per seed.
    checkpoint_every: steps between two checkpoints; rounded up to whole chunks.
    protocols: further evaluations at the end, each a protocol's Config.
    curriculum: what the numbers of training's levels are drawn from; None takes the world's own.
    claims: statements of the literature that the report checks.
    scale: the size in words, e.g. "two CPU cores"; the report's head shows it.
    """

    name: str
    question: str
    world: Annotated[Any, WORLD]
    arms: tuple[Arm, ...]
    seeds: int = 5
    first_seed: int = 0
    steps: int = 30_000
    parallel: int = 16
    unroll: int = 10
    pool: int = 256
    refresh: float = 1.0
    chunk: int = 25
    evaluate_every: int = 5_000
    evaluation_episodes: int = 64
    final_episodes: int = 256
    replay_episodes: int = 4
    checkpoint_every: int = 10_000
    protocols: tuple[Annotated[Any, PROTOCOL], ...] = ()
    curriculum: Annotated[Any, CURRICULUM] | None = None
    claims: tuple[Claim, ...] = ()
    scale: str = ""

    def __post_init__(self) -> None:
        _check_name("experiment", self.name)
        _check_config("world", self.world)
        for key, annotation in fields_of(Experiment).items():
            value = getattr(self, key)
            least = 0 if key == "first_seed" else 1
            if annotation is int and (not isinstance(value, int) or isinstance(value, bool) or value < least):
                kind = "a positive int" if least else "an int of at least 0"
                raise SocialRLError(f"{key}: expected {kind}, got {value!r}")
        if not 0 <= self.refresh <= 1:
            raise SocialRLError(f"refresh: {self.refresh!r}", "it must be a share of the pool, 0..1")
        if self.curriculum is not None:
            _check_config("curriculum", self.curriculum)
        if not self.arms or not all(isinstance(arm, Arm) for arm in self.arms):
            raise SocialRLError(
                f"experiment {self.name}: `arms` must hold at least one Arm",
                "arms=(Arm(name=..., learner=...), ...)",
            )
        object.__setattr__(self, "arms", tuple(self.arms))
        names = [arm.name.lower() for arm in self.arms]
        for name in names:
            if names.count(name) > 1:
                raise SocialRLError(
                    f"experiment {self.name}: two arms are named {name!r}",
                    "names differ in more than upper and lower case",
                )
        self._check_claims()

    def _check_claims(self) -> None:
        known = [arm.name for arm in self.arms]
        for claim in self.claims:
            for name in claim.arms:
                if name not in known:
                    raise SocialRLError(f"claim {claim.text!r}: unknown arm {name!r}", nearest(name, known))

    @property
    def chunk_steps(self) -> int:
        """Environment steps per seed of one compiled call."""
        return self.chunk * self.parallel * self.unroll

    @property
    def total_steps(self) -> int:
        """Environment steps per seed: the fewest whole chunks that make at least `steps`."""
        return math.ceil(self.steps / self.chunk_steps) * self.chunk_steps

    def world_of(self, arm: Arm) -> Any:
        """The world's Config that the arm lives in."""
        return self.world if arm.world is None else arm.world

    def curriculum_of(self, arm: Arm) -> Any:
        """The curriculum's Config that the arm learns by, or None."""
        return self.curriculum if arm.curriculum is None else arm.curriculum


RESERVED = frozenset(field.name for field in dataclasses.fields(Experiment)) | {"learner"}


def to_json(experiment: Experiment) -> dict[str, Any]:
    """The experiment as JSON values; `from_json` gives an equal one back. Raises SocialRLError for what JSON
    cannot hold.
    """
    return _plain_fields(experiment, "")


def world_to_json(config: Any) -> dict[str, Any]:
    """A world's Config as JSON values, its name among them, as `to_json` has it under `world`."""
    return _plain_dataclass(Annotated[Any, WORLD], config, "world")


def from_json(data: Any) -> Experiment:
    """The experiment that `to_json` wrote. Every type is checked.

    Raises SocialRLError naming the dotted key, and the nearest spelling (unknown key) or the expected type
    (wrong value).
    """
    if not isinstance(data, dict):
        raise SocialRLError(f"expected an experiment's keys, got {type(data).__name__}")
    return build(Experiment, data, "")


def _plain_fields(value: Any, path: str) -> dict[str, Any]:
    result = {}
    for name, annotation in fields_of(type(value)).items():
        result[name] = _plain(annotation, getattr(value, name), join(path, name))
    return result


def _plain(annotation: Any, value: Any, path: str) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain_dataclass(annotation, value, path)
    if isinstance(value, tuple | list):
        return [_plain(None, item, join(path, str(i))) for i, item in enumerate(value)]
    if isinstance(value, dict):
        return {str(key): _plain(None, item, join(path, str(key))) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise SocialRLError(
        f"{path}: {type(value).__name__} cannot be saved",
        "use plain numbers, strings, tuples and dataclasses",
    )


def _plain_dataclass(annotation: Any, value: Any, path: str) -> dict[str, Any]:
    kind = kind_of(annotation) or next(
        (kind for kind in KINDS if type(value).__module__.rpartition(".")[0] == kind.package), None
    )
    if kind is None or type(value).__name__ != "Config":
        return _plain_fields(value, path)
    if "name" in fields_of(type(value)):
        raise SocialRLError(
            f"{path}: the {kind.word}'s Config has a field `name`",
            "that key is taken by the file's stem; rename the field",
        )
    return {"name": construct(lambda: kind.name_of(value), path), **_plain_fields(value, path)}


def load_experiment(path: Path | str) -> Experiment:
    """The experiment of a file that defines `experiment = Experiment(...)`, or of a run folder's config.json.

    Raises SocialRLError in one line that names the file.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "config.json"
    if not path.exists():
        near = (
            nearest(path.stem, [file.stem for file in path.parent.glob("*.py")])
            if path.parent.is_dir()
            else None
        )
        raise SocialRLError(f"{path}: no such experiment", near)
    if path.suffix == ".json":
        return construct(lambda: from_json(read_run_config(path)["experiment"]), str(path))
    experiment = _execute(path).get("experiment")
    if not isinstance(experiment, Experiment):
        raise SocialRLError(
            f"{path}: it defines no experiment", "end the file with `experiment = Experiment(...)`"
        )
    return construct(lambda: from_json(to_json(experiment)), str(path))


def _execute(path: Path) -> dict[str, Any]:
    sys.path.insert(0, str(path.parent.absolute()))  # modules beside the file can be imported
    try:
        return runpy.run_path(str(path))
    except SocialRLError as error:
        raise SocialRLError(f"{path}: {error.message}", error.hint) from error
    except Exception as error:
        line = _line_in(path, error)
        raise SocialRLError(
            f"{path}{line}: {type(error).__name__}: {' '.join(str(error).split())}"
        ) from error
    finally:
        sys.path.remove(str(path.parent.absolute()))


def _line_in(path: Path, error: BaseException) -> str:
    """ ", line 7" for the innermost frame of the file itself."""
    if isinstance(error, SyntaxError):
        return f", line {error.lineno}"
    line, frame = "", error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == str(path):
            line = f", line {frame.tb_lineno}"
        frame = frame.tb_next
    return line


def read_run_config(path: Path) -> dict[str, Any]:
    """A run folder's config.json, checked to be one. Raises SocialRLError naming the file if it is damaged or
    foreign.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SocialRLError(f"{path}: damaged: {error}") from error
    if (
        not isinstance(content, dict)
        or content.get("format") != RUN_FORMAT
        or not isinstance(content.get("experiment"), dict)
    ):
        raise SocialRLError(f"{path}: not the config of a run", f'it has no "format": "{RUN_FORMAT}"')
    if content.get("version") != RUN_VERSION:
        raise SocialRLError(
            f"{path}: written in format version {content.get('version')!r}",
            f"this version reads {RUN_VERSION}",
        )
    return content

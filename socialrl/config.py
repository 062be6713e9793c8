"""Experiments as plain data: a world, the arms that are compared in it, and how long they learn."""

import dataclasses
import math
import re
import typing
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal

from socialrl.coerce import PLUGIN, build, construct, fields_of, join, kind_of, named_field
from socialrl.registry import CONFIGS, CURRICULUM, LEARNER, PROTOCOL, WORLD, ConfigKind, Kind
from socialrl_envs import plugins
from socialrl_envs.errors import SocialRLError, nearest
from socialrl_envs.options import Options, option, require
from socialrl_envs.safe_json import read_json

RUN_FORMAT, RUN_VERSION = "socialrl-run", 1
REPORTING = 1000  # seeds below it are for tuning and trying out; what is reported is measured on others
SOURCES = ("paper", "aim", "ours")  # of claims
RENAMED = {
    "parallel": "num_envs",
    "unroll": "unroll_length",
    "pool": "num_levels",
    "refresh": "level_refresh",
}
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def _check_name(what: str, name: object) -> None:
    if not isinstance(name, str) or not _FILE_NAME.fullmatch(name):
        raise SocialRLError(
            f"{what} {name!r} cannot name a file",
            "use letters, digits, '-' and '_', beginning with a letter or digit",
        )


def _check_config(what: str, config: object) -> None:
    """Raises SocialRLError unless it is an instance of a dataclass whose annotations are all fields."""
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        raise SocialRLError(
            f"{what}: expected a Config instance, got {config!r}", "import the file and call its Config(...)"
        )
    cls = type(config)
    own = vars(cls).get("__annotations__", {})
    lost = [name for name, hint in own.items() if name[0] != "_" and "ClassVar" not in str(hint)]
    if "__dataclass_fields__" not in vars(cls) and lost:
        raise SocialRLError(
            f"{what}: {cls.__qualname__} is no dataclass, so that its {lost[0]!r} has no effect",
            "write @dataclasses.dataclass(frozen=True, kw_only=True) above the class",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Partners(Options):
    """Agents that other arms of the same run have trained, as the co-players of an arm.

    They are `len(at) * len(arms) * max(seeds, 1)` agents per seed, the least trained first; which of them
    acts in a seat is a parameter of the level, `partner`, which a world with redrawn="partners" draws. Of
    arms with several novices the first one is taken. The agents' parameters do not change.
    """

    arms: tuple[str, ...] = option(help="arms that are listed before, whose agents act")
    at: tuple[float, ...] = option(
        (1.0,),
        "shares of their training after which they are taken: 0 untrained, 1 at its end",
        low=0,
        high=1,
    )
    seeds: int = option(
        1,
        "agents of how many seeds: seed s of the arm meets those of the seeds s + 1, s + 2, ..., around; "
        "0: those of seed s alone",
        low=0,
    )
    greedy: bool = option(False, "whether they act as in evaluations, else as in training")

    def __post_init__(self) -> None:
        super().__post_init__()
        require(len(self.arms) > 0, "partners.arms", self.arms, "the name of an arm, or several")
        require(len(self.at) > 0, "partners.at", self.at, "at least one share")
        object.__setattr__(self, "at", tuple(sorted(self.at)))

    @property
    def size(self) -> int:
        """The number of partners per seed."""
        return len(self.at) * len(self.arms) * len(self.shifts())

    def shifts(self) -> range:
        """By how much the seeds of the agents differ from that of the arm."""
        return range(1, self.seeds + 1) if self.seeds else range(1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Generations(Options):
    """Several lifetimes in place of one: each begins with new parameters, beside the last one's novice.

    The steps of the experiment are divided among them, so that an arm with generations costs what one without
    them does. See `lineage`.
    """

    count: int = option(
        5, "lifetimes, one after another, of steps / count steps each, in whole chunks", low=2, high=1000
    )
    fade: float = option(
        1.0,
        "share of a lifetime over which co-players become rarer: the share of the training episodes in which "
        "they are there falls from 1 to 0, linearly; 0: they do not become rarer",
        low=0,
        high=1,
    )
    noise: float = option(
        0.0, "probability that an elder takes a random action instead of its own", low=0, high=1
    )
    greedy: bool = option(
        False, "whether elders take their best action; else they draw it, as while they were trained"
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Arm(Options):
    """One condition of an experiment: a learner, and if they differ a world, a curriculum, and partners; and
    whether it learns in generations.
    """

    name: str = option(help="names the arm in records, file names and overrides")
    learner: Annotated[Any, LEARNER] = option(help="a learner's Config")
    world: Annotated[Any, WORLD] | None = option(
        None, "a world's Config for this arm; None: the experiment's"
    )
    curriculum: Annotated[Any, CURRICULUM] | None = option(
        None, "a curriculum's Config for this arm; None: the experiment's"
    )
    partners: Partners | None = option(
        None, "trained agents that act in the co-players' seats while it learns; None: the world's own"
    )
    generations: Generations | None = option(
        None, "lifetimes, of which the novices of one are the co-players of the next; None: one lifetime"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_name("arm", self.name)
        if self.name in RESERVED:
            raise SocialRLError(
                f"arm {self.name!r} has the name of an experiment's key", "choose another name"
            )
        _check_config(f"arm {self.name}, learner", self.learner)
        for part, config in (("world", self.world), ("curriculum", self.curriculum)):
            if config is not None:
                _check_config(f"arm {self.name}, {part}", config)
        if self.partners is not None and self.generations is not None:
            raise SocialRLError(
                f"arm {self.name}: partners and generations", "co-players are the ones or the others"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claim(Options):
    """A statement that the report checks.

    It says that in a measure `arm` is above `over`, or above `value`.
    """

    text: str = option(help="the statement")
    source: Literal["paper", "aim", "ours"] = option(
        help="paper: a publication says so, and the measure and its settings are its own; aim: what a "
        "learner should reach; ours: our question, or a publication's with another measure or setting",
        choices=SOURCES,
    )
    paper: str = option("", "the publication that makes the statement, or that suggested it")
    arm: str = option(help="the arm that it is about")
    over: str | None = option(
        None, 'the arm that it is compared with, or "expert": co-players that stay throughout; None: `value`'
    )
    value: float = option(0.0, "the number that it is compared with where `over` is None")
    times: float = option(1.0, "factor of the other side, e.g. 0.9 of the expert's")
    below: bool = option(False, "the claim is that `arm` is below the other side")
    measure: str = option(
        "return",
        "a measure of the evaluation; auc: the return's mean over the learning curve; ct: cultural "
        "transmission, of the social protocol; steps_to_half: environment steps until the return is first "
        "half of a planner's, of the protocol regret; timed: the return after as many seconds of training "
        "as the quickest arm in this world took for all of it",
    )
    at: float = option(
        1.0, "share of training after which it is measured, by the nearest evaluation", above=0, high=1
    )
    labels: tuple[tuple[str, str], ...] = option(
        (),
        "(label, value) pairs that pick a condition of the social protocol, or of the protocol that "
        '("protocol", kind) names; none picks the final evaluation; values are text: ("episodes", "1")',
    )
    over_labels: tuple[tuple[str, str], ...] = option(
        (), "labels of the other side, where they differ from `labels`"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.source == "paper" and not self.paper:
            raise SocialRLError(f"claim {self.text!r}: no paper", "name the publication: paper='...'")
        if self.over_labels and not self.labels:
            raise SocialRLError(
                f"claim {self.text!r}: labels of the other side alone", "give `labels` of a protocol, too"
            )
        if self.at < 1 and self.labels:
            raise SocialRLError(
                f"claim {self.text!r}: labels of a protocol, at {self.at:g} of training",
                "protocols run at its end: leave out `at`",
            )

    @property
    def arms(self) -> tuple[str, ...]:
        """The names of the arms that the claim compares."""
        return (self.arm,) if self.over in (None, "expert") else (self.arm, self.over)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment(Options):
    """An experiment: a question, the arms that are compared, their world, and the length of training.

    Steps are environment steps of one seed. Numbers of steps are rounded up to whole chunks of
    `chunk * num_envs * unroll_length` steps.
    """

    name: str = option(help="names the run folder, runs/<name>/<number>")
    question: str = option(help="what the experiment asks, in one sentence; the report begins with it")
    world: Annotated[Any, WORLD] = option(help="a world's Config, unless an arm has its own")
    arms: tuple[Arm, ...] = option(help="the conditions that are compared")
    seeds: int = option(5, "independent repetitions of every arm, trained side by side", low=1)
    first_seed: int = option(
        0,
        f"the first seed; the others follow it, one by one. Seeds below {REPORTING} are for tuning: what is "
        "reported begins there",
        low=0,
        high=2**31 - 1,
        words="0 or more",
    )
    steps: int = option(30_000, "environment steps per seed, over all parallel environments", low=1)
    num_envs: int = option(16, "environments that are stepped in parallel, per seed", low=1)
    unroll_length: int = option(10, "steps between two updates, and the length of a learning sequence", low=1)
    num_levels: int = option(256, "levels in the pool from which training's episodes start, uniformly", low=1)
    level_refresh: float = option(
        1.0, "share of the pool that new levels replace before each chunk, the oldest first", low=0, high=1
    )
    chunk: int = option(25, "updates per compiled call; records and checkpoints fall between calls", low=1)
    evaluate_every: int = option(5_000, "steps between two evaluations on held-out levels", low=1)
    evaluation_episodes: int = option(64, "episodes of such an evaluation, per seed", low=1)
    final_episodes: int = option(256, "episodes of the evaluation at the end, per seed", low=1)
    replay_episodes: int = option(
        4, "episodes at the end that are recorded with every decision, per seed", low=1
    )
    checkpoint_every: int = option(10_000, "steps between two checkpoints", low=1)
    keep_checkpoints: int = option(
        2, "the latest checkpoints of every arm that are kept; more show phases of training", low=1
    )
    protocols: tuple[Annotated[Any, PROTOCOL], ...] = option(
        (), "further evaluations at the end, Configs of protocols"
    )
    curriculum: Annotated[Any, CURRICULUM] | None = option(
        None, "what parameters of training's levels are drawn from; None: the world's own"
    )
    claims: tuple[Claim, ...] = option((), "statements that the report checks, those of the literature too")
    claim_seeds: int = option(
        10,
        "seeds on which a claim is decided, fixed before the run: the first ones; with fewer there is no "
        "verdict, and further ones do not enter it",
        low=10,
    )
    claims_in_all: int = option(
        0, "claims that Holm's correction counts, if some of them were left out with their arms", low=0
    )
    tuning: str = option("", "how the arms were tuned, in words; the report shows it")
    scale: str = option("", 'the size in words, e.g. "two CPU cores"; the report\'s head shows it')

    def __post_init__(self) -> None:
        for key, annotation in fields_of(Experiment).items():
            value = getattr(self, key)
            if annotation is int and (not isinstance(value, int) or isinstance(value, bool)):
                raise SocialRLError(f"{key}: expected int, got {value!r}")
        super().__post_init__()
        _check_name("experiment", self.name)
        _check_config("world", self.world)
        if self.curriculum is not None:
            _check_config("curriculum", self.curriculum)
        for number, protocol in enumerate(self.protocols):
            _check_config(f"protocols.{number}", protocol)
        self._check_arms()
        self._check_claims()

    def _check_arms(self) -> None:
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
        self._check_partners()

    def _check_partners(self) -> None:
        before: list[str] = []
        for arm in self.arms:
            for name in arm.partners.arms if arm.partners else ():
                if name not in before:
                    raise SocialRLError(
                        f"arm {arm.name}: partners of arm {name!r}",
                        f"list that arm before it; before it are {', '.join(before) or 'none'}",
                    )
            before.append(arm.name)

    def _check_claims(self) -> None:
        known = [arm.name for arm in self.arms]
        for claim in self.claims:
            for name in claim.arms:
                if name not in known:
                    raise SocialRLError(f"claim {claim.text!r}: unknown arm {name!r}", nearest(name, known))

    @property
    def seed_numbers(self) -> range:
        """The seeds: first_seed, first_seed + 1, ..., `seeds` of them."""
        return range(self.first_seed, self.first_seed + self.seeds)

    @property
    def reporting(self) -> bool:
        """Whether no seed is one of those for tuning."""
        return self.first_seed >= REPORTING

    @property
    def chunk_steps(self) -> int:
        """Environment steps per seed of one compiled call."""
        return self.chunk * self.num_envs * self.unroll_length

    @property
    def total_steps(self) -> int:
        """Environment steps per seed: the fewest whole chunks that make at least `steps`."""
        return math.ceil(self.steps / self.chunk_steps) * self.chunk_steps

    def check_run(self) -> None:
        """Raises SocialRLError if partners are of more seeds than a run of this experiment has."""
        for arm in self.arms:
            if arm.partners and arm.partners.seeds >= self.seeds:
                raise SocialRLError(
                    f"{arm.name}.partners.seeds: {arm.partners.seeds}",
                    f"it must be less than --seeds, {self.seeds}: nobody is to meet itself",
                )

    def check_apart(self) -> None:
        """Raises SocialRLError if an arm cannot be trained without another one of the experiment."""
        for arm in self.arms:
            if arm.partners:
                raise SocialRLError(
                    f"{arm.name}: its partners are agents of {', '.join(arm.partners.arms)}, which a sweep "
                    "trains apart",
                    "train it by `socialrl run`",
                )

    def steps_at(self, share: float) -> int:
        """Environment steps per seed after that share of training: the fewest whole chunks that make it."""
        return math.ceil(share * self.total_steps / self.chunk_steps) * self.chunk_steps

    def lent(self, name: str) -> tuple[int, ...]:
        """The steps at which agents of an arm become partners in other arms, ascending."""
        takers = [arm.partners for arm in self.arms if arm.partners and name in arm.partners.arms]
        return tuple(sorted({self.steps_at(share) for one in takers for share in one.at}))

    def alone(self, arm: Arm) -> "Experiment":
        """The experiment with this arm as the last one, after those of its partners, and without claims."""
        needed = arm.partners.arms if arm.partners else ()
        others = (one for one in self.arms if one.name in needed and one.name != arm.name)
        before = tuple(dataclasses.replace(one, partners=None) for one in others)
        return dataclasses.replace(self, arms=(*before, arm), claims=())

    def ends_of(self, arm: Arm) -> tuple[int, ...]:
        """Environment steps per seed at the end of each lifetime of an arm, one for an arm without
        generations. Lifetimes are whole chunks, and differ by at most one.
        """
        count, chunks = 1 if arm.generations is None else arm.generations.count, self.total_steps
        chunks //= self.chunk_steps
        return tuple(chunks * number // count * self.chunk_steps for number in range(1, count + 1))

    def world_of(self, arm: Arm) -> Any:
        """The world's Config of an arm: its own, else the experiment's."""
        return self.world if arm.world is None else arm.world

    def curriculum_of(self, arm: Arm) -> Any:
        """The curriculum's Config of an arm: its own, else the experiment's, or None."""
        return self.curriculum if arm.curriculum is None else arm.curriculum


RESERVED = frozenset(field.name for field in dataclasses.fields(Experiment)) | {"learner"}


def to_json(experiment: Experiment) -> dict[str, Any]:
    """The experiment as JSON values, from which `from_json` makes an equal one.

    A Config is {"name": ..., **fields}; that of a plug-in has the source of its code under "plugin". Raises
    SocialRLError for what JSON cannot hold.
    """
    return _plain_fields(experiment, "")


def world_to_json(config: object) -> dict[str, Any]:
    """A world's Config as JSON values with its name, as under `world` in `to_json`."""
    return _plain(Annotated[Any, WORLD], config, "world")


def from_json(data: object) -> Experiment:
    """The experiment of JSON values that `to_json` made.

    All types are checked, and only code that is allowed is imported. Raises SocialRLError that names the
    dotted key, and the nearest known key or the expected type; NotAllowedError for a plug-in whose code may
    not be run.
    """
    if not isinstance(data, dict):
        raise SocialRLError(f"expected an experiment's keys, got {type(data).__name__}")
    for old, new in RENAMED.items():
        if old in data:
            raise SocialRLError(f"the key {old!r} is named {new!r} now", f"rename it: {renamings()}")
    claims = data.get("claims")
    return build(Experiment, data | ({} if claims is None else {"claims": with_sources(claims)}), "")


def with_sources(claims: object) -> Any:
    """Claims as JSON values in today's form: one whose source is a publication, as runs before the rules of
    evidence recorded it, becomes "ours", with that publication as its paper.
    """

    def renewed(claim: object) -> Any:
        if not isinstance(claim, dict) or not isinstance(claim.get("source"), str):
            return claim
        return claim if claim["source"] in SOURCES else claim | {"source": "ours", "paper": claim["source"]}

    return [renewed(claim) for claim in claims] if isinstance(claims, list) else claims


def renamings() -> str:
    """The renamed keys of an experiment as text, "parallel -> num_envs, ..."."""
    return ", ".join(f"{old} -> {new}" for old, new in RENAMED.items())


def _plain_fields(value: object, path: str) -> dict[str, Any]:
    annotations = fields_of(type(value))
    return {name: _plain(kind, getattr(value, name), join(path, name)) for name, kind in annotations.items()}


def _plain(annotation: object, value: object, path: str) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kind = _kind_in(annotation)
        return _plain_config(kind, value, path) if kind else _plain_named(value, path)
    if isinstance(value, tuple | list):
        return [_plain(_entry(annotation), item, join(path, str(i))) for i, item in enumerate(value)]
    if isinstance(value, dict):
        return {
            str(key): _plain(_entry(annotation), item, join(path, str(key))) for key, item in value.items()
        }
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise SocialRLError(
        f"{path}: {type(value).__name__} cannot be saved",
        "use plain numbers, strings, tuples and dataclasses",
    )


def _kind_in(annotation: object) -> ConfigKind | None:
    """The kind of config of an annotation, or of a member of a union; None without one."""
    members = (annotation, *typing.get_args(annotation))
    return next((kind for member in members if (kind := kind_of(member))), None)


def _entry(annotation: object) -> Any:
    """The annotation of the entries of a homogeneous tuple or of the values of a dict, else None."""
    for member in (annotation, *typing.get_args(annotation)):
        args = typing.get_args(member)
        if typing.get_origin(member) is tuple and args and args[-1] is Ellipsis:
            return args[0]
        if typing.get_origin(member) is dict:
            return args[1]
    return None


def _plain_config(kind: ConfigKind, value: object, path: str) -> dict[str, Any]:
    other = next((other for other in CONFIGS if other.holds(type(value))), kind)
    if other is not kind:
        raise SocialRLError(
            f"{path}: {type(value).__module__}.Config is not a {kind.word}'s Config",
            f"it is a {other.word}'s",
        )
    for taken in ("name", PLUGIN):
        if taken in fields_of(type(value)):
            raise SocialRLError(
                f"{path}: the {kind.word}'s Config has a field `{taken}`",
                "that key is taken; rename the field",
            )
    name = construct(lambda: kind.name_of(value), path)
    return {"name": name, **_source(kind, name), **_plain_fields(value, path)}


def _plain_named(value: object, path: str) -> dict[str, Any]:
    """The fields of a dataclass, and the source of the code that one of them names, e.g. a policy."""
    fields, named = _plain_fields(value, path), named_field(type(value))
    if named is None:
        return fields
    name, kind = getattr(value, named[0]), named[1]
    known = plugins.qualified(name) or name in kind.names()
    return fields | (construct(lambda: _source(kind, name), path) if known else {})


def _source(kind: Kind, name: str) -> dict[str, Any]:
    """{"plugin": the source of a plug-in's code}; {} for built-in names."""
    built_in = not plugins.qualified(name) and not kind.entry(name).package
    return {} if built_in else {PLUGIN: kind.source(name).to_json()}


def load_experiment(path: Path | str) -> Experiment:
    """The experiment of a file that defines `experiment = Experiment(...)`, or of a run folder's config.json.

    A file is executed, and names that it and the modules next to it define may be used from then on. No code
    of a run folder is executed. Raises SocialRLError that names the file.
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
        return _named(path, lambda: from_json(read_run_config(path)["experiment"]))
    experiment = vars(_execute(path)).get("experiment")
    if not isinstance(experiment, Experiment):
        raise SocialRLError(
            f"{path}: it defines no experiment", "end the file with `experiment = Experiment(...)`"
        )
    return _named(path, lambda: from_json(to_json(experiment)))


def _named(path: Path, make: Callable[[], Experiment]) -> Experiment:
    """The result of `make`, whose errors begin with the path."""
    try:
        return make()
    except SocialRLError as error:
        if error.message.startswith(str(path)):
            raise
        raise SocialRLError(f"{path}: {error.message}", error.hint) from error


def _execute(path: Path) -> ModuleType:
    """The executed file as a module; errors about renamed keys of Experiment name the new ones."""
    try:
        return plugins.load_file(path)
    except SocialRLError as error:
        old = next((old for old in RENAMED if f"unexpected keyword argument '{old}'" in error.message), None)
        if old is None:
            raise
        raise SocialRLError(error.message, f"{old!r} is named {RENAMED[old]!r} now: {renamings()}") from error


def read_run_config(path: Path) -> dict[str, Any]:
    """The content of a run folder's config.json.

    Raises SocialRLError naming the file if it is damaged or foreign.
    """
    try:
        content = read_json(path.read_bytes(), f"{path}: damaged")
    except OSError as error:
        raise SocialRLError(f"{path}: {error.strerror}") from error
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

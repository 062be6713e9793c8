"""A study file: what participants are shown and do, as plain data (TOML).

    name = "whom_do_people_follow"
    question = "Do people keep what they learnt from company that leaves?"
    world = { name = "goal_cycle", size = 9, experts = 1 }

    [conditions.half]
    presence = "half"           # full, half or never: how long the company is there

    [[parts]]
    page = "Welcome"
    text = "You are the one in blue. ..."
    consent = true

    [[parts]]
    practice = ["half"]
    seeds = [1]

    [[parts]]
    test = ["half", "alone"]    # each participant meets the conditions in an order of their own
    seeds = [11, 12, 13, 14]    # one level per episode, in this order for everybody

No code is run. Raises SocialRLError that names the file and the dotted key for anything that does not fit.
"""

import dataclasses
import hashlib
import json
import tomllib
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from socialrl.coerce import build, construct
from socialrl.record.labels import PRESENCES, TRAINED
from socialrl.registry import WORLD
from socialrl_envs import registry
from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.options import Options, option, require

MOST = 1_000_000  # bytes of a study file


@dataclasses.dataclass(frozen=True, kw_only=True)
class Condition(Options):
    """Under what an episode is played.

    presence: how long the company is there, one of PRESENCES. company: TRAINED (the world's own), or the
    policy of the co-players. level: parameters of the level that are single numbers, such as density.
    """

    presence: str = option("full", "how long the company is on the grid", choices=tuple(PRESENCES))
    company: str = option(TRAINED, "the world's own co-players, or the policy that takes their place")
    level: dict[str, float] = option(None, "overridden parameters of the level")

    def __post_init__(self) -> None:
        object.__setattr__(self, "level", dict(self.level or {}))
        super().__post_init__()
        if self.company not in (TRAINED, *registry.coplayer_names()):
            raise unknown("co-player (company)", self.company, (TRAINED, *registry.coplayer_names()))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part(Options):
    """A part of a study: a page of text, or episodes of practice or of the test.

    page: its title. consent: the study ends there unless the participant agrees. practice, test: conditions;
    what is practised is not analysed. seeds: of the episodes' levels, in their order, as many rounds of the
    conditions as there are seeds for.
    """

    page: str = option("", "the title of a page")
    text: str = option("", "what the page says; an empty line begins a paragraph")
    consent: bool = option(False, "whether the page asks for consent")
    practice: tuple[str, ...] = option((), "conditions that are practised")
    test: tuple[str, ...] = option((), "conditions that are measured")
    seeds: tuple[int, ...] = option((), "seeds of the episodes", low=0, high=2**31 - 1)
    balanced: bool = option(True, "whether each participant has an order of their own; False: as written")

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [name for name in ("page", "practice", "test") if vars(self)[name]]
        require(len(given) == 1, "page", given, "a part has a page, or practice, or test")
        names = self.conditions
        require(len(set(names)) == len(names), given[0], list(names), "each condition once")
        rounds = bool(self.seeds) and bool(names) and len(self.seeds) % len(names) == 0
        require(
            rounds if names else not self.seeds,
            "seeds",
            list(self.seeds),
            "one per episode, the same number for each condition" if names else "a page has none",
        )
        require(not self.page or bool(self.text.strip()), "text", self.text, "a page says something")

    @property
    def conditions(self) -> tuple[str, ...]:
        """The conditions of the episodes; none of a page."""
        return self.practice or self.test


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan(Options):
    """What a study file says.

    seat: the participants'. experiment: whose trained arms they are compared with, see `measuring`.
    """

    name: str = option("", "the name of the study")
    question: str = option("", "what it asks, ending in a question mark")
    world: Annotated[Any, WORLD] = option(None, "the world: its name and settings")
    parts: tuple[Part, ...] = option((), "pages and episodes, in their order")
    conditions: dict[str, Condition] = option(None, "conditions by name")
    seat: str = option("novice_0", "the participants' seat")
    experiment: str = option(
        "", "the experiment whose arms people are shown beside; the study's name if empty"
    )

    def __post_init__(self) -> None:
        conditions = dict(self.conditions or {})
        object.__setattr__(self, "conditions", conditions)
        super().__post_init__()
        require(
            bool(self.name) and self.name.replace("_", "a").isalnum(), "name", self.name, "letters, digits, _"
        )
        require(self.world is not None, "world", self.world, 'such as { name = "goal_cycle" }')
        require(any(part.test for part in self.parts), "parts", len(self.parts), "at least one with a test")
        alike = [(one.presence, one.company, *sorted(one.level.items())) for one in conditions.values()]
        require(len(set(alike)) == len(alike), "conditions", list(conditions), "different from one another")
        for number, part in enumerate(self.parts):
            for name in part.conditions:
                if name not in conditions:
                    raise unknown(f"condition (parts.{number})", name, conditions)

    @property
    def companies(self) -> tuple[str, ...]:
        """The policies that take the place of the world's own co-players in some condition."""
        found = dict.fromkeys(condition.company for condition in self.conditions.values())
        return tuple(company for company in found if company != TRAINED)

    @property
    def fingerprint(self) -> str:
        """A checksum of what the file says of all that participants meet: a data file belongs to one plan.

        Options that have their defaults are left out, so that a later version may have more of them.
        """
        content = _given(self) | {"world": {"name": WORLD.name_of(self.world)} | _given(self.world)}
        content = {key: value for key, value in content.items() if key not in ("experiment", "question")}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _given(value: Any) -> Any:
    """A value as JSON holds it; of a dataclass the fields that have not their defaults."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = ((field, vars(value)[field.name]) for field in dataclasses.fields(value))
        return {field.name: _given(own) for field, own in fields if own != field.default}
    if isinstance(value, tuple | list):
        return [_given(item) for item in value]
    return {str(key): _given(item) for key, item in value.items()} if isinstance(value, dict) else value


def read_plan(path: Path | str) -> Plan:
    """The plan of a study file. Raises SocialRLError that names the file and the key."""
    path = Path(path)
    try:
        if path.stat().st_size > MOST:
            raise SocialRLError(f"{path}: too large for a study file", f"at most {MOST:,} bytes")
        content = tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise SocialRLError(f"{path}: {error.strerror or error}", "name a study file (TOML)") from error
    except (ValueError, RecursionError) as error:  # not UTF-8, or not TOML
        raise SocialRLError(
            f"{path}: not TOML ({' '.join(str(error).split())})", "see docs/howto/study.md"
        ) from error
    plan = construct(lambda: build(Plan, content, ""), str(path), whole=False)
    return construct(lambda: _checked(plan), str(path), whole=False)


def _checked(plan: Plan) -> Plan:
    """The plan; raises SocialRLError for what its world lacks."""
    world = construct(plan.world.build, "world")
    if plan.seat not in world.spec.agents:
        raise unknown("seat", plan.seat, world.spec.agents)
    if world.spec.agents.index(plan.seat) not in world.spec.novices:
        raise SocialRLError(
            f"seat: {plan.seat} is not a novice's", "participants take the place of a learner"
        )
    if len(world.spec.novices) > 1:
        raise SocialRLError(f"world: it has {len(world.spec.novices)} novices", "novices = 1")
    known = {name: value for name, value in world.params.named().items() if np.ndim(value) == 0}
    for name, condition in plan.conditions.items():
        for key in condition.level:
            if key not in known:
                raise unknown(f"parameter (conditions.{name}.level)", key, known)
        if condition.presence != "never" and not world.spec.coplayers:
            raise SocialRLError(f"conditions.{name}.presence: nobody else is in this world", "experts = 1")
    return plan

"""Labels of protocols' records: one schema per kind of record, which protocols write and the report reads.

A record of a protocol is a set of measures under a condition; its labels name the condition. In metrics.jsonl
they are a JSON object with exactly the fields of the schema. This module imports no learner and no JAX.
"""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar, TypeVar

Vector = tuple[int | float, ...]
Label = str | int | Vector

HOME = "home"  # world: the one that the arms are compared in
TRAINED = "trained"  # company: the world's own co-players
PRESENCES = {"full": "always", "half": "first_half", "never": "never"}  # label -> schedule of the co-players
PERSON = "person"  # policy: a person, who acts as people do
AS_TRAINED = "as trained"  # condition: no parameter of the level is overridden
ALL = "all"  # agent, source, concept, partner: (means over) all of them
NOTHING, OWN = "nothing", "own"  # concept, value: what the novice reads is left to it
ITSELF, MET, HELD_OUT = "itself", "met", "held out"  # seeds of partners: own, of training, never met
LIVES = ("generations", "one life")  # lives: of several novices after one another, or of one


@dataclasses.dataclass(frozen=True)
class Labels:
    """Base of the schemas. Fields are of type str, int or Vector; `kind` is that of the records."""

    kind: ClassVar[str]

    def to_json(self) -> dict[str, str | int | list[float]]:
        """The labels as a record holds them: field -> text, whole number, or list of numbers."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()
        }


L = TypeVar("L", bound=Labels)


def read(schema: type[L], labels: Mapping[str, object]) -> L | None:
    """A record's labels as this schema, or None if a field is missing, unknown or of another type."""
    types = {field.name: field.type for field in dataclasses.fields(schema)}
    if labels.keys() != types.keys() or not all(_fits(types[name], labels[name]) for name in types):
        return None
    return schema(**{name: tuple(x) if isinstance(x, list) else x for name, x in labels.items()})


def _fits(kind: object, value: object) -> bool:
    """Whether a JSON value is of a field's type."""
    if kind == Vector:
        return isinstance(value, list | tuple) and all(_fits(float, number) for number in value)
    if isinstance(value, bool):
        return False
    if kind is float:
        return isinstance(value, int | float)
    return isinstance(kind, type) and isinstance(value, kind)


@dataclasses.dataclass(frozen=True)
class Social(Labels):
    """Labels of `social`.

    world: HOME, or how a transfer world differs from it, e.g. "goals=4".
    policy: how the novice acts, "greedy" or "sampled", or PERSON.
    company: TRAINED, or the policy of the co-players that stand in for the world's own.
    presence: how long the company is there, one of PRESENCES.
    """

    kind: ClassVar[str] = "social"

    world: str
    policy: str
    company: str
    presence: str


@dataclasses.dataclass(frozen=True)
class FewShot(Labels):
    """Labels of `few_shot`.

    preference: the novices' new preferences, one number per cumulant.
    method: how the learner takes up the new task.
    episodes: episodes of the new task before the evaluation.
    """

    kind: ClassVar[str] = "few_shot"

    preference: Vector
    method: str
    episodes: int


@dataclasses.dataclass(frozen=True)
class Comparisons(Labels):
    """Labels of `comparisons`.

    preference: what the person who compares clips wants, one number per cumulant.
    method: what is made of the answers, e.g. "w, learnt cumulants", or "true reward", which needs none.
    queries: how clips are chosen, "disagreement" or "random"; "" where none are.
    noise: how many of 100 answers are the wrong way round.
    labels: answers, or marks, before the evaluation.
    """

    kind: ClassVar[str] = "comparisons"

    preference: Vector
    method: str
    queries: str
    noise: int
    labels: int


@dataclasses.dataclass(frozen=True)
class GoalInference(Labels):
    """Labels of `goal_inference`.

    preference: the newcomer's preferences, one number per cumulant.
    method: "pre-trained" or "untrained" network.
    episodes: demonstrated episodes before the inference.
    """

    kind: ClassVar[str] = "goal_inference"

    preference: Vector
    method: str
    episodes: int


@dataclasses.dataclass(frozen=True)
class InverseRL(Labels):
    """Labels of `inverse_rl`. agent: a co-player's name, or ALL."""

    kind: ClassVar[str] = "inverse_rl"

    agent: str


@dataclasses.dataclass(frozen=True)
class Memory(Labels):
    """Labels of `memory`. presence: how long the co-players are there, one of PRESENCES."""

    kind: ClassVar[str] = "memory"

    presence: str


@dataclasses.dataclass(frozen=True)
class Following(Labels):
    """Labels of `following`.

    company: the co-players by kind, e.g. "2 equal, 1 wanderer".
    condition: overridden parameters of the level, e.g. "flood 1", or AS_TRAINED.
    """

    kind: ClassVar[str] = "following"

    company: str
    condition: str


@dataclasses.dataclass(frozen=True)
class WorthOfFollowing(Labels):
    """Labels of `worth_of_following`.

    source: whom the decisions followed, or ALL.
    relation: how the source relates to the novice, e.g. "equal" or "wanderer"; "" for ALL and where unknown.
    instead: for how many steps the novice acts for itself instead.
    """

    kind: ClassVar[str] = "worth_of_following"

    source: str
    relation: str
    instead: int


@dataclasses.dataclass(frozen=True)
class Regret(Labels):
    """Labels of `regret`. condition: overridden parameters of the level, e.g. "flood 1", or AS_TRAINED."""

    kind: ClassVar[str] = "regret"

    condition: str


@dataclasses.dataclass(frozen=True)
class HeldOut(Labels):
    """Labels of `held_out`. level: its name, or ALL for what sums up the levels. presence: "full" or "never",
    see PRESENCES.
    """

    kind: ClassVar[str] = "held_out"

    level: str
    presence: str


@dataclasses.dataclass(frozen=True)
class Interventions(Labels):
    """Labels of `interventions`.

    concept: what is set, a concept's name, ALL of them, "residual", or NOTHING. value: what it is set to,
    "truth", "wrong", "zero" or "permuted"; OWN for nothing.
    """

    kind: ClassVar[str] = "interventions"

    concept: str
    value: str


@dataclasses.dataclass(frozen=True)
class Partners(Labels):
    """Labels of `partners`.

    group: "convention" of scripted partners, "agent" of the run's trained ones, "exported" of files.
    partner: the convention in words, e.g. "planner 1 -1 -1", the arm of the agents, the stem of a file, or
    ALL.
    seed: of agents: "+k", those of the seed k further on, or the means ITSELF, MET and HELD_OUT; else "".
    """

    kind: ClassVar[str] = "partners"

    group: str
    partner: str
    seed: str


@dataclasses.dataclass(frozen=True)
class Generations(Labels):
    """Labels of `generations`. generation: counted from 1. presence: how long the co-players are there, one
    of PRESENCES.
    """

    kind: ClassVar[str] = "generations"

    generation: int
    presence: str


@dataclasses.dataclass(frozen=True)
class Lifetimes(Labels):
    """Labels of `lifetimes`.

    lives: one of LIVES, whether each lifetime is another novice's, or all are one novice's.
    generation: the number of the lifetime, from 1.
    """

    kind: ClassVar[str] = "lifetimes"

    lives: str
    generation: int


@dataclasses.dataclass(frozen=True)
class Reference(Labels):
    """Labels of `reference`. policy: how both policies act, "greedy" or "sampled"."""

    kind: ClassVar[str] = "reference"

    policy: str


@dataclasses.dataclass(frozen=True)
class Offline(Labels):
    """Labels of the records of offline training. gradient_steps: those done so far."""

    kind: ClassVar[str] = "offline"

    gradient_steps: int


SCHEMAS: Mapping[str, type[Labels]] = {
    schema.kind: schema
    for schema in (
        Social,
        FewShot,
        Comparisons,
        GoalInference,
        InverseRL,
        Memory,
        Following,
        WorthOfFollowing,
        Regret,
        HeldOut,
        Interventions,
        Partners,
        Generations,
        Lifetimes,
        Reference,
        Offline,
    )
}

"""Conformance checks of learners and curricula: the rules of their contracts, one function each.

`check_learner(config)` and `check_curriculum(config)` raise an AssertionError that begins with the name of
the learner or curriculum and of the rule that it breaks. The tests of this package run them over all that are
built in.
"""

from typing import Any

from socialrl.conformance._compare import named, same, shapes
from socialrl.conformance._curriculum import CURRICULUM_RULES
from socialrl.conformance._learner import LEARNER_RULES, own_rewards_matter
from socialrl.conformance._subject import Subject, curriculum_world, learner_world
from socialrl.curricula import Curriculum
from socialrl.types import LearnerConfig
from socialrl_envs.types import World

__all__ = [
    "CURRICULUM_RULES",
    "LEARNER_RULES",
    "Subject",
    "check_curriculum",
    "check_learner",
    "check_subject",
    "curriculum_world",
    "learner_world",
    "own_rewards_matter",
    "same",
    "shapes",
]


def check_learner(config: LearnerConfig, world: World | None = None) -> None:
    """Raises AssertionError, which names the learner and the rule, unless the learner keeps its contract.

    world: where it is checked, `learner_world()` by default; it needs a novice, and a co-player for the rules
    about others. A config with few parameters is checked faster.
    """
    name = name_of(config)
    subject = Subject(named(name, "build", lambda: config.build((world or learner_world()).spec)), world)
    check_subject(name, subject)


def check_subject(name: str, subject: Subject) -> None:
    """`check_learner` of a learner that is built already; other tests may go on with what was compiled."""
    for rule in LEARNER_RULES:
        named(name, rule.__name__, lambda rule=rule: rule(subject))


def check_curriculum(config: Any, world: World | None = None) -> None:
    """Raises AssertionError, which names the curriculum and the rule, unless it keeps its contract.

    world: where it is checked, `curriculum_world()` by default.
    """
    name, world = name_of(config), world or curriculum_world()
    curriculum: Curriculum = named(name, "build", lambda: config.build(world))
    for rule in CURRICULUM_RULES:
        named(name, rule.__name__, lambda rule=rule: rule(curriculum, world))


def name_of(config: object) -> str:
    """The name of a learner or curriculum: the file of its `Config`, else the name of the class."""
    cls = type(config)
    return cls.__module__.rpartition(".")[2] if cls.__name__ == "Config" else cls.__qualname__

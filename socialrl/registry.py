"""Worlds, learners, protocols and curricula by file stem: `learners/dqn.py` with a `Config` is the learner
"dqn", no more.
"""

import dataclasses
import importlib.util
from typing import Any

from socialrl_envs import registry as envs
from socialrl_envs.errors import SocialRLError, unknown


@dataclasses.dataclass(frozen=True)
class Kind:
    """A family of files that each define a `Config`: one package, one name per file stem.

    As `Annotated[Any, kind]` it is the type of a config field that holds any Config of that family.
    """

    word: str
    package: str

    def modules(self) -> dict[str, str]:
        """File stem -> module path; empty if the package does not exist."""
        return envs.discover(self.package) if importlib.util.find_spec(self.package) else {}

    def names(self) -> tuple[str, ...]:
        """The known names, sorted."""
        return tuple(sorted(self.modules()))

    def config(self, name: str) -> type:
        """The Config class of that name; raises SocialRLError with the nearest spelling for an unknown one."""
        if name not in self.modules():
            raise unknown(self.word, name, self.names())
        return envs.load(self.word, self.package, name).Config

    def name_of(self, config: Any) -> str:
        """The name of a Config instance; raises SocialRLError if its class is not one of this family."""
        cls = type(config)
        name = cls.__module__.rpartition(".")[2]
        if cls.__module__ != self.modules().get(name) or cls.__name__ != "Config":
            place = self.package.replace(".", "/")
            raise SocialRLError(
                f"{cls.__module__}.{cls.__qualname__} is not a {self.word}'s Config",
                f"a {self.word} is the Config of a file in {place}/",
            )
        return name


WORLD = Kind("world", "socialrl_envs.worlds")
LEARNER = Kind("learner", "socialrl.learners")
PROTOCOL = Kind("protocol", "socialrl.protocols")
CURRICULUM = Kind("curriculum", "socialrl.curricula")
KINDS = (WORLD, LEARNER, PROTOCOL, CURRICULUM)


def learner_names() -> tuple[str, ...]:
    """The learners, by name."""
    return LEARNER.names()


def learner_config(name: str) -> type:
    """The Config class of a learner."""
    return LEARNER.config(name)

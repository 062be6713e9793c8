"""Arms: the conditions that an experiment compares, and the company in which their novices learn."""

import dataclasses
import re
from typing import Annotated, Any

from socialrl.registry import CURRICULUM, LEARNER, WORLD
from socialrl_envs.errors import SocialRLError
from socialrl_envs.options import Options, option, require

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def check_name(what: str, name: object) -> None:
    """Raises SocialRLError unless the name can be that of a file."""
    if not isinstance(name, str) or not _FILE_NAME.fullmatch(name):
        raise SocialRLError(
            f"{what} {name!r} cannot name a file",
            "use letters, digits, '-' and '_', beginning with a letter or digit",
        )


def check_config(what: str, config: object) -> None:
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
    share: float = option(
        1.0, "share of the experiment's steps for which this arm is trained", above=0, high=1
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_name("arm", self.name)
        check_config(f"arm {self.name}, learner", self.learner)
        for part, config in (("world", self.world), ("curriculum", self.curriculum)):
            if config is not None:
                check_config(f"arm {self.name}, {part}", config)
        if self.partners is not None and self.generations is not None:
            raise SocialRLError(
                f"arm {self.name}: partners and generations", "co-players are the ones or the others"
            )

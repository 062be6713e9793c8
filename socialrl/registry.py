"""Everything that plugs in, by kind: worlds, co-players, learners, curricula, protocols, sections and panels.

Each kind has built-in files (`learners/dqn.py` with a `Config` is the learner "dqn"), entry points of
installed packages, and code of the user's own by qualified names (see `socialrl_envs.plugins`).
"""

from socialrl.kinds import SOURCE
from socialrl_envs.registry import COPLAYER, WORLD, ConfigKind, Kind

LEARNER = ConfigKind("learner", "socialrl.learners", "socialrl.learners", "Config")
CURRICULUM = ConfigKind("curriculum", "socialrl.curricula", "socialrl.curricula", "Config")
PROTOCOL = ConfigKind("protocol", "socialrl.protocols", "socialrl.protocols", "Config")
SECTION = Kind("section", "socialrl.report.sections", "socialrl.sections", "SECTION")
PANEL = Kind("panel", "socialrl.viewer.panels", "socialrl.panels", "PANEL")

CONFIGS: tuple[ConfigKind, ...] = (WORLD, LEARNER, PROTOCOL, CURRICULUM)
KINDS: tuple[Kind, ...] = (WORLD, COPLAYER, LEARNER, CURRICULUM, PROTOCOL, SOURCE, SECTION, PANEL)

__all__ = [
    "CONFIGS",
    "COPLAYER",
    "CURRICULUM",
    "KINDS",
    "LEARNER",
    "PANEL",
    "PROTOCOL",
    "SECTION",
    "SOURCE",
    "WORLD",
    "ConfigKind",
    "Kind",
    "learner_config",
    "learner_names",
]


def learner_names() -> tuple[str, ...]:
    """The learners, by name."""
    return LEARNER.names()


def learner_config(name: str) -> type:
    """The Config class of a learner."""
    return LEARNER.config(name)

"""Gridworlds that host expert and novice agents, good and bad ones, each with goals of its own.

    import socialrl_envs
    world = socialrl_envs.make("coin_grid", novices=1, experts=2, size=9)

A world is four pure functions over frozen states (see `types.World`); `socialrl_envs.pettingzoo` wraps any of them for
PettingZoo, `hosting.host` drives the co-players.
"""

from socialrl_envs.errors import SocialRLError
from socialrl_envs.hosting import host
from socialrl_envs.registry import coplayer_names, make, names
from socialrl_envs.types import Level, Outcome, Seat, State, World, WorldSpec

__all__ = [
    "Level",
    "Outcome",
    "Seat",
    "SocialRLError",
    "State",
    "World",
    "WorldSpec",
    "coplayer_names",
    "host",
    "make",
    "names",
]

"""The six worlds, each beside company that knows what the novice cannot see or do, and one where rewards are
rare; and learners in one set of settings each, for all of them: those of `selective` are its defaults.

`sparse`: 15x15 cells in four rooms with one hidden goal, which pays once. Who finds it is gone.
"""

import dataclasses
from typing import Any

import _coins
import _cycle
import flooded_road as flood
from socialrl.learners import selective
from socialrl_envs.worlds import cleanup_office, goal_search, goal_sequence

WORLDS: dict[str, Any] = {
    "coin_grid": _coins.WORLD,
    "goal_cycle": _cycle.WORLD,
    "goal_search": goal_search.Config(novices=1, experts=2, size=9, horizon=100),
    "goal_sequence": goal_sequence.Config(),
    "flooded_road": dataclasses.replace(flood.WORLD, flood=0.15),
    "cleanup_office": cleanup_office.Config(),
}
SPARSE = goal_search.Config(novices=1, experts=3, size=15, horizon=100, again=False)
OFF_POLICY: dict[str, Any] = {
    "memory": "gru",
    "hidden": (128,),
    "gamma": 0.99,
    "capacity": 40_000,
    "epsilon_steps": 20_000,
    "updates": 40,
}
SELECTIVE = selective.Config()


def lengths(**changes: Any) -> dict[str, Any]:
    """Lengths of an experiment in these worlds: seeds, steps between evaluations and so on."""
    return {
        "seeds": 10,
        "first_seed": 2000,
        "num_envs": 64,
        "unroll_length": 50,
        "num_levels": 2048,
        "level_refresh": 0.25,
        "chunk": 1,
        "evaluate_every": 6_400,
        "evaluation_episodes": 64,
        "checkpoint_every": 50_000,
    } | changes

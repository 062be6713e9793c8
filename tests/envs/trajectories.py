"""Hashes of trajectories of every world, by options: the guard of a rewrite of the worlds.

    python -m tests.envs.trajectories            compares every entry of trajectories.json with the code
    python -m tests.envs.trajectories --write    writes trajectories.json anew

An entry is the SHA-256 of the levels, actions, rewards, cumulants, endings and observations of some episodes,
in which co-players are hosted and novices act at random.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import socialrl_envs
from socialrl_envs import Seat

FILE = Path(__file__).with_name("trajectories.json")
EPISODES, STEPS = 3, 48
COMPANY = {
    name: (Seat(policy=name, skill=0.7),) * 2
    for name in ("planner", "noisy", "wanderer", "anti_expert", "reckless")
}
COMES = Seat(policy="planner", presence="comes_and_goes")


def cases() -> dict[str, tuple[str, dict[str, Any]]]:
    """Name of an entry -> (world, options)."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for world in (
        "cleanup_office",
        "coin_grid",
        "flooded_road",
        "goal_cycle",
        "goal_search",
        "goal_sequence",
        "rendezvous",
    ):
        found[f"{world}"] = (world, {})
        found[f"{world}, blocking, come and go"] = (
            world,
            {
                "size": 7,
                "layout": "open",
                "blocking": True,
                "experts": (COMES, Seat(policy="planner", presence="leaves")),
            },
        )
        for layout in ("open", "cluttered", "four_rooms", "maze", "maze_loops"):
            found[f"{world}, {layout}"] = (
                world,
                {"size": 9, "layout": layout, "horizon": 60, "density": 0.2},
            )
        for company, seats in COMPANY.items():
            found[f"{world}, {company}"] = (world, {"size": 9, "experts": 0, "coplayers": seats})
        found[f"{world}, 2 novices alone"] = (world, {"size": 8, "novices": 2, "experts": 0})
    for world in ("cleanup_office", "coin_grid", "flooded_road"):
        for observation in ("partial", "grid"):
            options = {"size": 9, "observation": observation, "view": 5, "identities": observation == "grid"}
            found[f"{world}, {observation}"] = (world, options)
    found["coin_grid, no respawn, 4 colours"] = ("coin_grid", {"respawn": False, "colours": 4, "coins": 1})
    likes = Seat(policy="planner", preferences=(-1.0, 0.5, 2.0))
    found["coin_grid, preferences"] = (
        "coin_grid",
        {"novices": (Seat(preferences=(1.0, 0.0, -2.0)),), "experts": (likes,)},
    )
    found["flooded_road, step cost"] = ("flooded_road", {"step_cost": 0.05, "flood": 0.9, "loss": 2.0})
    found["cleanup_office, 6 desks"] = (
        "cleanup_office",
        {"desks": 6, "errands": 3, "litter_rate": 0.3, "experts": 4},
    )
    for world in ("goal_cycle", "goal_search", "goal_sequence"):
        found[f"{world}, prestige, view 5, no occlusion"] = (
            world,
            {"prestige": True, "view": 5, "occlusion": False},
        )
        found[f"{world}, 7 actions, fixed order"] = (
            world,
            {"actions": 7, "blocking": True, "shuffle": False, "size": 9},
        )
    found["goal_cycle, 5 goals, reset on mistake"] = (
        "goal_cycle",
        {"goals": 5, "reset_on_mistake": True, "size": 9},
    )
    found["goal_cycle, no initial reward"] = (
        "goal_cycle",
        {"initial_reward": False, "penalty": 0.5, "size": 9},
    )
    found["goal_search, shown to all, not again"] = (
        "goal_search",
        {"shown_to": "all", "again": False, "size": 9},
    )
    found["goal_search, shown to nobody"] = ("goal_search", {"shown_to": "nobody", "size": 9})
    found["goal_search, blocking, not again"] = ("goal_search", {"blocking": True, "again": False, "size": 9})
    found["goal_sequence, copies"] = ("goal_sequence", {"goals": 4, "copies": 2, "trials": 3, "size": 9})
    return found


OVERRIDES = {"size": 7.0, "density": 0.1, "penalty": 0.25, "reward": 2.0, "litter_rate": 0.5, "flood": 1.0}


def trajectory(world: Any, overrides: dict[str, Any]) -> Any:
    """Key -> everything of an episode that the hash covers."""
    host = socialrl_envs.host(world)
    novices = np.isin(np.arange(len(world.spec.seats)), world.spec.novices)

    def play(key: Any) -> Any:
        level_key, reset_key, play_key = jax.random.split(key, 3)
        level = world.sample_level(level_key, overrides)
        state = world.reset(level, reset_key)

        def step(state: Any, key: Any) -> Any:
            host_key, act_key, step_key = jax.random.split(key, 3)
            drawn = jax.random.randint(act_key, novices.shape, 0, len(world.spec.actions), dtype=jnp.int32)
            actions = jnp.where(novices, drawn, host(state, host_key))
            after, outcome = world.step(state, actions, step_key)
            ends = (outcome.terminated, outcome.truncated)
            return after, (
                actions,
                outcome.reward,
                outcome.cumulants,
                *ends,
                world.observe(after),
                world.observe(state),
            )

        return (level.tiles, level.position, level.heading), jax.lax.scan(
            step, state, jax.random.split(play_key, STEPS)
        )[1]

    return play


def digest(name: str, options: dict[str, Any], overridden: bool = False) -> str:
    """The hash of some episodes of this world."""
    world = socialrl_envs.make(name, **options)
    own = world.params.named()
    overrides = (
        {key: jnp.float32(value) for key, value in OVERRIDES.items() if key in own} if overridden else {}
    )
    run = jax.jit(
        jax.vmap(trajectory(world, overrides)), compiler_options={"xla_backend_optimization_level": 0}
    )
    played = jax.device_get(run(jax.random.split(jax.random.key(7), EPISODES)))
    text = hashlib.sha256()
    for leaf in jax.tree.leaves(played):
        array = np.ascontiguousarray(leaf)
        text.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
    return text.hexdigest()[:16]


def everything() -> dict[str, tuple[str, dict[str, Any], bool]]:
    """Name of an entry -> (world, options, whether the levels' parameters are overridden)."""
    plain = {name: (*case, False) for name, case in cases().items()}
    worlds = dict.fromkeys(world for world, _ in cases().values())
    return plain | {f"{world}, overridden": (world, {"size": 9}, True) for world in worlds}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write trajectories.json anew")
    parser.add_argument("--only", default="", help="entries whose name contains this")
    options = parser.parse_args()
    recorded = {} if options.write else json.loads(FILE.read_text())
    wrong = 0
    for name, case in everything().items():
        if options.only not in name:
            continue
        found = digest(*case)
        if options.write:
            recorded[name] = found
        elif recorded[name] != found:
            wrong += 1
            print(f"differs: {name}", flush=True)
    if options.write:
        FILE.write_text(json.dumps(recorded, indent=1) + "\n")
    print(f"{len(recorded)} entries, {wrong} differ")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())

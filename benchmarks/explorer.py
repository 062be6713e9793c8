"""What does a scripted explorer earn alone in a goal cycle, which knows the map but not the order?

It walks to the nearest tile that may be the next one, and remembers what each tile paid after each other one:
a tile that cost is out, one that paid follows, and the cycle does not close before all tiles are in it. That
is a reference for who finds the order by itself, as the solitary arms of experiments/shown_once.py must: they
know no map, and see no farther than their view. Worlds are those of the arms of an experiment.

    python benchmarks/explorer.py
    python benchmarks/explorer.py experiments/shown_once.py --episodes 4096 --table explorer.json
"""

import argparse
import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from tables import save, table

from socialrl.config import load_experiment
from socialrl_envs import grid
from socialrl_envs.composed import GridWorld
from socialrl_envs.planning.pursuit import pursue
from socialrl_envs.types import State
from socialrl_envs.worlds import goal_cycle


def candidates(ruled: Array, place: Array) -> Array:
    """(n,): the tiles that may pay next; all of them before the first. ruled: (n, n), [i, j] if tile j is
    known not to follow tile i. place: the last tile that paid, -1 before the first.
    """
    possible = ~ruled
    alone = (possible.sum(0, keepdims=True) == 1) | (possible.sum(1, keepdims=True) == 1)
    certain = (possible & alone)[place]
    return jnp.where(place < 0, True, jnp.where(certain.any(), certain, possible[place]))


def learnt(ruled: Array, place: Array, tile: Array, reward: Array) -> Array:
    """`ruled` after stepping onto a tile: what costs does not follow, what pays does, and nothing else."""
    tiles = len(ruled)
    cost = ruled.at[place, tile].set(True)
    paid = ruled.at[place].set(True).at[:, tile].set(True).at[place, tile].set(False)
    ruled = jnp.where(reward < 0, cost, jnp.where((reward > 0) & (place >= 0), paid, ruled))
    known, following = (~ruled).sum(1) == 1, jnp.argmin(ruled, axis=1)

    def unclosed(ruled: Array, start: Array) -> tuple[Array, None]:
        """The end of the chain that begins in `start` is not followed by it, unless all tiles are in it."""
        end, length = start, jnp.int32(0)
        for _ in range(tiles - 1):
            end, length = jnp.where(known[end], following[end], end), length + known[end]
        short = (length < tiles - 1) & (end != start)
        return ruled.at[end, start].set(ruled[end, start] | short), None

    return jax.lax.scan(unclosed, ruled, jnp.arange(tiles))[0]


def explore(world: GridWorld, config: goal_cycle.Config, episodes: int, seed: int) -> tuple[Array, Array]:
    """Return and mistakes of the explorer in each episode, (episodes,)."""

    def tile_at(state: State) -> Array:
        """(H, W): the index of the tile of each cell, -1 where there is none."""
        tile = state.level.tiles.astype(jnp.int32) - grid.GOAL
        return jnp.where((tile >= 0) & (tile < config.goals), tile, -1)

    def step(carry: tuple[State, Array], key: Array) -> tuple[tuple[State, Array], Array]:
        state, ruled = carry
        act_key, step_key = jax.random.split(key)
        place, tile = state.task.place.astype(jnp.int32)[0], tile_at(state)
        pays = jnp.where(candidates(ruled, place)[tile], 1.0, -config.penalty)
        action = pursue(world, state, jnp.where(tile >= 0, pays, 0.0), 0, act_key)
        state, outcome = world.step(state, action[None], step_key)
        row, column = state.seats.position[0]
        reward = outcome.reward[0]
        return (state, learnt(ruled, place, tile[row, column], reward)), reward

    def episode(key: Array) -> tuple[Array, Array]:
        level_key, reset_key, play_key = jax.random.split(key, 3)
        state = world.reset(world.sample_level(level_key), reset_key)
        keys = jax.random.split(play_key, config.horizon)
        _, rewards = jax.lax.scan(step, (state, jnp.eye(config.goals, dtype=bool)), keys)
        return rewards.sum(), (rewards < 0).sum()

    return jax.jit(jax.vmap(episode))(jax.random.split(jax.random.key(seed), episodes))


def main() -> None:
    """Prints a row per world."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("experiment", nargs="?", default="experiments/shown_once.py", help="its file")
    parser.add_argument("--episodes", type=int, default=4096, help="episodes in each world")
    parser.add_argument("--seed", type=int, default=0, help="of levels and orders")
    parser.add_argument("--table", type=Path, help="a file for the table, which pages are filled in from")
    args = parser.parse_args()
    experiment = load_experiment(args.experiment)
    rows = [["world", "tiles", "return", "standard error", "mistakes"]]
    worlds = {repr(arm.world or experiment.world): (arm.name, arm.world) for arm in experiment.arms}
    for name, world in worlds.values():
        config = world or experiment.world
        if not isinstance(config, goal_cycle.Config):
            parser.error(f"{name} lives in {config.name}, the explorer knows goal_cycle")
        alone = dataclasses.replace(config, experts=0, coplayers=())
        returns, mistakes = map(np.asarray, explore(alone.build(), alone, args.episodes, args.seed))
        error = returns.std() / len(returns) ** 0.5
        values = (returns.mean(), error, mistakes.mean())
        rows.append([name.partition("_")[2], str(config.goals), *(f"{value:.2f}" for value in values)])
    print(table(rows))
    save(args.table, rows)


if __name__ == "__main__":
    main()

"""How fast the worlds run: agent-steps per second, compile seconds and bytes of state, for every registered world.

    python benchmarks/env_throughput.py
    python benchmarks/env_throughput.py --world coin_grid --parallel 1024 --set size=13 --set observation=partial

Random actions; the views of all seats are written out at every step; episodes that end start anew on a level drawn from a pool,
as in training (the reset runs only in steps in which some episode ends). The first call compiles and is not timed.
"""

import argparse
import ast
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import socialrl_envs

COLUMNS = ("world", "seats", "view", "worlds", "agent-steps/s", "world-steps/s", "compile s", "state B", "views B")


def pick(done: Array, new: Any, old: Any) -> Any:
    """Leaf by leaf, the new rows where an episode ended."""
    return jax.tree.map(lambda a, b: jnp.where(done.reshape(-1, *(1,) * (a.ndim - 1)), a, b), new, old)


def make_chunk(world: Any, worlds: int, steps: int) -> Callable[..., tuple[Any, Array, Array, Array]]:
    """(states, pool, key) -> (states, views of every step, rewards, dones)."""
    seats, actions = len(world.spec.seats), len(world.spec.actions)

    def chunk(states: Any, pool: Any, key: Array) -> tuple[Any, Array, Array, Array]:
        levels = jax.tree.leaves(pool)[0].shape[0]

        def fresh(states: Any, key: Array) -> Any:
            index_key, reset_key = jax.random.split(key)
            index = jax.random.randint(index_key, (worlds,), 0, levels)
            drawn = jax.tree.map(lambda leaf: leaf[index], pool)
            return jax.vmap(world.reset)(drawn, jax.random.split(reset_key, worlds))

        def step(states: Any, time: Array) -> tuple[Any, tuple[Array, Array, Array]]:
            action_key, step_key, fresh_key = jax.random.split(jax.random.fold_in(key, time), 3)
            taken = jax.random.randint(action_key, (worlds, seats), 0, actions, dtype=jnp.int32)
            states, outcome = jax.vmap(world.step)(states, taken, jax.random.split(step_key, worlds))
            done = outcome.terminated | outcome.truncated
            states = jax.lax.cond(jnp.any(done), lambda s: pick(done, fresh(s, fresh_key), s), lambda s: s, states)
            return states, (jax.vmap(world.observe)(states), outcome.reward, done)

        states, (views, rewards, dones) = jax.lax.scan(step, states, jnp.arange(steps))
        return states, views, rewards, dones

    return chunk


def measure(world: Any, worlds: int, pool_size: int, seconds: float, megabytes: int) -> tuple[Any, ...]:
    """One row of the table: the median rate over as many chunks as fit into `seconds`."""
    spec = world.spec
    seats, views = len(spec.seats), int(np.prod(spec.obs_shape))
    steps = int(np.clip(megabytes * 2**20 // (worlds * seats * views), 4, 512))
    pool_key, start_key, run_key = jax.random.split(jax.random.key(0), 3)
    pool = jax.jit(jax.vmap(world.sample_level))(jax.random.split(pool_key, pool_size))
    first = jax.tree.map(lambda leaf: leaf[jnp.arange(worlds) % pool_size], pool)
    states = jax.jit(jax.vmap(world.reset))(first, jax.random.split(start_key, worlds))
    state_bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(states)) // worlds

    start = time.perf_counter()
    run = jax.jit(make_chunk(world, worlds, steps), donate_argnums=0).lower(states, pool, run_key).compile()
    compile_seconds = time.perf_counter() - start

    rates, spent = [], 0.0
    states = jax.block_until_ready(run(states, pool, run_key))[0]
    while spent < seconds or len(rates) < 3:
        start = time.perf_counter()
        out = jax.block_until_ready(run(states, pool, jax.random.fold_in(run_key, len(rates))))
        taken = time.perf_counter() - start
        states, spent = out[0], spent + taken
        rates.append(steps * worlds / taken)
    rate = statistics.median(rates)
    shape = "x".join(map(str, spec.obs_shape))
    numbers = (f"{rate * seats:,.0f}", f"{rate:,.0f}", f"{compile_seconds:.1f}", f"{state_bytes:,}", f"{views:,}")
    return (spec.name, seats, shape, f"{worlds:,}", *numbers)


def rows(args: argparse.Namespace) -> Iterator[tuple[Any, ...]]:
    """Measures what was asked for, saying on stderr what is running."""
    options = {key: _value(text) for key, _, text in (item.partition("=") for item in args.set)}
    names = args.world or socialrl_envs.names()
    jobs = [(name, worlds) for name in names for worlds in args.parallel]
    for number, (name, worlds) in enumerate(jobs, start=1):
        print(f"[{number}/{len(jobs)}] {name}, {worlds:,} worlds ...", file=sys.stderr, flush=True)
        world = socialrl_envs.make(name, **({"novices": 1, "experts": args.seats - 1} | options))
        yield measure(world, worlds, args.pool, args.seconds, args.megabytes)


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", action="append", metavar="NAME", help="a world (may be repeated); all of them by default")
    parser.add_argument("--parallel", type=int, nargs="+", default=[1, 64, 1024, 4096], metavar="B", help="parallel worlds")
    parser.add_argument("--seats", type=int, default=4, help="one novice and the rest experts (default 4)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="an option of the world")
    parser.add_argument("--pool", type=int, default=1024, help="levels in the pool (default 1024)")
    parser.add_argument("--seconds", type=float, default=3.0, help="time to measure for, per row (default 3)")
    parser.add_argument("--megabytes", type=int, default=64, help="size of the views that one call writes (default 64)")
    return parser.parse_args(arguments)


def table(lines: list[tuple[Any, ...]]) -> str:
    """Aligned columns, numbers to the right."""
    cells = [COLUMNS, *[tuple(map(str, line)) for line in lines]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(COLUMNS))]
    texts = (0, 2)
    return "\n".join(
        "  ".join(cell.ljust(w) if i in texts else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True)))
        for row in cells
    )


def main(arguments: list[str] | None = None) -> int:
    args = parse(arguments)
    try:
        measured = list(rows(args))
    except socialrl_envs.SocialRLError as error:
        print(error, file=sys.stderr)
        return 2
    device = jax.devices()[0]
    machine = f"{device.device_kind} x{jax.device_count()}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}"
    print(f"jax {jax.__version__}, {machine} at the end")
    print(table(measured))
    return 0


if __name__ == "__main__":
    sys.exit(main())

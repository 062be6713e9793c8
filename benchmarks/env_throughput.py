"""How fast the worlds run: agent-steps per second, compile seconds and bytes of state, for every registered
world.

    python benchmarks/env_throughput.py
    python benchmarks/env_throughput.py --world coin_grid --parallel 1024 --set size=13 --set view=5

    python benchmarks/env_throughput.py --target --against
    python benchmarks/env_throughput.py --target --set pixels=3    # views in RGB
    # on a GPU, with as many worlds as fill it, and long calls; then the other way of resetting
    python benchmarks/env_throughput.py --target --parallel 1024 4096 16384 65536 262144 --megabytes 8192
    python benchmarks/env_throughput.py --target --parallel 16384 --megabytes 8192 --resets select

Random actions; the views of all seats are written out at every step; episodes that end start anew on a level
drawn from a pool, as in training (the reset runs only in steps in which some episode ends; with --resets
select it runs in every step, and a selection takes its result where an episode ended). The first call
compiles and is not timed.

The worlds are shared out among threads, each of which steps its share with the same compiled program, as runs
are trained side by side: on a CPU that uses the cores better than one program that splits every small loop.
--threads 1 is one program.

--target is goal_cycle as peers are compared with it: 3 seats, 13 x 13, view 7, walls hide what is behind
them, 1,024 worlds. --against runs JaxMARL's storm_2p, coin_game and storm (or those that are named) after it
and it again after them, in an environment of their own that uv makes: `step` as it comes, the same number of
worlds and threads, observations written. marlgrid is on no package index and is not run.

On a GPU every figure grows with the worlds until the device is full: ask for 1,024 to 262,144.
"""

import argparse
import ast
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from tables import machine, save, table

import socialrl_envs

PEERS = ["storm_2p", "coin_game", "storm"]
PATIENCE = 300  # seconds that a peer may take, with its installation and compiling
JAXMARL = "jaxmarl==0.2.0"
COLUMNS = (
    "world",
    "seats",
    "view",
    "worlds",
    "threads",
    "agent-steps/s",
    "world-steps/s",
    "compile s",
    "state B",
    "views B",
)
PEER_COLUMNS = ("world", "worlds", "threads", "agent-steps/s", "goal_cycle is so many times as fast")


def pick(done: Array, new: Any, old: Any) -> Any:
    """Leaf by leaf, the new rows where an episode ended."""
    return jax.tree.map(lambda a, b: jnp.where(done.reshape(-1, *(1,) * (a.ndim - 1)), a, b), new, old)


def make_chunk(
    world: Any, worlds: int, steps: int, resets: str
) -> Callable[..., tuple[Any, Array, Array, Array]]:
    """(states, pool, key) -> (states, views of every step, rewards, dones). resets: "cond" or "select"."""
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
            some = jnp.any(done) if resets == "cond" else jnp.bool_(True)
            states = jax.lax.cond(some, lambda s: pick(done, fresh(s, fresh_key), s), lambda s: s, states)
            return states, (jax.vmap(world.observe)(states), outcome.reward, done)

        states, (views, rewards, dones) = jax.lax.scan(step, states, jnp.arange(steps))
        return states, views, rewards, dones

    return chunk


def measure(world: Any, worlds: int, threads: int, args: argparse.Namespace) -> tuple[Any, ...]:
    """One row of the table: the median rate over as many chunks as fit into `args.seconds`, of all threads
    together.
    """
    spec, share = world.spec, worlds // threads
    seats, views = len(spec.seats), int(np.prod(spec.obs_shape))
    steps = int(np.clip(args.megabytes * 2**20 // (worlds * seats * views), 4, 512))
    pool_key, run_key, *start_keys = jax.random.split(jax.random.key(0), 2 + threads)
    pool = jax.jit(jax.vmap(world.sample_level))(jax.random.split(pool_key, args.pool))
    first = jax.tree.map(lambda leaf: leaf[jnp.arange(share) % args.pool], pool)
    reset = jax.jit(jax.vmap(world.reset))
    states = [reset(first, jax.random.split(key, share)) for key in start_keys]
    state_bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(states[0])) // share

    start = time.perf_counter()
    run = (
        jax.jit(make_chunk(world, share, steps, args.resets), donate_argnums=0)
        .lower(states[0], pool, run_key)
        .compile()
    )
    compile_seconds = time.perf_counter() - start

    rates, spent = [], 0.0
    with ThreadPoolExecutor(threads) as executor:
        while spent < args.seconds or len(rates) < 4:
            keys = jax.random.split(jax.random.fold_in(run_key, len(rates)), threads)
            start = time.perf_counter()
            out = list(
                executor.map(lambda state, key: jax.block_until_ready(run(state, pool, key)), states, keys)
            )
            taken = time.perf_counter() - start
            states, spent = [one[0] for one in out], spent + taken
            rates.append(steps * share * threads / taken)
    rate = statistics.median(rates[1:])
    shape = "x".join(map(str, spec.obs_shape))
    numbers = (
        f"{rate * seats:,.0f}",
        f"{rate:,.0f}",
        f"{compile_seconds:.1f}",
        f"{state_bytes:,}",
        f"{views:,}",
    )
    return (spec.name, seats, shape, f"{worlds:,}", threads, *numbers)


def threads_for(worlds: int, threads: int | None) -> int:
    """As many as asked for; else, on a CPU, one for each core if it gets at least 32 worlds."""
    if threads is None:
        threads = (
            (os.cpu_count() or 1)
            if jax.default_backend() == "cpu" and worlds >= 32 * (os.cpu_count() or 1)
            else 1
        )
    return min(threads, worlds)


def measure_peer(name: str, worlds: int, threads: int, seconds: float) -> dict[str, Any]:
    """What `peers.py` prints of one of JaxMARL's environments; RuntimeError with one line if it can't be
    installed or run.
    """
    packages = ["--with", JAXMARL, "--with", f"jax=={jax.__version__}"]
    script = [str(Path(__file__).with_name("peers.py")), name]
    options = ["--worlds", str(worlds), "--threads", str(threads), "--seconds", str(seconds)]
    command = [
        "uv",
        "run",
        "--no-project",
        "--python",
        sys.executable,
        *packages,
        "python",
        *script,
        *options,
    ]
    try:
        run = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise RuntimeError("uv is not installed") from error
    try:
        out, err = run.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired as error:
        os.killpg(run.pid, signal.SIGKILL)  # uv alone would leave the peer running beside what comes next
        run.communicate()
        raise RuntimeError(f"not done within {PATIENCE} s") from error
    if run.returncode != 0:
        raise RuntimeError((err.strip().splitlines() or ["no word"])[-1])
    return json.loads(out.strip().splitlines()[-1])


def against(world: Any, worlds: int, args: argparse.Namespace) -> Iterator[tuple[Any, ...]]:
    """Rows for ours, measured before and after the peers, and for each peer that runs, with ours as a
    multiple of it.
    """
    threads = threads_for(worlds, args.threads)

    def ours() -> float:
        return float(measure(world, worlds, threads, args)[5].replace(",", ""))

    before, found = ours(), {}
    for name in args.against:
        print(f"{name}, {worlds:,} worlds ...", file=sys.stderr, flush=True)
        try:
            found[name] = measure_peer(name, worlds, threads, args.seconds)["rate"]
        except RuntimeError as error:
            print(f"{name} does not run: {error}", file=sys.stderr)
    own = (before + ours()) / 2
    yield "goal_cycle", f"{worlds:,}", threads, f"{own:,.0f}", ""
    for name, rate in found.items():
        yield name, f"{worlds:,}", threads, f"{rate:,.0f}", f"{own / rate:.1f}"


def rows(args: argparse.Namespace) -> Iterator[tuple[Any, ...]]:
    """Measures what was asked for, saying on stderr what is running."""
    options = {key: _value(text) for key, _, text in (item.partition("=") for item in args.set)}
    names = args.world or socialrl_envs.names()
    jobs = [(name, worlds) for name in names for worlds in args.parallel]
    for number, (name, worlds) in enumerate(jobs, start=1):
        print(f"[{number}/{len(jobs)}] {name}, {worlds:,} worlds ...", file=sys.stderr, flush=True)
        world = socialrl_envs.make(name, **({"novices": 1, "experts": args.seats - 1} | options))
        yield measure(world, worlds, threads_for(worlds, args.threads), args)


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--world", action="append", metavar="NAME", help="a world (may be repeated); all of them by default"
    )
    parser.add_argument(
        "--parallel", type=int, nargs="+", metavar="B", help="parallel worlds (default 1 64 1024 4096)"
    )
    parser.add_argument("--seats", type=int, default=4, help="one novice and the rest experts (default 4)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="an option of the world"
    )
    parser.add_argument("--pool", type=int, default=1024, help="levels in the pool (default 1024)")
    parser.add_argument("--seconds", type=float, default=3.0, help="time to measure for, per row (default 3)")
    parser.add_argument(
        "--megabytes", type=int, default=16, help="size of the views that one call writes (default 16)"
    )
    parser.add_argument(
        "--resets", choices=("cond", "select"), default="cond", help="how episodes that end start anew"
    )
    parser.add_argument(
        "--threads", type=int, help="how many share the worlds; by default one, on a CPU one for each core"
    )
    parser.add_argument(
        "--target", action="store_true", help="goal_cycle with 3 seats and, unless given, 1,024 worlds"
    )
    parser.add_argument(
        "--against", nargs="*", metavar="PEER", help=f"with --target: peers beside it ({', '.join(PEERS)})"
    )
    parser.add_argument(
        "--save",
        type=Path,
        metavar="FILE",
        help="write the table there, as JSON, that of the peers beside it",
    )
    args = parser.parse_args(arguments)
    if args.target:
        args.world, args.seats = ["goal_cycle"], 3
    elif args.against is not None:
        parser.error("--against goes with --target")
    args.against = PEERS if args.against == [] else args.against
    args.parallel = args.parallel or ([1024] if args.target else [1, 64, 1024, 4096])
    return args


def main(arguments: list[str] | None = None) -> int:
    args = parse(arguments)
    try:
        measured = list(rows(args))
    except socialrl_envs.SocialRLError as error:
        print(error, file=sys.stderr)
        return 2
    print(machine())
    print(table([COLUMNS, *measured], texts=(0, 2)))
    save(args.save, [COLUMNS, *measured])
    if args.against:
        world = socialrl_envs.make("goal_cycle", novices=1, experts=args.seats - 1)
        peers = [PEER_COLUMNS, *(row for worlds in args.parallel for row in against(world, worlds, args))]
        print(f"\nbeside {JAXMARL}; marlgrid is on no package index and is not run\n{table(peers)}")
        save(args.save and args.save.with_stem(f"{args.save.stem}_peers"), peers)
    return 0


if __name__ == "__main__":
    sys.exit(main())

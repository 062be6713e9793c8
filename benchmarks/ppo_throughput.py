"""How fast recurrent PPO trains, beside JaxMARL's recurrent IPPO in the same run, and what bounds it.

    python benchmarks/ppo_throughput.py
    python benchmarks/ppo_throughput.py --against ~/JaxMARL
    # on a GPU: sizes that fill it
    python benchmarks/ppo_throughput.py --worlds 1024 8192 32768 --seeds 1 --only socialrl "socialrl, minGRU"

The same world (goal_cycle with one novice and two experts), pool of levels, network (dense 128, GRU 128, two
heads with a layer of 128), number of worlds, steps, epochs and minibatches for all; rows that name another
memory have it in place of the GRU. Agent-steps per second count what novices live through and learn from;
time is the best of several calls without compilation. CPU seconds are of all cores, the least of these calls,
and hardly depend on what else runs on the machine. --against takes a checkout of github.com/FLAIROx/JaxMARL,
whose script runs unchanged, in a process and an environment of its own.

--worlds measures ours with other numbers of worlds; what bounds it is printed for the size that both measure.

--returns STEPS trains each memory for so many steps instead, and prints what it earns then.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tables import machine, save, table

from socialrl.assemble import assemble
from socialrl.config import Arm, Experiment
from socialrl.learners import ppo
from socialrl.seeds import Seeds
from socialrl_envs.worlds import goal_cycle

ROOT = Path(__file__).parent.parent
# What both measure; jaxmarl_ippo.py is told.
WORLD: dict[str, Any] = {
    "novices": 1,
    "experts": 2,
    "size": 9,
    "goals": 3,
    "horizon": 128,
    "occlusion": False,
}
WORLDS, STEPS, LEVELS, UPDATES, REPEATS = 256, 128, 1024, 2, 2
WIDTH, EPOCHS, MINIBATCHES = 128, 4, 4
PEER_SIZE = {
    "NUM_ENVS": WORLDS,
    "NUM_STEPS": STEPS,
    "UPDATE_EPOCHS": EPOCHS,
    "NUM_MINIBATCHES": MINIBATCHES,
    "GRU_HIDDEN_DIM": WIDTH,
    "FC_DIM_SIZE": WIDTH,
}
PEER_NEEDS = ("jaxmarl==0.2.0", "distrax", "hydra-core", "jaxtyping", "pyyaml")
SAME: dict[str, Any] = {"heads": (WIDTH,), "use_prev_action_reward": False}  # JaxMARL's network
OURS: dict[str, dict[str, Any]] = {
    "socialrl, memories anew each epoch": SAME,
    "socialrl": SAME | {"recompute_advantages": False},
    "socialrl, segments of 16": SAME | {"recompute_advantages": False, "bptt_length": 16},
    "socialrl, default heads": {"recompute_advantages": False},
    "socialrl, minGRU": SAME | {"recompute_advantages": False, "memory": "mingru"},
    "socialrl, LRU": SAME | {"recompute_advantages": False, "memory": "lru"},
}


def best(call: Callable[[], Any], repeats: int = REPEATS) -> tuple[float, float]:
    """(seconds, CPU seconds) of the fastest call, and of the one that took the least of the CPU."""
    taken: list[float] = []
    used: list[float] = []
    for _ in range(repeats):
        began, cpu = time.perf_counter(), time.process_time()
        jax.block_until_ready(call())
        taken.append(time.perf_counter() - began)
        used.append(time.process_time() - cpu)
    return min(taken), min(used)


def trainer_of(options: dict[str, Any], worlds: int = WORLDS) -> Any:
    """The Trainer of ppo with these options, on a pool of levels that stays, as that of the peer does."""
    config = ppo.Config(hidden=(WIDTH,), epochs=EPOCHS, minibatches=MINIBATCHES, **options)
    arms = (Arm(name="ppo", learner=config),)
    settings = {
        "num_envs": worlds,
        "unroll_length": STEPS,
        "chunk": UPDATES,
        "num_levels": LEVELS,
        "level_refresh": 0.0,
        "arms": arms,
    }
    experiment = Experiment(name="speed", question="How fast?", world=goal_cycle.Config(**WORLD), **settings)
    return assemble(experiment, arms[0]).trainer


def returns(options: dict[str, Any], steps: int, seed: int) -> list[float]:
    """The mean return of the episodes that end in each chunk of training for so many steps."""
    trainer = trainer_of(options)
    training = jax.jit(trainer.start)(jax.random.key(seed))
    chunk, found = jax.jit(trainer.chunk), list[float]()
    while int(training.steps) < steps:
        training, metrics = chunk(training)
        found.append(float(metrics["return"]))
    return found


def learning(steps: int, seeds: int) -> str:
    """What each memory earns after so many steps: the mean return of the last quarter, by seed."""
    rows: list[tuple[Any, ...]] = []
    for memory in ("gru", "mingru", "lru", "none"):
        options = SAME | {"recompute_advantages": False, "memory": memory}
        curves = [returns(options, steps, seed) for seed in range(seeds)]
        ends = [float(np.mean(curve[-max(len(curve) // 4, 1) :])) for curve in curves]
        rows.append((memory, f"{np.mean(ends):.2f}", " ".join(f"{end:.2f}" for end in ends)))
        print(*rows[-1], file=sys.stderr, flush=True)
    return table([("memory", f"return after {steps:,} steps", "by seed"), *rows])


def ours(options: dict[str, Any], seeds: int, worlds: int) -> tuple[float, float, float, int]:
    """(compile seconds, agent-steps per second of all seeds and per CPU second, parameters) of training as
    `socialrl run` does it.
    """
    trainer = trainer_of(options, worlds)
    side = Seeds(seeds)
    training = side.map(trainer.start, 1)(side.bundle([jax.random.key(seed) for seed in range(seeds)]))
    parameters = sum(leaf.size for leaf in jax.tree.leaves(side.unbundle(training)[0].learner.params))
    chunk = side.map(trainer.chunk, 1)
    began = time.perf_counter()
    chunk.compile(training)
    compile_seconds = time.perf_counter() - began
    steps, (seconds, cpu) = seeds * worlds * STEPS * UPDATES, best(lambda: chunk(training))
    return compile_seconds, steps / seconds, steps / cpu, parameters


def peer(
    checkout: Path, python: Path | None, counts: list[int]
) -> tuple[dict[int, tuple[float, float, float]], int]:
    """By number of seeds (compile seconds, agent-steps per second, the same per CPU second), and the
    parameters.
    """
    alike = [f"{name}=={metadata.version(name)}" for name in ("jax", "jaxlib", "flax", "optax", "numpy")]
    with_needs = [word for need in (*PEER_NEEDS, *alike) for word in ("--with", need)]
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    run = (
        [str(python)] if python else ["uv", "run", "--no-project", "--python", version, *with_needs, "python"]
    )
    task = {
        "size": PEER_SIZE,
        "world": WORLD,
        "levels": LEVELS,
        "updates": UPDATES,
        "repeats": REPEATS,
        "seeds": counts,
    }
    command = [*run, str(ROOT / "benchmarks" / "jaxmarl_ippo.py"), str(checkout), json.dumps(task)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "envs")}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    answer = json.loads(done.stdout.splitlines()[-1])
    return {int(seeds): tuple(row) for seeds, row in answer["rows"].items()}, answer["parameters"]


def products(inputs: int) -> list[tuple[str, float, float]]:
    """The matrix products of one pass over an unroll, forth and back: (name, GFLOP, GFLOP/s that such a
    product reaches alone).

    inputs: numbers in a view. Those of the memory come step by step, each waiting for the one before.
    """
    sequences = WORLDS // MINIBATCHES
    samples = sequences * STEPS

    def rate(flops: float, function: Callable[..., Any], *shapes: tuple[int, ...]) -> float:
        operands = [
            jax.random.normal(jax.random.key(i), shape, jnp.float32) * 0.01 for i, shape in enumerate(shapes)
        ]
        return flops / best(partial(jax.jit(function), *operands), 10)[0] / 1e9

    def chained(h: Any, w: Any, back: Any) -> Any:
        return jax.lax.fori_loop(0, STEPS, lambda _, h: (h @ w) @ back, h)

    def gradients(h: Any, g: Any) -> Any:
        return jax.lax.scan(lambda w, hg: (w + hg[0].T @ hg[1], None), jnp.zeros((WIDTH, 3 * WIDTH)), (h, g))[
            0
        ]

    gates = 2 * samples * WIDTH * 3 * WIDTH
    view = rate(2 * samples * inputs * WIDTH, jnp.matmul, (samples, inputs), (inputs, WIDTH))
    head = rate(2 * samples * WIDTH * WIDTH, jnp.matmul, (samples, WIDTH), (WIDTH, WIDTH))
    steps = rate(2 * gates, chained, (sequences, WIDTH), (WIDTH, 3 * WIDTH), (3 * WIDTH, WIDTH))
    weights = rate(gates, gradients, (STEPS, sequences, WIDTH), (STEPS, sequences, 3 * WIDTH))
    parts = MINIBATCHES / 1e9
    return [
        ("view to torso: forth, weights' gradient", 2 * parts * 2 * samples * inputs * WIDTH, view),
        ("heads: forth, back, weights' gradient", 3 * 2 * parts * 2 * samples * WIDTH * WIDTH, head),
        ("memory, step by step: forth, again, back", 2 * 3 * parts * gates, steps),
        ("memory's weights' gradient, step by step", 2 * parts * gates, weights),
    ]


def bound(rate: float) -> str:
    """What share of the time of learning at `rate` agent-steps per second the products account for."""
    inputs = int(np.prod(goal_cycle.Config(**WORLD).build().spec.obs_shape))
    rows = products(inputs)
    spent = EPOCHS * sum(work / speed for _, work, speed in rows)
    work, whole = EPOCHS * sum(work for _, work, _ in rows), WORLDS * STEPS / rate
    lines = [
        (name, f"{EPOCHS * work:.1f}", f"{speed:.0f}", f"{1000 * EPOCHS * work / speed:.0f}")
        for name, work, speed in rows
    ]
    return "\n".join(
        [
            table([("products of an update (4 epochs)", "GFLOP", "GFLOP/s alone", "ms alone"), *lines]),
            f"an update takes {1000 * whole:.0f} ms, {work / whole:.0f} GFLOP/s; its products alone would"
            f" take {1000 * spent:.0f} ms at {work / spent:.0f} GFLOP/s: {spent / whole:.0%} of it",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--against", type=Path, metavar="CHECKOUT", help="a checkout of JaxMARL, to be measured first"
    )
    parser.add_argument(
        "--peer-python", type=Path, help=f"has {', '.join(PEER_NEEDS)} (default: uv fetches them)"
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[1, os.cpu_count() or 1], help="seeds side by side"
    )
    parser.add_argument(
        "--worlds",
        type=int,
        nargs="+",
        default=[WORLDS],
        help=f"numbers of parallel worlds (default {WORLDS})",
    )
    parser.add_argument(
        "--only", nargs="+", default=list(OURS), choices=list(OURS), metavar="ROW", help="rows of ours"
    )
    parser.add_argument("--returns", type=int, metavar="STEPS", help="train each memory for so many steps")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the table there, as JSON")
    options = parser.parse_args()
    print(machine())
    if options.returns:
        print(learning(options.returns, options.seeds[0]))
        return
    numbers = ", ".join(f"{worlds:,}" for worlds in options.worlds)
    size = f"{numbers} worlds x {STEPS} steps, {EPOCHS} epochs of {MINIBATCHES} minibatches"
    print(f"{size}, dense and GRU {WIDTH}")
    rows: list[tuple[Any, ...]] = []
    base: dict[int, tuple[float, float]] = {}

    def add(
        name: str,
        worlds: int,
        seeds: int,
        compile_seconds: float,
        rate: float,
        per_cpu: float,
        parameters: int,
    ) -> None:
        measured = (rate, per_cpu)
        peers = base.get(seeds, ()) if worlds == WORLDS else ()
        ratios = [f"{a / b:.2f}" for a, b in zip(measured, peers, strict=False)] or ["", ""]
        numbers = (f"{rate:,.0f}", ratios[0], f"{per_cpu:,.0f}", ratios[1])
        rows.append((name, f"{worlds:,}", seeds, f"{parameters:,}", f"{compile_seconds:.1f}", *numbers))
        print(*rows[-1], file=sys.stderr, flush=True)

    if options.against:
        measured, parameters = peer(options.against, options.peer_python, options.seeds)
        for seeds, (compile_seconds, rate, per_cpu) in measured.items():
            add("JaxMARL ippo_rnn_mpe", WORLDS, seeds, compile_seconds, rate, per_cpu, parameters)
            base[seeds] = (rate, per_cpu)
    for name, worlds, seeds in itertools.product(options.only, options.worlds, options.seeds):
        add(name, worlds, seeds, *ours(OURS[name], seeds, worlds))
    measures = ("agent-steps/s", "ratio", "per CPU second", "ratio per CPU second")
    measured_rows = [("program", "worlds", "seeds", "parameters", "compile s", *measures), *rows]
    print(table(measured_rows))
    save(options.save, measured_rows)
    whole = [row for row in rows if row[:3] == ("socialrl", f"{WORLDS:,}", 1)]
    if whole:
        print("\n" + bound(float(whole[0][5].replace(",", ""))))


if __name__ == "__main__":
    main()

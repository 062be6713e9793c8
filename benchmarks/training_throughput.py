"""How fast the learners train, and what bounds them: at an experiment's own settings, all its seeds side by
side.

    python benchmarks/training_throughput.py
    python benchmarks/training_throughput.py --arms psiphi --seeds 1 --learner.updates 2
    python benchmarks/training_throughput.py --arms psiphi --breakdown none --coplayers 0,1,2,3,4,6

First a row per arm: compile seconds, env-steps per second summed over seeds, peak memory (a process of its
own for each). Then, for one arm, where the time of an update goes; a part alone is measured over the same
data, so parts need not add up exactly. With --coplayers a row per number of them as well, for the first arm.
Seeds run a core each: their number should be a multiple. Arguments that are not listed below are overrides of
the experiment, as for `socialrl run`.
"""

import argparse
import dataclasses
import itertools
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from tables import machine, save, table

from socialrl.assemble import assemble, root_keys
from socialrl.config import Arm, Experiment, load_experiment
from socialrl.learners._config import OffPolicyConfig
from socialrl.overrides import apply
from socialrl.seeds import Seeds
from socialrl_envs.errors import SocialRLError
from socialrl_envs.hosting import host

ROOT = Path(__file__).parent.parent


def timed(call: Callable[[], Any], seconds: float) -> float:
    """Median seconds of a call, over at least 3 calls after a first one that is not counted."""
    jax.block_until_ready(call())
    taken: list[float] = []
    while sum(taken) < seconds or len(taken) < 3:
        began = time.perf_counter()
        jax.block_until_ready(call())
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


class Bench:
    """One arm, built as a run builds it."""

    def __init__(self, experiment: Experiment, arm: Arm, seconds: float):
        self.experiment, self.arm, self.seconds = experiment, arm, seconds
        made = assemble(experiment, arm)
        self.world, self.learner, self.rollout = made.world, made.learner, made.rollout
        self.trainer, self.seeds = made.trainer, Seeds(experiment.seeds)
        self.keys = self.seeds.bundle(root_keys(experiment))
        self.training = self.seeds.map(self.trainer.start, 1)(self.keys)
        self.steps_of_update = experiment.num_envs * experiment.unroll_length

    def training_rate(self) -> tuple[float, float]:
        """(compile seconds, seconds per update of all seeds) of training as it is run."""
        chunk = self.seeds.map(self.trainer.chunk, 1, donate=True)
        began = time.perf_counter()
        chunk.compile(self.training)
        compile_seconds = time.perf_counter() - began

        def call() -> Any:
            self.training, metrics = self.seeds.split(chunk(self.training))
            return metrics

        return compile_seconds, timed(call, self.seconds) / self.experiment.chunk

    def scanned(self, one: Callable[[Any, Any, Any, Any], Any], *more: Any) -> float:
        """Seconds per repetition, of all seeds, of `one(training, carry, key, *more) -> carry`, repeated as
        in a chunk.
        """
        repeats = self.experiment.chunk

        def many(training: Any, key: Any, *shared: Any) -> Any:
            def body(carry: Any, key: Any) -> tuple[Any, None]:
                return one(training, carry, key, *shared), None

            return jax.lax.scan(body, training, jax.random.split(key, repeats))[0]

        run = self.seeds.map(many, 2)
        return timed(lambda: run(self.training, self.keys, *more), self.seconds) / repeats

    def unroll_seconds(self) -> float:
        """The rollout alone: everybody acts and every world steps, nobody learns."""
        levels = jax.jit(lambda key: self.rollout.pool(key, self.experiment.num_levels))(jax.random.key(7))

        def one(training: Any, carry: Any, key: Any, levels: Any) -> Any:
            after, experience, _ = self.rollout.unroll(
                training.learner, carry.carry, levels, key, self.experiment.unroll_length
            )
            # The experience must not be optimised away.
            touched = sum((jnp.sum(leaf) for leaf in jax.tree.leaves(experience)[:1]), jnp.float32(0))
            returns = after.returns + 0.0 * touched
            return dataclasses.replace(carry, carry=dataclasses.replace(after, returns=returns))

        return self.scanned(one, levels)

    def recorded_states(self) -> Any:
        """States (T, B, ...) of one unroll's length on fresh levels."""

        def collect(training: Any, key: Any) -> Any:
            levels = self.rollout.pool(key, self.experiment.num_envs)
            states = self.rollout.episodes(training.learner, levels, key).states
            return jax.tree.map(lambda leaf: leaf[: self.experiment.unroll_length], states)

        return jax.jit(collect)(self.seeds.unbundle(self.training)[0], jax.random.key(3))

    def over_states(self, function: Callable[[Any, Any], Any]) -> float:
        """Seconds per unroll of `function(state, key) -> array` on recorded states, in every world."""
        worlds = self.experiment.num_envs

        def one(training: Any, carry: Any, key: Any, states: Any) -> Any:
            def body(total: Any, inputs: tuple[Any, Any]) -> tuple[Any, None]:
                state, step_key = inputs
                out = jax.vmap(function)(state, jax.random.split(step_key, worlds))
                return total + sum(jnp.sum(leaf).astype(jnp.float32) for leaf in jax.tree.leaves(out)), None

            # Adds 0 that the compiler cannot know to be 0, so that nothing is lifted out of the repetitions.
            zero = (carry.learner.steps * 0).astype(jnp.uint8)
            level = dataclasses.replace(states.level, tiles=states.level.tiles + zero)
            states = dataclasses.replace(states, level=level)
            keys = jax.random.split(key, self.experiment.unroll_length)
            total = jax.lax.scan(body, jnp.float32(0), (states, keys))[0]
            steps = carry.learner.steps + (total > 1e30).astype(jnp.int32)
            return dataclasses.replace(carry, learner=dataclasses.replace(carry.learner, steps=steps))

        return self.scanned(one, self.recorded_states())

    def world_step(self, state: Any, key: Any) -> Any:
        """One step of one world with random actions, and what everybody sees then."""
        action_key, step_key = jax.random.split(key)
        spec = self.world.spec
        actions = jax.random.randint(action_key, (len(spec.seats),), 0, len(spec.actions), dtype=jnp.int32)
        after, outcome = self.world.step(state, actions, step_key)
        return self.world.observe(after), outcome.reward, after.level.tiles

    def update_seconds(self) -> float:
        """Learning alone: what is learnt from one and the same unroll."""
        key = jax.random.key(5)
        training = self.seeds.unbundle(self.training)[0]
        levels = self.rollout.pool(key, self.experiment.num_levels)
        experience = jax.jit(
            lambda state, carry, key: self.rollout.unroll(
                state, carry, levels, key, self.experiment.unroll_length
            )[1]
        )(training.learner, training.carry, key)

        def one(training: Any, carry: Any, key: Any, experience: Any) -> Any:
            return dataclasses.replace(carry, learner=self.learner.update(carry.learner, experience, key)[0])

        return self.scanned(one, experience)

    def gradient_flops(self) -> float:
        """Floating-point operations of one gradient step, as XLA counts them (a loop's body counts once, so
        of one step).
        """
        learner = dataclasses.replace(self.arm.learner, updates=1).build(self.world.spec)
        training = self.seeds.unbundle(self.training)[0]
        levels = self.rollout.pool(jax.random.key(0), 1)

        def update(learner_state: Any, carry: Any, key: Any) -> Any:
            return self.rollout.unroll(learner_state, carry, levels, key, self.experiment.unroll_length)[1]

        shapes = jax.eval_shape(update, training.learner, training.carry, jax.random.key(0))
        compiled = jax.jit(learner.update).lower(training.learner, shapes, jax.random.key(0)).compile()
        costs = compiled.cost_analysis() or {}
        return float(costs.get("flops", float("nan")))


def matmul_rate(seconds: float, copies: int) -> float:
    """GFLOP/s of a dense 1024 x 1024 product, `copies` at a time as seeds run: what this machine could do."""
    size, seeds = 1024, Seeds(copies)
    product = seeds.map(lambda a: a @ a, 1)
    matrices = seeds.bundle([jnp.full((size, size), 0.5, jnp.float32)] * copies)
    return copies * 2 * size**3 / timed(lambda: product(matrices), seconds) / 1e9


def measure(experiment: Experiment, name: str, seconds: float) -> tuple[Any, ...]:
    """A row of the first table."""
    bench = Bench(experiment, next(arm for arm in experiment.arms if arm.name == name), seconds)
    compile_seconds, update = bench.training_rate()
    rate = experiment.seeds * bench.steps_of_update / update
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (name, f"{compile_seconds:.1f}", f"{rate:,.0f}", f"{1000 * update:.2f}", f"{peak:,.0f}")


def crowd(experiment: Experiment, count: int) -> Experiment:
    """The experiment beside so many experts: its own, over and over."""
    seats = tuple(itertools.islice(itertools.cycle(experiment.world.experts), count))
    return dataclasses.replace(experiment, world=dataclasses.replace(experiment.world, experts=seats))


def of_company(experiment: Experiment, name: str, counts: Sequence[int], seconds: float) -> str:
    """What each further co-player costs: time of an update by their number."""
    rows: list[tuple[Any, ...]] = [("co-players", "env-steps/s", "ms per update", "ms per co-player")]
    alone = None
    for count in counts:
        print(f"{name} beside {count} ...", file=sys.stderr, flush=True)
        bench = Bench(
            crowd(experiment, count), next(arm for arm in experiment.arms if arm.name == name), seconds
        )
        update = bench.training_rate()[1]
        alone = update if count == 0 else alone
        each = f"{1000 * (update - alone) / count:.2f}" if count and alone is not None else ""
        rows.append(
            (count, f"{experiment.seeds * bench.steps_of_update / update:,.0f}", f"{1000 * update:.2f}", each)
        )
    return f"{name}: what company costs, {experiment.seeds} seeds side by side\n" + table(rows)


def breakdown(experiment: Experiment, name: str, seconds: float) -> str:
    """Where an update's time goes, and what bounds it."""
    bench = Bench(experiment, next(arm for arm in experiment.arms if arm.name == name), seconds)
    _, whole = bench.training_rate()
    hosted = host(bench.world)
    parts = {
        "a whole update (unroll and learning)": whole,
        "unroll alone": bench.unroll_seconds(),
        "  its co-players": bench.over_states(hosted),
        "  its world steps and views": bench.over_states(bench.world_step),
        "learning alone": bench.update_seconds(),
    }
    lines = [(part, f"{1000 * value:.2f}", f"{value / whole:.0%}") for part, value in parts.items()]
    leaves = {part: value for part, value in parts.items() if part != "a whole update (unroll and learning)"}
    bound = max(leaves, key=lambda part: leaves[part]).strip()
    learner = bench.arm.learner
    gradients: list[str] = []
    if isinstance(learner, OffPolicyConfig):
        gradients.append(of_gradients(bench, learner.updates, parts["learning alone"]))
    return "\n".join(
        [
            f"{name}: where the time of an update goes, {experiment.seeds} seeds side by side",
            table([("part", "ms", "share"), *lines]),
            *gradients,
            f"bound by: {bound}",
        ]
    )


def of_gradients(bench: Bench, updates: int, learning: float) -> str:
    """What gradient steps from a replay buffer reach of the machine's rate. learning: seconds per update."""
    seeds = bench.experiment.seeds
    gradient = learning / updates / seeds
    flops, machine = bench.gradient_flops(), matmul_rate(bench.seconds / 2, seeds)
    rate = flops / gradient / 1e9
    return (
        f"gradient steps: {updates} per update, {1000 * gradient:.3f} ms each"
        f" (seeds together: time / seeds), {flops / 1e6:.1f} MFLOP, {rate:.1f} GFLOP/s\n"
        f"a dense 1024 x 1024 product here: {machine:.0f} GFLOP/s;"
        f" gradient steps reach {rate / machine:.0%} of it"
    )


def parse(arguments: Sequence[str] | None = None) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--experiment", type=Path, default=ROOT / "experiments" / "coin_grid.py", help="its settings are used"
    )
    parser.add_argument("--arms", default="psiphi,dqn,bc", help="arms to measure (default psiphi,dqn,bc)")
    parser.add_argument(
        "--breakdown", default="psiphi", metavar="ARM", help="the arm to take apart, or none (default psiphi)"
    )
    parser.add_argument(
        "--coplayers", default="", metavar="K,...", help="numbers of co-players, for the first arm"
    )
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="time to measure for, per number (default 5)"
    )
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the first table there, as JSON")
    return parser.parse_known_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    options, settings = parse(arguments)
    try:
        experiment = apply(load_experiment(options.experiment), settings)
        names = [arm.name for arm in apply(experiment, ["--arms", options.arms]).arms]
        counts = [int(count) for count in options.coplayers.split(",") if count]
        alone = (
            None
            if options.breakdown == "none"
            else apply(experiment, ["--arms", options.breakdown]).arms[0].name
        )
    except (SocialRLError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print(machine())
    size = f"{experiment.num_envs} worlds x {experiment.unroll_length} steps per update"
    print(f"{experiment.name}: {experiment.seeds} seeds, {size}")
    fresh = multiprocessing.get_context("spawn")
    rows: list[tuple[Any, ...]] = [("arm", "compile s", "env-steps/s", "ms per update", "peak MB")]
    for number, name in enumerate(names, start=1):
        print(f"[{number}/{len(names)}] {name} ...", file=sys.stderr, flush=True)
        with ProcessPoolExecutor(1, mp_context=fresh) as pool:  # a process each: peak memory is one process's
            rows.append(pool.submit(measure, experiment, name, options.seconds).result())
    print(table(rows))
    save(options.save, rows)
    if counts:
        print("\n" + of_company(experiment, names[0], counts, options.seconds))
    if alone:
        print(f"taking {alone} apart ...", file=sys.stderr, flush=True)
        print("\n" + breakdown(experiment, alone, options.seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main())

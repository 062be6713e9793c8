"""What it costs to choose levels: time per training step of each curriculum, over that of
domain_randomisation, in one process.

    python benchmarks/curricula_cost.py
    python benchmarks/curricula_cost.py --arms sfl --learner.epochs 1 --num_envs 256

At the settings of experiments/curricula.py, one seed. All arms are compiled and trained until levels are
replayed; then they take turns, a chunk each, and the table has the median of the chunks of every arm, and the
median of its ratios to the baseline's chunk of the same turn. Seconds are of the CPU, which hardly depend on
what else runs on the machine; on an accelerator they are of the clock. The aim for plr, accel and sfl is
1.3; paired trains a second learner on as many steps again, which are not counted. Arguments that are not
listed below are overrides of the experiment, as for `socialrl run`.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
from tables import table
from tqdm.auto import tqdm

from socialrl.assemble import assemble
from socialrl.config import load_experiment
from socialrl.overrides import apply

FILE = Path(__file__).parent.parent / "experiments" / "curricula.py"
BASELINE = "domain_randomisation"


class Turn:
    """One arm: its compiled chunk and the state that it has come to."""

    def __init__(self, experiment: Any, arm: Any):
        trainer = assemble(experiment, arm).trainer
        began = time.perf_counter()
        self.state = jax.jit(trainer.start)(jax.random.key(0))
        self.chunk = jax.jit(trainer.chunk, donate_argnums=0).lower(self.state).compile()
        self.compiled = time.perf_counter() - began
        self.seconds: list[float] = []
        self.metrics: dict[str, Any] = {}

    def take(self, counts: bool = True) -> None:
        """A chunk, whose seconds are noted if it counts."""
        clock = time.process_time if jax.default_backend() == "cpu" else time.perf_counter
        began = clock()
        self.state, self.metrics = jax.block_until_ready(self.chunk(self.state))
        if counts:
            self.seconds.append(clock() - began)


def parse(arguments: Sequence[str] | None = None) -> tuple[argparse.Namespace, list[str]]:
    """The arguments, and the overrides of the experiment."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--arms", help="arms beside the baseline, by name (default: all)")
    parser.add_argument(
        "--turns", type=int, default=5, help="chunks of every arm that are measured (default 5)"
    )
    parser.add_argument(
        "--warm", type=int, default=2, help="chunks before that, in which buffers are filled (default 2)"
    )
    return parser.parse_known_args(arguments)


def main() -> None:
    """Prints the table."""
    options, overrides = parse()
    experiment = apply(load_experiment(FILE), overrides)
    chosen = [arm.name for arm in experiment.arms] if options.arms is None else options.arms.split(",")
    arms = [arm for arm in experiment.arms if arm.name in (BASELINE, *chosen)]
    turns = {arm.name: Turn(experiment, arm) for arm in tqdm(arms, "compiling", unit=" arms")}
    for _ in range(options.warm):
        for turn in turns.values():
            turn.take(counts=False)
    for _ in tqdm(range(options.turns), "measuring", unit=" turns"):
        for turn in turns.values():
            turn.take()
    base = turns[BASELINE].seconds
    rows: list[tuple[Any, ...]] = [("curriculum", "compile s", "env-steps/s", "cost", "replayed")]
    for name, turn in turns.items():
        ratio = statistics.median(mine / theirs for mine, theirs in zip(turn.seconds, base, strict=True))
        rate = experiment.chunk_steps / statistics.median(turn.seconds)
        replayed = float(turn.metrics.get("levels/replayed", 0.0))
        rows.append((name, f"{turn.compiled:.1f}", f"{rate:,.0f}", f"{ratio:.2f}", f"{replayed:.2f}"))
    print(table(rows))


if __name__ == "__main__":
    main()

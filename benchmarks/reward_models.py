"""How well reward models find the steps that pay, by answers, sparsity and length of clips; no policy learns.

    python benchmarks/reward_models.py
    python benchmarks/reward_models.py --labels 200 700 --sparsity 0 0.1 0.3 --length 10 5

A random walker plays the world of experiments/comparisons.py; a teacher who makes no mistake compares pairs
of its clips; an ensemble of reward models learns from the answers. Printed are the correlation of its
rewards with the true ones over all steps, how far the rewards of steps that pay nothing are apart, in units
of what a step that pays gets above them, and the share of other pairs whose order it foretells.
"""

import argparse
import itertools
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tables import machine, save, table

from socialrl.config import load_experiment
from socialrl.feedback.reward_model import Comparisons, RewardModel, RewardModelConfig

ROOT = Path(__file__).parent.parent
EPISODES, STEPS, HELD_OUT = 64, 40, 500


def walk(world: Any, key: jax.Array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(views, actions, rewards), (T, B, ...), of the first seat while all seats move at random."""
    level_key, reset_key, walk_key = jax.random.split(key, 3)

    def step(states: Any, key: jax.Array) -> tuple[Any, Any]:
        action_key, step_key = jax.random.split(key)
        shape = (EPISODES, len(world.spec.seats))
        actions = jax.random.randint(action_key, shape, 0, len(world.spec.actions), dtype=jnp.int32)
        views = jax.vmap(world.observe)(states)[:, 0]
        states, outcome = jax.vmap(world.step)(states, actions, jax.random.split(step_key, EPISODES))
        return states, (views, actions[:, 0], outcome.reward[:, 0])

    def play() -> Any:
        levels = jax.vmap(world.sample_level)(jax.random.split(level_key, EPISODES))
        states = jax.vmap(world.reset)(levels, jax.random.split(reset_key, EPISODES))
        return jax.lax.scan(step, states, jax.random.split(walk_key, STEPS))[1]

    return tuple(map(np.asarray, jax.jit(play)()))  # pyright: ignore[reportReturnType]


def clips(steps: np.ndarray, length: int) -> np.ndarray:
    """(M, length, ...): what (T, B, ...) is cut into."""
    cut = steps[: len(steps) // length * length].reshape(-1, length, *steps.shape[1:])
    return np.moveaxis(cut, 2, 1).reshape(-1, length, *steps.shape[2:])


def measure(spec: Any, walked: Any, length: int, labels: int, sparsity: float) -> tuple[Any, ...]:
    """A row of the table."""
    views, actions, rewards = (clips(part, length) for part in walked)
    rng, worth = np.random.default_rng(0), rewards.sum(axis=1)
    pairs, others = (rng.integers(0, len(views), (count, 2)) for count in (labels, HELD_OUT))
    asked = Comparisons(
        obs=jnp.asarray(views[pairs]),
        action=jnp.asarray(actions[pairs]),
        counts=jnp.ones((labels, 2, length), jnp.float32),
        preferred=jnp.asarray(0.5 + 0.5 * np.sign(worth[pairs[:, 0]] - worth[pairs[:, 1]]), jnp.float32),
        weight=jnp.ones(labels, jnp.float32),
    )
    model = RewardModel(RewardModelConfig(gradient_steps=2000, reach=1, sparsity=sparsity), spec)
    state, _ = jax.jit(model.fit)(model.init(jax.random.key(0)), asked, jax.random.key(1))
    found = np.asarray(model.predict(state, jnp.asarray(views), jnp.asarray(actions))[0])
    pays = rewards > 0
    apart = found[rewards == 0].std() / (found[pays].mean() - found[rewards == 0].mean())
    foretold, true = found.sum(axis=1)[others], worth[others]
    untied = true[:, 0] != true[:, 1]
    right = (np.diff(foretold)[:, 0] > 0) == (np.diff(true)[:, 0] > 0)
    correlation = np.corrcoef(found.ravel(), rewards.ravel())[0, 1]
    return length, labels, sparsity, f"{correlation:.2f}", f"{apart:.2f}", f"{right[untied].mean():.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--labels", type=int, nargs="+", default=[50, 200, 700], help="answers")
    parser.add_argument("--sparsity", type=float, nargs="+", default=[0.0, 0.3], help="weights of sizes")
    parser.add_argument("--length", type=int, nargs="+", default=[10], help="steps of a clip")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the table there, as JSON")
    options = parser.parse_args()
    world = load_experiment(ROOT / "experiments" / "comparisons.py").world.build()
    walked = walk(world, jax.random.key(0))
    head = ("steps of a clip", "answers", "sparsity", "correlation", "steps without pay apart", "foretold")
    rows: list[tuple[Any, ...]] = [head]
    for length, labels, sparsity in itertools.product(options.length, options.labels, options.sparsity):
        rows.append(measure(world.spec, walked, length, labels, sparsity))
        print(*rows[-1], file=sys.stderr, flush=True)
    print(machine())
    print(table(rows))
    save(options.save, rows)


if __name__ == "__main__":
    main()

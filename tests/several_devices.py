"""Runs on several devices and in several processes, called by test_devices in processes of their own:
`python -m tests.several_devices STAGE FOLDER [ADDRESS]`.

whole: a run on one device. devices: the same run, taken up from its first checkpoint on four. worlds: a chunk
whose worlds are split over four. process: taken up by one of two processes.
"""

import json
import shutil
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from socialrl import processes
from socialrl.assemble import assemble
from socialrl.config import Arm, Experiment, to_json
from socialrl.devices import choose, spread
from socialrl.learners import dqn
from socialrl.programs import keep_programs
from socialrl.record import checkpoint, folder
from socialrl.record.folder import RunFolder
from socialrl.runs import train
from socialrl.seeds import Seeds
from socialrl_envs.types import Seat
from socialrl_envs.worlds import coin_grid

TINY = Experiment(
    name="tiny",
    question="Does it matter where?",
    world=coin_grid.Config(experts=(Seat(policy="wanderer"),), size=5, colours=2, coins=1, horizon=3),
    arms=(Arm(name="dqn", learner=dqn.Config(hidden=(8,), batch=4, updates=1, capacity=64)),),
    seeds=5,
    steps=64,
    num_envs=4,
    unroll_length=4,
    num_levels=4,
    chunk=2,
    evaluate_every=1000,
    evaluation_episodes=2,
    final_episodes=2,
    replay_episodes=1,
    checkpoint_every=32,
    keep_checkpoints=2,
)
FIRST, LAST = 32, 64


def whole(base: Path) -> None:
    """The run on one device."""
    with folder.create(to_json(TINY), out=base / "whole") as opened:
        train(TINY, opened, progress=False, devices=choose(TINY.seeds, TINY.num_envs, count=1))


def started(base: Path, name: str) -> Path:
    """A copy of the run as it was after its first checkpoint."""
    path = base / name
    shutil.copytree(base / "whole", path)
    shutil.rmtree(path / "checkpoints" / "dqn" / str(LAST))
    shutil.rmtree(path / "replays")
    records = (path / "metrics.jsonl").read_text().splitlines(keepends=True)
    (path / "metrics.jsonl").write_text("".join(line for line in records if '"final"' not in line))
    return path


def devices(base: Path) -> None:
    """Taken up on four devices, five seeds over them."""
    chosen = choose(TINY.seeds, TINY.num_envs)
    assert len(chosen.local) == 4
    with folder.resume(started(base, "devices"), to_json(TINY)) as opened:
        train(TINY, opened, resume=True, progress=False, devices=chosen)


def worlds(base: Path) -> None:
    """The second chunk of one seed, its worlds split over four devices; prints the largest differences."""
    made = assemble(TINY, TINY.arms[0])
    before, after = (
        checkpoint.restore(base / "whole/checkpoints/dqn" / str(step), [made.template] * TINY.seeds)[0][0]
        for step in (FIRST, LAST)
    )
    seeds = Seeds(1, devices=choose(1, TINY.num_envs, split="worlds"))
    assert seeds.mode == "worlds"
    program = seeds.map(made.trainer.chunk, 1, donate=True).compile(bundled := seeds.bundle([before]))
    found = seeds.fetched(seeds.split(program(bundled))[0])[0]
    apart = {
        jax.tree_util.keystr(path): float(np.max(np.abs(np.asarray(a) - b)))
        for (path, a), b in zip(
            jax.tree_util.tree_leaves_with_path(after.learner), jax.tree.leaves(found.learner), strict=True
        )
        if np.issubdtype(a.dtype, np.floating) and a.size
    }
    print(json.dumps({"apart": apart, "shared": program.text().count("all-reduce(")}))


def process(base: Path, address: str) -> None:
    """Taken up by one of two processes; prints what each of them knows of the other."""
    processes.join(address)
    chosen = choose(TINY.seeds, TINY.num_envs, count=1)
    number = jax.process_index()
    path = processes.agreed(lambda: str(started(base, "processes")))
    train(TINY, RunFolder(Path(path), {}), resume=True, progress=False, devices=chosen)
    together = Seeds(1, devices=choose(1, TINY.num_envs, count=1, split="worlds"))
    total = together.map(lambda x, y: {"sum": jnp.sum(spread(x) * y)}, 1)
    x = together.bundle([jnp.arange(4, dtype=jnp.float32)])
    facts = {
        "seeds": list(chosen.share(TINY.seeds)),
        "path": path,
        "sum": together.values(total(x, jnp.float32(2)))["sum"].tolist(),
        "anywhere": [processes.anywhere(number == 1), processes.anywhere(False)],
    }
    try:
        processes.agreed(lambda: str(folder.create(to_json(TINY), out=path).path))
    except ValueError as error:
        facts["refused"] = str(error)
    print(json.dumps(facts))


if __name__ == "__main__":
    jax.config.update("jax_disable_most_optimizations", True)
    keep_programs()
    stage, base, *more = sys.argv[1:]
    for name in stage.split(","):
        globals()[name](Path(base), *more)

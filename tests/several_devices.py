"""Runs on several devices and in several processes, called by test_devices in a process of their own:
`python -m tests.several_devices FOLDER ADDRESS` prints what they found.

whole: a run on one device. taken_up: the same run, from its first checkpoint on, on four. split: a chunk
whose worlds are split over four. shared: the run taken up by two processes, which begin as copies of this one
before it computes, for importing takes longest.
"""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

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
from socialrl_envs.errors import SocialRLError
from socialrl_envs.worlds import coin_grid

TINY = Experiment(
    name="tiny",
    question="Does it matter where?",
    world=coin_grid.Config(experts=(), size=5, colours=1, coins=1, horizon=3),
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


def taken_up(base: Path) -> None:
    """Taken up on four devices, five seeds over them."""
    chosen = choose(TINY.seeds, TINY.num_envs)
    assert len(chosen.local) == 4
    with folder.resume(started(base, "taken_up"), to_json(TINY)) as opened:
        train(TINY, opened, resume=True, progress=False, devices=chosen)


def split(base: Path) -> dict[str, Any]:
    """The second chunk of one seed, its worlds split over four devices: how far the result is from the whole
    run's.
    """
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
    return {"apart": apart, "shared": program.text().count("all-reduce(")}


def shared(base: Path, address: str) -> dict[str, Any]:
    """The run taken up by one of two processes: what it knows of the other."""
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
    except SocialRLError as error:
        facts["refused"] = str(error)
    processes.meet()
    return facts


def copies(base: Path, address: str) -> list[int]:
    """Two copies of this process, which compute `shared` once it has ended or closed the pipe."""
    found = []
    for number in range(2):
        child = os.fork()
        if child == 0:
            os.close(WRITE)
            os.read(READ, 1)
            keep_programs()
            (base / f"{number}.json").write_text(json.dumps(shared(base, f"{address},2,{number}")))
            sys.exit()
        found.append(child)
    return found


if __name__ == "__main__":
    jax.config.update("jax_disable_most_optimizations", True)
    base, address = Path(sys.argv[1]), sys.argv[2]
    READ, WRITE = os.pipe()
    pair = copies(base, address)
    keep_programs()
    whole(base)
    taken_up(base)
    apart = split(base)
    os.close(WRITE)
    assert [os.waitpid(child, 0)[1] for child in pair] == [0, 0]
    both = [json.loads((base / f"{number}.json").read_text()) for number in range(2)]
    print(json.dumps({"split": apart, "pair": both}))

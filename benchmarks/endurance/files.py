"""A whole file of every kind that is read, with what reads it."""

import json
import shutil
import socket
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.endurance.mutations import Target
from socialrl import benchmark, tuned
from socialrl.agents import load_trained
from socialrl.benchmark import results as benchmark_results
from socialrl.config import load_experiment
from socialrl.record import agent_file, checkpoint, demonstrations, lock, metrics, replay
from socialrl.report import papers, reading
from socialrl.report import results as report_results
from socialrl.types import Demonstration
from socialrl_envs.configs import read_level
from socialrl_envs.types import Level

LEVEL = "#####\n#A.r#\n#.#.#\n#g.B#\n#####\npenalty: 1.5\n"
TEXTS = {"jaxued": "..#\n.>.\n..G\n", "minigrid": "WGWGWGWG\nWG  >>WG\nWGGG  WG\nWGWGWGWG\n"}
ROOT = Path(__file__).parents[2]


def targets(run: Path, work: Path) -> dict[str, Target]:
    """By kind: the files of a run folder, and others, which are made or copied into `work`."""
    return of_run(run) | of_state(work) | of_records(run, work) | of_texts(work)


def of_run(run: Path) -> dict[str, Target]:
    """The files of a run folder."""
    return {
        "config": Target(run / "config.json", lambda path: load_experiment(path.parent)),
        "records": Target(run / "metrics.jsonl", metrics.read_records),
        "report's records": Target(run / "metrics.jsonl", lambda path: reading.read(path.parent)),
        "report's timings": Target(run / "timing.jsonl", lambda path: reading.read(path.parent)),
        "lock": _lock(run / "locked"),
    }


def _lock(folder: Path) -> Target:
    folder.mkdir()
    (folder / lock.LOCK).write_text(f"999999999\n{socket.gethostname()}\n12345\n")
    return Target(folder / lock.LOCK, lambda path: lock.refuse_in_use(path.parent))


def of_state(work: Path) -> dict[str, Target]:
    """A checkpoint's manifest and the largest file of its arrays."""
    tree = {"w": np.arange(12, dtype=np.float32).reshape(3, 4), "key": jax.random.key(0), "n": np.int32(3)}
    saved = checkpoint.save(work / "alone" / "1", tree)
    files = [file for file in (saved / "state").rglob("*") if file.is_file()]
    largest = max(files, key=lambda file: file.stat().st_size)
    return {
        "manifest": Target(saved / "manifest.json", lambda path: checkpoint.restore(path.parent, tree)),
        "checkpoint": Target(largest, lambda path: checkpoint.restore(saved, tree)),
    }


def of_records(run: Path, work: Path) -> dict[str, Target]:
    """Archives: a replay, an exported agent, demonstrations."""
    load_trained(run, "dqn", 0).save(work / "agent.npz")
    demonstrations.write_demonstrations(work / "demonstrations.npz", some_demonstrations())
    read = demonstrations.read_demonstrations
    return {
        "replay": Target(next((run / "replays").glob("dqn*")), replay.load, nested=True),
        "agent": Target(work / "agent.npz", agent_file.load, nested=True),
        "demonstrations": Target(work / "demonstrations.npz", read, nested=True),
    }


def some_demonstrations() -> demonstrations.Demonstrations:
    """Two episodes of two steps, in which nothing happens."""
    shape = (2, 2, 1)
    views = jnp.zeros((*shape, 3, 3, 2), jnp.uint8)
    last = jnp.broadcast_to(jnp.arange(2)[:, None, None] == 1, shape)
    return demonstrations.Demonstrations(
        steps=Demonstration(
            obs=views,
            action=jnp.zeros(shape, jnp.int32),
            next_obs=views,
            discount=jnp.ones(shape, jnp.float32),
            last=last,
            present=jnp.ones(shape, bool),
        ),
        world={"name": "coin_grid", "size": 5},
        agents=("novice_0", "expert_0"),
        seats=("expert_0",),
        actors=("planner",),
        actions=("up", "right", "down", "left", "stay"),
        channels=("walls", "others"),
        obs_shape=(3, 3, 2),
        seed=0,
        versions={"socialrl": "0.1.0"},
    )


def of_texts(work: Path) -> dict[str, Target]:
    """Levels, and what experiments and the benchmark keep as JSON."""
    (work / "level.txt").write_text(LEVEL)
    for name, text in TEXTS.items():
        (work / f"{name}.txt").write_text(text)
    shutil.copy(ROOT / "experiments" / "papers.json", work / "papers.json")
    shutil.copy(ROOT / "experiments" / "results" / "decision.json", work / "decision.json")
    shutil.copy(next((Path(benchmark.__file__).parent / "results").glob("*.json")), work / "benchmark.json")
    search = {"format": tuned.FORMAT, "version": tuned.VERSION, "steps": 100, "seeds": [0, 1], "arms": {}}
    search["arms"] = {
        "dqn": {"best": {"lr": 0.1}, "trials": [{"settings": {"lr": 0.1}, "score": [1.0, 2.0]}]}
    }
    (work / "search.json").write_text(json.dumps(search))
    return {
        "level": Target(work / "level.txt", read_level),
        **{name: Target(work / f"{name}.txt", _reader(name)) for name in TEXTS},
        "papers": Target(work / "papers.json", papers.read),
        "result": Target(work / "decision.json", report_results.read_result),
        "benchmark's result": Target(work / "benchmark.json", benchmark_results.load),
        "search": Target(work / "search.json", tuned.read),
    }


def _reader(name: str) -> Any:
    def read(path: Path) -> Level:
        return Level.from_text(path.read_bytes().decode("utf-8", errors="replace"), name)

    return read

"""Makes run folders as `socialrl run` writes them, from numbers of our own."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from socialrl.record.replay import Replay, save
from socialrl_envs.picture import seat_colours
from socialrl_envs.visibility import ViewSpec

ARMS = ("dqn", "bc", "psiphi", "psiphi_no_gpi")
_HEIGHT = {"dqn": 9.2, "bc": 11.0, "psiphi": 14.1, "psiphi_no_gpi": 15.6}
_SOURCES = ("self", "expert_0", "expert_1")


Values = dict[str, Any]


def line(
    arm: str, kind: str, step: int, values: Values | list[float | None], labels: dict[str, Any] | None = None
) -> dict[str, Any]:
    """One record; a plain list is that of the metric `return`."""
    record = {
        "arm": arm,
        "kind": kind,
        "step": step,
        "values": values if isinstance(values, dict) else {"return": values},
    }
    return record | ({"labels": labels} if labels else {})


def write_run(
    folder: Path,
    lines: list[dict[str, Any]],
    arms: tuple[str, ...] = ("a", "b"),
    question: str = "Does it work?",
    **config: Any,
) -> Path:
    """A run folder with these metrics. Further keywords replace top-level keys of config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    world = {
        "name": "coin_grid",
        "size": 9,
        "coins": [2, 2, 2],
        "seats": [{"policy": "learner", "preferences": [1.0, 1.0, -1.0]}],
    }
    experiment = {
        "name": "coin_grid",
        "question": question,
        "world": world,
        "arms": [
            {
                "name": arm,
                "learner": {"name": arm.split("_")[0], "lr": 1e-3, "gpi": "no" not in arm},
                "world": None,
            }
            for arm in arms
        ],
        "seeds": 5,
        "steps": 30_000,
    }
    content = {
        "format": "socialrl-run",
        "version": 1,
        "experiment": experiment,
        "versions": {"socialrl": "0.1.0", "jax": "0.10.2", "python": "3.11.7"},
        "device": "cpu x1",
        "command": "socialrl run experiments/coin_grid.py --seeds 5",
    }
    (folder / "config.json").write_text(json.dumps(content | config))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    return folder


def full_run(folder: Path, seeds: int = 5, points: int = 31, arms: tuple[str, ...] = ARMS) -> Path:
    """A run like the quick start's: curves, final scores, shares, transfer, diagnostics, timing; psiphi has a
    dead seed.
    """
    rng = np.random.default_rng(0)
    lines, timing = [], []
    for arm in arms:
        height = _HEIGHT.get(arm, 10.0)
        tops = height + rng.normal(size=seeds) * 0.6
        if arm == "psiphi" and seeds > 3:
            tops[3] = 0.5
        shares = _shares(arm, rng, seeds)
        for i in range(1, points):
            step = i * 1000
            grown = tops * (1 - np.exp(-i / 9)) + rng.normal(size=seeds) * 0.35
            metrics = {
                "return": grown * 0.9,
                "loss/td": 2 * np.exp(-i / 8) + rng.random(seeds) * 0.2,
                "loss/bc": 1 / i + rng.random(seeds) * 0.1,
            }
            lines.append(
                _record(
                    arm,
                    "train",
                    step,
                    metrics | {"phi/norm": 1 + rng.random(seeds), "epsilon": np.full(seeds, 1 / i)},
                )
            )
            if i % 3 == 0:
                blend = {
                    k: (v * i / points if k != "share/self" else 1 - (1 - v) * i / points)
                    for k, v in shares.items()
                }
                lines.append(_record(arm, "eval", step, {"return": grown, **blend}))
        others = {
            "return_expert_0": rng.normal(12, 1, seeds),
            "cumulants/red": rng.normal(6, 1, seeds),
            "cumulants/blue": rng.normal(1, 0.3, seeds),
        }
        lines.append(_record(arm, "final", 30_000, {"return": tops, **others, **shares}))
        lines += _transfer(arm, rng, seeds)
        cost = {
            "seconds": 41.2,
            "compile_seconds": 9.1,
            "env_steps_per_second": 21_345.0,
            "peak_memory_mb": 812.0,
        }
        timing.append({"arm": arm, "step": 30_000, **cost})
    write_run(
        folder,
        lines,
        arms,
        "Does asking “whom would I rather be now?” at every step beat learning alone and imitation?",
    )
    (folder / "timing.jsonl").write_text("".join(json.dumps(one) + "\n" for one in timing))
    return folder


def _record(
    arm: str, kind: str, step: int, values: dict[str, np.ndarray], labels: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "arm": arm,
        "kind": kind,
        "step": step,
        "labels": labels or {},
        "values": {k: v.round(4).tolist() for k, v in values.items()},
    }


def _shares(arm: str, rng: np.random.Generator, seeds: int) -> dict[str, np.ndarray]:
    if arm != "psiphi":
        return {"share/self": np.ones(seeds)} | {
            f"share/{source}": np.zeros(seeds) for source in _SOURCES[1:]
        }
    drawn = rng.dirichlet([5, 3, 2], seeds)
    return {f"share/{source}": drawn[:, i] for i, source in enumerate(_SOURCES)}


def _transfer(arm: str, rng: np.random.Generator, seeds: int) -> list[dict[str, Any]]:
    lines = []
    for method, gain in {
        "psiphi": (("relearn w", 9.0), ("own Psi alone", 1.4)),
        "dqn": (("fine-tuned", 1.6),),
    }.get(arm, ()):
        for preference in ([1, -1, 0], [0, 1, 1]):
            for episodes in (0, 1, 10, 100):
                scores = gain * (1 - 0.8 * np.exp(-episodes)) + rng.normal(size=seeds) * 0.5
                labels = {"preference": preference, "method": method, "episodes": episodes}
                lines.append(_record(arm, "few_shot", 30_000, {"return": scores}, labels))
    return lines


def write_replay(
    path: Path,
    steps: int = 50,
    episodes: int = 3,
    size: int = 9,
    novices: int = 1,
    seed: int = 0,
    nats: float = np.nan,
) -> Path:
    """Recorded episodes in which novices and two experts walk at random among coins; whom they follow changes
    now and then.

    nats: the social influence of every step; NaN is none recorded.
    """
    rng = np.random.default_rng(seed)
    seats = novices + 2
    shape = (episodes, steps)
    tiles = np.zeros((size, size), np.uint8)
    tiles[0], tiles[-1], tiles[:, 0], tiles[:, -1] = 1, 1, 1, 1
    tiles[2, 3], tiles[4, 6], tiles[6, 2], tiles[3, 3] = 20, 21, 22, 1
    walk = np.cumsum(rng.integers(-1, 2, (episodes, steps + 1, seats, 2)), axis=1) + size // 2
    replay = Replay(
        world={"name": "coin_grid", "size": size},
        movement="cardinal",
        view=ViewSpec(kind="window", size=2 * size - 5),
        colours=seat_colours(seats),
        agents=(*(f"novice_{i}" for i in range(novices)), "expert_0", "expert_1"),
        novices=tuple(range(novices)),
        sources=_SOURCES,
        source_seats=(None, novices, novices + 1),
        actions=("up", "right", "down", "left", "stay"),
        cumulants=("red", "green", "blue"),
        channels=("wall",),
        obs_shape=(5, 5, 1),
        preferences=None,
        experiment="coin_grid",
        arm="psiphi",
        seed=seed,
        step=30_000,
        versions={},
        length=np.full(episodes, steps, np.int32),
        tiles=np.broadcast_to(tiles, (episodes, steps + 1, size, size)).copy(),
        position=np.clip(walk, 1, size - 2).astype(np.uint8),
        heading=np.zeros((episodes, steps + 1, seats), np.uint8),
        present=np.ones((episodes, steps + 1, seats), bool),
        action=np.zeros((*shape, seats), np.int8),
        reward=rng.choice([0.0, 0.0, 0.0, 0.0, 1.0, -1.0], (*shape, seats)).astype(np.float32),
        terminated=np.zeros(shape, bool),
        truncated=np.zeros(shape, bool),
        source=np.repeat(rng.integers(0, 3, (episodes, -(-steps // 4), novices)), 4, axis=1)[
            :, :steps
        ].astype(np.int8),
        values=np.zeros((*shape, novices, 3, 5), np.float32),
        influence=np.full((*shape, novices), nats, np.float32),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    save(path, replay)
    return path

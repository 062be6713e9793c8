"""From paths to replays: files are read, run folders give all of theirs."""

from pathlib import Path

import numpy as np

from socialrl.record.replay import Replay, load
from socialrl_envs.errors import SocialRLError


def find(paths: list[Path]) -> list[Path]:
    """The replay files behind these paths. Raises SocialRLError naming a path that has none."""
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted((path / "replays").glob("*.npz")) or sorted(path.glob("*.npz"))
        if not inside:
            raise SocialRLError(
                f"{path}: no replays in this folder", "name a run folder, or a file of its replays/"
            )
        found += inside
    if not found:
        raise SocialRLError("view: no replay given", "name one, such as runs/coin_grid/001")
    return found


def read(paths: list[Path]) -> tuple[tuple[Replay, ...], tuple[str, ...]]:
    """The replays behind these paths, and their names."""
    files = find(paths)
    return tuple(load(file) for file in files), tuple(file.stem for file in files)


def opening(replays: tuple[Replay, ...]) -> tuple[int, int]:
    """Where to begin: the first replay in which anybody else is followed, or else the first, and in it the
    episode with the largest share of such steps."""
    which = next((i for i, replay in enumerate(replays) if (replay.source > 0).any()), 0)
    replay = replays[which]
    return which, int(np.argmax([np.mean(replay.during("source", e) > 0) for e in range(replay.episodes)]))


def read_one(path: Path) -> Replay:
    """The replay in a file; of a run folder the first in which anybody else is followed, or the first of all."""
    replays, _ = read([path])
    return replays[opening(replays)[0]]

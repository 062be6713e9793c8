"""The replays behind paths: files, and the replays of run folders."""

from pathlib import Path

from socialrl.record.filmstrip import episode_to_show
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
    """The replays behind these paths, and the stems of their files."""
    files = find(paths)
    return tuple(load(file) for file in files), tuple(file.stem for file in files)


def opening(replays: tuple[Replay, ...]) -> tuple[int, int]:
    """The indices of the replay and the episode to show first: where another agent is followed, if any is."""
    which = next((i for i, replay in enumerate(replays) if (replay.source > 0).any()), 0)
    return which, episode_to_show(replays[which])


def read_one(path: Path) -> Replay:
    """The replay of a file; of a run folder the first in which another agent is followed, else the first."""
    replays, _ = read([path])
    return replays[opening(replays)[0]]

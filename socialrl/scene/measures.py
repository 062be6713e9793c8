"""Numbers of a replay that a viewer shows and that were not recorded as they are."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float

from socialrl.record.replay import Replay


def has_influence(replay: Replay, episode: int, novice: int) -> bool:
    """Whether a novice has no other source to follow, but an influence of the others on its policy."""
    return len(replay.sources) == 1 and bool(
        np.isfinite(replay.during("influence", episode)[:, novice]).any()
    )


def told(source: str) -> str:
    """What a novice does that follows this source, in words: "follows expert_0", "follows expert_0 by
    imitation", "follows anyone".
    """
    way, space, whom = source.partition(" ")
    if not space:
        return f"follows {source}"
    return f"follows {whom}" if way == "following" else f"follows {whom} by {way}"


def strengths(replay: Replay, episode: int, novice: int) -> Float[np.ndarray, " steps"]:
    """How strong every decision was, 0..1: its margin over other sources, or without any the influence."""
    if not has_influence(replay, episode, novice):
        return margins(replay, episode, novice)
    nats = np.nan_to_num(replay.during("influence", episode)[:, novice].astype(float))
    return np.clip(nats / max(float(np.quantile(nats, 0.95)), 1e-9), 0, 1)


def margins(replay: Replay, episode: int, novice: int) -> Float[np.ndarray, " steps"]:
    """The margin of the action's value over the best value of any other source, at every step.

    It is divided by the 95 % quantile of the episode and clipped to 0..1; 0 without values or other sources.
    """
    values, source = replay.during("values", episode)[:, novice], replay.during("source", episode)[:, novice]
    action, steps = replay.during("action", episode)[:, replay.novices[novice]], np.arange(len(source))
    others = np.where(np.isnan(values), -np.inf, values)
    mine = values[steps, source, action].astype(float)
    others[steps, source] = -np.inf
    best = others.max(axis=(1, 2)).astype(float)
    known = np.isfinite(best) & np.isfinite(mine)
    gap = np.abs(np.where(known, mine, 0) - np.where(known, best, 0))
    return np.clip(gap / max(float(np.quantile(gap, 0.95)), 1e-9), 0, 1)


@lru_cache(maxsize=16)
def error(replay: Replay, episode: int, novice: int) -> Float[np.ndarray, " steps"]:
    """The mean absolute difference of the predicted and the actual view, 0..1, at every step."""
    predicted, actual = (replay.during(name, episode)[:, novice] for name in ("prediction", "observed"))
    return np.abs(predicted.astype(np.float32) - actual).mean(axis=(1, 2, 3)) / 255

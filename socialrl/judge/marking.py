"""A synthetic person that watches recorded episodes at so many steps per second, and marks steps."""

import datetime
import math

import jax
import numpy as np
from jaxtyping import Float32

from socialrl.feedback.clips import Clip, Library
from socialrl.feedback.marks import Mark, recent
from socialrl.feedback.teachers import Marker, Marks


def watched(
    library: Library,
    marker: Marker,
    wants: Float32[np.ndarray, " K"] | None,
    annotator: str,
    fps: float,
    seed: int = 0,
) -> list[Mark]:
    """The marks of a marker that watches all episodes of the library.

    wants: its preferences over true cumulants; None takes the true rewards. fps: steps per second.
    """
    found: list[Mark] = []
    decide = jax.jit(marker.marks)
    for number, clip in enumerate(library.clips(10**9)):  # whole episodes
        worth = library.rewards(clip) if wants is None else library.steps(clip) @ wants
        horizon = library.replays[clip.replay].action.shape[1]
        padded = np.pad(worth.astype(np.float32), (0, horizon - len(worth)))
        key = jax.random.fold_in(jax.random.key(seed), number)
        marks = jax.device_get(decide(padded, key))
        found += _marks(clip, Marks(*(part[: len(worth)] for part in marks)), annotator, fps)
    return found


def _marks(clip: Clip, marks: Marks, annotator: str, fps: float) -> list[Mark]:
    """The marks of an episode in the order in which they are given; step t is shown after t / fps seconds."""
    steps, found = len(marks.given), []
    moments = [(step / fps + float(marks.delay[step]), step) for step in np.flatnonzero(marks.given)]
    for moment, about in sorted(moments):
        taken = min(steps, 1 + math.floor(moment * fps + 1e-6))
        found.append(
            Mark(
                annotator=annotator,
                time=datetime.datetime.fromtimestamp(moment, datetime.UTC).isoformat(timespec="milliseconds"),
                replay=clip.replay,
                digest=clip.digest,
                episode=clip.episode,
                novice=clip.novice,
                step=taken,
                good=bool(marks.good[about]),
                ages_ms=recent([step / fps for step in range(taken)], moment),
            )
        )
    return found

"""A replay as one still image: some states of an episode side by side, for notebooks. It needs no display."""

from __future__ import annotations

import base64
import html as text
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from socialrl_envs.picture import Picture
from socialrl_envs.render import draw, to_png

if TYPE_CHECKING:
    from socialrl.record.replay import Replay

FRAMES = 5  # at most
SIDE = 190  # pixels of the longer side of a frame, at most
GAP, BAR = 10, 6  # pixels between frames, and of the bar below each in the colour of whom the novice follows


def episode_to_show(replay: Replay) -> int:
    """The episode with the largest share of steps on which another agent is followed."""
    return int(np.argmax([np.mean(replay.during("source", e) > 0) for e in range(replay.episodes)]))


def states_to_show(replay: Replay, episode: int) -> tuple[int, ...]:
    """The first and the last state, and between them some in which the first novice begins to follow another
    source or has just been rewarded.
    """
    last, seat = replay.steps(episode), replay.novices[0]
    source = replay.during("source", episode)[:, 0]
    reward = replay.during("reward", episode)[:, seat]
    events = np.union1d(np.flatnonzero(np.diff(source)) + 1, np.flatnonzero(reward) + 1)
    between = events[(events > 0) & (events < last)]
    if len(between) > FRAMES - 2:
        between = between[np.linspace(0, len(between) - 1, FRAMES - 2).round().astype(int)]
    return tuple(sorted({0, *between.tolist(), last}))


def strip(replay: Replay, episode: int) -> UInt8[np.ndarray, "h w 3"]:
    """The states to show of an episode side by side, the first novice marked, with what it sees."""
    height, width = replay.tiles.shape[2:]
    cell = max(1, min(32, SIDE // max(height, width)))
    parts: list[UInt8[np.ndarray, "h w 3"]] = []
    for t in states_to_show(replay, episode):
        frame = draw(_picture(replay, episode, t), cell)
        bar = np.full((GAP + BAR, frame.shape[1], 3), 255, np.uint8)
        if t < replay.steps(episode):
            bar[GAP // 2 : GAP // 2 + BAR] = replay.colour_of(_source(replay, episode, t))
        column = np.concatenate([frame, bar])
        parts += [column, np.full((len(column), GAP, 3), 255, np.uint8)]
    return np.concatenate(parts[:-1], axis=1)


def png(replay: Replay) -> bytes:
    """The strip of the episode to show, as the content of a PNG file."""
    return to_png(strip(replay, episode_to_show(replay)))


def html(replay: Replay) -> str:
    """The strip with a caption, as HTML that contains the image; all names are escaped."""
    episode = episode_to_show(replay)
    data = base64.b64encode(png(replay)).decode("ascii")
    novice = replay.agents[replay.novices[0]]
    frames = []
    for t in states_to_show(replay, episode):
        if t == replay.steps(episode):
            frames.append(f"step {t}, the end")
        else:
            name = replay.sources[_source(replay, episode, t)]
            frames.append(f"step {t}, {'by its own policy' if name == 'self' else f'follows {name}'}")
    shares = ", ".join(f"{name} {share:.0%}" for name, share in replay.share(episode).items())
    title = f"{replay.experiment}, {replay.arm}, seed {replay.seed}: episode {episode} of {replay.episodes}"
    caption = f"{novice}: {'; '.join(frames)}. Steps by source: {shares}."
    return (
        f"<figure><b>{text.escape(title)}</b><br>"
        f'<img src="data:image/png;base64,{data}" alt="{text.escape(title, quote=True)}">'
        f"<figcaption>{text.escape(caption)}</figcaption></figure>"
    )


def _source(replay: Replay, episode: int, t: int) -> int:
    """Whom the first novice follows in a step."""
    return int(replay.source[episode, t, 0])


def _picture(replay: Replay, episode: int, t: int) -> Picture:
    """A state with the view of the first novice, if it is present."""
    seat = replay.novices[0]
    return replay.picture(episode, t, seat if replay.present[episode, t, seat] else None)

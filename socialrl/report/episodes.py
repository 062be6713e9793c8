"""The page's section of animated episodes, one per arm."""

import base64
import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from socialrl.record.replay import Replay, load
from socialrl.report import animation
from socialrl.report.markup import Markup, Section, section, tag
from socialrl.report.reading import ArmRun, Study
from socialrl.report.tables import number
from socialrl_envs.errors import SocialRLError


@dataclasses.dataclass(frozen=True)
class Shown:
    """The replay that stands for an arm; `replay` is the error if the file cannot be read."""

    arm: ArmRun
    seed: int
    replay: Replay | SocialRLError


def choose(study: Study) -> list[Shown]:
    """A replay of every arm that has any: that of a middling seed."""
    seeds = {arm.label: middling_seed(arm) for arm in study.arms}
    return [
        Shown(arm, seed, _load(arm, seed)) for arm in study.arms if (seed := seeds[arm.label]) is not None
    ]


def sources_of(shown: Sequence[Shown]) -> list[str]:
    """The sources in these replays, in seat order."""
    return list(
        dict.fromkeys(name for one in shown if isinstance(one.replay, Replay) for name in one.replay.sources)
    )


def episodes(shown: Sequence[Shown], colours: Mapping[str, str]) -> Section | None:
    """An episode of every arm. Not a good one: a middling one of a middling seed."""
    if not shown:
        return None
    text = (
        "The novice is the marked figure. The ribbon shows whom it follows at every step; ticks above are rewards, ticks below "
        "penalties. Not picked for looks: the seed with the median return, and of its episodes the one with the median return."
    )
    pictures = (_picture(one, colours) for one in shown)
    return section(
        "Episodes", tag("p", text, class_="note"), tag("div", *pictures, class_="pictures"), anchor="episodes"
    )


def _load(arm: ArmRun, seed: int) -> Replay | SocialRLError:
    try:
        return load(arm.replays[seed])
    except SocialRLError as error:
        return error


def middling_seed(arm: ArmRun) -> int | None:
    """Of the seeds with a replay, the one whose latest return is the (lower) median; None if there is no
    replay.
    """
    record = arm.latest()
    scores = record.values["return"] if record is not None else np.array([])
    known = [seed for seed in arm.replays if seed < len(scores) and np.isfinite(scores[seed])]
    ranked = sorted(known, key=lambda seed: scores[seed]) or sorted(arm.replays)
    return ranked[(len(ranked) - 1) // 2] if ranked else None


def middling_episode(replay: Replay) -> int:
    """The episode in which the first novice's return is the (lower) median."""
    returns = [float(replay.returns(episode)[replay.novices[0]]) for episode in range(replay.episodes)]
    return int(np.argsort(returns, kind="stable")[(len(returns) - 1) // 2])


def _picture(shown: Shown, colours: Mapping[str, str]) -> Markup:
    replay, label = shown.replay, shown.arm.label
    if isinstance(replay, SocialRLError):
        return tag("figure", tag("h3", label), tag("figcaption", str(replay)))
    episode = middling_episode(replay)
    data = animation.animate(replay, episode, colours)
    width, height = animation.size(data)
    earned = number(float(replay.returns(episode)[replay.novices[0]]), 1)
    shares = ", ".join(
        f"{source} {share:.0%}"
        for source, share in replay.share(episode).items()
        if share and source != "self"
    )
    deeds = f"followed {shares}" if shares else "acted for itself"
    caption = f"seed {shown.seed}, episode {episode + 1} of {replay.episodes}: return {earned}; {deeds}"
    if replay.steps(episode) > animation.FRAMES:
        caption += f" (the first {animation.FRAMES} of {replay.steps(episode)} steps)"
    source = "data:image/gif;base64," + base64.b64encode(data).decode("ascii")
    image = tag("img", src=source, width=width, height=height, alt=f"Recorded episode of {label}, {caption}")
    return tag("figure", tag("h3", label), image, tag("figcaption", caption))

"""The page's section of animated episodes, one per arm."""

import base64
from collections.abc import Mapping

import numpy as np

from socialrl.record.replay import Replay, load
from socialrl.report import animation
from socialrl.report.figures import source_colours
from socialrl.report.markup import Markup, Section, section, tag
from socialrl.report.reading import ArmRun, Study
from socialrl.report.tables import number
from socialrl_envs.errors import SocialRLError


def episodes(study: Study, colours: Mapping[str, str]) -> Section | None:
    """An episode of every arm that has a replay. Not a good one: a middling one of a middling seed."""
    shown = []
    for arm in study.arms:
        seed = middling_seed(arm)
        if seed is not None:
            shown.append(_episode(arm, seed, colours))
    if not shown:
        return None
    text = (
        "The novice is the marked figure. The ribbon shows whom it follows at every step; ticks above are rewards, ticks below "
        "penalties. Not picked for looks: the seed with the median return, and of its episodes the one with the median return."
    )
    return section("Episodes", tag("p", text, class_="note"), tag("div", *shown, class_="pictures"), anchor="episodes")


def middling_seed(arm: ArmRun) -> int | None:
    """Of the seeds with a replay, the one whose latest return is the (lower) median; None if there is no replay."""
    record = arm.latest()
    scores = record.values["return"] if record is not None else np.array([])
    known = [seed for seed in arm.replays if seed < len(scores) and np.isfinite(scores[seed])]
    ranked = sorted(known, key=lambda seed: scores[seed]) or sorted(arm.replays)
    return ranked[(len(ranked) - 1) // 2] if ranked else None


def middling_episode(replay: Replay) -> int:
    """The episode in which the first novice's return is the (lower) median."""
    returns = [float(replay.returns(episode)[replay.novices[0]]) for episode in range(replay.episodes)]
    return int(np.argsort(returns, kind="stable")[(len(returns) - 1) // 2])


def _episode(arm: ArmRun, seed: int, colours: Mapping[str, str]) -> Markup:
    try:
        replay = load(arm.replays[seed])
    except SocialRLError as error:
        return tag("figure", tag("figcaption", f"{arm.label}: {error}"))
    every = source_colours([*colours, *replay.sources])
    episode = middling_episode(replay)
    data = animation.animate(replay, episode, every)
    width, height = animation.size(data)
    earned = number(float(replay.returns(episode)[replay.novices[0]]), 1)
    shares = ", ".join(f"{source} {share:.0%}" for source, share in replay.share(episode).items() if share)
    caption = f"seed {seed}, episode {episode + 1} of {replay.episodes}: return {earned}; followed {shares}"
    if replay.steps(episode) > animation.FRAMES:
        caption += f" (the first {animation.FRAMES} of {replay.steps(episode)} steps)"
    source = "data:image/gif;base64," + base64.b64encode(data).decode("ascii")
    image = tag("img", src=source, width=width, height=height, alt=f"Recorded episode of {arm.label}, {caption}")
    return tag("figure", tag("h3", arm.label), image, tag("figcaption", caption))

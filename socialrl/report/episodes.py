"""The replay that represents an arm on the page: of the seed with the median return, its episode with the
median return.
"""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from socialrl.record.replay import Replay, load
from socialrl.report.reading import ArmRun, Study
from socialrl_envs.errors import SocialRLError
from socialrl_envs.picture import OKABE_ITO


@dataclasses.dataclass(frozen=True)
class Shown:
    """The replay that represents an arm.

    position: of its seed, 0 for the first. replay: the error if the file cannot be read.
    """

    arm: ArmRun
    position: int
    replay: Replay | SocialRLError

    @property
    def seed(self) -> int:
        """The number of the seed."""
        return self.arm.first_seed + self.position


def choose(study: Study) -> list[Shown]:
    """The representing replays of all arms that have replays."""
    seeds = {arm.label: median_seed(arm) for arm in study.arms}
    return [
        Shown(arm, seed, _load(arm, seed)) for arm in study.arms if (seed := seeds[arm.label]) is not None
    ]


def sources_of(shown: Sequence[Shown]) -> list[str]:
    """The sources of decisions in these replays, in the order of the seats."""
    return list(
        dict.fromkeys(name for one in shown if isinstance(one.replay, Replay) for name in one.replay.sources)
    )


def _load(arm: ArmRun, seed: int) -> Replay | SocialRLError:
    """The replay of the seed at a position, or the error that reading it raises."""
    try:
        return load(arm.replays[seed])
    except SocialRLError as error:
        return error


def median_seed(arm: ArmRun) -> int | None:
    """The position of the seed that, of those with a replay, has the lower median of the latest returns; None
    if there is no replay.
    """
    record = arm.latest()
    scores = record.values["return"] if record is not None else np.array([])
    known = [seed for seed in arm.replays if seed < len(scores) and np.isfinite(scores[seed])]
    ranked = sorted(known, key=lambda seed: scores[seed]) or sorted(arm.replays)
    return ranked[(len(ranked) - 1) // 2] if ranked else None


def median_episode(replay: Replay) -> int:
    """The number of the episode in which the first novice has the lower median of its returns."""
    returns = [float(replay.returns(episode)[replay.novices[0]]) for episode in range(replay.episodes)]
    return int(np.argsort(returns, kind="stable")[(len(returns) - 1) // 2])


def recoloured(replay: Replay, colours: Mapping[str, str]) -> Replay:
    """The replay with the page's colours: those of agents as sources, of the first novice that of "self".

    colours: "#rrggbb" by source.
    """
    named = dict(zip(replay.agents, replay.agents, strict=True)) | {replay.agents[replay.novices[0]]: "self"}
    rgb = {name: tuple(bytes.fromhex(colour.removeprefix("#"))) for name, colour in colours.items()}
    known = {agent: rgb[source] for agent, source in named.items() if source in rgb}
    spare = itertools.cycle([colour for colour in OKABE_ITO if colour not in known.values()] or OKABE_ITO)
    seats = tuple(known[agent] if agent in known else next(spare) for agent in replay.agents)
    return dataclasses.replace(replay, colours=seats)

"""Plots over an episode, described once and drawn by the window and by the page for browsers alike."""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from socialrl.scene import Scene
from socialrl_envs.sprites import Colour


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Plot:
    """Lines over the steps of an episode.

    title: what the numbers are. lines: one row per line, NaN where there is no number. names, colours: of the
    lines, in order. unit: of the numbers, "" for none. of_novice: whether the lines are those of the scene's
    novice, and not the same for all novices. after: whether the numbers are those after each step, with 0
    before the first, and not those in it.
    """

    title: str
    lines: Float[np.ndarray, "lines T"]
    names: tuple[str, ...]
    colours: tuple[Colour, ...]
    unit: str = ""
    of_novice: bool = True
    after: bool = False

    def at(self, t: int) -> Float[np.ndarray, " lines"]:
        """The numbers in state t; NaN where there are none, as in the last state of an episode."""
        column = t - self.after
        if 0 <= column < self.lines.shape[1]:
            return self.lines[:, column]
        return np.full(len(self.lines), 0.0 if column < 0 else np.nan, self.lines.dtype)


Plotter = Callable[[Scene], Plot | str]  # a text says what the replay lacks for this plot


def returns(scene: Scene) -> Plot:
    """The return of every seat so far; no learner is shown the reward of another."""
    replay = scene.replay
    return Plot(
        title="Return of every seat so far, which learners are not shown",
        lines=np.cumsum(replay.during("reward", scene.episode), axis=0).T,
        names=replay.agents,
        colours=replay.colours,
        of_novice=False,
        after=True,
    )


def influence(scene: Scene) -> Plot | str:
    """KL(pi(.|o) || pi(.|o with the others hidden)) at every step, in nats."""
    replay, seat = scene.replay, scene.replay.novices[scene.novice]
    nats = replay.during("influence", scene.episode)[:, scene.novice]
    if np.isnan(nats).all():
        return "This learner has no policy to measure influence on"
    return Plot(
        title="Influence of the others on the policy",
        lines=nats[None],
        names=(replay.agents[seat],),
        colours=(replay.colours[seat],),
        unit="nats",
    )


PLOTS: dict[str, Plotter] = {"Returns": returns, "Influence": influence}  # by the titles of their tabs

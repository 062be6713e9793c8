"""Explanations: how an episode of a replay could have gone on from one of its steps, in NumPy alone."""

import base64
import dataclasses
import html as text
import itertools
import math
from typing import Literal

import numpy as np
from jaxtyping import Float32, Int32, UInt8

from socialrl.record.replay import Replay
from socialrl_envs.render import draw, to_png
from socialrl_envs.sprites import Colour

CELL = 40  # pixels of a cell of the picture
AHEAD = 10  # steps after the decision in which the picture shows paths
Kind = Literal["recorded", "source", "action", "concept"]
COLUMNS = ("had it", "action", "return", "difference", "95 % interval", "better", "discounted")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Way:
    """One way on from a step: what the novice did in it, and how C continuations went.

    name: of the source, the action or the concept; words: what it means, e.g. "followed expert_1". action: in
    the step, an index, of each continuation. returns, discounted: of the novice from the step on. path: where
    it was in every state from that before the step on, row and column. length: steps of each continuation;
    what follows them in `path` is padding.
    """

    kind: Kind
    name: str
    words: str
    action: Int32[np.ndarray, " C"]
    returns: Float32[np.ndarray, " C"]
    discounted: Float32[np.ndarray, " C"]
    path: UInt8[np.ndarray, "C states 2"]
    length: Int32[np.ndarray, " C"]


@dataclasses.dataclass(frozen=True)
class Gain:
    """A mean difference of returns, its standard deviation over continuations, and the 95 % interval of the
    mean, 1.96 standard errors on either side. better: the share of continuations with a difference above 0.
    """

    mean: float
    spread: float
    low: float
    high: float
    better: float


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Explanation:
    """What would have become of one decision of a replay, had it been another.

    recorded: the way on with the decision as it was made. others: with another one in its place for `instead`
    steps. All draw the same random numbers, continuation by continuation, so that they are compared pairwise.
    discount: per step, of `discounted`. agreement: the share of the novices' decisions up to this step
    that the agent makes as recorded.
    """

    replay: Replay
    episode: int
    step: int
    novice: int
    instead: int
    discount: float
    agreement: float
    recorded: Way
    others: tuple[Way, ...]

    @property
    def continuations(self) -> int:
        """The number of continuations of each way."""
        return len(self.recorded.returns)

    def difference(self, way: Way, discounted: bool = False) -> Float32[np.ndarray, " C"]:
        """The return of another way minus that of the recorded one, of every continuation."""
        if discounted:
            return way.discounted - self.recorded.discounted
        return way.returns - self.recorded.returns

    def gain(self, way: Way, discounted: bool = False) -> Gain:
        """The difference of another way, summed up over the continuations."""
        found = self.difference(way, discounted).astype(float)
        mean, spread = float(found.mean()), float(found.std(ddof=1)) if len(found) > 1 else math.nan
        error = 1.96 * spread / math.sqrt(len(found))
        return Gain(mean, spread, mean - error, mean + error, float(np.mean(found > 0)))

    @property
    def headline(self) -> str:
        """What was decided, in a sentence."""
        replay, way = self.replay, self.recorded
        agent, took = replay.agents[replay.novices[self.novice]], replay.actions[way.action[0]]
        return f"Step {self.step} of episode {self.episode}: {agent} {way.words} and took {took}"

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The table: the recorded way, then each other one, as texts in the order of COLUMNS."""
        rows = [("(as recorded)", *self._cells(self.recorded), "", "", "", "")]
        for way in self.others:
            gain, later = self.gain(way), self.gain(way, discounted=True)
            rows.append(
                (
                    way.words,
                    *self._cells(way),
                    f"{gain.mean:+.3f} ± {gain.spread:.3f}",
                    f"[{gain.low:+.3f}, {gain.high:+.3f}]",
                    f"{gain.better:.0%}",
                    f"{later.mean:+.3f} ± {later.spread:.3f}",
                )
            )
        return rows

    def _cells(self, way: Way) -> tuple[str, str]:
        """The action and the mean return of a way."""
        taken = np.unique(way.action)
        action = self.replay.actions[taken[0]] if len(taken) == 1 else "several"
        return action, f"{way.returns.mean():.3f}"

    @property
    def note(self) -> str:
        """How the numbers were made, in sentences."""
        times = "in this step" if self.instead == 1 else f"in this and the next {self.instead - 1} steps"
        return (
            f"Return from this step on, means over {self.continuations} continuations by the same agent with "
            f"fresh random numbers; the difference is to the recorded decision with the same numbers, ± its "
            f"standard deviation. A source is followed, or a concept set, {times}. Re-simulated up to here, "
            f"exactly as recorded; the agent decides as recorded in {self.agreement:.0%} of the steps. "
            f"Discounted by {self.discount:g} per step."
        )

    def __str__(self) -> str:
        rows = [COLUMNS, *self.rows]
        widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
        lines = [
            "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows
        ]
        return "\n".join([self.headline, "", lines[0], "-" * len(lines[0]), *lines[1:], "", self.note])

    def __repr__(self) -> str:
        replay = self.replay
        others = ", ".join(way.words for way in self.others)
        return f"<Explanation: {replay.experiment}, {replay.arm}, step {self.step}: had it {others}>"

    def _repr_html_(self) -> str:
        """The table, for notebooks; all names are escaped."""

        def cells(row: tuple[str, ...], name: str) -> str:
            return "".join(f"<{name} style='text-align:left'>{text.escape(cell)}</{name}>" for cell in row)

        head = f"<tr>{cells(COLUMNS, 'th')}</tr>"
        body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in self.rows)
        image = base64.b64encode(self._repr_png_()).decode("ascii")
        return (
            f"<figure><b>{text.escape(self.headline)}</b><br>"
            f'<img src="data:image/png;base64,{image}" alt="{text.escape(self.headline, quote=True)}">'
            f"<table>{head}{body}</table><figcaption>{text.escape(self.note)}</figcaption></figure>"
        )

    def _repr_png_(self) -> bytes:
        return to_png(self.image())

    def image(self) -> UInt8[np.ndarray, "h w 3"]:
        """The state before the step, and where each way leads in the next AHEAD steps, see `moves`."""
        frame = draw(self.replay.picture(self.episode, self.step), CELL).astype(np.float32)
        ways = (self.recorded, *self.others)
        for number, way in enumerate(ways):
            aside = 0.5 + 0.13 * (number - (len(ways) - 1) / 2)
            _trace(frame, way, self.colour(way), aside)
        return np.rint(frame).astype(np.uint8)

    def colour(self, way: Way) -> Colour:
        """The colour in which the paths of a way are drawn."""
        replay = self.replay
        if way.kind == "recorded":
            return replay.colours[replay.novices[self.novice]]
        if way.kind in ("action", "concept") or way.name == "self":
            return (110, 110, 110)
        return replay.colour_of(replay.sources.index(way.name), self.novice)


def moves(
    way: Way, ahead: int = AHEAD
) -> tuple[Int32[np.ndarray, "moves 2 2"], Float32[np.ndarray, " moves"]]:
    """The moves from cell to cell in the first steps of a way: (from, to), and the share of continuations
    that make each at least once.
    """
    path = way.path[:, : ahead + 1].astype(np.int32)
    made: dict[tuple[int, ...], set[int]] = {}
    for number, (cells, length) in enumerate(zip(path, way.length, strict=True)):
        for before, after in itertools.pairwise(cells[: length + 1]):
            if (before != after).any():
                made.setdefault((*before.tolist(), *after.tolist()), set()).add(number)
    share = np.array([len(numbers) for numbers in made.values()], np.float32) / np.float32(len(path))
    return np.array(list(made), np.int32).reshape(-1, 2, 2), share


def _trace(frame: Float32[np.ndarray, "h w 3"], way: Way, colour: Colour, aside: float) -> None:
    """Draws dots along the moves of a way, the stronger the more continuations make them."""
    radius = 0.07 * CELL
    for (start, end), share in zip(*moves(way), strict=True):
        for part in (1 / 6, 1 / 2, 5 / 6):
            row, column = (start + (end - start) * part + aside) * CELL
            top, left = int(row - radius), int(column - radius)
            area = frame[top : top + int(2 * radius) + 2, left : left + int(2 * radius) + 2]
            rows, columns = np.mgrid[: area.shape[0], : area.shape[1]]
            away = np.hypot(rows + top + 0.5 - row, columns + left + 0.5 - column)
            cover = (0.15 + 0.85 * share) * np.clip(radius + 0.5 - away, 0, 1)[..., None]
            area[:] = (1 - cover) * area + cover * np.array(colour, np.float32)

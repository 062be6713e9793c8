"""What a search draws the settings of an arm from, and the list of its trials."""

import dataclasses
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from socialrl.config import Arm, Experiment
from socialrl.record.atomic import write_text
from socialrl.sweep.progress import progress
from socialrl.tuning import AXES, Axis, Settings, key_of, scaled, trial_of
from socialrl_envs.errors import SocialRLError
from socialrl_envs.options import require
from socialrl_envs.safe_json import read_json

STOPPED = "stopped"  # in the folder of a trial that was stopped early
Drawn = dict[str, int | float | str]  # what a sampler draws, by key of the learner
REDUCTION, RUNGS = (
    3,
    2,
)  # early stopping: a third goes on at each rung; rungs before the end


@dataclasses.dataclass(frozen=True, kw_only=True)
class Range:
    """What one key of a learner is drawn from.

    low, high: the ends, both included. log: whether the logarithm is uniform. whole: whether the value is a
    whole number. choices: instead of a range, values by their text. written: the arm's own value.
    along: the arm's own values of further keys, which are scaled as this one is.
    """

    key: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    choices: tuple[tuple[str, Any], ...] = ()
    written: Any = None
    along: tuple[tuple[str, float], ...] = ()

    def settings(self, drawn: Drawn) -> Settings:
        """The values of the learner's keys for what was drawn, of three digits."""
        value = drawn[self.key]
        if self.choices:
            found = {self.key: dict(self.choices)[str(value)]}
        else:
            assert not isinstance(value, str)
            found = {self.key: int(value) if self.whole else float(f"{value:.3g}")}
        return found | {key: scaled(own, found[self.key] / self.written) for key, own in self.along}

    @property
    def first(self) -> Drawn | None:
        """What must be drawn for the arm's own value; None if it lies outside."""
        if self.choices:
            text = next((text for text, value in self.choices if value == self.written), None)
            return None if text is None else {self.key: text}
        inside = isinstance(self.written, int | float) and self.low <= self.written <= self.high
        return {self.key: self.written} if inside else None


Space = tuple[Range, ...]


def space(arm: Arm, given: Mapping[str, Sequence[str]]) -> Space:
    """What the settings of an arm are drawn from: what is given, or the axes of the usual search as ranges.

    given: by key, ["1e-5:1e-2:log"] or texts of values to choose from. Raises SocialRLError that names the
    key if it is not one of this arm's learner, or its range is none.
    """
    own = {field.name: getattr(arm.learner, field.name) for field in dataclasses.fields(arm.learner)}
    if given:
        return tuple(_given(arm, own, key, texts) for key, texts in given.items())
    return tuple(_usual(arm, own, axis) for axis in AXES)


def values(arm: Arm, given: Mapping[str, Sequence[str]]) -> Space:
    """A space of values alone, for a grid: those that are given, or those of the usual search, what is
    written first. Raises SocialRLError as `space` does, and for a range.
    """
    own = {field.name: getattr(arm.learner, field.name) for field in dataclasses.fields(arm.learner)}
    found = tuple(_given(arm, own, key, texts) for key, texts in given.items())
    for one in found:
        if not one.choices:
            raise SocialRLError(f"learner.{one.key}: a range", "a grid has values: learner.lr=1e-4,1e-3")
    return found or tuple(_usual(arm, own, axis, listed=True) for axis in AXES)


def _usual(arm: Arm, own: Mapping[str, Any], axis: Axis, listed: bool = False) -> Range:
    """An axis of the usual search: its values if they are `listed`, else the range that they span."""
    key = key_of(axis, arm, own)
    value = own[key]
    along = tuple((one, own[one]) for one in axis.along if one in own)
    each = [scaled(value, factor) for factor in axis.factors]
    if listed:
        choices = tuple((json.dumps(one), one) for one in each)
        return Range(key=key, choices=choices, written=value, along=along)
    whole, low, high = isinstance(value, int), float(min(each)), float(max(each))
    return Range(key=key, low=low, high=high, log=not whole, whole=whole, written=value, along=along)


def grid(space: Space, count: int | None = None) -> list[Drawn]:
    """So many of the combinations of a space of values, all if None. The first has the first value of each;
    the others come in an order that is the same for all spaces of this size.
    """
    texts = [[text for text, _ in one.choices] for one in space]
    keys = [one.key for one in space]
    every: list[Drawn] = [dict(zip(keys, chosen, strict=True)) for chosen in itertools.product(*texts)]
    if count is None:
        return every
    require(1 <= count <= len(every), "trials", count, f"from 1 to {len(every)}, the size of the grid")
    rest = np.random.default_rng(0).permutation(len(every) - 1)[: count - 1] + 1
    return [every[i] for i in (0, *rest.tolist())]


def _given(arm: Arm, own: Mapping[str, Any], name: str, texts: Sequence[str]) -> Range:
    part, _, key = name.partition(".")
    if part != "learner" or not key:
        raise SocialRLError(f"--space {name}: a search is over keys of the learners", "e.g. learner.lr")
    if key not in own:
        raise SocialRLError(f"arm {arm.name}: its learner has no {key}", "leave the arm out by --arms")
    if len(texts) > 1 or ":" not in texts[0]:
        choices = tuple((text, _value(text)) for text in texts)
        return Range(key=key, choices=choices, written=own[key])
    low, high, *scale = texts[0].split(":")
    try:
        ends = float(low), float(high)
    except ValueError:
        ends = 1.0, 0.0
    if not ends[0] < ends[1] or scale not in ([], ["log"]) or (scale and ends[0] <= 0):
        raise SocialRLError(
            f"--space {name}={texts[0]}: not LOW:HIGH or LOW:HIGH:log", "e.g. learner.lr=1e-5:1e-2:log"
        )
    whole = isinstance(own[key], int)
    return Range(key=key, low=ends[0], high=ends[1], log=bool(scale), whole=whole, written=own[key])


def _value(text: str) -> Any:
    try:
        return read_json(text, "value")
    except SocialRLError:
        return text


def settings(space: Space, drawn: Drawn) -> Settings:
    """The settings of an arm for what was drawn from its space."""
    return {key: value for one in space for key, value in one.settings(drawn).items()}


def written(space: Space) -> Drawn | None:
    """What must be drawn for the arm as it is written; None if that lies outside of the space."""
    firsts = [one.first for one in space]
    return {key: v for first in firsts if first for key, v in first.items()} if all(firsts) else None


def fits(space: Space, drawn: object) -> bool:
    """Whether this may have been drawn from a space: it has its keys, and values that it chooses from."""
    if not isinstance(drawn, dict) or set(drawn) != {one.key for one in space}:
        return False
    return all(not one.choices or str(drawn[one.key]) in dict(one.choices) for one in space)


class Trials:
    """The trials of one arm, in a folder: trials.json lists what was drawn, each trial has a task of its own.

    A trial with the settings of an earlier one is that one. Those that the folder lists already are not drawn
    again: one that is over counts as it ended, others are the first to be asked for. stops: whether bad
    trials are stopped early.
    """

    def __init__(
        self,
        folder: Path,
        experiment: Experiment,
        arm: Arm,
        space: Space,
        *,
        seeds: int,
        steps: int,
        measure: str,
        stops: bool = True,
    ):
        self.folder, self.arm, self.space, self.measure = folder, arm, space, measure
        self.stops = stops
        self.experiment = dataclasses.replace(experiment, arms=(arm,), claims=())
        self.seeds, self.steps = seeds, steps
        self.file = folder / "trials.json"
        self.drawn: list[Drawn] = self._read()
        self.open = [n for n in range(len(self.drawn)) if not self.over(self.place(n))]
        self.asked = len(self.drawn) - len(self.open)

    def _read(self) -> list[Drawn]:
        content = read_json(self.file.read_bytes(), str(self.file)) if self.file.is_file() else []
        if not isinstance(content, list) or not all(fits(self.space, drawn) for drawn in content):
            raise SocialRLError(
                f"{self.file}: a search over other keys or values",
                "choose another --trial-runs, or delete it",
            )
        return [dict(drawn) for drawn in content if isinstance(drawn, dict)]

    def over(self, place: Path) -> bool:
        """Whether the trial of a folder came to its end or was stopped early."""
        return (place / STOPPED).is_file() or progress(place, self.experiment).done

    def settled(self) -> list[tuple[Drawn, Path]]:
        """What was drawn for the trials that are over, and their folders."""
        numbers = [n for n in range(len(self.drawn)) if n not in self.open]
        return [(self.drawn[n], self.place(n)) for n in numbers]

    def first(self) -> list[Drawn]:
        """What is to be tried before anything is drawn: trials that are not over, or the arm as written."""
        as_written = None if self.drawn else written(self.space)
        return [self.drawn[n] for n in self.open] + ([as_written] if as_written else [])

    def add(self, drawn: Mapping[str, Any]) -> Path:
        """The folder of a trial that was asked for, which is listed if it is new."""
        own = dict(drawn)
        self.asked += 1
        for number in self.open:
            if self.drawn[number] == own:
                self.open.remove(number)
                return self.place(number)
        self.drawn.append(own)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(self.file, json.dumps(self.drawn, indent=0) + "\n")
        return self.place(len(self.drawn) - 1)

    def stop(self, place: Path) -> None:
        """Notes that the trial of a folder was stopped early."""
        write_text(place / STOPPED, "early\n")

    def settings(self, number: int) -> Settings:
        """The settings of a trial."""
        return settings(self.space, self.drawn[number])

    def place(self, number: int) -> Path:
        """The folder of a trial."""
        first = next(n for n in range(number + 1) if self.settings(n) == self.settings(number))
        return self.folder / f"{first + 1:03d}"

    def experiment_at(self, place: Path) -> Experiment:
        """The experiment of a trial: one arm on seeds for tuning, evaluated, and if trials are stopped early
        at least at each rung.
        """
        own = self.settings(int(place.name) - 1)
        trial = trial_of(self.experiment, {self.arm.name: own}, self.seeds, self.steps)
        every = min(trial.evaluate_every, self.grace) if self.stops else trial.evaluate_every
        return dataclasses.replace(trial, evaluate_every=every, checkpoint_every=every)

    @property
    def total(self) -> int:
        """Environment steps per seed of a trial that is not stopped."""
        return dataclasses.replace(self.experiment, steps=self.steps).total_steps

    @property
    def grace(self) -> int:
        """The steps of the first rung, before which no trial is stopped."""
        return max(self.experiment.chunk_steps, self.total // REDUCTION**RUNGS)

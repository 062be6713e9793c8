"""What a sweep trains: an experiment's arms, each with a grid of settings, and their seeds in blocks."""

import dataclasses
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from socialrl.config import Arm, Experiment, to_json
from socialrl.overrides import UnknownKeyError, apply
from socialrl.record.atomic import write_text
from socialrl.record.folder import read_config
from socialrl_envs.errors import SocialRLError
from socialrl_envs.safe_json import read_json

FORMAT, VERSION = "socialrl-sweep", 1
TASKS, PLAN, TASK = "tasks", "plan.json", "task.json"
PARTS = ("learner", "world", "curriculum")  # in which arms may differ


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """One arm on a block of seeds.

    first: the number of the first seed of the block. seeds: how many there are.
    """

    arm: str
    first: int
    seeds: int

    @property
    def name(self) -> str:
        """Arm and seeds as a path, e.g. psiphi/1000-1004."""
        return f"{self.arm}/{self.first}-{self.first + self.seeds - 1}"

    def place(self, run: Path) -> Path:
        """The folder of the task in that of the run."""
        return run / TASKS / self.name


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """How the seeds of every arm are divided. block: seeds of a task; the last one of an arm may have fewer.
    shards: of how many jobs each does its share, 0 if one process does all.
    """

    block: int
    shards: int = 0

    def tasks(self, experiment: Experiment) -> list[Task]:
        """All tasks, those of the first arm first; raises SocialRLError if an arm needs agents of another."""
        experiment.check_apart()
        last = experiment.first_seed + experiment.seeds
        firsts = range(experiment.first_seed, last, self.block)
        return [
            Task(arm=arm.name, first=first, seeds=min(self.block, last - first))
            for arm in experiment.arms
            for first in firsts
        ]


def block_for(experiment: Experiment, slots: int) -> int:
    """Seeds of a task so that there are about two tasks for each of so many workers at a time."""
    return max(1, min(experiment.seeds, len(experiment.arms) * experiment.seeds // (2 * max(1, slots))))


def experiment_of(experiment: Experiment, task: Task) -> Experiment:
    """The experiment of one task: its arm and its seeds, judged by nothing."""
    return dataclasses.replace(
        experiment,
        arms=tuple(arm for arm in experiment.arms if arm.name == task.arm),
        first_seed=task.first,
        seeds=task.seeds,
        claims=(),
        tuning="",
    )


def write_task(place: Path, experiment: Experiment) -> None:
    """Writes what a worker is to train at a place; raises SocialRLError if it is of another experiment."""
    file, text = place / TASK, json.dumps(to_json(experiment), allow_nan=False) + "\n"
    if not file.is_file():
        place.mkdir(parents=True, exist_ok=True)
        write_text(file, text)
    elif file.read_text(encoding="utf-8") != text:
        raise SocialRLError(f"{file}: of another experiment", f"delete {place}, or choose another folder")


def write_plan(run: Path, plan: Plan) -> None:
    """Writes how the seeds are divided into the run folder."""
    (run / TASKS).mkdir(exist_ok=True)
    content = {"format": FORMAT, "version": VERSION, **dataclasses.asdict(plan)}
    write_text(run / TASKS / PLAN, json.dumps(content) + "\n")


def read_plan(run: Path) -> Plan | None:
    """How the seeds of a sweep are divided; None if the run folder holds no tasks.

    Raises SocialRLError that names the file if it is damaged.
    """
    file = run / TASKS / PLAN
    if not file.is_file():
        read_config(run)  # raises if it is no run folder at all
        return None
    content = read_json(file.read_bytes(), str(file))
    if not isinstance(content, dict) or (content.get("format"), content.get("version")) != (FORMAT, VERSION):
        raise SocialRLError(f"{file}: not the plan of a sweep", f"this version reads version {VERSION}")
    block, shards = content.get("block"), content.get("shards")
    if type(block) is not int or block < 1 or type(shards) is not int or shards < 0:
        raise SocialRLError(f"{file}: block or shards is no number of them", "the file is damaged")
    return Plan(block=block, shards=shards)


def gridded(experiment: Experiment, grid: Mapping[str, Sequence[str]]) -> Experiment:
    """The experiment in which every arm is there once per combination of values, under a name of its own.

    grid: values, as text, of keys such as learner.lr, world.size and psiphi.learner.lr. An arm without a key
    is not multiplied by it. Claims about arms that are multiplied are left out. Raises SocialRLError that
    names the key if no arm has it, or if arms cannot differ in it.
    """
    known = {arm.name for arm in experiment.arms}
    for key in grid:
        head, _, rest = key.partition(".")
        part = rest.partition(".")[0] if head in known else head
        if part not in PARTS:
            raise SocialRLError(
                f"--grid {key}: arms differ in learner, world and curriculum only",
                f"make one sweep for each value: --{key} VALUE",
            )
    arms = tuple(itertools.chain(*(variants(experiment, arm, grid) for arm in experiment.arms)))
    claims = tuple(c for c in experiment.claims if set(c.arms) <= {arm.name for arm in arms})
    in_all = max(experiment.claims_in_all, len(experiment.claims)) if grid else experiment.claims_in_all
    return dataclasses.replace(experiment, arms=arms, claims=claims, claims_in_all=in_all)


def variants(experiment: Experiment, arm: Arm, grid: Mapping[str, Sequence[str]]) -> list[Arm]:
    """An arm with every combination of the values of those keys that it has; by itself if it has none."""
    alone = dataclasses.replace(experiment, arms=(arm,), claims=())
    own = {of_arm: (key, values) for key, values in grid.items() if (of_arm := own_key(experiment, arm, key))}
    found = []
    for combination in itertools.product(*(values for _, values in own.values())):
        chosen = dict(zip(own, combination, strict=True))
        [changed] = apply(alone, [word for key, value in chosen.items() for word in (f"--{key}", value)]).arms
        name = "-".join([arm.name, *(label(key, value) for key, value in chosen.items())])
        found.append(dataclasses.replace(changed, name=name))
    return found


def own_key(experiment: Experiment, arm: Arm, key: str) -> str | None:
    """The key as one of this arm alone, <arm>.learner.lr; None if the arm does not have it.

    Raises SocialRLError if no arm of the experiment has it.
    """
    head, _, _ = key.partition(".")
    holders = {one.name: f"{one.name}.{key}" for one in experiment.arms}
    if head in holders:
        return key if head == arm.name else None
    errors: dict[str, UnknownKeyError] = {}
    for name, of_arm in holders.items():
        try:
            apply(experiment, [f"--{of_arm}", "?"])
        except UnknownKeyError as error:
            errors[name] = error
        except SocialRLError:  # the key is there, and takes no question mark
            pass
    if len(errors) == len(holders):
        raise next(iter(errors.values()))
    return None if arm.name in errors else holders[arm.name]


def label(key: str, value: str) -> str:
    """A setting in the name of an arm, of letters, digits, '-' and '_' alone: lr1e-4, discount0p95."""
    return key.rpartition(".")[2] + re.sub(r"[^A-Za-z0-9_-]", "_", value.strip().replace(".", "p"))

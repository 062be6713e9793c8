"""What participants did, measured as agents are: a run folder of which each group of participants is an arm.

Each participant stands where an agent has a seed. Their episodes are computed anew from the data files, as
the trace that a rollout of an agent makes, and go through the same functions: the measures of the protocol
`social` under the conditions of the study, and of `following` those that do not ask whom a decision followed.
`socialrl report` shows the folder, alone or beside the runs of trained arms. Reaction times (`seconds`, the
median to a key) are people's own.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from tqdm import tqdm

from socialrl import evaluation
from socialrl.config import RUN_FORMAT, RUN_VERSION, world_to_json
from socialrl.people import log
from socialrl.people.log import Data, Done
from socialrl.people.plan import Plan
from socialrl.people.sitting import cast_of, replayed
from socialrl.play.cast import Cast
from socialrl.protocols._measures import mean_where, measures
from socialrl.protocols._planners import best_actions
from socialrl.protocols._trailing import trailing_measures
from socialrl.protocols.following import in_words, over_steps
from socialrl.record import folder as folders
from socialrl.record import replay as replays
from socialrl.record.atomic import make_folder, write_text
from socialrl.record.labels import HOME, PERSON, Social
from socialrl.record.metrics import write_records
from socialrl.recording import to_replay
from socialrl.rollout import Trace
from socialrl_envs.errors import SocialRLError
from socialrl_envs.safe_json import read_json
from socialrl_envs.struct import replace
from socialrl_envs.types import State, World

ANALYSIS = "analysis"  # the run folder, in the folder of the data
Values = dict[str, float]


def analyse(plan: Plan, data: Path) -> Path:
    """Writes the run folder of all participants in a folder of data, and returns its path.

    What was refused or not begun is left out; of a study that is not finished, the trials that are. Raises
    SocialRLError that names the file of data which is not one, or if there is nothing to measure.
    """
    cast, found = cast_of(plan), _read_all(plan, data)
    groups = sorted({one.group for one, _ in found})
    program = _program(cast)
    lines: list[dict[str, Any]] = []
    out = _made(data / ANALYSIS)
    for group in groups:
        members = [pair for pair in found if pair[0].group == group]
        each = []
        for number, (one, file) in enumerate(tqdm(members, desc=group, unit=" participants")):
            trials = _tests(one)
            trace = _unsaid(replayed(plan, cast, trials, str(file)).trace(cast.spec.horizon))
            each.append(_measured(plan, program, trace, trials))
            facts = {"experiment": plan.name, "arm": group, "seed": number, "step": 0}
            replay = to_replay(jax.device_get(trace), cast.world, cast.world_json, **facts)
            replays.save(out / "replays" / f"{group}-seed{number}.npz", replay)
        lines += _records(plan, group, each)
    write_text(out / "config.json", json.dumps(_config(plan, groups, len(found)), indent=2) + "\n")
    write_records(out / "metrics.jsonl", lines)
    return out


def _read_all(plan: Plan, data: Path) -> list[tuple[Data, Path]]:
    """All participants with something to measure, by number, and their files."""
    files = sorted(data.glob("*/data.jsonl")) if data.is_dir() else []
    read = [(log.read(file, plan), file) for file in files]
    found = [(one, file) for one, file in read if not one.refused and _tests(one)]
    if not found:
        raise SocialRLError(
            f"{data}: nobody has finished an episode of the test", "`socialrl study FILE --participant 1`"
        )
    numbers = [one.participant for one, _ in found]
    for one, file in found:
        if numbers.count(one.participant) > 1:
            raise SocialRLError(f"{file}: participant {one.participant} is there twice")
    return found


def _tests(data: Data) -> list[Done]:
    """The trials of the test that are over."""
    return [done for done in data.trials if done.trial.test and done.ended]


def _made(out: Path) -> Path:
    """The folder, empty or of an earlier analysis."""
    config = out / "config.json"
    if config.exists():
        content = read_json(config.read_bytes(), str(config))
        experiment = content.get("experiment") if isinstance(content, dict) else None
        if not isinstance(experiment, dict) or experiment.get("people") is not True:
            raise SocialRLError(f"{out}: holds something else", "move it away")
    make_folder(out / "replays")
    for file in (out / "replays").glob("*.npz"):
        file.unlink()
    return out


def _unsaid(trace: Trace) -> Trace:
    """The trace with decisions of one source, as those of a policy that does not say whom it follows."""
    return replace(trace, decision=replace(trace.decision, values=trace.decision.values[..., :1, :]))


def _program(cast: Cast) -> Callable[[Trace], dict[str, Array]]:
    """A trace of some episodes -> their measures: those of `social`, and the means of an evaluation."""

    def program(trace: Trace) -> dict[str, Array]:
        own = evaluation.summarise(trace, cast.spec)
        plain = {name: value for name, value in own.items() if not name.startswith("share/")}
        social = measures(trace, cast.world, influence=False) | trailing_measures(trace, cast.spec)
        return {f"own/{name}": value for name, value in plain.items()} | social | _acts(trace, cast.world)

    return jax.jit(program)


def _acts(trace: Trace, world: World) -> dict[str, Array]:
    """good and chance, those of the protocol `following` that do not ask whom a decision followed: the share
    of actions that a planner with the novice's preferences, who knows the world, values most, and the mean
    share of actions that it does, which acting at random has.
    """
    novices = np.array(world.spec.novices)
    states: State = jax.tree.map(lambda leaf: leaf[:-1], trace.states)
    there = trace.alive[..., None] & states.seats.present[:, :, novices]
    best = over_steps(partial(best_actions, world))(states)
    taken = jnp.take_along_axis(best, trace.actions[:, :, novices, None], axis=-1)[..., 0]
    return {"good": mean_where(taken, there), "chance": mean_where(best, there[..., None])}


def _measured(
    plan: Plan, program: Callable[[Trace], dict[str, Array]], trace: Trace, trials: Sequence[Done]
) -> dict[str, Values]:
    """Condition -> the measures of one participant."""
    found = {}
    for name in plan.conditions:
        at = np.array([i for i, done in enumerate(trials) if done.trial.condition == name], np.int32)
        if len(at):
            values = jax.device_get(program(evaluation.chosen_episodes(trace, at)))
            times = [s for i in at for s in trials[i].seconds if s is not None]
            found[name] = {key: float(value) for key, value in values.items()}
            found[name]["seconds"] = float(np.median(times)) if times else float("nan")
    return found


def _records(plan: Plan, group: str, each: Sequence[Mapping[str, Values]]) -> list[dict[str, Any]]:
    """The records of an arm: one per condition, and the final one, of the first condition that is tested."""
    lines = []
    first = next(name for part in plan.parts for name in part.test)
    for name, condition in plan.conditions.items():
        known = [one.get(name, {}) for one in each]
        keys = dict.fromkeys(key for one in known for key in one)
        values = {key: [one.get(key, float("nan")) for one in known] for key in keys}
        if not values:
            continue
        labels = Social(in_words(condition.level) if condition.level else HOME, PERSON, condition.company,
                        condition.presence)  # fmt: skip
        social = {key: value for key, value in values.items() if not key.startswith("own/")}
        head = {"arm": group, "step": 0}
        lines.append(head | {"kind": Social.kind, "labels": labels.to_json(), "values": social})
        if name == first:
            own = {key.removeprefix("own/"): value for key, value in values.items() if key.startswith("own/")}
            lines.append(head | {"kind": "final", "values": own})
    return lines


def _config(plan: Plan, groups: Sequence[str], participants: int) -> dict[str, Any]:
    """The content of config.json."""
    experiment = {
        "name": plan.experiment or plan.name,
        "question": plan.question,
        "people": True,
        "world": world_to_json(plan.world),
        "arms": [{"name": group, "learner": {"name": "people"}, "world": None} for group in groups],
        "seeds": participants,
        "study": {"name": plan.name, "plan": plan.fingerprint},
    }
    facts = {"versions": folders.versions(), "device": "", "command": ""}
    return {"format": RUN_FORMAT, "version": RUN_VERSION, "experiment": experiment, **facts}

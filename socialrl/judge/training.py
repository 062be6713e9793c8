"""Clips of arms that are still training: episodes of their newest checkpoints, in `judged/` of the run.

A run records its episodes when an arm ends. Until then a judge has episodes recorded of its own, named after
the step that their agent was trained for. The run may write meanwhile: checkpoints and files appear under
their names only when they are whole.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import jax
from jax import Array
from jaxtyping import Key, PyTree

from socialrl.config import Arm, Experiment, load_experiment, to_json
from socialrl.judge.commands import JUDGED
from socialrl.protocols import Study
from socialrl.record import checkpoint
from socialrl.record.atomic import make_folder
from socialrl.record.folder import RunFolder
from socialrl.record.replay import save
from socialrl.recording import to_replay
from socialrl.rollout import Trace, make_rollout
from socialrl.studies import chosen, restored
from socialrl_envs.errors import SocialRLError

EPISODES, SEEDS = 8, 2  # that are recorded of an agent, and agents of an arm
STREAM = 0x1D6E  # of the keys of the episodes
TRIES = 3  # to read a checkpoint that the run may take away


def record_newest(run: Path, arms: tuple[str, ...] = ()) -> list[Path]:
    """The replays that are recorded now, of arms that have a checkpoint and have not ended: one of each of
    the first SEEDS seeds. Those of a checkpoint that were recorded before stay.

    arms: whose; all if empty. Raises SocialRLError for an unknown arm, and for a damaged checkpoint.
    """
    folder, found = RunFolder(run, {}), []
    experiment = load_experiment(run)
    for arm in chosen(experiment, arms):
        if not folder.replay(arm.name, 0).exists() and checkpoint.steps(folder.checkpoints(arm.name)):
            found += _recorded(experiment, arm, folder, min(SEEDS, experiment.seeds))
    return found


def _recorded(experiment: Experiment, arm: Arm, folder: RunFolder, seeds: int) -> list[Path]:
    """The replays of the newest checkpoint of an arm that were not there yet."""
    newest = checkpoint.steps(folder.checkpoints(arm.name))[-1]
    place = folder.path / JUDGED
    paths = [place / f"{arm.name}-seed{seed}-step{newest}.npz" for seed in range(seeds)]
    if all(path.exists() for path in paths):
        return []
    print(f"{arm.name} is still training: recording episodes of step {newest:,} ...", flush=True)
    study, step = _newest(experiment, arm, folder, seeds)
    make_folder(place)
    paths = [place / f"{arm.name}-seed{seed}-step{step}.npz" for seed in range(seeds)]
    world = to_json(dataclasses.replace(experiment, world=experiment.world_of(arm)))["world"]
    play = jax.jit(_episodes(study))
    for seed, (path, state) in enumerate(zip(paths, study.seeds.unbundle(study.states), strict=True)):
        trace = jax.device_get(play(state, jax.random.fold_in(jax.random.key(STREAM + seed), step)))
        facts = {"experiment": experiment.name, "arm": arm.name, "seed": seed, "step": step}
        said = {"value_unit": study.learner.value_unit, "sources": study.learner.sources}
        save(path, to_replay(trace, study.world, world, **facts, **said))
    return paths


def _newest(experiment: Experiment, arm: Arm, folder: RunFolder, seeds: int) -> tuple[Study, int]:
    """(study, step) of the newest checkpoint; if the run takes that one away meanwhile, of the next."""
    for _ in range(TRIES - 1):
        before = checkpoint.latest(folder.checkpoints(arm.name))
        try:
            return restored(experiment, arm, folder, seeds)
        except SocialRLError:
            if checkpoint.latest(folder.checkpoints(arm.name)) == before:
                raise
    return restored(experiment, arm, folder, seeds)


def _episodes(study: Study) -> Callable[[PyTree, Key[Array, ""]], Trace]:
    """A function (state, key) -> EPISODES greedy episodes of an agent."""
    rollout = make_rollout(study.world, study.learner)

    def play(state: PyTree, key: Key[Array, ""]) -> Trace:
        levels_key, episodes_key = jax.random.split(key)
        return rollout.episodes(state, rollout.pool(levels_key, EPISODES), episodes_key)

    return play

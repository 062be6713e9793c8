"""The training loop of one arm: compilation, training by chunks, records, checkpoints, resumption."""

import contextlib
import dataclasses
import resource
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import Array
from jaxtyping import Key, PyTree
from tqdm.auto import tqdm

from socialrl import evaluation, memory, profiling
from socialrl.assemble import assemble, root_keys
from socialrl.config import Arm, Experiment, to_json
from socialrl.devices import Devices, choose
from socialrl.processes import agreed, anywhere, first
from socialrl.record import checkpoint, levels, replay
from socialrl.record import labels as schemas
from socialrl.record.atomic import make_folder
from socialrl.record.folder import RunFolder
from socialrl.record.metrics import Records
from socialrl.recording import explanation, to_replay
from socialrl.rollout import Trace
from socialrl.rounds import best_levels
from socialrl.seeds import PerSeed, SeedMap, Seeds
from socialrl.training import Training
from socialrl.types import Offline
from socialrl_envs.errors import SocialRLError

TRAIN = 1  # folded into a seed's key for training; evaluation folds in evaluation.HELD_OUT
OFFLINE_CHUNK = 250  # the most gradient steps of one compiled call of offline training
EXPLAIN = 0xE791  # folded in for the diagnostics in replays
FINAL = 2  # folded in, plus its round, for the final evaluation, whose levels are therefore new


class ArmRun:
    """One arm of a run, whose seeds are trained in parallel.

    interrupted: returns whether to stop after the current chunk. progress: whether to print progress.
    devices: None takes those of `devices.choose`. Where processes share them, all run the arm, and process 0
    alone writes files and prints. profile: whether to trace a chunk and say what bounds it.
    """

    def __init__(
        self,
        experiment: Experiment,
        arm: Arm,
        folder: RunFolder,
        records: Records,
        timing: Records,
        interrupted: Callable[[], bool],
        progress: bool = True,
        devices: Devices | None = None,
        profile: bool = False,
    ):
        self.experiment, self.arm, self.folder = experiment, arm, folder
        self.records, self.timing, self.interrupted = records, timing, interrupted
        self.writes = first()
        self.progress = progress and self.writes
        self.devices = devices or choose(experiment.seeds, experiment.num_envs)
        self.assembly = assemble(experiment, arm)
        self.world, self.learner = self.assembly.world, self.assembly.learner
        self.trainer = self.assembly.trainer
        self.offline = self.learner.capability(Offline)
        self.seeds = Seeds(experiment.seeds, devices=self.devices)
        self.roots = self.seeds.bundle(root_keys(experiment))
        self.chunk_steps, self.total = experiment.chunk_steps, experiment.total_of(arm)
        self.lent = experiment.lent(arm.name)
        self.compile_seconds = 0.0
        self.to_profile = profile and self.writes

    def go(self, resume: bool) -> None:
        """Trains to the end and evaluates; if `resume`, an arm with a final record is left as it is."""
        if resume and self._done():
            self._say(f"{self.arm.name}: done already")
            return
        partners = self.seeds.bundle(self.assembly.partners(self.folder.path))
        training, step, fresh = self._begin(resume, partners)
        if self.offline and fresh:
            training = self._pretrain(training, self.offline.steps)
        train = self.seeds.map(self.trainer.chunk, 2, donate=True)
        evaluate = self.seeds.map(self._evaluate, 3)
        succeed = self.seeds.map(self.trainer.succeed, 1)
        programs = {
            "training": (train, training, partners),
            "evaluation": (evaluate, training, self.roots, partners),
        }
        if self.assembly.generations is not None:
            programs["succession"] = (succeed, training)
        self._compile(**programs)
        if fresh:
            self._record("eval", 0, self.seeds.split(evaluate(training, self.roots, partners))[0])
            if self.offline or 0 in self.lent:
                self._keep(training, 0)
        with self._bar(self.total, self.arm.name, " env-steps", step) as bar:
            while step < self.total:
                if self.trainer.due(step):
                    training = succeed(training)
                training = self._chunk(train, training, partners, step)
                step += self.chunk_steps
                if self._due(step, self.experiment.evaluate_every):
                    found = self.seeds.split(evaluate(training, self.roots, partners))[0]
                    scores = self._record("eval", step, found)
                    bar.set_postfix_str(f"return {scores['return'].mean():.2f}")
                bar.update(self.chunk_steps * self.experiment.seeds)
                self._save(training, step)
        self._conclude(training, step, evaluate, partners)

    def _done(self) -> bool:
        """Whether the arm has a final record."""

        def ends() -> str:
            finals = [r["arm"] for r in self.records.records() if r["kind"] == "final"]
            return "done" if self.arm.name in finals else ""

        return agreed(ends) == "done"

    def _pretrain(self, training: PerSeed, steps: int) -> PerSeed:
        """The training states after offline training on demonstrations, in chunks of equal size.

        steps: the number of gradient steps. No checkpoint is written: an interrupted run begins again.
        """
        chunks = -(-steps // OFFLINE_CHUNK)
        size = -(-steps // chunks)
        pretrain = self.seeds.map(lambda training: self.trainer.pretrain(training, size), 1, donate=True)
        self._compile(pretraining=(pretrain, training))
        with self._bar(chunks * size, f"{self.arm.name}, offline", " gradient steps") as bar:
            for chunk in range(chunks):
                training, metrics = self.seeds.split(pretrain(training))
                labels = schemas.Offline((chunk + 1) * size).to_json()
                values = self._record(schemas.Offline.kind, 0, metrics, labels)
                self._check_finite(0, values)
                bar.update(size * self.experiment.seeds)
                if anywhere(self.interrupted()):
                    again = f"from its beginning: socialrl run --resume {self.folder.path}"
                    self._write(f"{self.arm.name}: stopped offline; {again}")
                    raise KeyboardInterrupt
        return training

    def _chunk(self, train: SeedMap, training: PerSeed, partners: PerSeed, step: int) -> PerSeed:
        """The training states after a chunk; its metrics are recorded and checked to be finite."""
        with self._tracing(train, step):
            began = time.perf_counter()
            training, metrics = self.seeds.split(train(training, partners))
            seconds = time.perf_counter() - began
        values = self._record("train", step + self.chunk_steps, metrics)
        self._check_finite(step + self.chunk_steps, values)
        self._time(step + self.chunk_steps, seconds)
        return training

    @contextlib.contextmanager
    def _tracing(self, train: SeedMap, step: int) -> Iterator[None]:
        """A block of training in which a trace is written, if one is still to be made, and this is not the
        first chunk or the only one; it ends by saying what bounds the chunk.
        """
        if not self.to_profile or (train.calls == 0 and step + self.chunk_steps < self.total):
            yield
            return
        file, self.to_profile = self.folder.profile(self.arm.name), False
        with profiling.traced(file):
            yield
        found = profiling.read_profile(file, train.text())
        self._write(f"{self.arm.name}: {found.text()}; trace: {file}")

    def _evaluate(self, training: Training, key: Key[Array, ""], partners: PyTree) -> Any:
        """(metrics, trace) of greedy episodes: their means, and a trace of the first ones."""
        episodes, replayed = self.experiment.evaluation_episodes, self.experiment.replay_episodes
        rollout = self.trainer.beside(partners)
        evaluate = evaluation.evaluator(rollout, self.world.spec, episodes, replayed)
        return evaluate(training.learner, key, self.trainer.evaluated(training))

    @property
    def _checkpoints(self) -> Path:
        return self.folder.checkpoints(self.arm.name)

    def _begin(self, resume: bool, partners: PerSeed) -> tuple[PerSeed, int, bool]:
        """(states, step, fresh): the training states at the start, and whether they are newly initialised.

        A resumed run starts from its last checkpoint, and the records after it are removed.
        """
        start = self.seeds.map(self.trainer.start, 2)
        keys = self.seeds.bundle(
            [jax.random.fold_in(root, TRAIN) for root in self.seeds.unbundle(self.roots)]
        )
        if resume and self.writes:
            checkpoint.tidy(self._checkpoints, self.experiment.keep_checkpoints, self.lent)
        latest = self._latest() if resume else None
        step = latest or 0
        if resume and self.writes:
            kinds = ("final", *(protocol.kind for protocol in self.experiment.protocols))
            self.records.truncate_after(self.arm.name, -1 if latest is None else step, kinds)
            self.timing.truncate_after(self.arm.name, -1 if latest is None else step)
        if latest is None:
            return start(keys, partners), 0, True
        self._say(f"{self.arm.name}: resumes at step {step}")
        restored, _ = self.assembly.restored(self.folder.path, self._checkpoints, step)
        return self.seeds.bundle(restored), step, False

    def _latest(self) -> int | None:
        """The step of the last checkpoint, None if there is none."""

        def step() -> str:
            found = checkpoint.latest(self._checkpoints)
            return "" if found is None else found.name

        found = agreed(step)
        return int(found) if found else None

    def _save(self, training: PerSeed, step: int) -> None:
        """Writes a checkpoint if one is due; after Ctrl-C in any case, and raises KeyboardInterrupt."""
        stop = anywhere(self.interrupted())
        if stop or step in self.lent or self._due(step, self.experiment.checkpoint_every):
            self._keep(training, step)
        if stop:
            self._write(
                f"{self.arm.name}: saved at step {step}; go on by: socialrl run --resume {self.folder.path}"
            )
            raise KeyboardInterrupt

    def _keep(self, training: PerSeed, step: int) -> None:
        """Writes a checkpoint and the levels that the curriculum keeps; the oldest checkpoints go."""
        states, keep = self.seeds.fetched(training), self.experiment.keep_checkpoints
        if self.writes:
            checkpoint.save(self._checkpoints / str(step), states, keep=keep, spare=self.lent)
            for seed, state in enumerate(states):
                shelf = self.trainer.shelf(state)
                if shelf is not None:
                    levels.save(self.folder.levels(self.arm.name, seed, step), best_levels(shelf))

    def _compile(self, **programs: tuple[Any, ...]) -> None:
        """Compiles programs by name, each a SeedMap and its arguments, and prints how long that took, and the
        most memory that one of them needs. They are traced one after the other, and compiled side by side.
        """
        self._say(f"{self.arm.name}: compiling {' and '.join(programs)} ...", end=" ")
        began, room = time.perf_counter(), memory.room(self.devices.local[0])
        workers = len(programs) if self.devices.processes == 1 else 1  # processes compile in the same order
        with ThreadPoolExecutor(max_workers=workers) as pool:
            made = [
                pool.submit(function.finish, function.lowered(*arguments, room=room))
                for function, *arguments in programs.values()
            ]
        forecasts = [found for task in made if (found := task.result().forecast)]
        seconds = time.perf_counter() - began
        self.compile_seconds += seconds
        largest = max(forecasts, key=lambda forecast: forecast.total)
        self._say(f"{seconds:.1f} s; memory {largest.text(room)}")

    def _say(self, text: str, end: str = "\n") -> None:
        """Prints the text, if progress is shown."""
        if self.progress:
            print(text, end=end, flush=True)

    def _write(self, text: str) -> None:
        """Prints the text above the bar, in process 0."""
        if self.writes:
            tqdm.write(text)

    def _bar(self, total: int, name: str, unit: str, done: int = 0) -> tqdm:
        """A progress bar over all seeds; `total` and `done` are numbers of one seed."""
        seeds = self.experiment.seeds
        return tqdm(
            total=total * seeds,
            initial=done * seeds,
            desc=name,
            unit=unit,
            unit_scale=True,
            dynamic_ncols=True,
            disable=not self.progress,
        )

    def _due(self, step: int, every: int) -> bool:
        """Whether the chunk that ends at `step` passed a multiple of `every` or is the last one."""
        return step // every > (step - self.chunk_steps) // every or step >= self.total

    def _record(
        self, kind: str, step: int, metrics: PerSeed, labels: dict[str, Any] | None = None
    ) -> dict[str, np.ndarray]:
        """The metrics as arrays over seeds by name, which are also written as a record."""
        values = self.seeds.values(metrics)
        record = {"arm": self.arm.name, "kind": kind, "step": step} | ({"labels": labels} if labels else {})
        if self.writes:
            self.records.append(record | {"values": dict(sorted(values.items()))})
        return values

    def _check_finite(self, step: int, values: dict[str, np.ndarray]) -> None:
        """Raises SocialRLError if a loss or a gradient norm is not finite, before a checkpoint is written.

        A gradient that is not finite makes the parameters so, one update before the losses are.
        """
        for name, value in values.items():
            if name.startswith(("loss/", "gradient_norm")) and not np.all(np.isfinite(value)):
                seeds = np.flatnonzero(~np.isfinite(value)).tolist()
                kept = (
                    f"the last good checkpoint is kept in {self._checkpoints}; "
                    if self._checkpoints.exists()
                    else ""
                )
                raise SocialRLError(
                    f"{self.arm.name}: {name} is not finite at step {step}, seeds {seeds}",
                    f"{kept}try a smaller --{self.arm.name}.learner.lr",
                )

    def _time(self, step: int, seconds: float) -> None:
        if not self.writes:
            return
        self.timing.append(
            {
                "arm": self.arm.name,
                "step": step,
                "seconds": seconds,
                "compile_seconds": self.compile_seconds,
                "env_steps_per_second": self.chunk_steps * self.experiment.seeds / seconds,
                "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )

    def _conclude(self, training: PerSeed, step: int, evaluate: SeedMap, partners: PerSeed) -> None:
        """Writes replays, runs the protocols, and records the final evaluation, which completes the arm."""
        rounds = -(-self.experiment.final_episodes // self.experiment.evaluation_episodes)
        scores = []
        for number in range(rounds):
            keys = self.seeds.bundle(
                [jax.random.fold_in(r, FINAL + number) for r in self.seeds.unbundle(self.roots)]
            )
            metrics, traces = self.seeds.split(evaluate(training, keys, partners))
            scores.append(self.seeds.values(metrics))
            if number == 0:
                self._save_replays(traces, training, step)
        study = self.assembly.study(self.seeds.unbundle(training), self.devices, self.folder.path)
        for protocol in self.experiment.protocols:
            for labels, values in protocol.run(study):
                self._record(protocol.kind, step, values, labels.to_json())
        means = {name: np.mean([score[name] for score in scores], axis=0) for name in scores[0]}
        per_seed = [{name: value[seed] for name, value in means.items()} for seed in range(self.seeds.count)]
        self._record("final", step, self.seeds.bundle(per_seed))

    def _save_replays(self, traces: PerSeed, training: PerSeed, step: int) -> None:
        """Writes one replay per seed, with the learner's diagnostics of its decisions."""
        explain = self.seeds.map(self._explain, 3)(training, traces, self.roots)
        config = to_json(dataclasses.replace(self.experiment, world=self.experiment.world_of(self.arm)))[
            "world"
        ]
        pairs = zip(self.seeds.fetched(traces), self.seeds.fetched(explain), strict=True)
        for seed, (trace, explained) in enumerate(pairs if self.writes else ()):
            path = self.folder.replay(self.arm.name, seed)
            make_folder(path.parent)
            facts = {"experiment": self.experiment.name, "arm": self.arm.name, "seed": seed, "step": step}
            facts |= {"value_unit": self.learner.value_unit, "explained": explained}
            facts |= {"sources": self.learner.sources}
            replay.save(path, to_replay(trace, self.world, config, **facts))

    def _explain(self, training: Training, trace: Trace, key: Key[Array, ""]) -> dict[str, Any]:
        """The learner's diagnostics of the decisions of a trace."""
        return explanation(
            self.world, self.learner, training.learner, trace, jax.random.fold_in(key, EXPLAIN)
        )

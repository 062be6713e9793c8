"""The host loop: compile, train a chunk, record, checkpoint, resume. What is jitted is jitted here."""

import contextlib
import dataclasses
import json
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from socialrl import evaluation
from socialrl.config import Arm, Experiment, to_json
from socialrl.protocols import Study
from socialrl.record import checkpoint, replay
from socialrl.record.atomic import write_text
from socialrl.record.folder import RunFolder
from socialrl.record.metrics import Records
from socialrl.recording import to_replay
from socialrl.rollout import make_rollout
from socialrl.training import Training, make_trainer
from socialrl_envs.errors import SocialRLError

TRAIN = 1  # folded into a seed's key for training; evaluation folds in evaluation.HELD_OUT
FINAL = 2  # and the final evaluation FINAL + its round first, so that its levels are new


def run(experiment: Experiment, folder: RunFolder, *, resume: bool = False) -> None:
    """Trains every arm, records it in the folder, and writes summary and report.

    resume: go on from the last checkpoints; what comes out is bit-equal to an uninterrupted run. Ctrl-C ends the chunk, saves
    a checkpoint and raises KeyboardInterrupt.
    """
    records, timing = Records(folder.metrics), Records(folder.timing)
    with _interrupts() as interrupted:
        for arm in experiment.arms:
            ArmRun(experiment, arm, folder, records, timing, interrupted).go(resume)
    _finish(folder)


@contextlib.contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """A flag that the first Ctrl-C sets; the second one stops at once."""
    flag = []

    def note(*_: Any) -> None:
        flag.append(True)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        print("\nstopping after this chunk; Ctrl-C again stops at once", file=sys.stderr)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(flag)
    finally:
        signal.signal(signal.SIGINT, before)


def _finish(folder: RunFolder) -> None:
    """Table, summary and report; without matplotlib the report is left for another machine."""
    from socialrl.report import format_table, summarise, write_report

    summary = summarise(folder.path)
    write_text(folder.summary, json.dumps(summary, indent=1, allow_nan=False) + "\n")
    print("\n" + format_table(summary))
    try:
        print(f"report: {write_report(folder.path)}")
    except SocialRLError as error:
        print(f"no report: {error.message}; elsewhere: socialrl report {folder.path}")


class ArmRun:
    """One arm, all its seeds side by side."""

    def __init__(
        self,
        experiment: Experiment,
        arm: Arm,
        folder: RunFolder,
        records: Records,
        timing: Records,
        interrupted: Callable[[], bool],
    ):
        self.experiment, self.arm, self.folder = experiment, arm, folder
        self.records, self.timing, self.interrupted = records, timing, interrupted
        self.world = experiment.world_of(arm).build()
        self.learner = arm.learner.build(self.world.spec)
        self.rollout = make_rollout(self.world, self.learner)
        self.trainer = make_trainer(experiment, self.learner, self.rollout, evaluation.sources_of(self.world.spec))
        self.roots = jnp.stack([jax.random.key(seed) for seed in range(experiment.seeds)])
        self.chunk_steps = experiment.chunk * experiment.parallel * experiment.unroll
        self.total = -(-experiment.steps // self.chunk_steps) * self.chunk_steps
        self.compile_seconds = 0.0

    def go(self, resume: bool) -> None:
        """Trains to the end, then evaluates; an arm that has its final record is left as it is."""
        if resume and any(r["arm"] == self.arm.name and r["kind"] == "final" for r in self.records.records()):
            print(f"{self.arm.name}: done already")
            return
        training, step = self._begin(resume)
        chunk = self._compiled("training", self.trainer.chunk, training, donate=True)
        evaluate = self._compiled(
            "evaluation",
            evaluation.evaluator(
                self.rollout, self.world.spec, self.experiment.evaluation_episodes, self.experiment.replay_episodes
            ),
            training.learner,
            self.roots,
        )
        if step == 0:
            self._record("eval", 0, evaluate(training.learner, self.roots)[0])
        with self._progress(step) as bar:
            while step < self.total:
                began = time.perf_counter()
                training, metrics = chunk(training)
                jax.block_until_ready(training)
                step += self.chunk_steps
                self._record("train", step, metrics)
                self._check_finite(step, metrics)
                seconds = time.perf_counter() - began
                if self._due(step, self.experiment.evaluate_every):
                    scores, _ = evaluate(training.learner, self.roots)
                    self._record("eval", step, scores)
                    bar.set_postfix_str(f"return {float(jnp.mean(scores['return'])):.2f}")
                self._time(step, seconds)
                bar.update(self.chunk_steps * self.experiment.seeds)
                stop = self.interrupted()
                if stop or self._due(step, self.experiment.checkpoint_every):
                    checkpoint.save(self._checkpoints / str(step), training)
                if stop:
                    bar.close()
                    print(f"{self.arm.name}: saved at step {step}; go on by: socialrl run --resume {self.folder.path}")
                    raise KeyboardInterrupt
        self._conclude(training, step, evaluate)

    @property
    def _checkpoints(self) -> Any:
        return self.folder.checkpoints(self.arm.name)

    def _begin(self, resume: bool) -> tuple[Training, int]:
        """A fresh start, or the last checkpoint with the records that came after it forgotten."""
        keys = jax.vmap(lambda root: jax.random.fold_in(root, TRAIN))(self.roots)
        start = jax.jit(jax.vmap(self.trainer.start))
        latest = checkpoint.latest(self._checkpoints) if resume else None
        step = 0 if latest is None else int(latest.name)
        if resume:
            kinds = ("final", *(protocol.kind for protocol in self.experiment.protocols))
            self.records.truncate_after(self.arm.name, step if latest else -1, kinds)
            self.timing.truncate_after(self.arm.name, step if latest else -1)
        if latest is None:
            return start(keys), 0
        print(f"{self.arm.name}: resumes at step {step}")
        return checkpoint.restore(latest, jax.eval_shape(start, keys))[0], step

    def _compiled(self, what: str, function: Callable[..., Any], *arguments: Any, donate: bool = False) -> Callable[..., Any]:
        """The function over all seeds, compiled now, with a line that says so."""
        began = time.perf_counter()
        jitted = jax.jit(jax.vmap(function), donate_argnums=(0,) if donate else ())
        compiled = jitted.lower(*arguments).compile()
        seconds = time.perf_counter() - began
        self.compile_seconds += seconds
        print(f"{self.arm.name}: compiled {what} in {seconds:.1f} s", flush=True)
        return compiled

    def _progress(self, step: int) -> tqdm:
        seeds = self.experiment.seeds
        return tqdm(
            total=self.total * seeds,
            initial=step * seeds,
            desc=self.arm.name,
            unit=" env-steps",
            unit_scale=True,
            dynamic_ncols=True,
        )

    def _due(self, step: int, every: int) -> bool:
        """Whether a chunk that ends at `step` crossed a multiple of `every`, or is the last one."""
        return step // every > (step - self.chunk_steps) // every or step >= self.total

    def _record(self, kind: str, step: int, values: dict[str, Any], labels: dict[str, Any] | None = None) -> None:
        record = {"arm": self.arm.name, "kind": kind, "step": step}
        values = {name: np.asarray(value) for name, value in sorted(values.items())}
        self.records.append(record | ({"labels": labels} if labels else {}) | {"values": values})

    def _check_finite(self, step: int, metrics: dict[str, Any]) -> None:
        for name, value in metrics.items():
            if name.startswith("loss/") and not np.all(np.isfinite(value)):
                seeds = np.flatnonzero(~np.isfinite(np.asarray(value))).tolist()
                raise SocialRLError(
                    f"{self.arm.name}: {name} is not finite at step {step}, seeds {seeds}",
                    f"the last good checkpoint is kept in {self._checkpoints}; try a smaller --{self.arm.name}.learner.lr",
                )

    def _time(self, step: int, seconds: float) -> None:
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

    def _conclude(self, training: Training, step: int, evaluate: Callable[..., Any]) -> None:
        """Replays, protocols, and the final evaluation, whose record says that the arm is done."""
        rounds = -(-self.experiment.final_episodes // self.experiment.evaluation_episodes)
        scores = []
        for number in range(rounds):
            keys = jax.vmap(lambda root, number=number: jax.random.fold_in(root, FINAL + number))(self.roots)
            metrics, traces = evaluate(training.learner, keys)
            scores.append(metrics)
            if number == 0:
                self._save_replays(jax.device_get(traces), step)
        study = Study(
            experiment=self.experiment,
            arm=self.arm,
            world=self.world,
            learner=self.learner,
            state=training.learner,
            roots=self.roots,
        )
        for protocol in self.experiment.protocols:
            for labels, values in protocol.run(study):
                self._record(protocol.kind, step, values, labels)
        self._record("final", step, {name: sum(score[name] for score in scores) / rounds for name in scores[0]})

    def _save_replays(self, traces: Any, step: int) -> None:
        """One file per seed; `traces` leads with the seeds."""
        config = to_json(dataclasses.replace(self.experiment, world=self.experiment.world_of(self.arm)))["world"]
        for seed in range(self.experiment.seeds):
            one = jax.tree.map(lambda leaf, seed=seed: leaf[seed], traces)
            path = self.folder.replay(self.arm.name, seed)
            path.parent.mkdir(exist_ok=True)
            facts = {"experiment": self.experiment.name, "arm": self.arm.name, "seed": seed, "step": step}
            replay.save(path, to_replay(one, self.world, config, **facts))

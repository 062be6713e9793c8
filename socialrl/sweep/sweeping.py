"""A sweep from beginning to end: tasks are given to workers, and what they wrote is joined to one run."""

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from socialrl.config import Experiment
from socialrl.record.folder import RunFolder
from socialrl.record.metrics import read_records
from socialrl.runs import finish
from socialrl.sweep.joining import clear, join
from socialrl.sweep.plan import Plan, Task, experiment_of, read_plan, write_plan, write_task
from socialrl.sweep.pool import RETRIES, Pool, Queue, carry_out
from socialrl.sweep.progress import progress
from socialrl.sweep.table import shown, steps_of
from socialrl_envs.errors import SocialRLError


def sweep(experiment: Experiment, run: RunFolder, pool: Pool, plan: Plan, *, retries: int = RETRIES) -> None:
    """Trains every arm of a run by tasks, or goes on with it, and writes summary and report, as `runs.run`.

    run: its folder, locked by this process. plan: how seeds are divided, unless the folder says so already.
    After Ctrl-C what was saved is joined as far as possible, and KeyboardInterrupt is raised. Raises
    SocialRLError if tasks failed; all others are then complete.
    """
    plan = _settled(run.path, plan)
    tasks = _unjoined(experiment, run, plan)

    def joined(place: Path) -> None:
        arm = next(task.arm for task in tasks if task.place(run.path) == place)
        own = [task for task in tasks if task.arm == arm]
        if all(progress(t.place(run.path), experiment_of(experiment, t)).done for t in own):
            join(run, experiment, plan)

    try:
        failed = _train(experiment, run, pool, tasks, retries, joined)
    finally:
        unfinished = join(run, experiment, plan, partial=True)
    if failed:
        raise _failure(tasks, run.path, failed, f"socialrl sweep --resume {run.path}, once it is mended")
    if unfinished:
        raise SocialRLError(f"{run.path}: {', '.join(unfinished)} not complete", "go on with --resume")
    clear(run.path)
    finish(run)


def share(
    experiment: Experiment,
    run: RunFolder,
    pool: Pool,
    plan: Plan,
    shard: tuple[int, int],
    *,
    retries: int = RETRIES,
) -> None:
    """Trains the tasks of one shard of a run, (i, n) with i from 1 to n: every n-th one, from the i-th on.

    run: a folder for all shards. Each shard may run once at a time, wherever the folder is seen.
    """
    number, shards = shard
    plan = _settled(run.path, Plan(block=plan.block, shards=shards))
    unjoined = _unjoined(experiment, run, plan)
    tasks = [task for task in plan.tasks(experiment)[number - 1 :: shards] if task in unjoined]
    failed = _train(experiment, run, pool, tasks, retries)
    if failed:
        raise _failure(
            tasks, run.path, failed, f"call it again, once it is mended: --shard {number}/{shards}"
        )


def merge(experiment: Experiment, run: RunFolder, others: Sequence[Path]) -> list[str]:
    """Joins the shards of a run, and writes summary and report of what is complete; returns the tasks that
    are not, with their shards.

    run: the folder of the shards, locked by this process. others: copies of it from other machines.
    """
    plan = read_plan(run.path)
    if plan is None:
        return []
    unfinished = join(run, experiment, plan, others)
    missing = []
    for number, task in enumerate(plan.tasks(experiment)):
        states = [progress(task.place(f), experiment_of(experiment, task)) for f in (run.path, *others)]
        if task.arm in unfinished and not any(state.done for state in states):
            step = max(state.step for state in states)
            shard = f", shard {number % plan.shards + 1}/{plan.shards}" if plan.shards else ""
            total = steps_of(experiment_of(experiment, task)) // task.seeds
            missing.append(f"{task.name}: {step:,} of {total:,} steps{shard}")
    if not unfinished:
        clear(run.path)
    finish(run)
    return missing


def _settled(run: Path, plan: Plan) -> Plan:
    """The plan of a run folder, which is written if there is none."""
    there = read_plan(run)
    if there is None:
        write_plan(run, plan)
        return plan
    if there.shards != plan.shards:
        whose = f"divided into {there.shards} shards" if there.shards else "not divided into shards"
        cure = (
            f"--shard i/{there.shards}, then `socialrl merge {run}`" if there.shards else "leave --shard out"
        )
        raise SocialRLError(f"{run}: its tasks are {whose}", cure)
    return there


def _unjoined(experiment: Experiment, run: RunFolder, plan: Plan) -> list[Task]:
    """The tasks of arms that are not complete in the run folder."""
    finals = {record["arm"] for record in read_records(run.metrics) if record["kind"] == "final"}
    return [task for task in plan.tasks(experiment) if task.arm not in finals]


def _train(
    experiment: Experiment,
    run: RunFolder,
    pool: Pool,
    tasks: Sequence[Task],
    retries: int,
    done: Callable[[Path], None] = lambda place: None,
) -> dict[Path, str]:
    """Trains those of the tasks that are not complete; returns why some failed, by their folders."""
    experiments = {task.place(run.path): experiment_of(experiment, task) for task in tasks}
    labels = {task.place(run.path): task.name for task in tasks}
    states = {place: progress(place, own) for place, own in experiments.items()}
    open_ones = [place for place, state in states.items() if not state.done]
    for place in open_ones:
        write_task(place, experiments[place])
    queue = Queue({place: experiments[place] for place in open_ones}, waiting=deque(open_ones))
    queue.saved |= {place: states[place].saved for place in open_ones}
    with shown(experiment.name, queue, labels.__getitem__, total=len(tasks)) as board:
        return carry_out(queue, pool, retries=retries, watcher=board, done=done)


def _failure(tasks: Sequence[Task], run: Path, failed: dict[Path, str], cure: str) -> SocialRLError:
    """The error that says which tasks failed, and why the first one did."""
    names = {task.place(run): task.name for task in tasks}
    (place, text), *more = failed.items()
    also = f"; also {', '.join(names[one] for one, _ in more)}" if more else ""
    return SocialRLError(f"{names[place]}: {text}{also}", cure)

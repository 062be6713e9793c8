"""A search without Ray: Optuna draws settings, and its successive halving stops bad trials early."""

import dataclasses
import itertools
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from socialrl.record.metrics import read_records
from socialrl.sweep.plan import write_task
from socialrl.sweep.pool import SECONDS, Ended, Pool, Queue, settled, wind_up
from socialrl.sweep.space import REDUCTION, STOPPED, Space, Trials
from socialrl.sweep.table import Board, shown
from socialrl.sweep.worker import latest
from socialrl_envs.errors import SocialRLError


def need_optuna() -> Any:
    """The module `optuna`, which prints errors alone; raises SocialRLError if it is not installed."""
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise SocialRLError(
            "--search needs optuna, which is not installed", "pip install 'socialrl[search]'"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def distributions(space: Space) -> dict[str, Any]:
    """A space as Optuna knows it."""
    known = need_optuna().distributions
    found: dict[str, Any] = {}
    for one in space:
        if one.choices:
            found[one.key] = known.CategoricalDistribution([text for text, _ in one.choices])
        elif one.whole:
            found[one.key] = known.IntDistribution(int(one.low), int(one.high), log=one.log)
        else:
            found[one.key] = known.FloatDistribution(one.low, one.high, log=one.log)
    return found


def scores(place: Path, measure: str) -> Iterator[tuple[int, float]]:
    """(step, score) of the evaluations of a trial, the final one last: the mean over seeds of the return, or
    of the area under its curve so far, per step. Evaluations of which a seed has no number are left out.
    """
    attempt = latest(place)
    seen: list[tuple[int, float]] = []
    for record in [] if attempt is None else read_records(attempt / "metrics.jsonl"):
        if (scored := score(record, seen, measure)) is not None:
            yield record["step"], scored


def score(record: dict[str, Any], seen: list[tuple[int, float]], measure: str) -> float | None:
    """The score of a trial after an evaluation; None for other records.

    seen: (step, return) of the evaluations so far, to which this one is added.
    """
    returns = record["values"].get("return") if record["kind"] in ("eval", "final") else None
    if returns is None or any(value is None for value in returns):
        return None
    mean = sum(map(float, returns)) / len(returns)
    if record["kind"] == "eval":
        seen.append((record["step"], mean))
    if measure == "return" or len(seen) < 2:
        return mean
    pairs = itertools.pairwise(seen)
    areas = [(late - early) * (before + after) / 2 for (early, before), (late, after) in pairs]
    return sum(areas) / (seen[-1][0] - seen[0][0])


@dataclasses.dataclass
class Study:
    """Optuna's study of one arm, and the trials of it that are being trained, by their folders."""

    trials: Trials
    study: Any
    running: dict[Path, list[Any]] = dataclasses.field(default_factory=dict)
    stopped: set[Path] = dataclasses.field(default_factory=set)

    def bad(self, place: Path) -> bool:
        """Whether a trial is to be stopped now, after what it recorded so far is told to the study."""
        for trial in self.running[place]:
            known = self.study.trials[trial.number].intermediate_values
            for step, value in scores(place, self.trials.measure):
                if step in known or step >= self.trials.total:
                    continue
                trial.report(value, step)
                if trial.should_prune():
                    return True
        return False

    def tell(self, place: Path, state: Any) -> None:
        """Ends the trials of a folder: by what they found at the end, or in a state without a value."""
        last = list(scores(place, self.trials.measure))[-1:]
        for trial in self.running.pop(place):
            if state is None and last:
                self.study.tell(trial, last[0][1])
            else:
                self.study.tell(trial, state=state)


def make_study(trials: Trials) -> Study:
    """A new study of an arm, which knows the trials that are over, and asks for those first that are not."""
    optuna = need_optuna()
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=trials.grace, reduction_factor=REDUCTION),
    )
    states = optuna.trial.TrialState
    for drawn, place in trials.settled():
        seen = list(scores(place, trials.measure))
        stopped = not any(step >= trials.total for step, _ in seen)
        study.add_trial(
            optuna.trial.create_trial(
                state=states.PRUNED if stopped else states.COMPLETE,
                value=seen[-1][1] if seen else None,
                params=drawn,
                distributions=distributions(trials.space),
                intermediate_values={step: value for step, value in seen if step < trials.total},
            )
        )
    for drawn in trials.first():
        study.enqueue_trial(drawn)
    return Study(trials, study)


def searched(trials: Trials, pool: Pool, count: int, retries: int) -> None:
    """Has the workers train so many trials of an arm; what they found is in the folder of the trials.

    After Ctrl-C the workers save, and KeyboardInterrupt is raised.
    """
    study, space = make_study(trials), distributions(trials.space)
    queue = Queue({}, waiting=deque())
    states = need_optuna().trial.TrialState
    with shown(f"search {trials.arm.name}", queue, name, total=count) as board:
        try:
            while trials.asked < count or study.running:
                while trials.asked < count and pool.room():
                    _ask(study, space, queue, pool)
                for ended in pool.ended(SECONDS):
                    _settle(study, queue, ended, retries, pool, board, states)
                for place in list(queue.running - study.stopped):
                    if study.bad(place):
                        study.stopped.add(place)
                        pool.stop(place)
                board.tick()
        except KeyboardInterrupt:
            wind_up(pool, queue, board)
            raise
        except BaseException:
            pool.kill()
            raise


def name(place: Path) -> str:
    """The name of a trial by its folder: arm and number."""
    return f"{place.parent.name}/{place.name}"


def _ask(study: Study, space: dict[str, Any], queue: Queue, pool: Pool) -> None:
    """Draws a trial, and has it trained unless it was, or is known to be bad."""
    trial = study.study.ask(space)
    place = study.trials.add(trial.params)
    study.running.setdefault(place, []).append(trial)
    if place in queue.running:
        return
    experiment = study.trials.experiment_at(place)
    queue.experiments[place] = experiment
    write_task(place, experiment)
    if study.trials.over(place):  # the settings of one that is over were drawn again
        stopped = (place / STOPPED).is_file()
        study.tell(place, need_optuna().trial.TrialState.PRUNED if stopped else None)
    else:
        queue.running.add(place)
        pool.start(place)


def _settle(
    study: Study, queue: Queue, ended: Ended, retries: int, pool: Pool, board: Board, states: Any
) -> None:
    """Brings the study up to date with an attempt that ended, and tries again what was lost."""
    place = ended.place
    queue.running.discard(place)
    if ended.end != "done" and place in study.stopped:
        study.stopped.discard(place)
        study.trials.stop(place)
        board.said(place, "stopped early")
        study.tell(place, states.PRUNED)
        return
    study.stopped.discard(place)
    board.said(place, settled(queue, ended, retries))
    if ended.end == "done":
        study.tell(place, None)
    elif place in queue.failed:
        study.tell(place, states.FAIL)
    else:
        queue.waiting.remove(place)
        queue.running.add(place)
        pool.start(place)

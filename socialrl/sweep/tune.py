"""A search on a Ray cluster: Ray Tune with Optuna draws settings, and its ASHA stops bad trials early.

What Ray Tune keeps for itself is thrown away in the end, and is never read: a search goes on from the folders
of its trials.
"""

import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from socialrl.sweep.cluster import Cluster, node_here, prepared, refuse_unseen
from socialrl.sweep.plan import write_task
from socialrl.sweep.pool import SECONDS, Pool, Queue
from socialrl.sweep.space import REDUCTION, STOPPED, Trials
from socialrl.sweep.stopping import distributions, name, need_optuna, score, scores
from socialrl.sweep.table import Board, shown
from socialrl_envs.errors import SocialRLError

SCORE, STEP = "score", "step"
OWN = "ray"  # the folder of what Ray Tune keeps


class Reporter:
    """Tells Ray Tune the score of a trial after each evaluation; Tune may end the process there.

    tell: takes (step, score). total: the steps of a whole trial, of which only the final evaluation is told.
    """

    def __init__(self, tell: Callable[[int, float], None], measure: str, total: int):
        self.tell, self.measure, self.total = tell, measure, total
        self.seen: list[tuple[int, float]] = []

    def appended(self, record: Mapping[str, Any]) -> None:
        """Tells the score of an evaluation."""
        values = {name: list(value) for name, value in record["values"].items() if name == "return"}
        found = score({**record, "values": values}, self.seen, self.measure)
        if found is not None and (record["step"] < self.total or record["kind"] == "final"):
            self.tell(record["step"], found)

    def truncated(self, arm: str, step: int) -> None:
        """The trial goes on from a step: what came after it is forgotten."""
        self.seen = [(at, value) for at, value in self.seen if at <= step]


def train_trial(config: dict[str, Any]) -> None:
    """What a worker of the cluster does for a trial: it trains its task, and tells what it finds.

    Raises RuntimeError if the task failed.
    """
    from ray import tune

    prepared(config["folder"], config["gpus"])
    place = Path(config["place"])
    refuse_unseen(str(place))
    from socialrl.sweep.worker import work

    def tell(step: int, value: float) -> None:
        tune.report({STEP: step, SCORE: value})

    reporter = Reporter(tell, config["measure"], config["total"])
    for step, value in list(scores(place, config["measure"])):
        if step < config["total"]:
            tell(step, value)
    end, text = work(
        place, where=node_here(), listeners=(reporter,), interrupted=lambda: False, **config["options"]
    )
    if end != "done":
        raise RuntimeError(text or end)
    last = list(scores(place, config["measure"]))
    if last:
        tell(config["total"], last[-1][1])


def searched(trials: Trials, pool: Pool, count: int, retries: int) -> None:
    """Has the workers of a cluster train so many trials of an arm; what they found is in the folder of the
    trials.

    After Ctrl-C KeyboardInterrupt is raised; trials go on from their last evaluation.
    """
    assert isinstance(pool, Cluster)
    if trials.asked >= count:
        return
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler

    queue = Queue({})
    resources = {"cpu": pool.cores, "gpu": pool.gpus}
    own = (trials.folder / OWN).absolute()
    with shown(f"search {trials.arm.name}", queue, name, total=count) as board, _ticking(board):
        tuner = tune.Tuner(
            tune.with_resources(train_trial, resources),
            tune_config=tune.TuneConfig(
                metric=SCORE,
                mode="max",
                num_samples=count - trials.asked,
                search_alg=_searcher(trials, pool, queue, board),
                scheduler=ASHAScheduler(
                    time_attr=STEP, max_t=trials.total, grace_period=trials.grace, reduction_factor=REDUCTION
                ),
            ),
            run_config=tune.RunConfig(
                name="search",
                storage_path=str(own),
                failure_config=tune.FailureConfig(max_failures=retries),
                verbose=0,
            ),
        )
        tuner.fit()
    shutil.rmtree(own, ignore_errors=True)
    if trials.asked < count or queue.running:
        raise KeyboardInterrupt


def _searcher(trials: Trials, pool: Cluster, queue: Queue, board: Board) -> Any:
    """Optuna as Ray Tune asks it; every trial that it draws is listed, and gets its folder."""
    from ray.tune.search import Searcher

    drawn, places = _optuna(trials), dict[str, Path]()

    class Listed(Searcher):
        """The trials of an arm, drawn by Optuna."""

        def suggest(self, trial_id: str) -> dict[str, Any] | None:
            place = places[trial_id] = trials.add(drawn.suggest(trial_id) or {})
            queue.experiments[place] = trials.experiment_at(place)
            write_task(place, queue.experiments[place])
            queue.running.add(place)
            return _config(trials, pool, place)

        def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
            drawn.on_trial_result(trial_id, result)

        def on_trial_complete(
            self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
        ) -> None:
            drawn.on_trial_complete(trial_id, result, error)
            place, step = places[trial_id], (result or {}).get(STEP, 0)
            queue.running.discard(place)
            if not error and step < trials.total:
                trials.stop(place)
            board.said(place, "failed" if error else "done" if step >= trials.total else "stopped early")

        def __reduce__(self) -> tuple[type[str], tuple[str]]:
            """Ray Tune keeps a copy of its searcher, which nobody reads."""
            return str, ("",)

        def save(self, checkpoint_path: str) -> None:
            Path(checkpoint_path).touch()

        def restore(self, checkpoint_path: str) -> None:
            raise SocialRLError("a search goes on from the folders of its trials")

    return Listed(metric=SCORE, mode="max")


def _optuna(trials: Trials) -> Any:
    """Optuna's side of a search, which knows the trials that are over and asks for the open ones first."""
    from ray.tune.search.optuna import OptunaSearch

    found = OptunaSearch(
        distributions(trials.space),
        metric=SCORE,
        mode="max",
        sampler=need_optuna().samplers.TPESampler(seed=0),
        points_to_evaluate=trials.first(),
    )
    for point, place in trials.settled():
        seen = [value for _, value in scores(place, trials.measure)]
        if seen:
            found.add_evaluated_point(point, seen[-1], pruned=(place / STOPPED).is_file())
    return found


def _config(trials: Trials, pool: Cluster, place: Path) -> dict[str, Any]:
    """What a worker of the cluster is told of a trial."""
    return {
        "place": str(place.absolute()),
        "folder": os.getcwd(),
        "gpus": pool.gpus,
        "measure": trials.measure,
        "total": trials.total,
        "options": pool.options,
    }


@contextlib.contextmanager
def _ticking(board: Board) -> Iterator[None]:
    """Keeps a board up to date while the main thread waits for Ray Tune."""
    over = threading.Event()

    def tick() -> None:
        while not over.wait(SECONDS):
            board.tick()

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()

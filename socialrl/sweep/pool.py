"""The contract of workers, and the loop that gives them tasks, tries again what was lost, and stops."""

import contextlib
import dataclasses
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from socialrl.config import Experiment
from socialrl.sweep.progress import progress

SECONDS = 0.5  # the longest time between two looks at the workers
RETRIES = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ended:
    """How an attempt at a task ended. end: as of `worker.work`, or lost: its worker or machine is gone.
    text: why it failed or was lost.
    """

    place: Path
    end: Literal["done", "stopped", "failed", "lost"]
    text: str = ""


@runtime_checkable
class Pool(Protocol):
    """Workers on some machines, each of which trains one task at a time."""

    @property
    def slots(self) -> int:
        """How many tasks can be trained at a time."""
        ...

    def room(self) -> bool:
        """Whether one more task can be given."""
        ...

    def start(self, place: Path, /) -> None:
        """Gives a task, by its folder, to a worker."""
        ...

    def ended(self, seconds: float, /) -> list[Ended]:
        """The attempts that ended since the last call; waits for the first of them at most so long."""
        ...

    def stop(self, place: Path, /) -> None:
        """Asks the worker of a task to save and end."""
        ...

    def kill(self) -> None:
        """Ends all workers at once."""
        ...


@runtime_checkable
class Watcher(Protocol):
    """What is told how a sweep goes, such as a table."""

    def said(self, place: Path, text: str, /) -> None:
        """Something happened to a task."""
        ...

    def tick(self) -> None:
        """Half a second or less has passed."""
        ...


@dataclasses.dataclass
class Queue:
    """Tasks that are waiting, running and failed, by their folders."""

    experiments: dict[Path, Experiment]
    waiting: deque[Path] = dataclasses.field(default_factory=deque)
    running: set[Path] = dataclasses.field(default_factory=set)
    failed: dict[Path, str] = dataclasses.field(default_factory=dict)
    saved: dict[Path, int] = dataclasses.field(default_factory=dict)  # at the end of the last attempt
    fruitless: dict[Path, int] = dataclasses.field(default_factory=dict)  # attempts without a new checkpoint

    def lost(self, place: Path, text: str, retries: int) -> str:
        """Puts a task that was lost at the front again, or gives it up; returns what happened in words."""
        now = progress(place, self.experiments[place])
        further = now.saved > self.saved.get(place, 0)
        self.saved[place] = now.saved
        self.fruitless[place] = 0 if further else self.fruitless.get(place, 0) + 1
        if self.fruitless[place] > retries:
            self.failed[place] = f"lost {self.fruitless[place]} times without getting further: {text}"
            return self.failed[place]
        self.waiting.appendleft(place)
        return f"lost ({text}); goes on from step {now.saved:,}"


def carry_out(
    queue: Queue,
    pool: Pool,
    *,
    retries: int = RETRIES,
    watcher: Watcher,
    done: Callable[[Path], None] = lambda place: None,
) -> dict[Path, str]:
    """Trains all tasks that wait, and returns why some failed, by their folders.

    retries: how often in a row a task may be lost without a new checkpoint. done: called after each task that
    is complete. After Ctrl-C the workers save and end, and KeyboardInterrupt is raised; a second Ctrl-C ends
    them at once.
    """
    try:
        while queue.waiting or queue.running:
            while queue.waiting and pool.room():
                place = queue.waiting.popleft()
                pool.start(place)
                queue.running.add(place)
            for ended in pool.ended(SECONDS):
                queue.running.discard(ended.place)
                watcher.said(ended.place, settled(queue, ended, retries))
                if ended.end == "done":
                    done(ended.place)
            watcher.tick()
    except KeyboardInterrupt:
        wind_up(pool, queue, watcher)
        raise
    except BaseException:
        pool.kill()
        raise
    return queue.failed


def settled(queue: Queue, ended: Ended, retries: int) -> str:
    """What became of an attempt, in words; the queue is brought up to date."""
    if ended.end == "done":
        return "done"
    if ended.end == "failed":
        queue.failed[ended.place] = ended.text
        return f"failed: {ended.text}"
    return queue.lost(ended.place, ended.text or "stopped from outside", retries)


def wind_up(pool: Pool, queue: Queue, watcher: Watcher) -> None:
    """Lets the workers save and end."""
    try:
        for place in queue.running:
            pool.stop(place)
        while queue.running:
            for ended in pool.ended(SECONDS):
                queue.running.discard(ended.place)
                watcher.said(ended.place, "saved" if ended.end == "stopped" else ended.end)
    except KeyboardInterrupt:
        pass
    finally:
        with contextlib.suppress(KeyboardInterrupt):
            pool.kill()

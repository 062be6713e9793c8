"""A live table of what runs where; on a pipe or in a file, a line for each thing that happens."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from socialrl.config import Experiment
from socialrl.sweep.pool import Queue
from socialrl.sweep.progress import Progress as State
from socialrl.sweep.progress import progress

FRAME = 8  # lines of a terminal that the table leaves to what is around its rows


class Board:
    """The table of a sweep.

    name: shown beside the bar. queue: the tasks that wait and run. label: a task's name by its folder. total:
    the number of tasks, with those that were done before.
    """

    def __init__(self, name: str, queue: Queue, label: Callable[[Path], str], total: int, console: Console):
        self.name, self.queue, self.label, self.console = name, queue, label, console
        self.total, self.began = total, time.monotonic()
        self.states: dict[Path, State] = {}
        self.begun: set[Path] = set()
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
        )
        self.task = self.bar.add_task(name, total=total, rate="", left="")
        self.first: int | None = None  # steps that were done when the sweep began

    def said(self, place: Path, text: str) -> None:
        """Prints what happened to a task, above the table."""
        self.console.print(
            f"{time.strftime('%H:%M:%S')}  {self.label(place)}: {text}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )

    def tick(self) -> None:
        """Reads how far the running tasks are, and says which of them have begun."""
        for place in list(self.queue.running):
            state = progress(place, self.queue.experiments[place])
            known = self.states.get(place)
            self.states[place] = state
            if state.attempt and (known is None or known.pid != state.pid) and state.pid:
                self.said(
                    place, f"on {where(state)}" + (f", attempt {state.attempt}" if state.attempt > 1 else "")
                )

    def rows(self) -> list[tuple[str, ...]]:
        """A row of text for each running task: name, worker, steps, steps per second, return, attempts."""
        return [
            row(self.label(place), self.states.get(place, State()), self.queue.experiments[place])
            for place in sorted(self.queue.running)
        ]

    def __rich__(self) -> RenderableType:
        table = Table(box=None, header_style="bold", padding=(0, 2))
        for head, side in (
            ("task", "left"),
            ("where", "left"),
            ("steps", "right"),
            ("", "right"),
            ("env-steps/s", "right"),
            ("return", "right"),
            ("attempt", "right"),
        ):
            table.add_column(head, justify="right" if side == "right" else "left", no_wrap=True)
        rows = self.rows()
        most = max(1, self.console.height - FRAME)
        for cells in rows[:most]:
            table.add_row(*cells)
        more = [Text(f"... and {len(rows) - most} more")] if len(rows) > most else []
        self._count()
        return Group(table, *more, Text(self.counts()), self.bar)

    def counts(self) -> str:
        """How many tasks wait, run and failed, in words."""
        failed = f", {len(self.queue.failed)} failed" if self.queue.failed else ""
        return f"{len(self.queue.running)} given, {len(self.queue.waiting)} waiting{failed}"

    def _count(self) -> None:
        """Brings the bar up to date: tasks that are over, steps per second of all, and the time left."""
        experiments, over = dict(self.queue.experiments), set(self.queue.experiments)
        over -= self.queue.running | set(self.queue.waiting)
        done = sum(steps_of(experiments[place]) for place in over)
        running = [
            (self.states.get(place, State()), experiments[place]) for place in list(self.queue.running)
        ]
        done += sum(state.step * experiment.seeds for state, experiment in running)
        self.first = done if self.first is None else self.first
        seconds = time.monotonic() - self.began
        left = sum(map(steps_of, experiments.values())) - done
        speed = (done - self.first) / seconds if seconds > 0 else 0.0
        self.bar.update(
            self.task,
            completed=self.total - len(experiments) + len(over),
            rate=f"{speed:,.0f} env-steps/s" if speed else "",
            left=f"about {duration(left / speed)} left" if speed and left else "",
        )


def steps_of(experiment: Experiment) -> int:
    """Environment steps of all seeds of a task, the experiment of one arm."""
    return experiment.total_of(experiment.arms[0]) * experiment.seeds


def duration(seconds: float) -> str:
    """A time in words of one unit or two: 40 s, 12 min, 3 h 20 min."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def where(state: State) -> str:
    """The worker of a task: machine, process, and what else is known of the machine."""
    return f"{state.host}:{state.pid}" + (f" ({state.where})" if state.where else "")


def row(name: str, state: State, experiment: Experiment) -> tuple[str, ...]:
    """What the table says of a task."""
    if not state.attempt:
        return name, "waits for a machine", "", "", "", "", ""
    return (
        name,
        where(state),
        f"{state.step:,}" if state.step else "starts",
        f"{state.step * experiment.seeds / steps_of(experiment):.0%}",
        f"{state.rate:,.0f}" if state.rate else "",
        "" if state.score is None else f"{state.score:.2f}",
        str(state.attempt),
    )


@contextlib.contextmanager
def shown(name: str, queue: Queue, label: Callable[[Path], str], total: int | None = None) -> Iterator[Board]:
    """A board that is on the screen until the block ends; not on a terminal, it only prints what happens.

    label: the name of a task by its folder. total: of how many tasks, with those that were done before.
    """
    console = Console(file=sys.stdout)
    count = len(queue.experiments) if total is None else total
    board = Board(name, queue, label, count, console)
    if not console.is_terminal:
        yield board
        return
    with Live(get_renderable=lambda: board, console=console, refresh_per_second=2, transient=True):
        yield board

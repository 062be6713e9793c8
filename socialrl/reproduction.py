"""Everything that is reported, from the experiments' files: runs, results, pictures, pages and numbers.

Each experiment is run on the seeds that are reported, from REPORTING on, in a run folder of its own name,
which is resumed if it is there. After each one its results are written, and all pages are rebuilt, so that
an interrupted reproduction leaves whole pages.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from socialrl.config import REPORTING, Experiment, load_experiment, to_json
from socialrl.record import folder
from socialrl.report import results
from socialrl.report.gallery import PAGE, PICTURES, write_gallery
from socialrl.report.numbers import fill_pages
from socialrl.report.reading import read
from socialrl.report.tables import NONE, aligned
from socialrl.runs import run
from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.registry import headline

EXPERIMENTS, RUNS = Path("experiments"), Path("runs/reproduced")
UNKNOWN = "unknown"


def known(base: Path = EXPERIMENTS) -> dict[str, Path]:
    """The experiments' files by name. Raises SocialRLError if there are none."""
    files = {file.stem: file for file in sorted(base.glob("[!_]*.py")) if headline(file)}
    if not files:
        raise SocialRLError(f"{base}: no experiments", "call it where experiments/ is, in the repository")
    return files


def chosen(names: Sequence[str], base: Path = EXPERIMENTS) -> dict[str, Path]:
    """The files of these experiments, or of all without names; raises SocialRLError for an unknown one."""
    files = known(base)
    for name in names:
        if name not in files:
            raise unknown("experiment", name, files)
    return {name: files[name] for name in names or files}


def reported(file: Path) -> Experiment:
    """An experiment as it is reported: on seeds from REPORTING on, as many as its claims need."""
    experiment = load_experiment(file)
    first = max(experiment.first_seed, REPORTING)
    seeds = max(experiment.seeds, experiment.claim_seeds) if experiment.claims else experiment.seeds
    return dataclasses.replace(experiment, first_seed=first, seeds=seeds)


def reproduce(
    names: Sequence[str], *, device: str, runs: Path = RUNS, base: Path = EXPERIMENTS
) -> list[Path]:
    """Runs or goes on with the experiments of these names, and rebuilds all pages after each one; returns the
    run folders.
    """
    made = []
    for name, file in chosen(names, base).items():
        made.append(carry_out(reported(file), runs / name, device))
        rebuild([made[-1]])
    return made


def carry_out(experiment: Experiment, path: Path, device: str) -> Path:
    """Runs an experiment in its folder, or goes on with it there, and returns the folder."""
    data, exists = to_json(experiment), (path / "config.json").exists()
    command = f"socialrl reproduce {experiment.name}"
    opened = (
        folder.resume(path, data) if exists else folder.create(data, out=path, device=device, command=command)
    )
    with opened:
        print(f"\n{experiment.name}: {path}", flush=True)
        run(experiment, opened, resume=exists)
    return path


def rebuild(folders: Iterable[Path]) -> list[Path]:
    """Writes results and pictures of these runs, then the page of experiments and the numbers on all pages;
    returns what was written.
    """
    return [*write_gallery(folders, PAGE, PICTURES, results.FOLDER), *fill_pages()]


def there(names: Sequence[str], runs: Path = RUNS, base: Path = EXPERIMENTS) -> list[Path]:
    """The run folders that exist, of these experiments, or of all without names."""
    return [runs / name for name in chosen(names, base) if (runs / name / "config.json").exists()]


def overview(
    names: Sequence[str], runs: Path = RUNS, base: Path = EXPERIMENTS, results_folder: Path = results.FOLDER
) -> str:
    """A line per experiment: its size, how long it took on two cores and on a GPU, and what is there of it.

    Times are of training and compiling, as measured with so many seeds; "unknown" where nobody measured.
    """
    costs, rows = measured_costs(results_folder), []
    for name, file in chosen(names, base).items():
        experiment = reported(file)
        size = (str(len(experiment.arms)), str(experiment.seeds), f"{experiment.total_steps:,}")
        times = (costs.get((name, kind), UNKNOWN) for kind in ("cpu", "gpu"))
        rows.append((name, *size, *times, state(runs / name, experiment)))
    head = ("experiment", "arms", "seeds", "steps per seed", "2 cores", "GPU", "state")
    lines = aligned([head, *rows])
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def state(path: Path, experiment: Experiment) -> str:
    """How many of an experiment's arms are finished in its run folder."""
    if not (path / "config.json").exists():
        return "not run"
    finished = sum(arm.finished for arm in read(path).arms)
    return "done" if finished == len(experiment.arms) else f"{finished} of {len(experiment.arms)} arms"


def measured_costs(results_folder: Path = results.FOLDER) -> dict[tuple[str, str], str]:
    """By experiment and kind of device ("cpu", "gpu"), in words: minutes, and with how many seeds.

    Those of results; and those that `costs.json` beside them has, of devices on which an experiment was run
    only to measure it.
    """
    found = {
        (name, kind): cost
        for name, kinds in results.read_costs(results_folder).items()
        for kind, cost in kinds.items()
    }
    return found | {
        (name, kind_of(result)): minutes(result)
        for name, result in results.read_results(results_folder).items()
        if result["finished"] and result["device"]
    }


def kind_of(result: dict[str, Any]) -> str:
    """cpu or gpu: the kind of device that the results come from."""
    return "cpu" if str(result["device"]).startswith("cpu") else "gpu"


def minutes(result: dict[str, Any]) -> str:
    """The cost of a run in words, e.g. "12 min (10 seeds)"."""
    seconds = sum(cost["seconds"] + cost["compile_seconds"] for cost in result["cost"].values())
    return f"{max(1, round(seconds / 60))} min ({result.get('seeds', NONE)} seeds)"

"""The benchmark of one entrant, from its name or files to the result and the page."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from socialrl.benchmark import page, results
from socialrl.benchmark.entrants import enter
from socialrl.benchmark.measuring import measured
from socialrl.benchmark.results import Result
from socialrl.benchmark.suite import (
    CONDITIONS,
    EPISODES,
    NEW_WANTS,
    PUBLIC,
    SEEDS,
    STEPS,
    WORLDS,
    fingerprint,
)
from socialrl.record.atomic import write_text
from socialrl_envs.errors import unknown
from socialrl_envs.options import require


def benchmark(
    given: Sequence[str],
    out: str | Path = "benchmark",
    *,
    worlds: Sequence[str] = (),
    episodes: int = EPISODES,
    steps: int = STEPS,
    seeds: int = SEEDS,
    salt: str = PUBLIC,
    name: str | None = None,
    progress: bool = True,
) -> Result:
    """The Result of an entrant, which is written to `out`: result.json and benchmark.html.

    given: a learner, a run, or exported agents, see `entrants.enter`. worlds: some of the suite's; all if
    empty. episodes: per condition and seed. steps, seeds: of the training of a learner. salt: from which the
    levels follow; it is not written down. name: of the entrant on the page; None: from what is given.

    Raises SocialRLError for what does not exist or does not fit.
    """
    for world in worlds:
        if world not in WORLDS:
            raise unknown("world of the suite", world, WORLDS)
    for key, value in (("episodes", episodes), ("steps", steps), ("seeds", seeds)):
        require(value >= 1, key, value, "at least 1")
    folder, began = Path(out), time.monotonic()
    entrant = enter(given, folder, worlds=worlds, steps=steps, seeds=seeds, salt=salt)
    found: dict[str, Any] = {}
    total = sum(len(CONDITIONS) + (world in NEW_WANTS) for world in entrant.studies)
    with tqdm(total=total, unit=" conditions", dynamic_ncols=True, disable=not progress) as bar:
        for world, study in entrant.studies.items():
            bar.set_description(world)
            found[world] = {}
            for condition, returns in measured(study, episodes):
                found[world][condition] = returns
                bar.update()
    facts = {
        "entrant": name or entrant.name,
        "kind": entrant.kind,
        "learner": entrant.learner,
        "steps": entrant.steps,
        "seeds": max(study.seeds.count for study in entrant.studies.values()),
        "episodes": episodes,
        "salt": "public" if salt == PUBLIC else fingerprint(salt),
        "seconds": round(time.monotonic() - began, 1),
    }
    result = Result(facts, found)
    folder.mkdir(parents=True, exist_ok=True)
    results.save(folder / "result.json", result)
    write_text(folder / "benchmark.html", page.render(result, results.shipped()))
    return result

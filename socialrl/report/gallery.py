"""The page of all experiments, from committed results, and a picture per experiment, from run folders:

    python -m socialrl.report.gallery runs/coin_grid/001 runs/goal_cycle/001

writes of each run experiments/results/NAME.json and assets/experiments/NAME.png (learning curves, final
scores, verdicts on claims), and then docs/experiments.md from all results that there are. Without a RUN only
the page is written.
"""

import argparse
import json
import os
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from socialrl.record.atomic import write_bytes, write_text
from socialrl.report import few_shot, figures, results, svg
from socialrl.report.crossing import Crossing, crossing
from socialrl.report.findings import Finding, findings
from socialrl.report.markdown import claims_table, plain
from socialrl.report.numbers import arms_table
from socialrl.report.reading import JsonObject, Study, read, without_seats
from socialrl.report.scores import returns
from socialrl.report.statistics import interval
from socialrl.report.svg import Axes, Figure
from socialrl.report.tables import NONE, number, words_of
from socialrl_envs.errors import SocialRLError

LIMIT = 60_000  # bytes of a picture
MARKS = {"reproduced": "✓", "opposite": "✗"}  # any other verdict: ○
PAGE, PICTURES = Path("docs/experiments.md"), Path("assets/experiments")
HEAD = """\
# Experiments

Each experiment asks one question. All numbers are interquartile means over seeds with 95 % intervals. A
claim is decided on the seeds that its experiment declares, at least 10, none of which is one for tuning,
and by the interval of the difference at the level of Holm's procedure over all claims of the experiment
("corrected"): reproduced if it excludes 0 on the claimed side, opposite if it excludes 0 on the other side,
else undecided. "Equal time": the difference after as many seconds of training as the quicker arm took, with
its 95 % interval. [Results](results.md) has the rules.

`python -m socialrl.report.gallery RUN...` writes this page and its pictures from run folders, and
`socialrl reproduce` makes those.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the gallery of the runs named on the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m socialrl.report.gallery", description=(__doc__ or "").partition(":\n")[0]
    )
    parser.add_argument("runs", metavar="RUN", nargs="*", help="a run folder, one per experiment")
    for name, default in (("page", PAGE), ("pictures", PICTURES), ("results", results.FOLDER)):
        parser.add_argument(f"--{name}", type=Path, default=default, help=f"default: {default}")
    options = parser.parse_args(argv)
    try:
        made = write_gallery(options.runs, options.page, options.pictures, options.results)
        print("\n".join(str(path) for path in made))
    except SocialRLError as error:
        print(f"gallery: error: {error}", file=sys.stderr)
        return 2
    return 0


def write_gallery(folders: Iterable[Path | str], page: Path, pictures: Path, folder: Path) -> list[Path]:
    """Writes results and a picture per run, then the page; returns the paths of all of them.

    folder: of the results. Raises SocialRLError for a folder that is no run folder, and for two runs of one
    experiment.
    """
    studies: dict[str, Study] = {}
    for study in map(read, folders):
        if study.title in studies:
            raise SocialRLError(f"gallery: two runs of {study.title}", "name one")
        studies[study.title] = study
    pictures.mkdir(parents=True, exist_ok=True)
    page.parent.mkdir(parents=True, exist_ok=True)
    made = []
    for name, study in studies.items():
        place = pictures / f"{results.file_name(name)}.png"
        write_bytes(place, picture(study))
        made += [results.write(results.collect(study.runs[0].folder), folder), place]
    links = Path(os.path.relpath(pictures, page.parent)).as_posix()
    write_text(page, page_of(results.read_results(folder), links))
    return [*made, page]


def page_of(known: Mapping[str, JsonObject], links: str) -> str:
    """The page: a chapter per experiment. links: the folder of the pictures, relative to the page."""
    return "\n".join([HEAD, *(chapter(result, links) for result in known.values())])


def picture(study: Study) -> bytes:
    """A PNG: the main result on the left; its numbers and the verdicts on claims on the right.

    The main result of an experiment with new tasks is the return against episodes of them, of any other the
    learning curves, in a panel per condition if many arms cross learners with conditions. Fewer colours are
    used above LIMIT bytes.
    """
    if crossed := crossing([arm.label for arm in study.arms]):
        return small(lambda made: panels(made, study, crossed), rows_of(crossed, study))
    styles = figures.arm_styles({arm.label: arm.name for arm in study.arms})
    marks = verdicts(study)
    points, looks = few_shot.methods(study, styles)
    rows = len(points or study.arms) + 2 * bool(points) + len(marks) + 2 * bool(marks)

    def draw(made: Figure) -> None:
        left, right = made.subplots(1, 2, width_ratios=(5, 4))
        if points:
            figures.few_shot_curves(left, points, looks)
            most = max(int(episodes[-1]) for episodes, _ in points.values())
            heading = f"after {most:,} episodes of the new tasks"
            words = {name: words_of(estimates[-1]) for name, (_, estimates) in points.items()}
            named = looks
        else:
            learning_curves(left, study, styles)
            heading, named = None, styles
            words = dict.fromkeys(styles, NONE) | {
                k: words_of(interval(v)) for k, v in returns(study.arms).items()
            }
        left.set(title=study.title)
        right.set_axis_off()
        keys = [left.plot([], [], **figures.line(named[name], 1))[0] for name in words]
        labels = [textwrap.fill(f"{name}  {text}", 46) for name, text in words.items()]
        at = {
            "loc": "upper left",
            "frameon": False,
            "fontsize": 8.5,
            "handlelength": 3.2,
            "borderaxespad": 0.0,
        }
        right.legend(keys, labels, title=heading, title_fontsize=8.5, alignment="left", **at)
        right.text(
            0.02,
            0.0,
            "\n".join(marks),
            transform=right.transAxes,
            fontsize=8.5,
            va="bottom",
            linespacing=1.25,
        )

    return small(draw, rows)


def small(draw: Callable[[Figure], None], rows: int) -> bytes:
    """The PNG that `draw` draws, with room for so many rows of text; with 64 colours if it has more than
    LIMIT bytes.
    """
    with svg.style(svg.ON_WHITE):
        made = svg.figure(9.6, max(3.2, 0.5 + 0.175 * rows))
        draw(made)
        data = svg.png(made)
        return data if len(data) <= LIMIT else svg.png(made, colours=64)


def panels(made: Figure, study: Study, crossed: Crossing) -> None:
    """Draws learning curves of all learners, a panel per condition, and beside them final returns and
    verdicts. Panels of worlds that differ in their seats alone have the same axis of returns.
    """
    learners = list(next(iter(crossed.values())))
    looks = figures.arm_styles({name: name for name in learners})
    outer = made.add_gridspec(1, 2, width_ratios=(5, 4))
    grid = outer[0].subgridspec(-(-len(crossed) // 2), 2)
    worlds = {arm.label: json.dumps(without_seats(arm.settings["world"])) for arm in study.arms}
    one_world = len(set(worlds.values())) == 1
    first, alike = None, dict[str, Axes]()
    for i, (condition, arms) in enumerate(crossed.items()):
        world = worlds[next(iter(arms.values()))]
        axes = made.add_subplot(grid[i // 2, i % 2], sharex=first, sharey=alike.get(world))
        first, alike[world] = axes, axes
        of_arms = {arm: looks[learner] for learner, arm in arms.items()}
        learning_curves(axes, study, of_arms, seeds=False)
        axes.set_title(condition, fontsize=8.5)
        below = i + 2 < len(crossed)
        axes.set(xlabel="" if below else "environment steps per seed", ylabel="return" if i % 2 == 0 else "")
        axes.tick_params(labelbottom=not below, labelleft=i % 2 == 0 or not one_world)
    right = made.add_subplot(outer[1])
    right.set_axis_off()
    keys = [right.plot([], [], **figures.line(looks[name], 1))[0] for name in learners]
    right.legend(
        keys, learners, loc="upper left", frameon=False, fontsize=8.5, handlelength=3.2, borderaxespad=0.0
    )
    lines = [*earned(study, crossed), "", *verdicts(study)]
    right.text(
        0.02, 0.0, "\n".join(lines), transform=right.transAxes, fontsize=8.5, va="bottom", linespacing=1.25
    )
    made.suptitle(study.title, x=0.02, ha="left")


def earned(study: Study, crossed: Crossing) -> list[str]:
    """The final return of each learner, by condition, as lines."""
    scores = returns(study.arms)
    lines: list[str] = []
    for condition, arms in crossed.items():
        each = (
            f"{learner} {number(interval(scores[arm]).value, 1) if arm in scores else NONE}"
            for learner, arm in arms.items()
        )
        lines += textwrap.wrap(f"{condition}: {', '.join(each)}", 58, subsequent_indent="    ")
    return lines


def rows_of(crossed: Crossing, study: Study) -> int:
    """The number of rows of text beside the panels."""
    return len(next(iter(crossed.values()))) + len(earned(study, crossed)) + len(verdicts(study)) + 3


def verdicts(study: Study) -> list[str]:
    """The claims and verdicts, as lines."""
    return [line for one in findings(study) for line in marked(one)]


def learning_curves(axes: Axes, study: Study, styles: figures.Styles, seeds: bool = True) -> None:
    """Draws the return during training of the arms that have a style. seeds: whether a thin line per seed is
    drawn.
    """
    axes.set(xlabel="environment steps per seed", ylabel="return")
    axes.xaxis.set_major_formatter(svg.compact())
    for arm in (one for one in study.arms if one.label in styles):
        kind = "eval" if "return" in arm.metrics("eval") else "train"
        if len(series := arm.series(kind, "return")):
            figures.curve(axes, figures.thin(series), styles[arm.label], seeds)


def marked(one: Finding) -> list[str]:
    """A claim and its verdict, as lines."""
    text = f"{MARKS.get(one.verdict, '○')} {one.verdict}: {one.claim.text}"
    return textwrap.wrap(text, 58, subsequent_indent="    ")


def chapter(result: JsonObject, links: str) -> str:
    """The section of one experiment in Markdown: question, picture, claims or scores, command."""
    name = result["experiment"]
    parts = [
        f"## {plain(name)}",
        plain(result.get("question", "")),
        shown(name, links),
        "" if result["reporting"] else "*On seeds for tuning: nothing here is decided.*",
        claims_table(result["claims"]) if result["claims"] else arms_table(result, ["return"]),
        f"```bash\n{result['command']}\n```",
        f"*{plain(facts(result))}*",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def shown(name: str, links: str) -> str:
    """The picture of an experiment, as Markdown."""
    picture = f"{links}/{results.file_name(name)}.png"
    return f"![Learning curves, final scores and verdicts of {plain(name)}]({picture})"


def facts(result: JsonObject) -> str:
    """Size, seeds, tuning, device, time and version of a run, as a line."""
    seconds = sum(cost["seconds"] + cost["compile_seconds"] for cost in result["cost"].values())
    count, first = result.get("seeds"), result.get("first_seed", 0)
    seeds = f"{count} seeds from {first}" if count else None
    parts = [
        result.get("scale"),
        f"{len(result['arms'])} arms, {seeds}" if seeds else f"{len(result['arms'])} arms",
        f"{result.get('steps', 0):,} steps per seed",
        f"tuned: {result['tuning']}" if result.get("tuning") else "not tuned by the same search",
        f"{result['device']}, {max(1, round(seconds / 60))} min" if result["device"] else None,
        f"socialrl {result['versions'].get('socialrl', '?')}",
    ]
    return " · ".join(str(part) for part in parts if part)


if __name__ == "__main__":
    sys.exit(main())

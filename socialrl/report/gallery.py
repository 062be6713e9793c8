"""A picture per experiment, and a page about all of them, from run folders:

    python -m socialrl.report.gallery runs/coin_grid/001 runs/goal_cycle/001

writes assets/experiments/NAME.png (learning curves, final scores, verdicts on claims) and
docs/experiments.md, with one section per run.
"""

import argparse
import os
import re
import shlex
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from socialrl.record.atomic import write_bytes, write_text
from socialrl.report import few_shot, figures, svg
from socialrl.report.crossing import Crossing, crossing
from socialrl.report.findings import Finding, findings
from socialrl.report.reading import Run, Study, read
from socialrl.report.scores import returns, verdict
from socialrl.report.statistics import interval
from socialrl.report.svg import Axes, Figure
from socialrl.report.tables import NONE, number, words_of
from socialrl_envs.errors import SocialRLError

LIMIT = 60_000  # bytes of a picture
MARKS = {"reproduced": "✓", "opposite": "✗"}  # any other verdict: ○
OWN = ("--out", "--resume", "--platform")  # options of `socialrl run` that do not belong to the experiment
HEAD = """\
# Experiments

Each experiment asks one question. All numbers are interquartile means over seeds with 95 % intervals. A claim
is reproduced if the interval of the difference excludes 0 on the claimed side, opposite if it excludes 0 on
the other side, and undecided if it contains 0.

`python -m socialrl.report.gallery RUN...` writes this page and its pictures from run folders.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the gallery of the runs named on the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m socialrl.report.gallery", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "runs", metavar="RUN", nargs="+", help="a run folder, one per experiment, in the order of the page"
    )
    parser.add_argument(
        "--page", type=Path, default=Path("docs/experiments.md"), help="default: docs/experiments.md"
    )
    parser.add_argument(
        "--pictures", type=Path, default=Path("assets/experiments"), help="default: assets/experiments"
    )
    options = parser.parse_args(argv)
    try:
        print("\n".join(str(path) for path in write_gallery(options.runs, options.page, options.pictures)))
    except SocialRLError as error:
        print(f"gallery: error: {error}", file=sys.stderr)
        return 2
    return 0


def write_gallery(folders: Iterable[Path | str], page: Path, pictures: Path) -> list[Path]:
    """Writes a picture per run, then the page; returns the paths of all of them.

    Raises SocialRLError for a folder that is no run folder, and for two runs of one experiment.
    """
    studies: dict[str, Study] = {}
    for study in map(read, folders):
        if study.title in studies:
            raise SocialRLError(f"gallery: two runs of {study.title}", "name one")
        studies[study.title] = study
    pictures.mkdir(parents=True, exist_ok=True)
    page.parent.mkdir(parents=True, exist_ok=True)
    places = {name: pictures / f"{re.sub(r'[^A-Za-z0-9_-]', '_', name)}.png" for name in studies}
    for name, study in studies.items():
        write_bytes(places[name], picture(study))
    links = {name: Path(os.path.relpath(place, page.parent)).as_posix() for name, place in places.items()}
    write_text(page, "\n".join([HEAD, *(chapter(study, links[name]) for name, study in studies.items())]))
    return [*places.values(), page]


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
    """The PNG that `draw` draws, with room for so many rows of text; with 32 colours if it has more than
    LIMIT bytes.
    """
    with svg.style(svg.ON_WHITE):
        made = svg.figure(9.6, max(3.2, 0.5 + 0.175 * rows))
        draw(made)
        data = svg.png(made)
        return data if len(data) <= LIMIT else svg.png(made, colours=32)


def panels(made: Figure, study: Study, crossed: Crossing) -> None:
    """Draws learning curves of all learners, a panel per condition, and beside them final returns and
    verdicts.
    """
    learners = list(next(iter(crossed.values())))
    looks = figures.arm_styles({name: name for name in learners})
    outer = made.add_gridspec(1, 2, width_ratios=(5, 4))
    grid = outer[0].subgridspec(-(-len(crossed) // 2), 2)
    first = None
    for i, (condition, arms) in enumerate(crossed.items()):
        first = axes = made.add_subplot(grid[i // 2, i % 2], sharex=first, sharey=first)
        of_arms = {arm: looks[learner] for learner, arm in arms.items()}
        learning_curves(axes, study, of_arms, seeds=False)
        axes.set_title(condition, fontsize=8.5)
        below = i + 2 < len(crossed)
        axes.set(xlabel="" if below else "environment steps per seed", ylabel="return" if i % 2 == 0 else "")
        axes.tick_params(labelbottom=not below, labelleft=i % 2 == 0)
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


def chapter(study: Study, picture: str) -> str:
    """The section of one experiment in Markdown: question, picture, findings, command."""
    (run,) = study.runs
    found = findings(study)
    sentences = "" if found else " ".join(plain(sentence) for sentence in verdict(returns(study.arms)))
    parts = [
        f"## {plain(study.title)}",
        "\n\n".join(map(plain, study.questions)),
        f"![Learning curves, final scores and verdicts of {plain(study.title)}]({picture})",
        claims_table(found) if found else sentences,
        f"```bash\n{command(run)}\n```",
        f"*{plain(facts(study))}*",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def claims_table(found: Sequence[Finding]) -> str:
    """Claims, both sides and verdicts, as a table in Markdown."""
    rows = [("claim", "source", "found", "against", "verdict"), ("---",) * 5]
    for one in found:
        cells = (one.claim.text, one.claim.source, *measured(one))
        rows.append((*map(plain, cells), f"**{one.verdict}**"))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def measured(one: Finding) -> tuple[str, str]:
    """Both sides of a claim in numbers, with the names of the arms."""
    if one.found is None or one.against is None:
        return NONE, NONE
    other = words_of(interval(one.against)) if one.claim.over else number(float(one.against[0]))
    return f"{one.claim.arm} {words_of(interval(one.found))}", f"{one.rival} {other}".strip()


def command(run: Run) -> str:
    """The command that makes such a run, without its output folder."""
    try:
        words = shlex.split(run.command)
    except ValueError:  # an open quotation mark: not what `socialrl run` notes
        words = []
    if words[:2] != ["socialrl", "run"]:
        words = ["socialrl", "run", f"experiments/{run.experiment.get('name')}.py"]
    kept: list[str] = []
    while words:
        word = words.pop(0)
        if word.partition("=")[0] not in OWN:
            kept.append(word)
        elif "=" not in word and words and not words[0].startswith("--"):
            words.pop(0)
    return " ".join(shlex.join(kept).split())


def facts(study: Study) -> str:
    """Size, device, time and version of a run, as a line."""
    (run,) = study.runs
    seconds = sum(line.get("seconds", 0.0) for arm in study.arms for line in arm.timing)
    compiling = sum(
        max((line.get("compile_seconds", 0.0) for line in arm.timing), default=0.0) for arm in study.arms
    )
    parts = [
        run.experiment.get("scale"),
        f"{len(study.arms)} arms, {run.experiment.get('seeds', '?')} seeds",
        f"{run.experiment.get('steps', 0):,} steps per seed",
        f"{run.device}, {max(1, round((seconds + compiling) / 60))} min" if run.device else None,
        f"socialrl {run.versions.get('socialrl', '?')}",
    ]
    return " · ".join(str(part) for part in parts if part)


def plain(text: str) -> str:
    """Text escaped for Markdown, also in a table: one line without markup, links or tags."""
    line = " ".join(str(text).split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*\[|~]|\b_|_\b)", r"\\\1", line)


if __name__ == "__main__":
    sys.exit(main())

"""Numbers and tables on pages of the documentation, filled in from committed result files:

    python -m socialrl.report.numbers            # fills in README.md and docs/results.md
    python -m socialrl.report.numbers --check    # exit status 1 if a page and the files differ

A page has marks, which are comments of Markdown. What stands between the two halves of a mark is replaced.

    <!--n coin_grid psiphi return-->14.0 (13.8 to 14.1)<!--/n-->
    <!--n goal_cycle ppo return presence=half form=mean digits=2-->4.31<!--/n-->
    <!--n rare_floods selective_5 return kind=regret "condition=flood 1"-->0.7 (0.6 to 0.8)<!--/n-->
    <!--n speed worlds_h200 agent-steps/s worlds=262,144-->577,926,571<!--/n-->

A number is that of an experiment, an arm and a measure: of the final evaluation, or with labels that of a
protocol (kind=memory for another one than `social`). form: `both` (interquartile mean and interval, the
default), `iqm`, `interval`, `mean`, `worst`, `best`, `percent` (of the IQM), `count` (how many seeds are
above 0, of how many), `seeds` (their number).
A speed is the column of the one row that is so, in a table of benchmarks/results/ (in=millions: in millions).

    <!--table claims coin_grid-->...<!--/table-->        every claim with its verdict
    <!--table arms coin_grid return,auc-->...<!--/table--> every arm with these measures
    <!--table summary-->...<!--/table-->                 every experiment with results, and its verdicts
    <!--table papers-->...<!--/table-->                  the claims of the papers, see experiments/papers.json
    <!--table speed NAME a,b-->...<!--/table-->          the columns a and b (or all) of a table of speeds
"""

import argparse
import dataclasses
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from socialrl.record.atomic import write_text
from socialrl.report import papers, results, speeds
from socialrl.report.markdown import claims_table, plain, table
from socialrl.report.reading import JsonObject
from socialrl.report.statistics import interval
from socialrl.report.tables import NONE
from socialrl_envs.errors import SocialRLError, unknown

PAGES = (Path("README.md"), Path("docs/results.md"))
MARK = re.compile(r"<!--(?P<kind>n|table) (?P<words>[^>]*?)-->(?P<text>.*?)<!--/(?P=kind)-->", re.DOTALL)
SPEED = "speed"
DECIDED = ("reproduced", "opposite", "undecided")
FORMS: Mapping[str, Callable[[np.ndarray, int], str]] = {}


@dataclasses.dataclass(frozen=True)
class Files:
    """What pages are filled in from: results by experiment (`known`), and tables of speeds by name
    (`measured`).
    """

    known: Mapping[str, JsonObject]
    measured: Mapping[str, JsonObject] = dataclasses.field(default_factory=dict[str, JsonObject])

    @classmethod
    def read(cls, folder: Path = results.FOLDER, measured: Path = speeds.FOLDER) -> "Files":
        """Those of the two folders."""
        return cls(results.read_results(folder), speeds.read_speeds(measured))


def main(argv: Sequence[str] | None = None) -> int:
    """Fills in the pages; returns the exit code."""
    summary = (__doc__ or "").partition(":\n")[0]
    parser = argparse.ArgumentParser(prog="python -m socialrl.report.numbers", description=summary)
    parser.add_argument("pages", metavar="PAGE", nargs="*", type=Path, default=list(PAGES))
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if a page is out of date")
    parser.add_argument("--results", type=Path, default=results.FOLDER, help=f"default: {results.FOLDER}")
    options = parser.parse_args(argv)
    try:
        changed = fill_pages(options.pages, options.results, write=not options.check)
    except SocialRLError as error:
        print(f"numbers: error: {error}", file=sys.stderr)
        return 2
    for page in changed:
        print(f"{page}: {'out of date' if options.check else 'filled in'}")
    return 1 if options.check and changed else 0


def fill_pages(
    pages: Sequence[Path] = PAGES, folder: Path = results.FOLDER, write: bool = True
) -> list[Path]:
    """Fills in pages from the results of a folder, and returns those that differ. write: whether to write
    them.
    """
    files, changed = Files.read(folder), list[Path]()
    for page in pages:
        before = page.read_text(encoding="utf-8")
        after = fill(before, files, str(page))
        if after != before:
            changed.append(page)
            if write:
                write_text(page, after)
    return changed


def fill(text: str, files: Files, where: str = "page") -> str:
    """The text of a page with all its marks filled in. Raises SocialRLError that names page and mark."""

    def one(mark: re.Match[str]) -> str:
        words = shlex.split(mark["words"])
        try:
            inner = (number if mark["kind"] == "n" else block)(words, files)
        except SocialRLError as error:
            place = f"{where}: <!--{mark['kind']} {mark['words']}-->"
            raise SocialRLError(f"{place}: {error.message}", error.hint) from error
        return f"<!--{mark['kind']} {mark['words']}-->{inner}<!--/{mark['kind']}-->"

    return MARK.sub(one, text)


def number(words: Sequence[str], files: Files) -> str:
    """The text of a number by the words of its mark."""
    plain_words = [word for word in words if "=" not in word]
    if len(plain_words) != 3:
        raise SocialRLError("expected EXPERIMENT ARM MEASURE", "or: speed NAME COLUMN")
    experiment, arm, measure = plain_words
    labels = dict(word.split("=", 1) for word in words if "=" in word)
    if experiment == SPEED:
        return speed(files.measured, arm, measure, labels)
    form, digits = labels.pop("form", "both"), int(labels.pop("digits", "1"))
    if form not in FORMS:
        raise unknown("form", form, FORMS)
    return FORMS[form](results.find(result_of(files.known, experiment), arm, measure, labels), digits)


def speed(measured: Mapping[str, JsonObject], name: str, column: str, row: dict[str, str]) -> str:
    """The text of a measured speed; with in=millions in millions, to one place."""
    unit = row.pop("in", "")
    text = speeds.cell(measured, name, column, row)
    if unit not in ("", "millions"):
        raise SocialRLError(f"in={unit}", "in=millions, or nothing")
    return f"{float(text.replace(',', '')) / 1e6:.1f}" if unit else text


def result_of(known: Mapping[str, JsonObject], experiment: str) -> JsonObject:
    """The results of an experiment; raises SocialRLError if there are none."""
    if experiment not in known:
        raise SocialRLError(f"no results of {experiment}", f"socialrl reproduce {experiment}")
    return known[experiment]


def block(words: Sequence[str], files: Files) -> str:
    """The text of a table by the words of its mark, with the line breaks around it."""
    known, (kind, *rest) = files.known, words
    if kind == "summary" and not rest:
        text = summary_table(known)
    elif kind == "papers" and not rest:
        text = papers.paper_table(papers.read(), known)
    elif kind == SPEED and len(rest) in (1, 2):
        text = speeds.speed_table(files.measured, rest[0], rest[1].split(",") if len(rest) == 2 else ())
    elif kind == "claims" and len(rest) == 1:
        text = claims_table(result_of(known, rest[0])["claims"])
    elif kind == "arms" and len(rest) in (1, 2):
        text = arms_table(
            result_of(known, rest[0]), rest[1].split(",") if len(rest) == 2 else ["return", "auc"]
        )
    else:
        raise SocialRLError(f"unknown table {' '.join(words)}", "summary, claims, arms, papers or speed")
    return f"\n\n{text}\n\n"


def summary_table(known: Mapping[str, JsonObject]) -> str:
    """A row per experiment with results: seeds, tuning, and how many of its claims have which verdict."""
    rows = []
    for name, result in known.items():
        verdicts = [claim["verdict"] for claim in result["claims"]]
        counts = (str(verdicts.count(one)) for one in DECIDED)
        others = ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(verdicts) if v not in DECIDED)
        seeds = f"{result.get('seeds', '?')} from {result.get('first_seed', 0)}"
        tuned = plain(result.get("tuning") or "none recorded")
        rows.append(
            (
                f"[{plain(name)}](experiments.md#{results.file_name(name)})",
                seeds,
                tuned,
                *counts,
                others or NONE,
            )
        )
    if not rows:
        return "No experiment has been run under the rules yet."
    return table(("experiment", "seeds", "tuning", *DECIDED, "other"), rows)


def arms_table(result: JsonObject, names: Sequence[str]) -> str:
    """A row per arm: these measures of the final evaluation, the worst seed's return, seconds of training; a
    dash where an arm lacks one. Raises SocialRLError for a measure that no arm has.
    """
    finals = {arm: final_of(entries) for arm, entries in result["arms"].items()}
    for name in names:
        if not any(name in values for values in finals.values()):
            raise unknown("measure", name, dict.fromkeys(key for values in finals.values() for key in values))
    rows = []
    for arm, values in finals.items():
        cells = [_both(results.as_scores(values[name]), 2) if name in values else NONE for name in names]
        worst = _worst(results.as_scores(values["return"]), 2) if "return" in values else NONE
        rows.append((plain(arm), *cells, worst, f"{result['cost'][arm]['seconds']:,.0f}"))
    return table(("arm", *names, "worst seed", "training, s"), rows)


def final_of(entries: Sequence[JsonObject]) -> dict[str, list[float | None]]:
    """The measures of an arm's final evaluation by name; none if it is not finished."""
    return next((entry["values"] for entry in entries if entry["kind"] == "final"), {})


def _both(scores: np.ndarray, digits: int) -> str:
    found = interval(scores)
    return f"{_iqm(scores, digits)} ({_interval(scores, digits)})" if found.bounded else _iqm(scores, digits)


def _iqm(scores: np.ndarray, digits: int) -> str:
    return _fixed(interval(scores).value, digits)


def _interval(scores: np.ndarray, digits: int) -> str:
    found = interval(scores)
    return f"{_fixed(found.low, digits)} to {_fixed(found.high, digits)}"


def _mean(scores: np.ndarray, digits: int) -> str:
    return _fixed(float(np.nanmean(scores)), digits)


def _worst(scores: np.ndarray, digits: int) -> str:
    return _fixed(float(np.nanmin(scores)), digits)


def _best(scores: np.ndarray, digits: int) -> str:
    return _fixed(float(np.nanmax(scores)), digits)


def _percent(scores: np.ndarray, digits: int) -> str:
    return f"{_fixed(100 * interval(scores).value, max(digits - 1, 0))} %"


def _count(scores: np.ndarray, digits: int) -> str:
    known = scores[np.isfinite(scores)]
    return f"{int((known > 0).sum())} of {len(known)}"


def _seeds(scores: np.ndarray, digits: int) -> str:
    return str(int(np.isfinite(scores).sum()))


def _fixed(value: float, digits: int) -> str:
    return NONE if value != value else f"{value:z.{digits}f}"


FORMS = {
    "both": _both,
    "iqm": _iqm,
    "interval": _interval,
    "mean": _mean,
    "worst": _worst,
    "best": _best,
    "percent": _percent,
    "count": _count,
    "seeds": _seeds,
}

if __name__ == "__main__":
    sys.exit(main())

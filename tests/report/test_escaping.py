"""Nothing that stands in a run's files becomes code on the page: here each string of config and metrics is
hostile.
"""

import json
import re
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from socialrl.report import format_claims, summarise, write_report
from socialrl.report.gallery import write_gallery
from tests.report.fake_run import line, write_run
from tests.report.test_page import Page

# All that the page is made of: what is in no list of ours has come from a file.
TEXT = {
    "h1",
    "h2",
    "h3",
    "h4",
    "p",
    "a",
    "ul",
    "li",
    "pre",
    "span",
    "strong",
    "div",
    "figure",
    "figcaption",
    "details",
    "summary",
}
ROOM = {"html", "head", "meta", "title", "style", "body", "header", "nav", "main", "section", "footer", "img"}
TABLE = {"table", "thead", "tbody", "tr", "th", "td"}
DRAWING = {
    "svg",
    "g",
    "path",
    "use",
    "text",
    "tspan",
    "defs",
    "clippath",
    "rect",
    "pattern",
    "line",
    "marker",
}
FRAGMENTS = st.sampled_from(
    ["<script>alert(1)</script>", "</style>", "]]>", "<!--", "-->", "&lt;", "&#60;", '"', "'", "`", "$x$",
     "\\", "{", "%s", "|", "</svg><img src=x onerror=alert(1)>", "javascript:alert(1)", "http://evil.example",
     "é", "漢字", "\u202e", "\U0001f600"]
)  # fmt: skip
HOSTILE = st.lists(FRAGMENTS | st.text(max_size=6), min_size=1, max_size=4).map("".join)


def run_of(folder: Path, evil: str) -> Path:
    """A run all of whose strings are hostile, but for those that say what a record is."""
    arms, lines = (f"{evil}1", f"{evil}2"), []
    for arm in arms:
        values = {
            "return": [1.0, 2.0],
            evil: [1.0, 3.0],
            "share/self": [0.5, 0.5],
            f"share/{evil}": [0.5, 0.5],
        }
        lines += [
            line(arm, kind, step, values)
            for kind, step in (("train", 1), ("eval", 1), ("eval", 2), ("final", 2))
        ]
        for preference in ([1.0], evil):  # the second does not fit the schema
            task = {"preference": preference, "method": evil, "episodes": 3}
            lines += [line(arm, "few_shot", 2, {"return": [1.0, 2.0], f"share/{evil}": [1.0, 1.0]}, task)]
        lines += [line(arm, evil, 2, {evil: [1.0, 2.0]}, {evil: evil})]
        for world, company in (("home", "trained"), ("home", evil), (evil, "trained")):
            for presence in ("full", "half", "never"):
                labels = {"world": world, "policy": evil, "company": company, "presence": presence}
                measures = {"return": [1.0, 2.0], "return_coplayers": [2.0, 2.0], "influence/0": [0.1, 0.2]}
                lines.append(line(arm, "social", 2, measures, labels))
    claim = {"text": evil, "source": evil, "arm": arms[0], "over": arms[1]}
    experiment = {
        "name": evil,
        "question": evil,
        "scale": evil,
        "world": {"name": evil, evil: [evil]},
        "arms": [{"name": arm, "learner": {"name": evil, evil: arm}} for arm in arms],
        "claims": [claim, claim | {"measure": evil, "labels": [["presence", evil]]}],
        evil: evil,
    }
    return write_run(folder, lines, experiment=experiment, versions={evil: evil}, device=evil, command=evil)


def check(evil: str) -> None:
    """Writes the page, the gallery and the tables of such a run, and reads them back."""
    with tempfile.TemporaryDirectory() as base:
        folder = run_of(Path(base) / "run", evil)
        page = Page(write_report(folder))
        json.dumps(summarise(folder), allow_nan=False)
        assert format_claims(folder)
        _, _, chapter = write_gallery([folder], Path(base) / "page.md", Path(base), Path(base) / "results")
        made = re.sub(r"```bash\n[^\n]*\n```\n", "", chapter.read_text(encoding="utf-8").partition("## ")[2])
    assert page.names <= TEXT | ROOM | TABLE | DRAWING
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in page.links)
    assert len(page.ids) == len(set(page.ids))
    assert page.source.count("<style>") == 1
    assert "<script" not in made
    assert "<img" not in made
    shown = [" ".join(cell.split()) for row in page.cells for cell in row]
    assert " ".join(evil.encode("utf-8", "replace").decode().split()) in shown  # said as it is, not swallowed


@given(HOSTILE)
@example("<script>alert(1)</script>")
@example("</style></svg>]]>--><img src=x onerror=alert(1)>\"'`$\\{%s")
@example("a\ud800\x00<b>\t|\r\n# h")
@settings(
    max_examples=2, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
def test_no_string_of_a_run_becomes_code(evil):
    check(evil)

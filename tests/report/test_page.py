"""The page: what it says, that it stands alone, that nothing from a file becomes code, and that odd runs have
one too.
"""

import base64
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from socialrl.record.replay import load
from socialrl.report import format_table, summarise, write_report
from socialrl.report.figures import arm_styles, source_colours
from socialrl.web.data import unpack
from socialrl_envs import SocialRLError
from tests.report.fake_run import full_run, line, write_replay, write_run

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Checks nesting, and collects what tests ask for."""

    def __init__(self, path: Path):
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.names: set[str] = set()
        self.cells: list[list[str]] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self._element(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")

    def handle_startendtag(self, tag, attrs):
        self._element(tag, attrs)

    def _element(self, tag, attrs):
        self.names.add(tag)
        if needed := {"img": "alt", "th": "scope"}.get(tag):
            assert dict(attrs).get(needed), f"{tag} without {needed}"
        for key, value in attrs:
            assert not key.startswith("on"), f"{tag} {key}"
            if key == "id":
                self.ids.append(value)
            if key in ("href", "src"):
                self.links.append(value)
            self.links += re.findall(r"url\(([^)]*)\)", value or "")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and any(tag in self.open for tag in ("td", "th")) and "svg" not in self.open:
            self.cells[-1][-1] += data

    def row(self, *head: str) -> list[str]:
        return next(row for row in self.cells if tuple(row[: len(head)]) == head)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = full_run(tmp_path_factory.mktemp("runs") / "001")
    write_replay(folder / "replays" / "psiphi-seed0.npz", steps=12)
    return Page(write_report(folder))


def test_the_page_stands_alone(page):
    assert "http" not in page.source.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    assert not page.names & {"link", "iframe", "object", "embed", "form", "base"}
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in page.links)
    assert "@import" not in page.source


def test_ids_are_unique_and_references_resolve(page):
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)


def test_every_section_of_a_full_run_is_there(page):
    titles = re.findall(r"<h2>(.*?)</h2>", page.source)
    assert titles == [
        "Summary",
        "Learning curves",
        "Final scores",
        "Who was followed",
        "Decision maps",
        "Episodes",
        "Few-shot transfer",
        "Diagnostics",
        "Settings",
        "Reproduction",
    ]
    assert "socialrl run experiments/coin_grid.py --seeds 5" in page.source
    assert page.row("jax") == ["jax", "0.10.2"]


def test_only_settings_that_differ_are_highlighted(page):
    marked = re.findall(r'<tr class="marked"><th scope="row">(.*?)</th>', page.source)
    assert marked == ["learner.name", "learner.gpi"]
    assert page.row("learner.gpi") == ["learner.gpi", "true", "true", "true", "false"]


def test_of_many_arms_those_that_agree_are_named_together(tmp_path):
    names = ("a", "b", "c", "d", "no_e")
    source = write_report(write_run(tmp_path / "r", [line("a", "final", 1, [1.0])], arms=names)).read_text()
    rows = dict(re.findall(r'<th scope="row">(learner[^<]*)</th><td>(.*?)</td>', source))
    assert rows["learner.lr"] == "0.001"  # all of them: said once
    assert re.sub(r"<[^>]+>", "|", rows["learner.gpi"]).strip("|") == "true|the other 4 arms|||false|no_e"


def test_the_same_folder_gives_the_same_page(tmp_path):
    folder = full_run(tmp_path / "001", points=7, arms=("dqn", "psiphi"))
    write_replay(folder / "replays" / "dqn-seed0.npz", steps=5)
    first = write_report(folder, tmp_path / "one.html").read_bytes()
    assert write_report(str(folder), str(tmp_path / "two.html")).read_bytes() == first


def test_numbers_are_those_computed_by_hand(tmp_path):
    seeds = {"a": [1.0, 2.0, 3.0, 4.0, 5.0], "b": [11.0, 12.0, 13.0, 14.0, 15.0]}
    folder = write_run(tmp_path / "r", [line(arm, "final", 500, values) for arm, values in seeds.items()])
    page = Page(write_report(folder))
    assert page.row("a")[1] == "3.00"
    assert page.row("b")[1] == "13.00"
    assert page.row("a")[3] == "1.00"
    assert page.row("a")[4] == "1.02.03.04.05.0"
    assert page.row("a")[5] == "500"
    assert page.row("b minus a") == [
        "b minus a",
        "+10.00",
        "[10.00, 10.00]",
        "above",
        "1, in all pairs",
        "paired",
    ]
    assert "Highest return: b, 13.00" in page.source
    assert "Compared with a, above: b." in page.source
    summary = summarise(folder)
    assert summary["a"]["return"]["iqm"] == pytest.approx(3.0)
    assert summary["a"]["return"]["seeds"] == seeds["a"]
    assert summary["a"]["return"]["low"] < 3.0 < summary["a"]["return"]["high"]
    json.dumps(summary, allow_nan=False)


def test_no_arm_is_called_better_when_intervals_of_the_difference_hold_0(tmp_path):
    lines = [
        line("a", "final", 5, [1.0, 5.0, 3.0, 2.0, 4.0]),
        line("b", "final", 5, [5.0, 1.0, 3.5, 4.0, 2.0]),
    ]
    assert "Compared with a, undecided: b." in write_report(write_run(tmp_path / "r", lines)).read_text()


def test_four_seeds_are_too_few_to_call_an_arm_better(tmp_path):
    lines = [line("a", "final", 5, [1.0, 2.0, 3.0, 4.0]), line("b", "final", 5, [11.0, 12.0, 13.0, 14.0])]
    page = write_report(write_run(tmp_path / "r", lines)).read_text()
    assert "Compared with a, too few seeds: b." in page
    assert "[10.00, 10.00]" in page


def test_what_comes_from_files_is_escaped(tmp_path):
    evil = "<script>alert('x')</script>&\"$_{"
    lines = [
        line(evil, kind, step, {"return": [1.0, 2.0], f"share/{evil}": [0.5, 0.5], "share/self": [0.5, 0.5]})
        for kind, step in (("train", 1), ("eval", 1), ("eval", 2), ("final", 3))
    ]
    labels = {"preference": [1.0], "method": evil, "episodes": 1}
    lines += [line(evil, "few_shot", 3, [1.0], labels), line(evil, "final", 3, {evil: [1.0]}, {evil: evil})]
    versions, words = {evil: evil}, {"device": evil, "command": evil}
    page = Page(
        write_report(
            write_run(tmp_path / "r", lines, (evil, "_hidden"), question=evil, versions=versions, **words)
        )
    )
    assert "script" not in page.names
    assert "<script" not in page.source
    assert page.source.count("&lt;script&gt;") > 15


def test_one_seed(tmp_path):
    folder = full_run(tmp_path / "001", seeds=1, points=7, arms=("dqn", "psiphi"))
    page = Page(write_report(folder))
    assert page.row("dqn")[2] == "-"
    assert "one seed gives no interval" in page.source
    assert summarise(folder)["dqn"]["return"]["low"] is None


def test_missing_numbers_are_counted_not_hidden(tmp_path):
    lines = [
        line("a", kind, 10, {"return": [1.0, None, 3.0], "loss": [None, None, None]})
        for kind in ("train", "eval", "final")
    ]
    folder = write_run(tmp_path / "r", lines, ("a",))
    page = Page(write_report(folder))
    assert "a: 1 of 3 seeds have no finite return" in page.source
    assert page.row("a")[4] == "1.0-3.0"
    summary = summarise(folder)["a"]
    assert summary["return"]["seeds"] == [1.0, None, 3.0]
    assert summary["loss"]["iqm"] is None


def test_an_interrupted_run(tmp_path):
    lines = [line("a", "train", 10, [1.0, 2.0]), line("a", "eval", 20, [3.0, 5.0])]
    folder = write_run(tmp_path / "r", lines)
    page = Page(write_report(folder))
    assert "no final evaluation of a, b" in page.source
    assert "a is not finished: shown is its latest evaluation, at step 20." in page.source
    assert page.row("b")[4] == "no evaluation yet"
    assert summarise(folder)["a"]["return"] == {
        "iqm": 4.0,
        "low": 3.0,
        "high": 5.0,
        "seeds": [3.0, 5.0],
        "kind": "eval",
        "step": 20,
    }
    assert "a*" in format_table(summarise(folder))


def test_a_run_that_recorded_nothing(tmp_path):
    folder = write_run(tmp_path / "r", [])
    (folder / "metrics.jsonl").unlink()
    assert "No evaluation has been recorded yet." in write_report(folder).read_text()
    assert summarise(folder) == {}
    assert format_table({}) == "no evaluation recorded yet"


def test_the_page_says_whom_a_novice_followed_on_a_new_task(tmp_path):
    values = {"return": [4.0, 6.0], "share/self": [0.5, 0.0], "share/expert_0": [0.5, 1.0]}
    labels = {"preference": [-1.0, 1.0], "method": "w", "episodes": 10}
    page = Page(write_report(write_run(tmp_path / "r", [line("a", "few_shot", 9, values, labels)], ("a",))))
    assert page.row("a", "[-1.0, 1.0]") == ["a", "[-1.0, 1.0]", "10", "5.0", "self 25%, expert_0 75%"]


def test_few_shot_intervals_are_over_seeds_and_tasks(tmp_path):
    lines = [
        line("a", "few_shot", 9, scores, {"preference": task, "method": "w", "episodes": 10})
        for task, scores in (([1.0, 0.0], [0.0, 0.0, 0.0]), ([0.0, 1.0], [10.0, 10.0, 10.0]))
    ]
    page = Page(write_report(write_run(tmp_path / "r", lines, ("a",))))
    assert page.row("a: w") == ["a: w", "10", "5.00 [5.00, 5.00]", "2"]


def test_records_of_protocols_are_shown_apart(tmp_path):
    lines = [line("a", "final", 9, [1.0, 3.0]), line("a", "presence", 9, [7.0, 9.0], {"experts": "leave"})]
    page = Page(write_report(write_run(tmp_path / "r", lines, ("a",))))
    assert page.row("a", "2.00")
    assert page.row("a", "presence") == [
        "a",
        "presence",
        "experts leave",
        "return",
        "8.00 [7.00, 9.00]",
        "7.09.0",
    ]


def test_sources_are_in_the_order_of_seats(tmp_path):
    shares = {f"share/{name}": [0.25, 0.25] for name in ("expert_10", "expert_2", "noisy_0", "self")}
    folder = write_run(tmp_path / "r", [line("a", "final", 9, {"return": [1.0, 3.0], **shares})], ("a",))
    legend = r"<li><svg.*?</svg>(\w+)</li>"
    assert re.findall(legend, write_report(folder).read_text(), re.DOTALL) == [
        "self",
        "expert_2",
        "expert_10",
        "noisy_0",
    ]


def test_where_no_arm_follows_anyone_a_sentence_stands_for_the_bars(tmp_path):
    shares = {"share/self": [1.0], "share/expert_0": [0.0]}
    page = write_report(
        write_run(tmp_path / "r", [line("a", "final", 9, {"return": [1.0], **shares})], ("a",))
    ).read_text()
    assert "No arm follows another source at its latest evaluation." in page
    assert "share of steps" not in page


def test_several_runs_share_a_page(tmp_path):
    one, two = (full_run(tmp_path / name, points=7, arms=("dqn", "psiphi")) for name in ("001", "002"))
    page = Page(write_report([one, two]))
    assert page.row("002/psiphi minus 001/dqn")
    assert page.row("python") == ["python", "3.11.7", "3.11.7"]
    assert (one / "report.html").exists()
    assert not (two / "report.html").exists()


def test_runs_of_different_experiments_are_not_compared(tmp_path):
    lines = [line(arm, "final", 9, [score] * 5) for arm, score in (("a", 1.0), ("b", 3.0))]
    curves = [line(arm, "eval", step, [1.0] * 5) for arm in "ab" for step in (1, 2)]
    arms = [{"name": "a"}, {"name": "b"}]
    folders = [
        write_run(tmp_path / name, lines + curves, experiment={"name": name, "question": name, "arms": arms})
        for name in ("one", "two")
    ]
    page = Page(write_report(folders))
    assert page.row("two/b minus two/a")
    assert "minus one/a" not in page.source.replace("one/b minus one/a", "")
    assert [title for title in re.findall("<h3>(.*?)</h3>", page.source) if title in ("one", "two")] == [
        "one",
        "two",
    ] * 2


def test_an_arm_has_one_colour_in_all_runs():
    styles = arm_styles({"1/a": "a", "1/b": "b", "2/a": "a", "2/c": "c"})
    assert styles["1/a"].colour == styles["2/a"].colour
    assert styles["1/a"].dashes != styles["2/a"].dashes
    assert len({style.colour for style in styles.values()}) == 3


def test_the_terminal_table_is_aligned(tmp_path):
    shares = {"share/self": [0.5, 1.0], "share/expert_0": [0.5, 0.0]}
    lines = [
        line("a", "final", 5, {"return": [1.0, 3.0], **shares}),
        line("longer", "final", 5, [-10.0, -12.0]),
    ]
    rows = format_table(summarise(write_run(tmp_path / "r", lines, ("a", "longer")))).splitlines()
    assert rows[0].split() == ["arm", "return", "95", "%", "interval", "seeds", "followed"]
    assert rows[2] == "a         2.00  [1.00, 3.00]      1.0 3.0      self 75%  expert_0 25%"
    assert rows[3] == "longer  -11.00  [-12.00, -10.00]  -10.0 -12.0  -"


def test_the_episodes_are_in_the_player_in_the_colours_of_the_page(tmp_path):
    folder = write_run(tmp_path / "r", [line(arm, "final", 5, [1.0]) for arm in ("a", "b")], ("a", "b"))
    for arm in ("a", "b"):
        write_replay(folder / "replays" / f"{arm}-seed0.npz", steps=6, seed=3)
    page = Page(write_report(folder))
    packed = re.findall(r'<script type="text/plain">([A-Za-z0-9+/=]+)</script>', page.source)[1:]
    replay = load(folder / "replays" / "b-seed0.npz")
    header, arrays = unpack(base64.b64decode(packed[1]))
    assert [unpack(base64.b64decode(one))[0]["name"] for one in packed] == ["a, seed 0", "b, seed 0"]
    assert header["agents"] == list(replay.agents)
    assert arrays["source"].tolist() == replay.source.tolist()
    colours = source_colours(replay.sources)
    for source, name in enumerate(replay.sources):
        red, green, blue = header["colours"][replay.seat_of(source)]
        assert f"#{red:02x}{green:02x}{blue:02x}" == colours[name]


def test_the_episode_shown_is_a_median_one_of_the_median_seed(tmp_path):
    folder = write_run(tmp_path / "r", [line("a", "final", 9, [9.0, 5.0, 1.0, None])], ("a",))
    for seed in range(4):
        write_replay(folder / "replays" / f"a-seed{seed}.npz", steps=6, seed=seed)
    page = Page(write_report(folder))
    replay = load(folder / "replays" / "a-seed1.npz")
    returns = sorted(float(replay.returns(episode)[0]) for episode in range(3))
    assert re.search(rf"seed 1, episode \d of 3: return {returns[1]:.1f};", page.source)
    data = base64.b64decode(next(link for link in page.links if link.startswith("data:")).partition(",")[2])
    assert data.startswith(b"\x89PNG")


def test_a_damaged_replay_does_not_cost_the_page(tmp_path):
    folder = write_run(tmp_path / "r", [line("a", "final", 9, [9.0])], ("a",))
    (folder / "replays").mkdir()
    (folder / "replays" / "a-seed0.npz").write_bytes(b"nonsense")
    assert "a-seed0.npz" in write_report(folder).read_text()


def test_without_matplotlib_the_hint_names_the_extra_and_tables_still_work(tmp_path):
    """In a process of its own, where it is also seen that the report loads no learner."""
    folder = write_run(tmp_path / "r", [line("a", "final", 9, [9.0])], ("a",))
    program = """
import sys
sys.modules["matplotlib"] = None
from socialrl.report import format_table, summarise, write_report
print(format_table(summarise(sys.argv[1])))
try:
    write_report(sys.argv[1])
except ValueError as error:
    print(error)
print([name for name in sys.modules if name.startswith(("flax", "optax", "orbax", "socialrl.learners"))])
"""
    command = [sys.executable, "-c", program, str(folder)]
    says = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "9.00" in says
    assert "pip install 'socialrl[report]'" in says
    assert says.endswith("[]\n")
    assert not (folder / "report.html").exists()


def test_a_page_that_cannot_be_written_says_where(tmp_path):
    folder = write_run(tmp_path / "r", [line("a", "final", 9, [9.0])], ("a",))
    with pytest.raises(SocialRLError, match="nowhere"):
        write_report(folder, tmp_path / "nowhere" / "page.html")

"""The page as text: small, under a policy that its own scripts satisfy, and without markup from a file."""

import base64
import dataclasses
import hashlib
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings

from socialrl.cli import main
from socialrl.record.replay import save
from socialrl.scene import Scene
from socialrl.viewer import export, export_page
from socialrl.web import page as module
from socialrl.web.data import unpack
from socialrl.web.page import MODULES, PLAYER, chosen, page
from socialrl_envs.errors import SocialRLError
from tests.record.synthetic import make_replay
from tests.report.test_escaping import HOSTILE
from tests.web.full import full_replay

SINKS = (
    r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Function\(|srcdoc|import\(|fetch\(|XMLHttp"
)


class Elements(HTMLParser):
    """Names of all elements, and the texts of scripts and styles."""

    def __init__(self, text: str):
        super().__init__()
        self.names: list[str] = []
        self.open = ""
        self.inside: dict[str, list[str]] = {"script": [], "style": [], "title": []}
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.attributes += attrs
        self.open = tag
        if tag in self.inside:
            self.inside[tag].append("")

    def handle_endtag(self, tag):
        self.open = ""

    def handle_data(self, data):
        if self.open in self.inside:
            self.inside[self.open][-1] += data


def scene_of(*replays, **options):
    return Scene(replays=replays, names=tuple(f"r{i}" for i in range(len(replays))), **options)


def test_ten_episodes_of_250_steps_take_less_than_a_megabyte_and_a_half():
    assert len(page(scene_of(full_replay((250,) * 10)))) < 1_500_000


def test_the_policy_allows_these_scripts_and_styles_and_nothing_else():
    text = page(scene_of(make_replay((5,))))
    found = Elements(text)
    (rules,) = [
        str(value) for name, value in found.attributes if name == "content" and "default-src" in str(value)
    ]
    policy = dict(rule.split(" ", 1) for rule in rules.split("; "))
    (script,) = [one for one in found.inside["script"] if "function" in one]
    for kind, content in (("script-src", script), ("style-src", found.inside["style"][0])):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert policy[kind] == f"'sha256-{digest}'"
    assert policy["default-src"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert "</script" not in script


@given(HOSTILE)
@example("</script><script>alert(1)</script>")
@example("</title></style><img src=x onerror=alert(1)>\"'`")
@example("\ud800\x00<!--")
@settings(
    max_examples=3, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
def test_no_string_of_a_replay_becomes_markup(evil):
    plain = make_replay((3,))
    lists = ("agents", "sources", "actions", "cumulants", "channels")
    names = {name: tuple(f"{evil}{i}" for i in range(len(vars(plain)[name]))) for name in lists}
    replay = dataclasses.replace(
        plain, **names, experiment=evil, arm=evil, world={"name": evil, evil: evil}, versions={evil: evil}
    )
    scene = Scene(replays=(replay,), names=(evil,))
    found, usual = Elements(page(scene)), Elements(page(Scene(replays=(plain,), names=("a",))))
    assert found.names == usual.names
    assert [name for name, _ in found.attributes] == [name for name, _ in usual.attributes]
    assert found.inside["style"] == usual.inside["style"]
    assert found.inside["script"][-1] == usual.inside["script"][-1]
    for block in found.inside["script"][:-1]:
        assert re.fullmatch("[A-Za-z0-9+/=]+", block)
    packed = unpack(base64.b64decode(found.inside["script"][1]))[0]
    assert (
        packed["arm"] == evil.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        or packed["arm"] == evil
    )


def test_replays_that_do_not_fit_are_left_out_and_named():
    replays = [make_replay((20,), seed=seed) for seed in range(3)]
    whole, left = chosen(scene_of(*replays, which=1))
    assert (len(whole), left) == (3, [])
    first, left = chosen(scene_of(*replays, which=1), most=len(whole[0]) + len(whole[1]))
    assert first == whole[:2]
    assert left == ["r2"]
    assert unpack(base64.b64decode(first[0]))[0]["seed"] == 1  # the one shown first
    with pytest.raises(SocialRLError, match="r1: too large for a page"):
        chosen(scene_of(*replays, which=1), most=len(whole[0]) // 10 - 1)


def test_the_scripts_are_small_and_know_no_way_to_make_markup():
    sources = {path.stem: path.read_text(encoding="utf-8") for path in PLAYER.glob("*.js")}
    assert sorted(sources) == sorted(MODULES)
    assert sum(text.count("\n") for text in sources.values()) < 2000
    for text in sources.values():
        assert not re.search(SINKS, text)
        assert max(map(len, text.splitlines())) <= 150
    assert not re.search(r"https?:|@import|url\(", module.style())


def test_replays_of_all_versions_have_a_page_without_jax_and_without_pygame(tmp_path):
    golden = Path(__file__).parents[1] / "record" / "golden"
    code = """
import sys
sys.modules["pygame"] = None
from pathlib import Path
import socialrl.viewer
socialrl.viewer.export_page(sorted(Path(sys.argv[1]).glob("*.npz")), sys.argv[2])
assert not {"jax", "flax", "matplotlib", "PIL"} & sys.modules.keys()
"""
    command = [sys.executable, "-c", code, str(golden), str(tmp_path / "a.html")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    blocks = Elements((tmp_path / "a.html").read_text(encoding="utf-8")).inside["script"]
    names = [unpack(base64.b64decode(block))[0]["name"] for block in blocks[1:-1]]
    assert sorted(names) == ["v1", "v2", "v3", "v4", "v5"]


TSC = (
    "tsc --allowJs --checkJs --strict --noEmit --target es2022 --module esnext --moduleResolution bundler "
    "--lib es2023,dom,dom.iterable"
)


@pytest.mark.parametrize("command", [TSC, "biome lint"])
def test_types_and_style_are_sound(command):
    """Where the tool is on the path: npm install -g typescript @biomejs/biome"""
    tool, *options = command.split()
    if shutil.which(tool) is None:
        pytest.skip(f"no {tool} here")
    files = sorted(map(str, PLAYER.glob("*.js")))
    done = subprocess.run([tool, *options, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_command_writes_a_page(tmp_path, capsys):
    (tmp_path / "run" / "replays").mkdir(parents=True)
    for seed in (0, 1):
        save(tmp_path / "run" / "replays" / f"a-seed{seed}.npz", make_replay((8, 6), seed=seed))
    out = tmp_path / "replay.html"
    assert main(["view", str(tmp_path / "run"), "--export", str(out), "--episode", "1", "--step", "2"]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert Elements(out.read_text(encoding="utf-8")).names.count("script") == 4
    export(tmp_path / "run", tmp_path / "same.html", episode=1, step=2)
    assert (tmp_path / "same.html").read_bytes() == out.read_bytes()
    assert main(["view", str(tmp_path / "run"), "--export", str(out), "--size", "100x100"]) == 2
    assert "--size" in capsys.readouterr().err
    for where, says in ({"episode": 2}, "episode 2"), ({"episode": 0, "step": 9}, "step 9"):
        with pytest.raises(SocialRLError, match=says):
            export_page([tmp_path / "run"], out, **where)
    (tmp_path / "bad.npz").write_bytes(b"no")
    assert main(["view", str(tmp_path / "bad.npz"), "--export", str(tmp_path / "bad.html")]) == 2
    assert "bad.npz" in capsys.readouterr().err
    assert not Path(tmp_path / "bad.html").exists()

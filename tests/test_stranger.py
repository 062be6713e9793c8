"""The example package, installed into a fresh environment, goes through all commands like built-in code."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
PACKAGE = REPOSITORY / "examples" / "socialrl_stranger"
TINY = [
    *("--seeds", "1", "--first_seed", "7", "--steps", "16", "--num_envs", "2", "--unroll_length", "4"),
    *("--num_levels", "4", "--chunk", "2", "--evaluation_episodes", "2", "--final_episodes", "2"),
    *("--replay_episodes", "1", "--world.horizon", "6", "--protocols.0.episodes", "2", "--arms", "bandit"),
]

pytestmark = pytest.mark.skipif(shutil.which("uv") is None, reason="uv makes the fresh environment")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a fresh environment `env`, in which this repository and the package are installed."""
    place = tmp_path_factory.mktemp("stranger")
    python = place / "env" / "bin" / "python"
    subprocess.run(["uv", "venv", "-q", "--python", sys.executable, place / "env"], check=True)
    copy = shutil.copytree(PACKAGE, place / "package", ignore=shutil.ignore_patterns("__pycache__"))
    install = ["uv", "pip", "install", "-q", "--python", python, f"{REPOSITORY}[view,report]", copy]
    if subprocess.run([*install, "--offline"], capture_output=True).returncode:
        subprocess.run(install, check=True)
    return place


DRIVER = """
import contextlib, io, json, sys
from socialrl.cli import main

for line in json.loads(sys.argv[1]):
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        code = main(line)
    print(json.dumps([code, text.getvalue()]))
"""


def started(folder, program):
    """The output of a program of the fresh environment, which must succeed."""
    settings = {"JAX_PLATFORMS": "cpu", "SDL_VIDEODRIVER": "dummy", "MPLBACKEND": "agg", "COLUMNS": "150"}
    flags = {"XLA_FLAGS": os.environ.get("XLA_FLAGS", ""), "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    done = subprocess.run(
        [folder / "env" / "bin" / program[0], *program[1:]],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **settings, **flags},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{program}: {done.stdout}\n{done.stderr}"
    return done.stdout


def commands(folder, *lines, failing=()):
    """What each command prints, all run by one process. failing: numbers of those that must exit with 2."""
    shown = started(folder, ["python", "-c", DRIVER, json.dumps(lines)]).splitlines()
    results = [json.loads(line) for line in shown if line.startswith("[")]
    for number, (line, (code, text)) in enumerate(zip(lines, results, strict=True)):
        assert code == (2 if number in failing else 0), f"{line}: {text}"
    return [text for _, text in results]


def test_files_are_short():
    for file in PACKAGE.rglob("*.py"):
        assert len(file.read_text().splitlines()) < 60, file


def test_list_shows_every_one_with_its_package(folder):
    shown = started(folder, ["socialrl", "list"])
    for name in ("coin_rush", "pacer", "bandit", "more_walls", "exploring", "rewards"):
        assert f"  {name:<28} [socialrl-stranger 0.1.0] " in shown, name
    assert shown.count("exploring") >= 2  # the protocol and the section


def test_help_shows_settings_and_their_meaning_and_check_passes(folder):
    run = ["run", "package/experiment.py"]
    check = ["check", "coin_rush", "pacer", "bandit", "more_walls", "exploring"]
    shown, misspelt, checked = commands(
        folder, [*run, "--help"], [*run, "--world.lefd", "1"], check, failing=(1,)
    )
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "--world.left int = 0 (at least 0) coins on the grid at which the episode ends" in lines
    assert any(line.startswith("--curriculum.limit float = 0.3 (in 0..1)") for line in lines)
    assert any(line.startswith("--learner.rate float = 0.1 (bandit)") for line in lines)
    assert "unknown key --world.lefd (did you mean 'left'?)" in misspelt
    assert checked.splitlines() == [
        "pass  world coin_rush: builds with its defaults",
        "pass  world coin_rush: keeps the contract of worlds",
        "pass  co-player pacer: keeps the contract of co-players",
        "pass  learner bandit: keeps the contract of learners",
        "pass  curriculum more_walls: keeps the contract of curricula",
        "pass  protocol exploring: keeps the contract of protocols",
    ]


def test_run_resume_eval_report_view_export_and_record(folder):
    _, resumed, *_ = commands(
        folder,
        ["run", "package/experiment.py", "--out", "run", *TINY],
        ["run", "--resume", "run"],
        ["eval", "run", "--protocol", "exploring", "--episodes", "2"],
        ["report", "run"],
        ["view", "run", "--export", "step.png"],
        ["export", "run:bandit:0", "agent.npz"],
        ["record", "run:bandit", "--out", "steps.npz", "--episodes", "2"],
    )
    assert "bandit: done already" in resumed
    written = json.loads((folder / "run" / "config.json").read_text())["experiment"]
    assert written["world"]["name"] == "coin_rush"
    assert written["world"]["plugin"] == {"package": "socialrl-stranger", "version": "0.1.0"}
    assert written["world"]["coplayers"][0]["plugin"] == {"package": "socialrl-stranger", "version": "0.1.0"}
    kinds = {json.loads(line)["kind"] for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()}
    assert {"train", "eval", "final", "exploring"} <= kinds
    page = (folder / "run" / "report.html").read_text()
    section = page.partition('<section id="exploring">')[2].partition("</section>")[0]
    assert "<h2>Exploration</h2>" in section
    assert "bandit" in section
    assert "greedy" in section
    assert (folder / "step.png").stat().st_size > 1000
    assert (folder / "agent.npz").exists()
    assert (folder / "steps.npz").exists()

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


def command(folder, line, code=0):
    """What a command of the fresh environment prints, with the exit code that it must have."""
    settings = {"JAX_PLATFORMS": "cpu", "SDL_VIDEODRIVER": "dummy", "MPLBACKEND": "agg", "COLUMNS": "150"}
    flags = {"XLA_FLAGS": os.environ.get("XLA_FLAGS", ""), "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    done = subprocess.run(
        [folder / "env" / "bin" / "socialrl", *line],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **settings, **flags},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == code, f"{line}: {done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def test_files_are_short():
    for file in PACKAGE.rglob("*.py"):
        assert len(file.read_text().splitlines()) < 60, file


def test_list_shows_every_one_with_its_package(folder):
    shown = command(folder, ["list"])
    for name in ("coin_rush", "pacer", "bandit", "more_walls", "exploring", "rewards"):
        assert f"  {name:<28} [socialrl-stranger 0.1.0] " in shown, name
    assert shown.count("exploring") >= 2  # the protocol and the section


def test_help_shows_settings_and_their_meaning(folder):
    lines = [
        " ".join(line.split())
        for line in command(folder, ["run", "package/experiment.py", "--help"]).splitlines()
    ]
    assert "--world.left int = 0 (at least 0) coins on the grid at which the episode ends" in lines
    assert any(line.startswith("--curriculum.limit float = 0.3 (in 0..1)") for line in lines)
    assert any(line.startswith("--learner.rate float = 0.1 (bandit)") for line in lines)
    told = command(folder, ["run", "package/experiment.py", "--world.lefd", "1"], code=2)
    assert "unknown key --world.lefd (did you mean 'left'?)" in told


def test_check_passes_for_each(folder):
    shown = command(folder, ["check", "coin_rush", "pacer", "bandit", "more_walls", "exploring"])
    assert shown.splitlines() == [
        "pass  world coin_rush: builds with its defaults",
        "pass  world coin_rush: keeps the contract of worlds",
        "pass  co-player pacer: keeps the contract of co-players",
        "pass  learner bandit: keeps the contract of learners",
        "pass  curriculum more_walls: keeps the contract of curricula",
        "pass  protocol exploring: keeps the contract of protocols",
    ]


def test_run_resume_eval_report_view_export_and_record(folder):
    command(folder, ["run", "package/experiment.py", "--out", "run", *TINY])
    written = json.loads((folder / "run" / "config.json").read_text())["experiment"]
    assert written["world"]["name"] == "coin_rush"
    assert written["world"]["plugin"] == {"package": "socialrl-stranger", "version": "0.1.0"}
    assert written["world"]["coplayers"][0]["plugin"] == {"package": "socialrl-stranger", "version": "0.1.0"}
    assert "bandit: done already" in command(folder, ["run", "--resume", "run"])
    command(folder, ["eval", "run", "--protocol", "exploring", "--episodes", "2"])
    kinds = {json.loads(line)["kind"] for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()}
    assert {"train", "eval", "final", "exploring"} <= kinds
    command(folder, ["report", "run"])
    page = (folder / "run" / "report.html").read_text()
    section = page.partition('<section id="exploring">')[2].partition("</section>")[0]
    assert "<h2>Exploration</h2>" in section
    assert "bandit" in section
    assert "greedy" in section
    command(folder, ["view", "run", "--export", "step.png"])
    assert (folder / "step.png").stat().st_size > 1000
    command(folder, ["export", "run:bandit:0", "agent.npz"])
    command(folder, ["record", "run:bandit", "--out", "steps.npz", "--episodes", "2"])
    assert (folder / "agent.npz").exists()
    assert (folder / "steps.npz").exists()

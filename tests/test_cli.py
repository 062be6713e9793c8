"""The command line: what it calls, what it says, and with which code it ends."""

import json
import subprocess
import sys
import types
import warnings
from pathlib import Path

import pytest

from socialrl.cli import main
from socialrl.cli.parsing import split_run_settings
from socialrl.cli.settings import describe
from socialrl.config import load_experiment, to_json
from socialrl_envs.plugins import PluginWarning

REPOSITORY = Path(__file__).parent.parent
FILE = """
from socialrl.config import Arm, Experiment
from socialrl.learners import toy_learner, toy_other
from socialrl_envs.worlds import toy_world

experiment = Experiment(
    name="trial",
    question="Does it?",
    world=toy_world.Config(),
    arms=(Arm(name="toy", learner=toy_learner.Config()), Arm(name="other", learner=toy_other.Config())),
)
"""


@pytest.fixture
def trial(in_tmp, toys):
    (in_tmp / "trial.py").write_text(FILE)
    return in_tmp


@pytest.fixture
def calls(monkeypatch):
    """What reached `socialrl.runs.run`: (experiment, folder, resume) per call, and whether the folder was
    locked then.
    """
    made = []

    def run(experiment, folder, resume=False, log=(), devices=None, profile=False):
        assert not log
        assert not profile
        assert len(devices.all) == 1
        assert (folder.path / ".lock").exists()
        made.append((experiment, folder, resume))

    monkeypatch.setitem(sys.modules, "socialrl.runs", types.SimpleNamespace(run=run))
    return made


def failure(capsys, arguments):
    """The one line on stderr of a command that must fail with code 2 and say nothing else."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("socialrl: error: ")
    assert err.count("\n") == 1
    return err


def test_run_makes_a_folder_runs_and_unlocks_it(trial, calls, capsys):
    assert main(["run", "trial.py", "--seeds", "2", "--toy.learner.lr=0.5"]) == 0
    [(experiment, folder, resume)] = calls
    assert experiment.seeds == 2
    assert experiment.arms[0].learner.lr == 0.5
    assert not resume
    config = json.loads((trial / "runs" / "trial" / "001" / "config.json").read_text())
    assert config["experiment"] == to_json(experiment)
    assert config["command"] == "socialrl run trial.py --seeds 2 --toy.learner.lr=0.5"
    assert config["device"].startswith("cpu x")
    assert not (folder.path / ".lock").exists()
    printed = capsys.readouterr().out
    assert "seeds=2" in printed
    assert "lr=0.5" in printed
    assert "runs/trial/001" in printed


def test_resume_by_file_by_folder_and_the_latest(trial, calls):
    assert main(["run", "trial.py"]) == 0
    assert main(["run", "trial.py"]) == 0
    assert main(["run", "trial.py", "--resume"]) == 0
    assert main(["run", "--resume", "trial.py"]) == 0
    assert main(["run", "--resume", "runs/trial/001"]) == 0
    assert main(["run", "trial.py", "--resume", "runs/trial/001", "--platform", "cpu"]) == 0
    assert [(call[1].path.name, call[2]) for call in calls] == [
        ("001", False),
        ("002", False),
        ("002", True),
        ("002", True),
        ("001", True),
        ("001", True),
    ]


def test_a_run_folder_runs_again_as_a_new_run(trial, calls):
    main(["run", "trial.py", "--seeds", "2"])
    main(["run", "runs/trial/001", "--out", "again"])
    assert calls[0][0] == calls[1][0]
    assert str(calls[1][1].path) == "again"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "run needs an EXPERIMENT"),
        ("trail.py", "trail.py: no such experiment (did you mean 'trial'?)"),
        ("trial.py --sees 2", "unknown key --sees (did you mean '--seeds'?)"),
        ("trial.py --learner.lr fast", "--learner.lr: expected float, got 'fast'"),
        ("trial.py --world.size 2", "--world.size: 2 (it must be at least 3)"),
        ("trial.py --world.size 60", "world.size: 60 (no room in memory)"),
        ("trial.py --learner.label broken", "toy.learner: cannot learn in a world of 9 cells"),
        ("trial.py extra", "unrecognized arguments: extra"),
        ("trial.py --platform abacus", "invalid choice: 'abacus'"),
        ("trial.py --resume", "runs/trial: no run to resume"),
        ("trial.py --resume nowhere", "nowhere: not a run folder"),
        ("trial.py --out trial.py", "trial.py: a file, where a run folder should be made"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_no_folder(trial, calls, capsys, line, message):
    assert message in failure(capsys, ["run", *line.split()])
    assert calls == []
    assert [p.name for p in trial.iterdir()] == ["trial.py"]


def test_resuming_with_another_setting_names_it(trial, calls, capsys):
    main(["run", "trial.py"])
    capsys.readouterr()
    assert "toy.learner.lr is 0.001 there, 0.5 here" in failure(
        capsys, ["run", "trial.py", "--resume", "--toy.learner.lr", "0.5"]
    )


def test_a_failing_run_is_unlocked(trial, monkeypatch, capsys):
    def stopped(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "socialrl.runs", types.SimpleNamespace(run=stopped))
    assert main(["run", "trial.py"]) == 130
    assert "socialrl: stopped: go on with `socialrl run --resume runs/trial/001`" in capsys.readouterr().err
    assert not (trial / "runs" / "trial" / "001" / ".lock").exists()


def test_a_defect_is_not_hidden_as_a_users_mistake(trial, monkeypatch):
    def broken(*args, **kwargs):
        raise ValueError("a bug")

    monkeypatch.setitem(sys.modules, "socialrl.runs", types.SimpleNamespace(run=broken))
    with pytest.raises(ValueError, match="a bug"):
        main(["run", "trial.py"])


def test_help_of_an_experiment_lists_every_setting(trial, calls, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["run", "trial.py", "--learner.depth", "4", "--help"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "--seeds int = 5 (at least 1) independent repetitions of every arm, trained side by side" in lines
    assert "--learner.lr float = 0.001 (toy), 0.01 (other) step size of Adam" in lines
    assert "--learner.depth int = 4 (other) (at least 1; default 2) layers of the network" in lines
    assert "--learner.memory one of 'none', 'gru' = none (toy) kind of memory; \"none\" has none" in lines
    assert "--world.size int = 9 cells along a side" in lines
    assert not [line for line in lines if line.startswith("--claims")]
    assert calls == []
    assert not (trial / "runs").exists()


def test_help_prints_the_values_of_a_curriculum(trial, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    presence = '[["always", 0.75], ["never", 0.25]]'
    assert (
        main(["run", "trial.py", "--curriculum", "mixed", "--curriculum.presence", presence, "--help"]) == 0
    )
    shown = capsys.readouterr().out.partition("--curriculum.presence  ")[2].partition("--curriculum.ramps")[0]
    assert "('always',0.75)" in "".join(shown.split())


def test_a_warning_about_a_plugin_is_one_line_and_others_are_as_usual(capsys, monkeypatch):
    def command(arguments):
        warnings.warn("co-player 'x' is left out:\n no module", PluginWarning, stacklevel=1)
        warnings.warn("something else", UserWarning, stacklevel=1)

    monkeypatch.setitem(sys.modules, "socialrl.cli.commands.list", types.SimpleNamespace(command=command))
    with warnings.catch_warnings():
        warnings.resetwarnings()
        warnings.showwarning = lambda message, *rest: print(f"as usual: {message}", file=sys.stderr)
        assert main(["list"]) == 0
    err = capsys.readouterr().err.splitlines()
    assert err == ["socialrl: warning: co-player 'x' is left out: no module", "as usual: something else"]


def test_help_and_description_are_as_wide_as_the_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    assert main(["run", str(REPOSITORY / "experiments" / "goal_cycle.py"), "--help"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.partition("settings of")[2].splitlines())) <= 140
    assert "(social(policies=('greedy',)," in shown
    assert 'e.g. "two CPU cores"' in shown
    text = describe(load_experiment(REPOSITORY / "experiments" / "goal_cycle.py"))
    assert "claims" not in text
    assert "arm sociapl_mirror sociapl  filters=()" in text
    assert max(map(len, text.splitlines())) <= 140


def test_arguments_are_told_from_settings():
    own, settings = split_run_settings(
        ["--seeds", "3", "x.py", "--world.penalty", "-1.5", "--out", "d", "--a.b=c", "--resume"]
    )
    assert own == ["x.py", "--out", "d", "--resume"]
    assert settings == ["--seeds", "3", "--world.penalty", "-1.5", "--a.b=c"]
    assert split_run_settings(["-h", "x.py", "--seeds"]) == (["-h", "x.py"], ["--seeds"])


def test_list_shows_what_there_is(trial, capsys):
    (trial / "experiments").mkdir()
    (trial / "experiments" / "coin_grid.py").write_text('"""Does it help?\n\nMore."""\n')
    assert main(["list"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "toy_learner Learns nothing, quickly." in lines
    assert "toy_world A world of one size." in lines
    assert "experiments/coin_grid.py Does it help?" in lines
    assert any(line.startswith("planner ") for line in lines)
    assert (
        lines.index("worlds")
        < lines.index("co-players")
        < lines.index("learners")
        < lines.index("experiments")
    )


def test_view_and_export(monkeypatch, capsys):
    seen = []
    viewer = types.SimpleNamespace(
        view=lambda paths, explain: seen.append([str(path) for path in paths]),
        export=lambda path, out, **chosen: seen.append((str(path), str(out), chosen)),
    )
    monkeypatch.setitem(sys.modules, "socialrl.viewer", viewer)
    assert main(["view", "a.npz", "b"]) == 0
    assert main(["view", "a.npz", "--export", "o.png", "--episode", "2", "--step", "0"]) == 0
    assert main(["view", "a.npz", "--export", "o.gif"]) == 0
    assert seen == [["a.npz", "b"], ("a.npz", "o.png", {"episode": 2, "step": 0}), ("a.npz", "o.gif", {})]
    capsys.readouterr()
    assert "add --export OUT" in failure(capsys, ["view", "a.npz", "--step", "3"])
    assert "one PATH" in failure(capsys, ["view", "a", "b", "--export", "o.gif"])
    assert "expected" not in failure(capsys, ["view"])
    assert "--step: invalid int value: 'x'" in failure(capsys, ["view", "a", "--step", "x"])


def test_a_missing_extra_is_told_with_its_cure(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pygame", None)

    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name == "socialrl.viewer":
                raise ModuleNotFoundError("No module named 'pygame'", name="pygame")

    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    for name in [name for name in sys.modules if name.startswith("socialrl.viewer")]:
        monkeypatch.delitem(sys.modules, name)
    assert "pip install 'socialrl[view]'" in failure(capsys, ["view", "a.npz"])


def test_report_passes_its_folders_on(monkeypatch, capsys):
    seen = []
    report = types.SimpleNamespace(
        write_report=lambda folders, out: seen.append((list(map(str, folders)), out)) or "page.html",
        format_claims=lambda folders: f"{len(folders)} claims",
    )
    monkeypatch.setitem(sys.modules, "socialrl.report", report)
    assert main(["report", "r1", "r2"]) == 0
    assert seen == [(["r1", "r2"], None)]
    assert capsys.readouterr().out == "2 claims\n\npage.html\n"


def test_unknown_commands_and_help(capsys):
    assert "unknown command 'rum' (did you mean 'run'?)" in failure(capsys, ["rum"])
    for arguments in (
        [],
        ["--help"],
        ["run", "--help"],
        ["eval", "--help"],
        ["view", "--help"],
        ["report", "--help"],
        ["list", "--help"],
    ):
        assert main(arguments) == 0
        text = capsys.readouterr().out
        assert text.startswith("usage: socialrl")
        assert "examples:" in text or arguments[0] == "list"


def test_a_reader_that_leaves_is_no_error():
    code = "import sys; from socialrl.cli import main; sys.stdin.read(); sys.exit(main(['list']))"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from socialrl.cli import main;"
        "codes = [main([]), main(['run', '--help']), main(['--version'])];"
        "heavy = {'jax', 'numpy', 'pygame', 'matplotlib', 'orbax', 'flax'} & set(sys.modules);"
        "sys.exit(f'{codes} {heavy}')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stderr.strip() == "[0, 0, 0] set()"

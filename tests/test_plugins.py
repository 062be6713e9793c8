"""Code of a user's own: how it is named, found, refused, recorded, and told when it has changed."""

import dataclasses
import json
import sys
import types
import warnings

import pytest

from socialrl.cli import main
from socialrl.config import load_experiment, to_json
from socialrl.registry import COPLAYER, LEARNER, WORLD
from socialrl_envs import SocialRLError, plugins, registry
from socialrl_envs.plugins import NotAllowedError, PluginWarning

MINE = '''
"""Worlds of my own."""
import dataclasses
import pathlib
from socialrl.config import Arm, Experiment
from socialrl.learners import toy_learner
from socialrl_envs.options import option
from socialrl_envs.types import Seat
from socialrl_envs.worlds import toy_world

pathlib.Path("executed").touch()

@dataclasses.dataclass(frozen=True, kw_only=True)
class MyWorld(toy_world.Config):
    """A small one."""
    size: int = 5
    doors: int = option(2, "doors between rooms", low=0, high=9)
    guests: tuple[Seat, ...] = (Seat(policy="mine.py:statue"),)

class MyLearner(toy_learner.Config):
    pass

def statue(world, state, seat, key):
    return 0

experiment = Experiment(
    name="mine", question="Does it?", world=MyWorld(), arms=(Arm(name="a", learner=MyLearner()),)
)
'''


@pytest.fixture
def mine(in_tmp, toys):
    (in_tmp / "mine.py").write_text(MINE)
    return in_tmp


@pytest.fixture
def run(mine, monkeypatch):
    """A run folder of mine.py, which nothing in this process may execute any more."""
    fake = types.SimpleNamespace(run=lambda *a, **k: None, finish=lambda *a: None)
    monkeypatch.setitem(sys.modules, "socialrl.runs", fake)
    assert main(["run", "mine.py", "--out", "run"]) == 0
    plugins.forget()
    (mine / "executed").unlink()
    return mine


def error_of(capsys, arguments):
    """The one line of a command that must fail with code 2."""
    capsys.readouterr()
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


def test_names_sources_and_hashes_are_recorded_and_read_back(mine):
    experiment = load_experiment("mine.py")
    written = json.loads(json.dumps(to_json(experiment)))
    source = {"file": "mine.py", "sha256": written["world"]["plugin"]["sha256"]}
    assert len(source["sha256"]) == 64
    assert written["world"]["name"] == "mine:MyWorld"
    assert written["arms"][0]["learner"]["name"] == "mine:MyLearner"
    for part in (written["world"], written["arms"][0]["learner"], written["world"]["guests"][0]):
        assert part["plugin"] == source
    assert experiment.world.doors == 2


def test_a_folder_of_somebody_elses_runs_none_of_its_code(run, capsys):
    for command in (
        ["run", "--resume", "run"],
        ["run", "run", "--out", "again"],
        ["eval", "run"],
        ["play", "--with", "run:a"],
        ["record", "run", "--out", "d.npz"],
    ):
        err = error_of(capsys, command)
        assert "run/config.json: world: 'mine:MyWorld' comes from mine.py" in err, command
        assert "(allow it: --plugin mine.py)" in err, command
    assert not (run / "executed").exists()


def test_a_name_never_reaches_what_is_merely_importable(run, capsys):
    """Neither the standard library, nor a file on the path, nor a relative path."""
    (run / "evil.py").write_text("import pathlib\npathlib.Path('executed').touch()\nclass Config: pass\n")
    content = json.loads((run / "run" / "config.json").read_text())
    for name in ("os:system", "evil:Config", "evil.py:Config", "./evil.py:Config", "run/../evil.py:Config"):
        content["experiment"]["world"] = {"name": name, "plugin": {"file": "evil.py", "sha256": "0"}}
        (run / "run" / "config.json").write_text(json.dumps(content))
        assert f"{name!r} comes from evil.py" in error_of(capsys, ["run", "--resume", "run"])
    assert not (run / "executed").exists()


def test_what_is_allowed_allows_its_own_folder_alone(run, tmp_path_factory, capsys):
    """Neither a folder below or above it, nor another one, nor another kind of thing in it."""
    evil = "import pathlib\npathlib.Path('executed').touch()\nclass Config: pass\n"
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (run / "below").mkdir()
    for folder in (run / "below", run.parent, elsewhere):
        (folder / "evil.py").write_text(evil)
    (run / "harmless.py").write_text("x = 1\n")
    content = json.loads((run / "run" / "config.json").read_text())
    paths = ("below/evil.py", "../evil.py", f"{elsewhere}/evil.py", "evil", "below.evil", "os.path")
    for name in [f"{path}:Config" for path in paths]:
        content["experiment"]["world"] = {"name": name}
        (run / "run" / "config.json").write_text(json.dumps(content))
        assert "its code was not allowed" in error_of(capsys, ["run", "run", "--plugin", "harmless.py"]), name
    assert not (run / "executed").exists()
    (run.parent / "evil.py").unlink()


def test_a_plugin_that_is_allowed_is_used(run):
    assert main(["run", "--resume", "run", "--plugin", "mine.py"]) == 0
    assert main(["run", "run", "--out", "again", "--plugin", "./mine.py"]) == 0
    assert (run / "executed").exists()
    written = [
        json.loads((run / folder / "config.json").read_text())["experiment"] for folder in ("run", "again")
    ]
    assert written[1]["world"].pop("plugin")["file"] in ("./mine.py", "mine.py")
    assert written[0]["world"].pop("plugin")["file"] == "mine.py"
    assert written[0]["world"] | {"guests": 0} == written[1]["world"] | {"guests": 0}


def test_a_changed_file_is_told_and_can_be_accepted(run, capsys):
    before = json.loads((run / "run" / "config.json").read_text())
    (run / "mine.py").write_text(MINE + "\n# another line\n")
    told = "(use it as it is now: --accept-changes)"
    assert told in error_of(capsys, ["run", "--resume", "run", "--plugin", "mine.py"])
    assert told in error_of(capsys, ["run", "mine.py", "--resume", "run"])
    assert "the code of world has changed since" in error_of(capsys, ["run", "mine.py", "--resume", "run"])
    assert json.loads((run / "run" / "config.json").read_text()) == before
    assert main(["run", "mine.py", "--resume", "run", "--accept-changes"]) == 0
    after = json.loads((run / "run" / "config.json").read_text())
    assert after["experiment"]["world"]["plugin"] != before["experiment"]["world"]["plugin"]
    plugins.forget()
    assert main(["run", "--resume", "run", "--plugin", "mine.py"]) == 0


def test_settings_are_listed_and_misspelt_ones_are_told(mine, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    assert main(["run", "mine.py", "--help"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "--world.doors int = 2 (in 0..9) doors between rooms" in lines
    assert "did you mean 'doors'" in error_of(capsys, ["run", "mine.py", "--world.door", "3"])
    assert "--world.doors: 10 (it must be in 0..9)" not in error_of(
        capsys, ["run", "mine.py", "--world.size", "1"]
    )
    assert "did you mean 'mine:MyWorld'" in error_of(capsys, ["run", "mine.py", "--world", "mine:MyWrld"])


def test_modules_beside_a_file_are_allowed_with_it(in_tmp, toys):
    (in_tmp / "sub").mkdir()
    (in_tmp / "sub" / "parts.py").write_text(MINE.replace("mine.py", "parts.py"))
    (in_tmp / "sub" / "exp.py").write_text("from parts import experiment\n")
    written = to_json(load_experiment("sub/exp.py"))
    assert written["world"]["name"] == "parts:MyWorld"
    assert written["world"]["plugin"]["file"] == "sub/parts.py"
    plugins.forget()
    with pytest.raises(NotAllowedError):
        WORLD.config("parts:MyWorld")
    plugins.allow("sub/exp.py")
    assert WORLD.config("parts:MyWorld").__name__ == "MyWorld"
    sys.modules.pop("parts")


def test_an_importable_module_is_allowed_by_its_name(toys):
    name = "socialrl.learners.toy_learner:Schedule"
    with pytest.raises(NotAllowedError, match=r"--plugin socialrl\.learners\.toy_learner"):
        plugins.find(name)
    plugins.allow("socialrl.learners.toy_learner")
    assert plugins.find(name) is toys[0].Schedule
    assert plugins.source_of(toys[0].Schedule).module == "socialrl.learners.toy_learner"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("no_such_module_anywhere", "--plugin no_such_module_anywhere: no module 'no_such_module_anywhere'"),
        ("nothing.py", "nothing.py: No such file or directory"),
        ("what is this", "--plugin what is this: neither a file nor a module"),
        ("raises.py", "raises.py, line 2: ZeroDivisionError: division by zero"),
        ("deeper.py", "raises.py, line 2: ZeroDivisionError: division by zero"),
        ("torn.py", "torn.py, line 1: SyntaxError"),
        ("missing.py", "missing.py, line 1: ModuleNotFoundError: No module named 'not_there_at_all'"),
    ],
)
def test_a_plugin_that_cannot_be_imported_names_file_and_line(in_tmp, given, message):
    (in_tmp / "raises.py").write_text("x = 1\nx / 0\n")
    (in_tmp / "deeper.py").write_text("import raises\n")
    (in_tmp / "torn.py").write_text("x = (\n")
    (in_tmp / "missing.py").write_text("import not_there_at_all\n")
    with pytest.raises(SocialRLError) as error:
        plugins.allow(given)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_two_files_that_define_one_name_are_both_told(in_tmp, toys):
    for folder in ("a", "b"):
        (in_tmp / folder).mkdir()
        (in_tmp / folder / "mine.py").write_text(MINE)
        plugins.allow(f"{folder}/mine.py")
    with pytest.raises(
        SocialRLError, match=r"two plug-ins are named 'mine:MyWorld': a/mine\.py and b/mine\.py"
    ):
        plugins.find("mine:MyWorld")


def test_a_class_without_the_decorator_is_told(in_tmp, toys):
    (in_tmp / "mine.py").write_text(MINE.replace("@dataclasses.dataclass(frozen=True, kw_only=True)\n", ""))
    with pytest.raises(
        SocialRLError, match=r"MyWorld is no dataclass, so that its 'size' has no effect \(write @"
    ):
        load_experiment("mine.py")


def test_an_old_key_is_told_by_its_new_name(mine):
    (mine / "mine.py").write_text(MINE.replace('name="mine"', 'name="mine", parallel=4'))
    with pytest.raises(SocialRLError, match="'parallel' is named 'num_envs' now"):
        load_experiment("mine.py")


# --- entry points


class Distribution:
    name, version = "strange", "2.0"


@pytest.fixture
def declare(monkeypatch, toys):
    """declare(group, name, target): an entry point of a package "strange 2.0"."""
    declared = []

    def entry_points(group):
        return [
            types.SimpleNamespace(name=n, value=t, dist=Distribution) for g, n, t in declared if g == group
        ]

    monkeypatch.setattr(registry.importlib.metadata, "entry_points", entry_points)
    registry.clear()
    yield lambda *entry: (declared.append(entry), registry.clear())
    registry.clear()


LEARNERS, COPLAYERS = "socialrl.learners", "socialrl.coplayers"


def test_an_entry_point_is_used_by_its_name(declare, experiment, toys):
    declare(LEARNERS, "strange", "socialrl.learners.toy_other:Config")
    assert "strange" in LEARNER.names()
    assert LEARNER.config("strange") is toys[1].Config
    assert LEARNER.source("strange").text == "strange 2.0"
    assert LEARNER.headline(LEARNER.entry("strange")) == "Has a key of its own."


def test_a_saved_name_of_a_package_that_is_gone_says_so(declare, experiment):
    written = to_json(experiment)
    written["world"] = {"name": "vault", "plugin": {"package": "strange", "version": "2.0"}}
    from socialrl.config import from_json

    with pytest.raises(
        SocialRLError, match=r"world 'vault' is from the package strange 2\.0, which is not installed"
    ):
        from_json(written)


def test_two_of_one_name_are_both_told_and_the_others_work(declare):
    declare(LEARNERS, "dqn", "strange.learning:Config")
    with pytest.raises(SocialRLError) as error:
        LEARNER.config("dqn")
    assert "learner 'dqn' exists twice: socialrl.learners.dqn:Config (built in)" in str(error.value)
    assert "strange.learning:Config (strange 2.0)" in str(error.value)
    assert dataclasses.is_dataclass(LEARNER.config("ppo"))


def test_an_entry_point_that_cannot_be_loaded_is_left_out_with_one_line(declare):
    declare(COPLAYERS, "broken", "no_such_package.players:act")
    with pytest.warns(
        PluginWarning, match=r"co-player 'broken' is left out: strange 2\.0: entry point"
    ) as caught:
        names = [name for name, _ in COPLAYER.items(registry.CoPlayerCode)]
    assert len(caught) == 1
    assert "planner" in names
    assert "broken" not in names
    with pytest.raises(SocialRLError, match=r"strange 2\.0: entry point broken"):
        registry.coplayer("broken")


def test_an_entry_point_that_raises_names_its_file_and_line(declare, in_tmp, monkeypatch):
    (in_tmp / "strange_pkg").mkdir()
    (in_tmp / "strange_pkg" / "__init__.py").touch()
    (in_tmp / "strange_pkg" / "players.py").write_text("import strange_pkg.deeper\n")
    (in_tmp / "strange_pkg" / "deeper.py").write_text("\n\nraise OSError('no tables\\n here')\n")
    monkeypatch.syspath_prepend(in_tmp)
    declare(COPLAYERS, "broken", "strange_pkg.players:act")
    with pytest.raises(SocialRLError) as error:
        registry.coplayer("broken")
    assert str(error.value).endswith("strange_pkg/deeper.py, line 3: OSError: no tables here")
    assert "\n" not in str(error.value)


def test_things_of_an_allowed_file_come_last(in_tmp, declare):
    @dataclasses.dataclass
    class Guard:
        act: object = None

    with warnings.catch_warnings():
        (in_tmp / "mine.py").write_text("import types\nguard = types.SimpleNamespace(act=lambda *a: 0)\n")
        plugins.allow("mine.py")
        names = [name for name, _ in COPLAYER.items(registry.CoPlayerCode)]
    assert names[-1] == "mine:guard"
    assert sorted(names[:-1]) == names[:-1]


def test_list_shows_the_origin_and_what_exists_twice(declare, in_tmp, capsys):
    declare(LEARNERS, "strange", "socialrl.learners.toy_other:Config")
    declare(LEARNERS, "dqn", "strange.learning:Config")
    assert main(["list"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "strange [strange 2.0] Has a key of its own." in lines
    assert "dqn exists twice: uninstall or rename one of them" in lines

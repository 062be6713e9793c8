"""`socialrl reproduce`, from an experiment's file to the number on a page; what it says of cost and state."""

import json

import pytest

from socialrl.cli import main
from socialrl.reproduction import chosen, measured_costs, reported
from socialrl_envs import SocialRLError
from tests.test_tuning import FILE, LEARNER

OTHER = ', Arm(name="other", learner=still.Config())'
PAGE = "earned: <!--n small one return form=mean--><!--/n--> <!--table summary--><!--/table-->\n"


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A folder as the repository's, with one small experiment of three seeds, reproduced."""
    base = tmp_path_factory.mktemp("repository")
    (base / "experiments").mkdir()
    (base / "docs").mkdir()
    text = FILE.replace("first_seed=1000,\n", "").replace("seeds=10,", "seeds=3,").replace(OTHER, ",")
    text = text.replace('over="other"', "value=-99.0")
    (base / "experiments" / "small.py").write_text('"""A question?"""\n' + text)
    (base / "experiments" / "still.py").write_text(LEARNER)
    (base / "README.md").write_text(PAGE)
    (base / "docs" / "results.md").write_text("<!--table claims small--><!--/table-->\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(base)
        assert main(["reproduce", "small"]) == 0
    return base


def test_everything_is_made_from_the_file(repository):
    result = json.loads((repository / "experiments" / "results" / "small.json").read_text())
    assert (result["first_seed"], result["seeds"]) == (1000, 10)  # as many as its claim needs
    assert result["reporting"]
    assert result["finished"]
    assert result["command"] == "socialrl reproduce small"
    [final] = [entry for entry in result["arms"]["one"] if entry["kind"] == "final"]
    mean = sum(final["values"]["return"]) / 10
    page = (repository / "README.md").read_text()
    assert f"form=mean-->{mean:.1f}<!--/n-->" in page
    assert "| [small](experiments.md#small) | 10 from 1000 | none recorded | 1 | 0 | 0 |" in page
    assert "**reproduced, n = 10**" in (repository / "docs" / "results.md").read_text()
    assert "## small" in (repository / "docs" / "experiments.md").read_text()
    assert (repository / "assets" / "experiments" / "small.png").stat().st_size > 1000
    assert (repository / "runs" / "reproduced" / "small" / "report.html").exists()


def test_it_resumes_rebuilds_and_lists(repository, monkeypatch, capsys):
    monkeypatch.chdir(repository)
    kept = (repository / "experiments" / "results" / "small.json").read_bytes()
    (repository / "README.md").write_text(PAGE)
    (repository / "experiments" / "results" / "small.json").unlink()
    assert main(["reproduce", "--pages"]) == 0
    assert "README.md" in capsys.readouterr().out
    assert (repository / "experiments" / "results" / "small.json").read_bytes() == kept
    assert main(["reproduce", "small"]) == 0
    assert capsys.readouterr().out.count("done already") == 1
    assert (repository / "experiments" / "results" / "small.json").read_bytes() == kept
    costs = {"small": {"gpu": "3 min (10 seeds)"}}
    (repository / "experiments" / "results" / "costs.json").write_text(json.dumps(costs))
    assert measured_costs()["small", "gpu"] == "3 min (10 seeds)"
    assert main(["reproduce", "--list"]) == 0
    [row] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("small")]
    sizes, times = ["1", "10", "16"], ["1", "min", "(10", "seeds)", "3", "min", "(10", "seeds)"]
    assert row.split() == ["small", *sizes, *times, "done"]


def test_an_unknown_experiment_is_told(repository, monkeypatch, capsys):
    monkeypatch.chdir(repository)
    assert main(["reproduce", "smal"]) == 2
    assert "did you mean 'small'" in capsys.readouterr().err
    monkeypatch.chdir(repository / "docs")
    with pytest.raises(SocialRLError, match="no experiments"):
        chosen([])


def test_seeds_for_tuning_are_never_reported(repository):
    assert reported(repository / "experiments" / "small.py").first_seed == 1000

"""The section on generations: what it draws and compares with, and claims between different conditions."""

import dataclasses

import numpy as np
import pytest

from socialrl.config import Claim
from socialrl.record.labels import Generations, Lifetimes
from socialrl.report import write_report
from socialrl.report.findings import findings
from socialrl.report.reading import read
from socialrl.report.sections import generations as section
from socialrl_envs.errors import SocialRLError
from tests.report.fake_run import line, write_run
from tests.report.test_page import Page

COUNT, LIFE, SEEDS = 4, 1000, 10
WORLD = {"name": "goal_sequence", "size": 6, "novices": 1}
TOLD = Claim(
    text="accumulates",
    source="ours",
    arm="culture",
    over="one_life",
    labels=(("protocol", "lifetimes"), ("lives", "generations"), ("generation", "4")),
    over_labels=(("lives", "one life"),),
)


def generational_run(folder, worlds=None):
    """A run in which culture climbs by 2 a generation and one_life by 1; random stays where it is."""
    rng, lines = np.random.default_rng(0), []

    def seeds(mean, spread=0.4):
        return (mean + spread * rng.normal(size=SEEDS)).round(3).tolist()

    for arm, gain in (("culture", 2.0), ("random", 0.2)):
        for number in range(1, COUNT + 1):
            for presence in ("never",) if number == 1 else ("full", "never"):
                height = gain * number + (presence == "full")
                values = {"return": seeds(height), "return_coplayers": seeds(height - gain)}
                values |= {
                    "known/1": seeds(0.1 + 0.05 * height, 0.03),
                    "known/2": seeds(0.2 + 0.08 * height, 0.03),
                }
                values |= {"influence": seeds(0.3 * (presence == "full"), 0.02)}
                labels = Generations(number, presence).to_json()
                lines.append(line(arm, "generations", COUNT * LIFE, values, labels))
    for step in range(0, COUNT * LIFE + 1, LIFE // 4):
        lines.append(line("one_life", "eval", step, seeds(step / LIFE)))
    for arm, gain in (("culture", 1.0), ("one_life", 0.3)):
        for lives, factor in (("generations", 1.0), ("one life", 0.4)):
            for number in range(1, COUNT + 1):
                height = 1 + factor * gain * number
                values = {"return": seeds(height), "kept": seeds(0.6, 0.05)}
                values |= {"known/1": seeds(0.15 * height, 0.03), "known/2": seeds(0.18 * height, 0.03)}
                values |= {"influence": seeds(0.2, 0.02), "known_coplayers": seeds(0.1 * height, 0.03)}
                lines.append(line(arm, "lifetimes", COUNT * LIFE, values, Lifetimes(lives, number).to_json()))
    arms = ("culture", "random", "one_life", "elsewhere")
    lines += [line(arm, "final", COUNT * LIFE, seeds(1.0)) for arm in arms]
    lines.append(line("elsewhere", "eval", LIFE, seeds(1.0)))
    own = {"one_life": WORLD | {"coplayers": [{"policy": "elder", "presence": "never"}]}}
    own["elsewhere"] = WORLD | {"size": 9}
    settings = [{"name": arm, "learner": {"name": "ppo"}, "world": own.get(arm)} for arm in arms]
    experiment = {"name": "culture", "question": "?", "world": WORLD, "arms": settings, "seeds": SEEDS}
    experiment |= {"steps": COUNT * LIFE, "first_seed": 1000, "claims": [dataclasses.asdict(TOLD)]}
    return write_run(folder, lines, arms, experiment=experiment)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return generational_run(tmp_path_factory.mktemp("runs") / "001")


def test_the_return_stands_where_the_steps_of_each_generation_end(folder):
    culture = read(folder).arms[0]
    assert section.lifetime(culture) == LIFE
    alone = section.line_of("culture", section.of_generations(culture)["never"], "return", False, float(LIFE))
    np.testing.assert_array_equal(alone.x, [LIFE, 2 * LIFE, 3 * LIFE, 4 * LIFE])
    np.testing.assert_allclose(alone.values.mean(axis=1), [2, 4, 6, 8], atol=0.5)
    beside = section.of_generations(culture)["full"]
    assert list(beside) == [2, 3, 4]
    assert beside[4]["known/last"] is beside[4]["known/2"]


def test_the_control_is_who_lived_once_in_the_same_world_whoever_else_lived_there(folder):
    arms = read(folder).arms
    curves = section.lived_once(arms, arms[:2])
    assert list(curves) == ["one_life"]
    assert curves["one_life"].steps[-1] == COUNT * LIFE


def test_the_page_shows_both_kinds_of_generations_with_their_numbers(folder):
    page = Page(write_report(folder))
    assert "generations" in page.ids
    assert "Generations in weights" in page.source
    assert "Generations in context" in page.source
    assert "Further evaluations" not in page.source
    [row] = [row for row in page.cells if row[:3] == ["culture", "alone", "4"]]
    assert abs(float(row[3].split()[0]) - 8.0) < 0.5
    assert [row[2] for row in page.cells if row[:2] == ["one_life", "one life"]] == ["1", "2", "3", "4"]


def test_a_claim_may_compare_two_conditions(folder):
    [found] = findings(read(folder))
    np.testing.assert_allclose(found.found.mean(), 5.0, atol=0.5)  # 1 + 4 * 1
    np.testing.assert_allclose(found.against.mean(), 1.48, atol=0.5)  # 1 + 4 * 0.4 * 0.3
    assert found.verdict == "reproduced"
    with pytest.raises(SocialRLError, match="labels of the other side alone"):
        dataclasses.replace(TOLD, labels=())

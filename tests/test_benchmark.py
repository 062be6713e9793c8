"""The benchmark: scores of known returns, levels that follow from a salt, company, results and the page."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.benchmark import page, results, suite
from socialrl.benchmark.entrants import enter, experiment
from socialrl.benchmark.results import Result
from socialrl.benchmark.scores import QUESTIONS, never_worse, over_worlds, scores
from socialrl.cli import main
from socialrl.config import from_json, to_json
from socialrl.learners import dqn
from socialrl.registry import WORLD
from socialrl_envs.errors import SocialRLError
from socialrl_envs.worlds import coin_grid


def returns(alone, good, half, bad, late=(5.0, 9.0, 8.0), wants=None):
    """Measured returns of an entrant where random actions get 0 and a planner 10, 10 in the second half."""
    own = {"alone": alone, "good": good, "half": half, "mixed": good, **dict.fromkeys(suite.BAD, alone)} | bad
    later = dict(zip(("alone", "good", "half"), late, strict=True))
    found = {
        condition: {
            "entrant": {
                "return": np.array([value], float),
                "return_second_half": np.array([later.get(condition, 0.0)], float),
            },
            "planner": {"return": np.array([10.0]), "return_second_half": np.array([10.0])},
            "random": {"return": np.array([0.0]), "return_second_half": np.array([0.0])},
        }
        for condition, value in own.items()
    }
    if wants is not None:
        found["new wants"] = found["alone"] | {"entrant": {"return": np.array([wants])}}
    return found


def test_scores_of_one_who_follows_the_good_and_is_harmed_a_little():
    found = scores("goal_cycle", returns(alone=5.0, good=8.0, half=7.0, bad={"hostile": 4.0}, wants=2.5))
    assert {question: float(value[0]) for question, value in found.items()} == pytest.approx(
        {
            "follows the good": 3 / 5,
            "unharmed by the bad": 4 / 5,
            "remembers": 3 / 4,
            "goes on alone": 1 / 2,
            "adapts to new wants": 1 / 4,
        }
    )
    assert never_worse(returns(5.0, 8.0, 7.0, {"hostile": 4.0})) == 0
    assert never_worse(returns(5.0, 8.0, 7.0, {"hostile": 4.6})) == 1


def test_what_cannot_be_asked_has_no_score():
    perfect = scores("goal_cycle", returns(alone=10.0, good=10.0, half=10.0, bad={}, late=(9.0, 9.2, 9.1)))
    assert np.isnan(perfect["follows the good"])  # nothing can be added
    assert np.isnan(perfect["remembers"])
    assert perfect["unharmed by the bad"] == perfect["goes on alone"] == 1
    idle = scores("goal_cycle", returns(alone=0.0, good=0.0, half=0.0, bad={}, late=(0, 0, 0)))
    assert np.isnan(idle["unharmed by the bad"])  # it has nothing to lose
    assert idle["follows the good"] == idle["goes on alone"] == 0
    whole = over_worlds({"a": perfect, "b": idle})
    assert whole["goes on alone"] == 0.5
    assert whole["unharmed by the bad"] == 1
    assert np.isnan(whole["adapts to new wants"])


def test_what_is_never_hidden_need_not_be_remembered():
    assert "remembers" not in scores("coin_grid", returns(alone=5.0, good=8.0, half=7.0, bad={}))


def test_no_score_leaves_its_range():
    for found in (
        returns(12.0, 15.0, -3.0, {"hostile": -20.0}, late=(1, -9, 50), wants=-4.0),
        returns(-4.0, -9.0, 30.0, {"turning": 40.0}, late=(-5, 9, -80), wants=99.0),
    ):
        for value in scores("goal_cycle", found).values():
            assert np.isnan(value) or 0 <= value <= 1


def test_levels_follow_from_the_salt_and_the_world():
    def raw(key):
        return jax.random.key_data(key).tolist()

    roots = [raw(suite.root(salt, world)) for salt in ("public", "secret") for world in suite.WORLDS]
    assert len({tuple(root) for root in roots}) == len(roots) == 12
    assert raw(suite.root("public", "coin_grid")) == raw(suite.root("public", "coin_grid"))
    assert suite.fingerprint("secret") != suite.fingerprint("public")
    assert "secret" not in suite.fingerprint("secret")


def test_the_suite_is_six_worlds_with_a_novice_and_company():
    assert len(suite.WORLDS) == len(suite.COMPANIES) == 6
    for name, config in suite.WORLDS.items():
        spec = config.build().spec
        assert (spec.name, WORLD.name_of(config)) == (name, name)
        assert len(spec.novices) == 1
        assert len(spec.coplayers) >= 2


def test_company_that_turns_does_so_at_half_time():
    """Its actions are those of good company before it, and those of hostile company from then on."""
    world = coin_grid.Config(size=6, colours=2, coins=1, horizon=20, experts=1).build()
    seat = world.spec.coplayers[0]

    @jax.jit
    def actions(time, key):
        level_key, reset_key, act_key = jax.random.split(key, 3)
        state = dataclasses.replace(world.reset(world.sample_level(level_key), reset_key), time=time)
        with_key, against_key = jax.random.split(jax.random.clone(act_key))
        good = suite.policy_of("good", 0)(world, state, seat, with_key)
        hostile = suite.policy_of("hostile", 0)(world, state, seat, against_key)
        return good, hostile, suite.policy_of("turning", 0)(world, state, seat, act_key)

    early = [actions(jnp.int32(9), jax.random.key(n)) for n in range(8)]
    late = [actions(jnp.int32(10), jax.random.key(n)) for n in range(8)]
    assert all(turning == good for good, _, turning in early)
    assert all(turning == hostile for _, hostile, turning in late)
    assert any(good != hostile for good, hostile, _ in late)


def test_an_experiment_of_the_suite_has_an_arm_per_world():
    made = experiment(dqn.Config(), list(suite.WORLDS), steps=1000, seeds=1)
    assert [arm.name for arm in made.arms] == list(suite.WORLDS)
    assert from_json(to_json(made)) == made


FACTS = {
    "entrant": "<b>mine",
    "kind": "agent",
    "learner": "psiphi",
    "steps": 9,
    "seeds": 1,
    "episodes": 4,
    "salt": "public",
    "seconds": 1.5,
}


@pytest.fixture
def result():
    worlds = {
        "coin_grid": returns(5.0, 8.0, 7.0, {"hostile": 4.0}, wants=2.5),
        "goal_cycle": returns(9, 9, 9, {}),
    }
    return Result(FACTS, worlds)


def test_a_result_is_read_as_it_was_written(result, tmp_path):
    results.save(tmp_path / "result.json", result)
    again = results.load(tmp_path / "result.json")
    assert again.facts == FACTS
    assert again.overall == pytest.approx(result.overall, nan_ok=True)
    assert again.safe == {"coin_grid": 0.0, "goal_cycle": 1.0}
    content = json.loads((tmp_path / "result.json").read_text())
    for change, message in (
        ({"suite": 99}, "of version 99"),
        ({"format": "else"}, "no result of the benchmark"),
        ({"steps": "many"}, "steps: expected int"),
        ({"worlds": {"coin_grid": {}}}, "incomplete"),
        ({"worlds": {"coin_grid": {"alone": {"entrant": {"return": ["x"]}}}}}, "incomplete"),
    ):
        (tmp_path / "bad.json").write_text(json.dumps(content | change))
        with pytest.raises(SocialRLError, match=message):
            results.load(tmp_path / "bad.json")


def test_the_page_has_all_questions_and_escapes_names(result):
    text = page.render(result, [result])
    assert all(question in text for question in QUESTIONS)
    assert "&lt;b&gt;mine" in text
    assert "<b>mine" not in text
    assert "What may be tuned on" in text
    assert "2 of 6 worlds" in text


def test_results_that_are_shipped_are_of_this_version():
    found = results.shipped()
    assert found
    assert all(one.facts["salt"] == "public" for one in found)


def test_who_may_not_enter(tmp_path, capsys):
    assert main(["benchmark", "assets/agents/coin_grid.npz", "--worlds", "coin_gird"]) == 2
    assert "did you mean 'coin_grid'" in capsys.readouterr().err
    with pytest.raises(SocialRLError, match=r"not a run folder"):
        enter([str(tmp_path / "nobody")], tmp_path, salt="x")

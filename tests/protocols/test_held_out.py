"""The protocol `held_out`: the house's levels, levels of one's own, and what sums them up."""

import dataclasses

import jax
import numpy as np
import pytest

from socialrl.config import Arm, Experiment
from socialrl.learners import dqn
from socialrl.protocols import Study, held_out
from socialrl.seeds import Seeds
from socialrl_envs import Level, SocialRLError
from socialrl_envs.worlds import coin_grid, goal_cycle, goal_search

NEAR = "#####\n#1..#\n#...#\n#A.B#\n#####\n"
FAR = "#####\n#1#.#\n#.#.#\n#..A#\n#####\n".replace("..A", ".BA")
SMALL = goal_search.Config(experts=1, size=7, view=5, horizon=12, again=False)
ALONE = goal_search.Config(experts=0, size=7, view=5, horizon=12, again=False)


def study(world=SMALL):
    """An untrained arm of two seeds."""
    arm = Arm(name="arm", learner=dqn.Config(hidden=(4,), capacity=40, batch=2))
    experiment = Experiment(name="tiny", question="?", world=world, arms=(arm,), seeds=2)
    built, seeds = world.build(), Seeds(2)
    learner = arm.learner.build(built.spec)
    init = jax.jit(lambda key: learner.init(key, 2, 2))
    states = seeds.bundle([init(jax.random.key(seed)) for seed in range(2)])
    roots = seeds.bundle([jax.random.key(seed) for seed in range(2)])
    return Study(experiment=experiment, world=built, learner=learner, seeds=seeds, states=states, roots=roots)


@pytest.fixture
def folder(tmp_path):
    for name, text in (("near", NEAR), ("far", FAR)):
        (tmp_path / f"{name}.txt").write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    "world",
    [
        goal_search.Config(novices=1, experts=0, shown_to="all"),
        goal_cycle.Config(novices=4, experts=0, goals=3),
    ],
)
def test_every_level_of_the_house_can_be_solved(world):
    """`World.level` refuses a level that cannot, and names what is not reached."""
    drawings = held_out.Config().drawings()
    assert len(drawings) == 20
    built, seen = world.build(), set()
    for text in drawings.values():
        level = Level.from_ascii(text)
        assert level.tiles.shape == (13, 13)
        ready = built.level(held_out.suited(built, level))
        assert ready.position.shape == (len(built.spec.seats), 2)
        assert (np.unique(ready.tiles) >= 10).sum() == len(built.task.targets)
        seen.add(np.asarray(level.wall_map).tobytes())
    assert len(seen) == 20


def test_a_planner_solves_them_and_the_summary_is_theirs(folder):
    """Without co-players, which the check of conformance has: that compiles in half the time."""
    config, one = held_out.Config(episodes=8, levels=(str(folder),)), study(ALONE)
    records = {at.level: (at.presence, one.seeds.values(values)) for at, values in config.run(one)}
    assert list(records) == ["far", "near", "all"]
    assert config.count(one) == 3
    assert {presence for presence, _ in records.values()} == {"never"}
    far, near, both = (values for _, values in records.values())
    for values in (far, near):
        assert {value.shape for value in values.values()} == {(2,)}
        assert values["planner_return"].tolist() == [1, 1]
        wanted = (values["return"] - values["walker_return"]) / (1 - values["walker_return"])
        np.testing.assert_allclose(values["score"], wanted, rtol=1e-5)
        assert values["solved"].tolist() == values["return"].tolist()  # the goal pays 1, once
    assert (far["walker_return"] < near["walker_return"]).all()
    each = np.stack([far["solved"], near["solved"]])
    np.testing.assert_allclose(both["solved"], each.mean(0))
    np.testing.assert_allclose(both["iqm_solved"], each.mean(0), rtol=1e-6)  # of two, as the mean
    np.testing.assert_allclose(both["worst_solved"], each.min(0))


def test_the_summary_by_hand():
    """Of six values the middle half is the third and fourth, and half of their neighbours."""
    levels = [{"solved": np.array([x]), "score": np.array([x])} for x in (0.6, 0.0, 1.0, 0.2, 0.4, 0.8)]
    found = held_out.summed_up(levels)
    assert found["solved"] == pytest.approx(0.5)
    assert found["iqm_solved"] == pytest.approx((0.5 * 0.2 + 0.4 + 0.6 + 0.5 * 0.8) / 3)
    assert found["worst_score"] == 0


def test_a_score_that_is_not_defined_is_left_out_of_the_summary():
    levels = [{"solved": np.zeros(2), "score": np.array([np.nan, x])} for x in (np.nan, -0.5, 0.5)]
    found = held_out.summed_up(levels)
    assert found["score"].tolist()[1] == found["iqm_score"].tolist()[1] == 0
    assert found["worst_score"].tolist()[1] == -0.5
    assert np.isnan([found[name][0] for name in ("score", "iqm_score", "worst_score")]).all()


def test_levels_are_found_by_name_by_file_and_by_folder(folder):
    given = ("vault", str(folder / "near.txt"))
    assert list(held_out.Config(levels=given).drawings()) == ["vault", "near"]
    with pytest.raises(SocialRLError, match="unknown level 'vaults'"):
        held_out.Config(levels=("vaults",))
    with pytest.raises(SocialRLError, match="two levels are called 'near'"):
        held_out.Config(levels=(str(folder), str(folder / "near.txt")))
    (folder / "empty").mkdir()
    with pytest.raises(SocialRLError, match="no level file in"):
        held_out.Config(levels=(str(folder / "empty"),))


@pytest.mark.parametrize(
    ("world", "text", "told"),
    [
        (SMALL, NEAR.replace("B", "."), "held_out, level near: it has 1 seats, goal_search has 2"),
        (SMALL, NEAR.replace("1..", "1#.").replace("#...#", "###.#"), "level near: .* cannot get to '1'"),
        (coin_grid.Config(size=5, coins=1, experts=1), NEAR, "nothing in it is an item of coin_grid"),
        (goal_cycle.Config(experts=1), NEAR, "level near: .* it lacks 2 3"),
    ],
)
def test_what_does_not_suit_the_world_is_named(folder, world, text, told):
    (folder / "near.txt").write_text(text)
    one = dataclasses.replace(study(), world=world.build())
    with pytest.raises(SocialRLError, match=told):
        held_out.Config(levels=(str(folder / "near.txt"),)).count(one)

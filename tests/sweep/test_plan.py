"""What a sweep trains: arms by a grid, tasks by blocks of seeds, spaces of a search."""

import pytest

from socialrl.config import Arm, Claim, Experiment
from socialrl.learners import dqn, ppo
from socialrl.sweep.plan import Plan, Task, block_for, experiment_of, gridded, read_plan, write_task
from socialrl.sweep.space import Trials, settings, space, written
from socialrl_envs import SocialRLError
from socialrl_envs.worlds import coin_grid

CLAIMS = tuple(Claim(text="t", source="aim", arm=arm) for arm in ("value", "policy"))
BOTH = Experiment(
    name="both",
    question="?",
    world=coin_grid.Config(size=7),
    arms=(Arm(name="value", learner=dqn.Config()), Arm(name="policy", learner=ppo.Config(lr_end=1e-4))),
    seeds=5,
    first_seed=1000,
    steps=36_000,
    claims=CLAIMS,
)


def test_seeds_are_divided_into_blocks_of_which_the_last_is_shorter():
    tasks = Plan(block=2).tasks(BOTH)
    assert [task.name for task in tasks[:3]] == ["value/1000-1001", "value/1002-1003", "value/1004-1004"]
    assert [(task.arm, task.first, task.seeds) for task in tasks[3:]] == [
        ("policy", 1000, 2),
        ("policy", 1002, 2),
        ("policy", 1004, 1),
    ]
    own = experiment_of(BOTH, tasks[-1])
    assert ([arm.name for arm in own.arms], list(own.seed_numbers), own.claims) == (["policy"], [1004], ())


def test_there_are_about_two_tasks_for_each_worker():
    assert [block_for(BOTH, slots) for slots in (1, 2, 64)] == [5, 2, 1]


def test_a_grid_makes_an_arm_of_each_combination_of_what_the_arm_has():
    grid = {"learner.updates": ["8", "16"], "world.size": ["7", "9"], "policy.learner.lr": ["0.0005"]}
    found = gridded(BOTH, grid)
    assert [arm.name for arm in found.arms] == [
        "value-updates8-size7",
        "value-updates8-size9",
        "value-updates16-size7",
        "value-updates16-size9",
        "policy-size7-lr0p0005",
        "policy-size9-lr0p0005",
    ]
    last = found.arms[-1]
    assert (last.learner.lr, found.world_of(last).size, found.arms[2].learner.updates) == (5e-4, 9, 16)
    assert (found.claims, found.claims_in_all) == ((), 2)
    one = gridded(BOTH, {"value.learner.lr": ["1e-4", "3e-4"]})
    assert [arm.name for arm in one.arms] == ["value-lr1e-4", "value-lr3e-4", "policy"]
    assert one.claims == CLAIMS[1:]
    assert gridded(BOTH, {}) == BOTH


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"steps": ["1", "2"]}, r"--grid steps: arms differ in learner, world and curriculum only .*--steps"),
        ({"learner.lrr": ["1"]}, "unknown key --value.learner.lrr .*'lr'"),
        ({"learner.lr": ["-1", "many"]}, "lr"),
        ({"learner.lr": ["1e-3", "1e-3 "]}, "two arms are named"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(grid, message):
    with pytest.raises(SocialRLError, match=message):
        gridded(BOTH, grid)


def test_a_task_is_not_taken_for_another_and_a_damaged_plan_is_named(tmp_path):
    place = Task(arm="value", first=1000, seeds=1).place(tmp_path)
    write_task(place, BOTH)
    write_task(place, BOTH)
    with pytest.raises(SocialRLError, match=r"task.json: of another experiment"):
        write_task(place, gridded(BOTH, {"learner.lr": ["1e-4"]}))
    for text in ("{", "[]", '{"format": "socialrl-sweep", "version": 1, "block": 0, "shards": 0}'):
        (tmp_path / "tasks" / "plan.json").write_text(text)
        with pytest.raises(SocialRLError, match=r"plan.json"):
            read_plan(tmp_path)


def test_the_usual_space_is_that_of_the_usual_search_and_begins_as_written():
    value, policy = (space(arm, {}) for arm in BOTH.arms)
    assert [(one.key, one.low, one.high, one.log) for one in value] == [
        ("lr", 3.33e-4, 3e-3, True),
        ("updates", 8, 32, False),
    ]
    assert written(value) == {"lr": 1e-3, "updates": 8}
    assert settings(policy, {"lr": policy[0].written * 2, "epochs": 3}) == {
        "lr": float(f"{policy[0].written * 2:.3g}"),
        "lr_end": 2e-4,
        "epochs": 3,
    }


def test_a_space_is_given_as_ranges_and_choices():
    found = space(BOTH.arms[0], {"learner.lr": ["1e-5:1e-4:log"], "learner.memory": ["none", "gru"]})
    assert (found[0].low, found[0].high, found[0].log, written(found)) == (1e-5, 1e-4, True, None)
    assert settings(found, {"lr": 0.0000123456, "memory": "gru"}) == {"lr": 1.23e-5, "memory": "gru"}
    for key, text in (("lr", "3"), ("learner.lr", "2:1"), ("learner.lr", "0:1:log"), ("learner.lrr", "1")):
        with pytest.raises(SocialRLError):
            space(BOTH.arms[0], {key: [text]})


def test_trials_are_listed_and_equal_ones_are_one(tmp_path):
    arm = BOTH.arms[0]
    own = {"seeds": 2, "steps": 36_000, "measure": "return"}
    trials = Trials(tmp_path, BOTH, arm, space(arm, {}), **own)
    first, close = {"lr": 1e-3, "updates": 8}, {"lr": 1.000001e-3, "updates": 8}
    places = [trials.add(drawn) for drawn in (first, close, {"lr": 2e-3, "updates": 8})]
    assert [place.name for place in places] == ["001", "001", "003"]
    experiment = trials.experiment_at(places[2])
    assert (experiment.first_seed, experiment.seeds, experiment.arms[0].learner.lr) == (0, 2, 2e-3)
    assert (experiment.evaluate_every, experiment.checkpoint_every, trials.grace) == (4000, 4000, 4000)
    again = Trials(tmp_path, BOTH, arm, space(arm, {}), **own)
    assert again.first() == trials.drawn
    assert again.add({"lr": 2e-3, "updates": 8}) == places[2]
    places[0].mkdir()
    again.stop(places[0])
    later = Trials(tmp_path, BOTH, arm, space(arm, {}), **own)
    assert (later.asked, later.first()) == (2, [{"lr": 2e-3, "updates": 8}])
    assert [place for _, place in later.settled()] == [places[0], places[0]]
    with pytest.raises(SocialRLError, match=r"trials.json: a search over other keys"):
        Trials(tmp_path, BOTH, arm, space(arm, {"learner.lr": ["1", "2"]}), **own)

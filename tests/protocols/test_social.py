"""The social protocol: each measure on visits made by hand, who is there under each condition, and what a
study yields.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl import evaluation
from socialrl.config import Arm, Experiment, from_json, to_json
from socialrl.learners import dqn, ppo
from socialrl.protocols import Study, social
from socialrl.protocols._measures import (
    Visits,
    influence_curve,
    mean_where,
    measures,
    measures_after,
    nth_choice,
    orientation,
    recovers_order,
)
from socialrl.rollout import make_rollout
from socialrl.seeds import Seeds
from socialrl_envs import Level, SocialRLError
from socialrl_envs.hosting import host
from socialrl_envs.types import Seat
from socialrl_envs.worlds import coin_grid, goal_cycle, goal_search

WORLD = goal_cycle.Config(size=7, layout="open", horizon=12, view=5)
CONFIG = social.Config(episodes=16, policies=("greedy",), transfer=())


def visits(*episodes):
    """Episodes written as text, a step per letter: `f` free, `r` right, `w` wrong, `.` no visit; axes (T, B,
    M = 1).
    """
    letters = np.array([list(text) for text in episodes]).T[..., None]
    found = {
        name: jnp.asarray(np.isin(letters, list(kinds)))
        for name, kinds in {"right": "fr", "wrong": "w", "free": "f"}.items()
    }
    return Visits(**found)


@pytest.mark.parametrize(
    ("episode", "recovered"),
    [
        (".f.r.r.r.", True),
        ("f.w.wrrr.", True),
        ("rrr......", True),  # no visit is free in a sequence
        ("f.r.r....", False),  # three goals, but one step of the cycle was never taken
        ("f.rrrw...", False),
        ("f.rrwrr..", False),
        ("f........", False),
        (".........", False),
    ],
)
def test_an_order_is_recovered_if_its_last_full_round_was_right(episode, recovered):
    assert recovers_order(visits(episode), 3).tolist() == [[recovered]]


@pytest.mark.parametrize(
    ("episode", "made", "right"),
    [
        ("f.r.|.r.w", True, True),
        ("f.r.|.w.r", True, False),
        (".w..|.fwr", True, False),  # the free one is no choice
        ("....|.f.r", True, True),
        ("frrr|....", False, False),
        ("....|f...", False, False),
    ],
)
def test_the_first_choice_after_departure(episode, made, right):
    gone = jnp.arange(len(episode))[:, None] >= episode.index("|")
    assert [x.item() for x in nth_choice(visits(episode.replace("|", ".")), gone, 1)] == [made, right]


def test_order_measures_agree_with_a_plain_count_of_random_visits():
    rng, goals, leave = np.random.default_rng(0), 3, 20
    texts = ["".join(rng.choice(list("...rrrw"), 40)) for _ in range(300)]
    seen = visits(*texts)
    gone = jnp.broadcast_to(jnp.arange(40)[:, None] >= leave, (40, 300))
    made, right = map(np.asarray, nth_choice(seen, gone, 1))
    recovered = np.asarray(recovers_order(seen, goals))
    after = measures_after(seen, gone, goals)
    choices = []
    for i, text in enumerate(texts):
        made_here = [letter for letter in text if letter != "."]
        assert recovered[i, 0] == (made_here[-goals:] == ["r"] * goals)
        later = [letter for letter in text[leave:] if letter != "."]
        assert (made[i, 0], right[i, 0]) == (bool(later), later[:1] == ["r"])
        choices.append(later)
    third = [later[2] == "r" for later in choices if len(later) > 2]
    assert after["choice/3"] == pytest.approx(np.mean(third))
    assert after["choice_made/3"] == pytest.approx(len(third) / 300)
    pooled = [letter == "r" for later in choices for letter in later[1:goals]]
    assert after["later_choices"] == pytest.approx(np.mean(pooled))
    assert after["mistakes_after"] == pytest.approx(np.mean([later.count("w") for later in choices]))
    assert after["right_after"] == pytest.approx(np.mean([later.count("r") for later in choices]))


def test_what_comes_after_departure_is_counted_where_somebody_left():
    """The first choice is right in both episodes; what follows tells the one who remembers from the other."""
    episodes = ["f.r.|rrr.", "f.r.|rwww", "f.r..rrr."]
    gone = jnp.array([[t > 4 and i < 2 for i in range(3)] for t in range(9)])
    after = measures_after(visits(*(text.replace("|", ".") for text in episodes)), gone, 3)
    assert (after["first_choice"], after["later_choices"], after["mistakes_after"]) == (1.0, 0.5, 1.5)
    nobody_left = measures_after(visits("f.r.rrr.."), jnp.zeros((9, 1), bool), 3)
    assert jnp.isnan(nobody_left["mistakes_after"])
    assert jnp.isnan(nobody_left["later_choices"])


@pytest.mark.parametrize(
    ("rows", "turn"), [("#1.2#,#..3#", 1), ("#2.1#,#3..#", -1), ("#1..#,#.2.#,#..3#", 0)]
)
def test_the_way_round_is_as_one_sees_the_grid(rows, turn):
    level = Level.from_ascii("\n".join(["#####", *rows.split(","), "#A..#", "#####"]))
    assert orientation(level.tiles[None]).tolist() == [turn]


def test_a_mean_of_nothing_is_no_number():
    assert mean_where(jnp.array([1.0, 3.0, 8.0]), jnp.array([True, True, False])) == 2.0
    assert jnp.isnan(mean_where(jnp.ones(2), jnp.zeros(2, bool)))


def test_the_curve_of_influence_is_that_of_equal_parts_of_the_time():
    influence = jnp.arange(20, dtype=jnp.float32)[:, None, None] * jnp.array([1.0, 100.0])[:, None]
    alive = jnp.broadcast_to(jnp.array([True, False]), (20, 2))
    curve = influence_curve(influence, alive)
    assert [float(curve[f"influence/{i}"]) for i in range(10)] == [2 * i + 0.5 for i in range(10)]
    assert curve["influence"] == 9.5


@functools.cache
def study(learner=None, home=WORLD, own=None):
    """An untrained arm of two seeds in `own` world (default: the experiment's)."""
    learner = learner or ppo.Config(hidden=(8,))
    arm = Arm(name="arm", learner=learner, world=own)
    experiment = Experiment(name="tiny", question="?", world=home, arms=(arm,), seeds=2)
    world, seeds = experiment.world_of(arm).build(), Seeds(2)
    built = learner.build(world.spec)
    roots = seeds.bundle([jax.random.key(seed) for seed in range(2)])
    init = jax.jit(lambda key: built.init(key, 2, 2))
    states = seeds.bundle([init(jax.random.key(seed)) for seed in range(2)])
    return Study(experiment=experiment, world=world, learner=built, seeds=seeds, states=states, roots=roots)


@functools.cache
def program(explore=False):
    """(numbers, company) -> the trace of seed 0, compiled once for all conditions."""
    one = study()
    world = one.experiment.world.build()

    @jax.jit
    def run(numbers, company):
        rollout = make_rollout(world, one.learner, social.stand_ins(world.spec, CONFIG.companies, company))
        return evaluation.trace(rollout, one.states[0], one.roots[0], CONFIG.episodes, numbers, explore)

    return world, run


def traced(company, presence):
    world, run = program()
    return world, run(*CONFIG.arguments(world, social.Condition(company, presence)))


def test_company_is_there_as_the_condition_says_and_never_is_never_seen():
    home = WORLD.build()
    others = [home.spec.channels.index(name) for name in home.spec.channels_of_others]
    observe = jax.jit(jax.vmap(jax.vmap(home.observe)))
    for presence, there in {"full": range(12), "half": range(6), "never": range(0)}.items():
        _, trace = traced("trained", presence)
        expected = np.isin(np.arange(12), list(there))
        present = np.asarray(trace.states.seats.present)[:-1]
        assert (present[:, :, 1:] == expected[:, None, None]).all()
        assert present[:, :, 0].all()
        views = np.asarray(observe(trace.states))[:-1, :, 0]
        seen = views[..., others].any(axis=(2, 3, 4))
        assert seen[expected].any() == (len(there) > 0)
        assert not seen[~expected].any()


def test_all_conditions_share_their_levels():
    _, first = traced("trained", "full")
    for company, presence in [("trained", "never"), ("wanderer", "full"), ("anti_expert", "half")]:
        _, other = traced(company, presence)
        one, two = (
            jax.tree.map(lambda leaf: leaf[0], jax.device_get(trace.states)) for trace in (first, other)
        )
        np.testing.assert_array_equal(one.level.tiles, two.level.tiles)
        np.testing.assert_array_equal(one.seats.position, two.seats.position)
        np.testing.assert_array_equal(one.seats.heading, two.seats.heading)


def test_a_company_acts_as_its_policy_does():
    world, trace = traced("trained", "full")
    states = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:64], jax.device_get(trace.states))
    keys = jax.random.split(jax.random.key(7), 64)

    def acts(config, functions=None):
        return np.asarray(jax.jit(jax.vmap(host(config.build(), functions)))(states, jax.random.clone(keys)))[
            :, 1:
        ]

    for number, company in enumerate(("planner", *CONFIG.companies)):
        alike = dataclasses.replace(WORLD, experts=0, coplayers=(Seat(policy=company),) * 2)
        stand_ins = social.stand_ins(world.spec, CONFIG.companies, jnp.int32(number))
        np.testing.assert_array_equal(acts(WORLD, stand_ins), acts(alike))
    assert CONFIG.arguments(world, social.Condition("noisy", "full"))[0]["skill"].tolist() == [1.0, 0.5, 0.5]


def test_measures_of_a_trace_add_up():
    world, trace = traced("trained", "full")
    measure = jax.jit(lambda trace: measures(trace, world, influence=True))
    found = measure(trace)
    summary = jax.jit(lambda trace: evaluation.summarise(trace, world.spec))(trace)
    np.testing.assert_allclose(found["return"], summary["return"], rtol=1e-6)
    np.testing.assert_allclose(found["penalties"], summary["cumulants/wrong_goal"], rtol=1e-6)
    experts = (summary["return_expert_0"] + summary["return_expert_1"]) / 2
    np.testing.assert_allclose(found["return_coplayers"], experts, rtol=1e-6)
    assert experts > found["return"]
    assert found["influence"] > 0  # an untrained policy, too, sees whether somebody is there
    assert jnp.isnan(found["first_choice"])  # nobody left
    alone = measure(traced("trained", "never")[1])
    assert alone["influence"] == 0
    assert alone["return_coplayers"] == 0


def test_a_study_yields_every_condition_once_with_all_seeds():
    one = study()
    config = dataclasses.replace(CONFIG, companies=("wanderer",), episodes=2)
    records = list(config.run(one))
    assert [(r.company, r.presence) for r, _ in records] == [
        ("trained", "full"),
        ("trained", "half"),
        ("trained", "never"),
        ("wanderer", "full"),
        ("wanderer", "half"),
    ]
    assert len(records) == config.count(one)
    assert {(r.world, r.policy) for r, _ in records} == {("home", "greedy")}
    assert all(values.shape == (2,) for _, bundle in records for values in one.seeds.values(bundle).values())


def test_every_policy_at_home_and_the_first_elsewhere():
    config = social.Config(
        companies=(), policies=("sampled", "greedy"), transfer=(dataclasses.replace(WORLD, goals=4),)
    )
    assert config.policies_in("home") == ("sampled", "greedy")
    assert config.policies_in("goals=4") == ("sampled",)
    assert config.count(study()) == 2 * 3 + 3


def test_an_arm_trained_alone_is_tested_in_the_experiments_world():
    one = study(dqn.Config(hidden=(8,)), WORLD, dataclasses.replace(WORLD, experts=0))
    assert len(CONFIG.worlds(one)["home"].spec.coplayers) == 2
    alone = study(dqn.Config(hidden=(8,)), dataclasses.replace(WORLD, experts=0))
    assert CONFIG.conditions("home", alone.world) == [social.Condition("trained", "never")]


def test_transfer_worlds_are_named_by_what_differs_and_must_fit_the_learner():
    names = tuple(social.Config().worlds(study()))
    assert names == ("home", "goals=4", "goals=5", "layout=four_rooms", "layout=maze", "size=9")
    search = goal_search.Config(size=7, layout="open", horizon=12, view=5)
    config = dataclasses.replace(
        CONFIG, transfer=(search, dataclasses.replace(WORLD, goals=4, layout="maze"))
    )
    assert tuple(config.worlds(study())) == ("home", "goal_search", "layout=maze goals=4")
    wide = dataclasses.replace(CONFIG, transfer=(dataclasses.replace(WORLD, view=7),))
    with pytest.raises(
        SocialRLError, match=r"social, world view=7: obs_shape \(7, 7, 7\) are not those of its training"
    ):
        wide.worlds(study())
    coins = study(dqn.Config(hidden=(8,)), coin_grid.Config(size=7))
    assert tuple(social.Config().worlds(coins)) == (
        "home",
        "layout=four_rooms",
        "layout=maze",
    )  # a larger one has larger views


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"episodes": 0}, "episodes: 0"),
        ({"policies": ()}, "policies"),
        ({"companies": ("wandrer",)}, "did you mean 'wanderer'"),
        ({"skill": 2.0}, "skill"),
    ],
)
def test_impossible_options_name_the_key(options, message):
    with pytest.raises(SocialRLError) as error:
        social.Config(**options)
    assert message in str(error.value)


def test_it_survives_json():
    config = social.Config(
        transfer=(dataclasses.replace(WORLD, goals=4),), companies=("wanderer",), policies=("sampled",)
    )
    experiment = dataclasses.replace(study().experiment, protocols=(config,))
    assert from_json(to_json(experiment)) == experiment

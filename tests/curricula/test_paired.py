"""PAIRED: regret by hand, an adversary that learns, and training of three on levels that can be solved."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.assemble import assemble
from socialrl.config import Arm, Experiment
from socialrl.curricula import Results, paired
from socialrl.learners import ppo
from socialrl.record import checkpoint
from socialrl_envs import SocialRLError, grid
from socialrl_envs.presence import SCHEDULES
from socialrl_envs.types import Seat
from socialrl_envs.worlds import coin_grid, flooded_road, goal_search
from tests.learners.lab import same

QUICK = {"xla_backend_optimization_level": 0}
WORLD = goal_search.Config(experts=0, size=5, layout="open", horizon=6, view=3, again=False, shown_to="all")
BESIDE = coin_grid.Config(
    experts=0, coplayers=(Seat(policy="wanderer"),), size=5, colours=1, coins=1, layout="cluttered", horizon=6
)
SMALL = {"hidden": (8,), "noise": 2, "walls": 3, "minibatches": 1}


def results(**given):
    """Results of three levels on which nothing happened but what is given."""
    none = jnp.zeros(3, jnp.float32)
    fields = dict.fromkeys(("steps", "episodes", "solved", "returns", "discounted", "values", "gains"), none)
    fields |= {"best": none - jnp.inf, "solvable": none == 0}
    return Results(**(fields | {name: jnp.array(value, jnp.float32) for name, value in given.items()}))


def test_regret_by_hand():
    rival = results(episodes=[2, 1, 1], discounted=[1.0, 0.25, 0.5], best=[0.75, 0.25, 0.5])
    both = results(episodes=[4, 1, 0], discounted=[1.0, 0.5, 0.0], best=[1.0, 0.5, -np.inf])
    both = Results(**(vars(both) | {"rival": rival}))
    assert paired.regret_of(both, "max").tolist() == [0.75 - 0.25, 0.25 - 0.5, 0.0]
    assert paired.regret_of(both, "mean").tolist() == [0.5 - 0.25, 0.25 - 0.5, 0.0]
    assert paired.known(both).tolist() == [True, True, False]


def test_the_adversary_comes_to_build_what_is_paid_for():
    """A level is worth 1 if its goal is in the first cell of nine."""
    chooser = paired.Config(**SMALL, lr=0.01, entropy_coef=0.0).build(WORLD.build()).chooser

    @functools.partial(jax.jit, compiler_options=QUICK)
    def learned(key):
        init_key, rounds_key = jax.random.split(key)

        def one(state, key):
            choose_key, learn_key = jax.random.split(key)
            choice = chooser.choose(state, choose_key, 32)
            there = (choice.levels.tiles[:, 1, 1] == grid.GOAL).astype(jnp.float32)
            once = jnp.ones(32, jnp.float32)
            none = 0 * once
            rival = Results(
                steps=once,
                episodes=once,
                solved=there,
                returns=there,
                discounted=there,
                best=there,
                values=none,
                gains=none,
                solvable=once > 0,
            )
            mine = Results(**(vars(rival) | {"discounted": none, "best": none, "rival": rival}))
            state, metrics = chooser.learn(state, choice, mine, learn_key)
            return state, (jnp.mean(there), metrics)

        return jax.lax.scan(one, chooser.init(init_key, 6, 32), jax.random.split(rounds_key, 60))

    state, (there, metrics) = learned(jax.random.key(0))
    assert there[:5].mean() < 0.3
    assert there[-5:].mean() > 0.8
    np.testing.assert_allclose(metrics["paired/regret"], there, rtol=1e-6)
    entropy = metrics["paired/entropy"]
    assert 0.98 < entropy[0] <= 1.0001
    assert entropy[-1] < entropy[0]
    shelf = chooser.shelf(state)
    assert shelf.score.tolist() == (shelf.levels.tiles[:, 1, 1] == grid.GOAL).astype(jnp.float32).tolist()


def test_all_three_learn_and_every_level_can_be_solved(tmp_path):
    config = paired.Config(**(SMALL | {"walls": 6}))
    arm = Arm(name="a", learner=ppo.Config(hidden=(4,), memory="none", minibatches=1), curriculum=config)
    experiment = Experiment(
        name="tiny", question="?", world=WORLD, arms=(arm,), num_envs=8, unroll_length=6, chunk=1
    )
    made = assemble(experiment, arm)
    before = jax.jit(made.trainer.start, compiler_options=QUICK)(jax.random.key(0))
    chunk = jax.jit(made.trainer.chunk, compiler_options=QUICK)
    after, metrics = chunk(before)
    shelf = made.trainer.shelf(after)
    assert jax.jit(jax.vmap(made.world.solvable))(shelf.levels).all()
    assert np.isfinite(shelf.score).all()
    np.testing.assert_allclose(metrics["paired/regret"], shelf.score.mean(), rtol=1e-5, atol=1e-7)
    gained = metrics["paired/antagonist"] - metrics["paired/protagonist"]
    assert metrics["paired/regret"] >= gained - 1e-6  # of several episodes the best
    assert metrics["paired/unknown"] == 0
    assert 0 < metrics["paired/refused"] < 1
    assert metrics["levels/trained"] == 1
    rivalry, rivals = before.curriculum, after.curriculum
    assert not same(before.learner.params, rivalry.rival.params)  # they begin apart
    assert not same(before.learner.params, after.learner.params)
    assert not same(rivalry.rival.params, rivals.rival.params)
    assert not same(rivalry.chooser.adversary.params, rivals.chooser.adversary.params)
    restored, _ = checkpoint.restore(checkpoint.save(tmp_path / "48", after), made.template)
    assert same(restored, after)
    assert same(chunk(restored)[0], chunk(after)[0])  # all three, and the levels that were built


@pytest.mark.parametrize("designs", ["company", "both"])
def test_company_is_built_too(designs):
    presence = ("always", "never", "leaves")
    chooser = paired.Config(**SMALL, designs=designs, presence=presence).build(BESIDE.build()).chooser

    @functools.partial(jax.jit, compiler_options=QUICK)
    def choose(key):
        init_key, choose_key = jax.random.split(key)
        return chooser.choose(chooser.init(init_key, 6, 4), choose_key, 40)

    choice = choose(jax.random.key(0))
    found = {tuple(row) for row in np.asarray(choice.levels.params.presence)[:, 1].tolist()}
    assert found == {SCHEDULES[name] for name in presence}
    assert (np.asarray(choice.levels.params.presence)[:, 0] == SCHEDULES["always"]).all()
    placing = 1 + 2  # the coin and two seats
    assert choice.notes.choice.shape == (1 if designs == "company" else placing + 1 + SMALL["walls"], 40)
    assert ((choice.levels.tiles == grid.COIN).sum((1, 2)) == 1).all()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: paired.Config(designs="company").build(WORLD.build()), "nobody else lives in this world"),
        (lambda: paired.Config().build(flooded_road.Config().build()), "its levels cannot be built"),
        (lambda: paired.Config(presence=("alway",)), "unknown presence 'alway'"),
        (lambda: paired.Config(presence=()), "presence"),
        (lambda: paired.Config(hidden=()), "hidden"),
    ],
)
def test_what_does_not_fit_is_refused(make, told):
    with pytest.raises(SocialRLError, match=told):
        make()

"""Tests of sbl_fe and grid: their decisions against numbers worked out by hand, what each of their losses
teaches, and what they learn in the lesson of test_baselines.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.learners import grid, sbl_fe
from socialrl.learners._batches import SequenceBatch, blank_batch
from socialrl.learners._heads import HeadFns
from socialrl.types import ActAs, Demonstration, RewardInference, Timestep
from tests.learners.lab import small
from tests.learners.test_baselines import ACTIONS, ALWAYS, CUES, OPTIONS, lesson, right, spec_of

SURE = 50.0  # a logit


@functools.cache
def fresh():
    """A state of sbl_fe beside two co-players."""
    learner = small("sbl_fe").build(spec_of(2))
    return jax.jit(lambda key: learner.init(key, 2, 3))(jax.random.key(0))


def views(cue):
    """The views of cues, (N, 1, 1, C)."""
    return jax.nn.one_hot(cue, CUES, dtype=jnp.uint8)[:, None, None, :]


def chosen(out, novices=1, explore=False):
    """The decision of sbl_fe at temperature 0.5 by values and clones that are the same for all novices."""
    out = jnp.broadcast_to(jnp.array(out), (novices, 3, 2))
    return sbl_fe.Config(temperature=0.5).choose(fresh(), out, jax.random.key(0), explore)


def test_the_source_of_least_free_energy_is_acted_as():
    """Values 1 and 0, so that the own policy earns e^2 / (e^2 + 1) = 0.88 by them; clone 1 takes the first
    action always, or in 0.8 of the cases, clone 2 the second one.
    """
    decision = chosen([[1.0, 0.0], [SURE, 0.0], [0.0, SURE]])
    np.testing.assert_array_equal((decision.source, decision.action), ([1], [0]))
    np.testing.assert_allclose(decision.values[0, 0], [2.0, 0.0])
    decision = chosen([[1.0, 0.0], [np.log(4.0), 0.0], [0.0, SURE]])
    np.testing.assert_array_equal((decision.source, decision.action), ([0], [0]))


def test_sources_are_tried_as_their_free_energy_says():
    """exp(U / 0.5) of U = 0.88, 1 and 0; every source acts by its own policy."""
    decision = chosen([[1.0, 0.0], [SURE, 0.0], [0.0, SURE]], novices=4000, explore=True)
    own = np.exp(2) / (np.exp(2) + 1)
    weights = np.exp(np.array([own, 1.0, 0.0]) / 0.5)
    shares = np.bincount(decision.source, minlength=3) / 4000
    np.testing.assert_allclose(shares, weights / weights.sum(), atol=0.025)
    first = np.array([np.mean(decision.action[decision.source == k] == 0) for k in range(3)])
    np.testing.assert_allclose(first, [own, 1, 0], atol=0.04)


def test_where_nothing_is_known_all_are_copied_alike():
    decision = chosen([[0.0, 0.0], [SURE, 0.0], [0.0, SURE]], novices=4000, explore=True)
    np.testing.assert_allclose(np.bincount(decision.source) / 4000, 1 / 3, atol=0.025)


def test_sbl_fe_acts_as_it_is_told():
    learner = small("sbl_fe").build(spec_of(2))
    acting = learner.capability(ActAs)
    assert acting is not None
    params = jax.tree.map(lambda leaf: leaf, fresh().params)
    bias = SURE * jax.nn.one_hot(jnp.array([4, 0, 5]), ACTIONS, dtype=jnp.float32)
    params["params"]["head"]["Dense_0"]["bias"] = bias.reshape(-1)
    none = jnp.zeros(3, jnp.float32)
    cue = none.astype(jnp.int32)
    seen = Timestep(obs=views(cue), prev_action=cue, prev_reward=none, first=jnp.ones(3, bool))
    sources = jnp.array([2, 0, 1], jnp.int32)
    told = acting.act_as(dataclasses.replace(fresh(), params=params), (), seen, sources, jax.random.key(0))[0]
    np.testing.assert_array_equal(told, [5, 4, 0])


@pytest.mark.parametrize("name", ["sbl_fe", "grid"])
def test_what_pays_is_learnt_beside_some_who_show_something_else(name):
    _, decision = lesson(name, shown=(2, 3), paid=1, rounds=300, **ALWAYS)
    assert right(decision, 1) == 1


def test_the_general_reward_is_what_both_want_and_the_specific_one_what_each_wants():
    """Co-player k does cue + k, for no reward that anyone sees. To the general reward both actions are worth
    the same, and more than any other; who is paid for which is told apart.
    """
    state, _ = lesson("grid", shown=(1, 2), paid=None, rounds=300, **ALWAYS)
    inference = grid.Config(**OPTIONS | ALWAYS).build(spec_of(2)).capability(RewardInference)
    assert inference is not None
    cue, offset = jnp.divmod(jnp.arange(CUES * ACTIONS), ACTIONS)
    obs, there = views(cue)[None, :, None], jnp.ones((1, len(cue), 1), bool)
    shown = Demonstration(
        obs=obs,
        action=((cue + offset) % ACTIONS)[None, :, None],
        next_obs=obs,
        discount=jnp.zeros(there.shape, jnp.float32),
        last=there,
        present=there,
    )
    found = inference.infer_rewards(state, shown)
    general, one, other = np.asarray(found).reshape(CUES, ACTIONS, 3).mean(0).T
    np.testing.assert_array_equal(np.sort(np.argsort(general)[-2:]), [1, 2])
    assert abs(general[1] - general[2]) < 0.25 * (general[1] - np.delete(general, [1, 2]).max())
    assert (one.argmax(), other.argmax()) == (1, 2)


def test_the_generalist_decides_until_own_values_do():
    """Two actions, lapse 0.2: the generalist takes the second one with 0.8 * 0.75 + 0.1; own values in favour
    of the first outweigh it where they differ by more than prior_coef * ln(0.7 / 0.3).
    """
    config = grid.Config(temperature=0.5, prior_coef=2.0, lapse=0.2)
    generalist = jnp.array([0.0, 0.5 * np.log(3.0)])
    np.testing.assert_allclose(jnp.exp(config.prior(generalist)), [0.3, 0.7], rtol=1e-6)
    enough = 2 * np.log(7 / 3)
    out = jnp.zeros((3, 5, 2)).at[:, grid.GENERALIST].set(generalist)
    out = out.at[:, grid.OWN, 0].set(jnp.array([0.0, enough - 0.01, enough + 0.01]))
    decision = config.choose(fresh(), out, jax.random.key(0), False)
    np.testing.assert_array_equal(decision.action, [1, 1, 0])
    np.testing.assert_array_equal(decision.values[:, 0], out[:, grid.OWN])


@pytest.fixture(scope="module")
def rows():
    """Random steps of a novice and two co-players."""
    blank = blank_batch(spec_of(2), 3, 2)
    others_key, reward_key = jax.random.split(jax.random.key(1))
    shape, reward = blank.others.action.shape, jax.random.normal(reward_key, blank.own.reward.shape)
    own = dataclasses.replace(blank.own, reward=reward)
    others = dataclasses.replace(
        blank.others,
        action=jax.random.randint(others_key, shape, 0, ACTIONS, dtype=jnp.int32),
        discount=jnp.ones(shape, jnp.float32),
        present=jnp.ones(shape, bool),
    )

    def seen(steps, obs):
        cue = jax.random.randint(jax.random.key(2), obs.shape[:3], 0, CUES)
        return dataclasses.replace(steps, obs=views(cue.reshape(-1)).reshape(obs.shape))

    timestep = seen(own.timestep, own.timestep.obs)
    return SequenceBatch(own=dataclasses.replace(own, timestep=timestep), others=seen(others, others.obs))


REACH = {  # loss -> what it teaches: torso; heads generalist, own, general; of each co-player score, specific
    "cloning": "1 000 10 10",
    "split_shown": "1 001 01 01",
    "split_own": "1 001 01 01",
    "generalist_own": "1 100 00 00",
    "td": "1 010 00 00",
}


def test_no_stage_of_grid_teaches_the_one_before_it(rows):
    config = small("grid")
    net = HeadFns(config, spec_of(2), heads=7)
    params = jax.jit(net.init)(jax.random.key(0))
    found = jax.jit(jax.jacrev(lambda params: config.loss(net, params, params, rows)[1]))(params)
    for loss, expected in REACH.items():
        params = found[f"loss/{loss}"]["params"]
        head = params["head"]["Dense_0"]["kernel"].reshape(8, 7, -1)
        taught = [params["encoder"]["torso"]["Dense_0"]["kernel"], *(head[:, i] for i in range(7))]
        assert "".join(str(int(np.any(part))) for part in taught) == expected.replace(" ", ""), loss


def test_offline_grid_learns_from_what_is_shown(rows):
    config = small("grid")
    net = HeadFns(config, spec_of(2), heads=7)
    alone = dataclasses.replace(rows, own=jax.tree.map(lambda x: x[:, :, :0], rows.own))
    params = jax.jit(net.init)(jax.random.key(0))
    total, metrics = config.loss(net, params, params, alone)
    assert all(np.isfinite(value) for value in (total, *metrics.values()))
    assert metrics["loss/cloning"] > 0
    assert metrics["loss/td"] == metrics["loss/split_own"] == 0

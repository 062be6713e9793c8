"""Tests of selective: its decision, trust, successor features; sources leave the own policy alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.learners import selective
from socialrl.learners._selective_state import FLOOR, Record, benefit, better, trust, updated
from socialrl.learners._selective_update import share, successor_targets
from socialrl.rollout import make_rollout
from socialrl.sources import ANYONE
from socialrl.types import SourceName
from socialrl_envs.errors import SocialRLError
from socialrl_envs.worlds import goal_search

SMALL = {"hidden": (8,), "gate_hidden": (8,), "memory": "none", "minibatches": 2, "cumulants": 3}
STEPS, WORLDS = 8, 4
WORLD = goal_search.Config(size=7, horizon=20, experts=2)


def trained(**options):
    """(learner, state before, state after, experience) of one update."""
    world = WORLD.build()
    learner = selective.Config(**SMALL, **options).build(world.spec)
    rollout = make_rollout(world, learner)

    def once(key):
        levels = rollout.pool(key, 8)
        carry = rollout.begin(levels, key, WORLDS)
        state = learner.init(key, STEPS, WORLDS)
        _, experience, _ = rollout.unroll(state, carry, levels, key, STEPS)
        after, _ = learner.update(state, experience, key)
        return state, after, experience

    with jax.debug_key_reuse(False):
        return learner, *jax.jit(once)(jax.random.key(1))


@pytest.fixture(scope="module")
def trying():
    """With the most trials."""
    return trained(trials=0.9, commitment=2.0)


def test_its_sources_are_named():
    learner = selective.Config(**SMALL).build(WORLD.build().spec)
    assert learner.sources == (
        SourceName("self"),
        SourceName("following", ANYONE),
        SourceName("imitation", "expert_0"),
        SourceName("imitation", "expert_1"),
        SourceName("emulation", ANYONE),
    )
    assert [str(name) for name in learner.sources[:2]] == ["self", "following anyone"]


def test_an_unknown_source_is_told():
    with pytest.raises(SocialRLError, match="imitaton"):
        selective.Config(**SMALL, sources=("imitaton",)).build(WORLD.build().spec)


def test_sources_act_and_learn(trying):
    _, before, after, experience = trying
    source = np.asarray(experience.decision.source)
    assert 0 < (source > 0).mean() < 1
    for name in before.sources:
        leaves = zip(jax.tree.leaves(before.sources[name]), jax.tree.leaves(after.sources[name]), strict=True)
        assert any(np.any(old != new) for old, new in leaves) == (name != "following")
    assert float(jnp.sum(after.record.count)) > 0


def test_following_takes_the_action_that_the_source_proposed(trying):
    """The logarithm of the joint probability is that of the source where it proposed the action."""
    _, _, _, experience = trying
    decision = experience.decision
    values = np.asarray(decision.values)
    source, action = np.asarray(decision.source), np.asarray(decision.action)
    taken = np.take_along_axis(values, source[..., None, None], axis=-2)[..., 0, :]
    followed = source > 0
    of_action = np.take_along_axis(taken, action[..., None], axis=-1)[..., 0]
    assert (of_action == taken.max(axis=-1))[followed].all()
    assert followed.any()


def test_without_following_the_own_policy_learns_as_without_sources():
    """The losses of sources and decision do not reach it; compiled apart, sums are rounded apart."""
    _, _, alone, _ = trained(sources=())
    _, _, beside, experience = trained(trials=0.0, sources=("imitation",))
    assert not np.any(experience.decision.source)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), beside.own, alone.own)


def record_of(followed, instead, count=1000.0):
    """A record of one source with these mean advantages, of variance 1."""
    means = jnp.array([[followed], [instead]], jnp.float32)
    number = jnp.full((2, 1), count, jnp.float32)
    return Record(count=number, total=number * means, square=number * (means**2 + 1))


def test_trust_falls_by_the_upper_confidence_bound():
    one = jnp.float32(1)
    assert float(trust(record_of(0.5, 0.0), one)[0]) > 0.99
    assert float(trust(record_of(-0.5, 0.0), one)[0]) < FLOOR + 0.01
    assert float(trust(record_of(-0.5, 0.0, count=4.0), one)[0]) > 0.99  # too few to tell
    assert float(trust(record_of(-0.5, 0.0), jnp.float32(500))[0]) > 0.99  # few commitments


def test_sources_that_differ_by_chance_are_judged_together_and_others_each_by_itself():
    def allowed(alike, *records):
        record = jax.tree.map(lambda *x: jnp.concatenate(x, axis=1), *records)
        return better(record, np.array(alike, np.float32), 1.0).tolist()

    good, bad = record_of(0.9, 0.0), record_of(-0.01, 0.0)
    lucky, unlucky = record_of(0.2, 0.0, count=100.0), record_of(-0.01, 0.0, count=100.0)
    untried = record_of(0.5, 0.0, count=0.0)
    apart, together = np.eye(2), np.ones((2, 2))
    assert allowed(apart, good, bad) == [True, False]
    assert allowed(together, good, bad) == [True, False]
    assert allowed(apart, lucky, unlucky) == [True, False]
    assert allowed(together, lucky, unlucky) == [True, True]
    assert allowed(together, bad, untried) == [False, False]


def test_what_is_kept_has_the_same_share_in_short_and_long_episodes():
    """A simulation: episodes of 1 and of 50 steps, in each step begun and kept by chance."""
    config = selective.Config(trials=0.3, commitment=10.0, commitment_end=5.0, anneal=1000)
    for steps, target in ((0, 0.3), (1000, 0.3 / 0.7 / 2 / (1 + 0.3 / 0.7 / 2))):
        found = share(config, 0.3, jnp.int32(steps))
        np.testing.assert_allclose(found.now, target, rtol=1e-5)
        np.testing.assert_allclose(
            found.begins(jnp.array([True, False])), [target, 0.3 / 0.7 / 10], rtol=1e-5
        )
        rng, kept, length = np.random.default_rng(0), np.zeros(20_000, bool), 10.0 if steps == 0 else 5.0
        for step in range(50):
            begins = float(found.begins(jnp.array(step == 0)))
            asked = ~kept | (rng.random(len(kept)) < 1 / length)
            kept = np.where(asked, rng.random(len(kept)) < begins, kept)
            assert abs(kept.mean() - target) < 0.03


def test_the_record_counts_followed_steps_and_own_ones_while_it_was_available():
    advantage = jnp.array([[1.0], [2.0], [4.0], [8.0]], jnp.float32)
    source = jnp.array([[1], [1], [0], [0]], jnp.int32)
    available = jnp.array([[[True, True]], [[True, True]], [[True, True]], [[True, False]]])
    blank = jnp.zeros((2, 1), jnp.float32)
    record = updated(Record(count=blank, total=blank, square=blank), advantage, source, available)
    np.testing.assert_array_equal(record.count, [[2], [1]])
    assert float(benefit(record)[0]) == 1.5 - 4.0


def test_successor_targets_by_hand():
    """lambda 1 sums to the end of the task; a step without a successor has no target."""
    psi, phi = jnp.full((3, 1), 10.0, jnp.float32), jnp.array([[1.0], [2.0], [4.0]], jnp.float32)
    no = jnp.zeros(3, bool)
    ends = no.at[2].set(True)
    target, counts = successor_targets(psi, phi, ends, no, 0.5, 1.0)
    np.testing.assert_allclose(target[:, 0], [1 + 1 + 1, 2 + 2, 4])
    assert counts.all()
    target, counts = successor_targets(psi, phi, no, no, 0.5, 1.0)
    np.testing.assert_allclose(target[:2, 0], [1 + 1 + 2.5, 2 + 5])
    np.testing.assert_array_equal(counts, [True, True, False])
    target, counts = successor_targets(psi, phi, no, no.at[1].set(True), 0.5, 0.0)
    np.testing.assert_allclose(target[0, 0], 1 + 5)
    np.testing.assert_array_equal(counts, [True, False, False])


def test_options_are_checked():
    with pytest.raises(SocialRLError, match="parameter_sharing"):
        selective.Config(parameter_sharing=False)
    with pytest.raises(SocialRLError, match="trials"):
        selective.Config(trials=1.0)
    with pytest.raises(SocialRLError, match=r"bptt_length: 10 \(it must be 0: decisions"):
        selective.Config(bptt_length=10)

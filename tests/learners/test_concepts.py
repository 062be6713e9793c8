"""Policies that read named concepts alone: what is set decides, supervision is by the truth, errors."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.conformance import Subject, learner_world
from socialrl.conformance._capabilities import capabilities_work
from socialrl.counterfactual import reading, unchanged
from socialrl.learners import kl_control, ppo, selective
from socialrl.losses.concepts import concept_accuracy, concept_loss
from socialrl.nets.bottleneck import Bottleneck
from socialrl.types import ConceptBottleneck, Intervention
from socialrl_envs.concepts import binary, categorical
from socialrl_envs.errors import SocialRLError
from tests.corridor import Corridor

CONCEPTS = (binary("a", "a"), categorical("b", "b", ("x", "y", "z")))


@functools.cache
def subject():
    """A learner with a bottleneck in the world of the conformance check: two novices among coins."""
    config = ppo.Config(hidden=(8,), concepts="hard", residual=1, memory="none", lr=0.01, minibatches=1)
    return Subject(config.build(learner_world().spec))


def test_it_keeps_the_contract():
    capabilities_work(subject())


def test_only_what_is_set_decides():
    """All concepts and the residual set, the views make no difference; one left, they do."""
    of = subject()
    bottleneck = of.learner.capability(ConceptBottleneck)
    state, carry, _, _ = of.trained
    everything = Intervention(
        values=jnp.zeros((*of.batch, len(bottleneck.concepts)), jnp.int32),
        residual=jnp.zeros((*of.batch, 1), jnp.float32),
    )
    noise = jax.random.randint(jax.random.key(0), carry.timestep.obs.shape, 0, 2, jnp.int32)
    other = dataclasses.replace(carry.timestep, obs=noise.astype(jnp.uint8))

    @jax.jit
    def values(timestep, put_in):
        acted = bottleneck.intervene(state, carry.carry, timestep, put_in, jax.random.key(1), False)
        return acted.decision.values

    np.testing.assert_allclose(values(carry.timestep, everything), values(other, everything), atol=1e-6)
    nothing = bottleneck.free(*of.batch)
    assert np.abs(values(carry.timestep, nothing) - values(other, nothing)).max() > 1e-5


def test_a_change_sets_concepts_for_its_steps_alone():
    of = subject()
    bottleneck = of.learner.capability(ConceptBottleneck)
    state, carry, _, _ = of.trained
    given, free = (state, carry.carry, carry.timestep), bottleneck.free(*of.batch)
    zeros = jnp.zeros_like(free.values)
    change = dataclasses.replace(unchanged(*of.batch), steps=jnp.int32(2), concepts=zeros)

    @jax.jit
    def decided(number):
        return reading(of.learner)(*given, change, number, jax.random.key(1)).decision.values

    put_in = dataclasses.replace(free, values=zeros)
    as_set = bottleneck.intervene(*given, put_in, jax.random.key(1), False).decision.values
    as_read = of.decided(state).decision.values
    for number, expected in enumerate((as_set, as_set, as_read)):
        np.testing.assert_allclose(decided(jnp.int32(number)), expected, atol=1e-5)
    assert np.abs(as_set - as_read).max() > 1e-5


def test_supervision_is_by_the_truth_in_the_experience():
    """The same unroll with another truth moves the parameters elsewhere; accuracy is measured against it."""
    of = subject()
    state, _, experience, metrics = of.trained
    assert experience.concepts.shape == (*experience.own.reward.shape, len(of.world.spec.concepts))
    assert {"loss/concepts", "concept/red_coin"} <= metrics.keys()
    other = dataclasses.replace(experience, concepts=jnp.zeros_like(experience.concepts))
    (one, _), (two, as_false) = (of.update(state, given, jax.random.key(1)) for given in (experience, other))
    assert any((a != b).any() for a, b in zip(*map(jax.tree.leaves, (one.params, two.params)), strict=True))
    read = of.learner.capability(ConceptBottleneck).read
    first = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), experience.own.timestep)
    probability = jax.jit(read)(state, (), first).probability
    share = np.mean(np.argmax(probability, axis=-1) == 0, axis=(0, 1))
    names = [f"concept/{concept.name}" for concept in of.world.spec.concepts]
    np.testing.assert_allclose([as_false[name] for name in names], share, atol=1e-6)


def test_concepts_are_learnt():
    """Thirty updates on one unroll: the truth of nearly every step is known by heart."""
    of = subject()
    state, _, experience, metrics = of.trained
    for number in range(30):
        state, after = of.update(state, experience, jax.random.key(number))
    assert after["loss/concepts"] < 0.6 * metrics["loss/concepts"]


def test_soft_reads_probabilities_and_hard_the_likeliest_value():
    x = jax.random.normal(jax.random.key(0), (5, 4))
    for hard in (False, True):
        net = Bottleneck(CONCEPTS, hard, 2)
        params = net.init(jax.random.key(1), x)
        params = jax.tree.map(lambda leaf: 20 * leaf, params)
        reading = net.apply(params, x)
        assert reading.inputs.shape == (5, 2 + 3 + 2)
        probability = jnp.exp(reading.log_prob)
        assert (probability[:, 0, 2] == 0).all()  # a has two values only
        flat = jnp.concatenate([probability[:, 0, :2], probability[:, 1]], axis=1)
        a, b = reading.inputs[:, :2], reading.inputs[:, 2:5]
        if hard:
            assert (jnp.argmax(a, 1) == jnp.argmax(probability[:, 0, :2], 1)).all()
            np.testing.assert_allclose(jnp.sort(jnp.concatenate([a, b], 1), 1)[:, -2:], 1, atol=1e-6)
        else:
            np.testing.assert_allclose(reading.inputs[:, :5], flat, atol=1e-6)
        np.testing.assert_array_equal(reading.inputs[:, 5:], reading.residual)
        values, kept = jnp.array([-1, 2], jnp.int32), jnp.array([jnp.nan, 0.5], jnp.float32)
        given = Intervention(values=jnp.tile(values, (5, 1)), residual=jnp.tile(kept, (5, 1)))
        put_in = net.apply(params, x, given)
        np.testing.assert_array_equal(put_in.inputs[:, 2:5], np.tile([0.0, 0.0, 1.0], (5, 1)))
        np.testing.assert_array_equal(put_in.inputs[:, :2], reading.inputs[:, :2])
        np.testing.assert_array_equal(put_in.inputs[:, 6], 0.5)
        np.testing.assert_array_equal(put_in.inputs[:, 5], reading.residual[:, 0])


def test_the_loss_is_that_of_hand():
    """Two concepts at two steps, one of them undefined at the second."""
    log_prob = jnp.log(jnp.array([[[0.5, 0.5], [0.25, 0.75]], [[0.2, 0.8], [0.9, 0.1]]], jnp.float32))
    truth = jnp.array([[0, 1], [1, -1]], jnp.int32)
    expected = -((np.log(0.5) + np.log(0.8)) / 2 + np.log(0.75)) / 2
    assert float(concept_loss(log_prob, truth)) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(concept_accuracy(log_prob, truth), [1.0, 1.0])
    np.testing.assert_allclose(concept_accuracy(log_prob, jnp.zeros_like(truth)), [0.5, 0.5])


@pytest.mark.parametrize(
    ("make", "about"),
    [
        (lambda: ppo.Config(residual=3), "residual"),
        (lambda: ppo.Config(concepts="soft", mirror=True), "mirror"),
        (lambda: selective.Config(concepts="hard"), "concepts"),
        (lambda: ppo.Config(concepts="soft").build(Corridor(1, 1, 4, 4, False).spec), "corridor|none"),
    ],
)
def test_what_cannot_be(make, about):
    with pytest.raises(SocialRLError, match=about):
        make()


def test_learners_that_extend_ppo_read_concepts_too():
    spec = subject().world.spec
    learner = kl_control.Config(hidden=(8,), concepts="hard").build(spec)
    assert learner.capability(ConceptBottleneck).concepts == spec.concepts
    assert ppo.Config(hidden=(8,)).build(spec).capability(ConceptBottleneck) is None


def test_concepts_can_be_set_without_a_residual():
    """Traced: no number is beside the concepts, as no number may be."""
    learner = ppo.Config(hidden=(8,), concepts="soft").build(learner_world().spec)
    bottleneck = learner.capability(ConceptBottleneck)

    def act(key):
        state, carry = learner.init(key, 4, 3), learner.initial_carry(3, 2)
        timestep = jax.tree.map(lambda x: x[0], subject().trained[2].own.timestep)
        free = bottleneck.free(3, 2)
        return bottleneck.intervene(state, carry, timestep, free, jax.random.key(0), False).decision

    assert jax.eval_shape(act, jax.random.key(1)).action.shape == (3, 2)

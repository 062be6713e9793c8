"""Lifetimes on one level: who remembers what, who becomes the elder, and how much of a sequence is known."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.config import Arm, Experiment
from socialrl.learners import ppo
from socialrl.protocols import Study, lifetimes
from socialrl.protocols._sequence import known, known_measures, sequence_of
from socialrl.seeds import Seeds
from socialrl_envs.errors import SocialRLError
from socialrl_envs.struct import replace
from socialrl_envs.worlds import goal_sequence
from tests.corridor import Corridor, walker

HORIZON, LEVELS = 6, 4


@pytest.fixture(scope="module")
def lived():
    """(lives, a function of `chained` -> (what is left, measures) after each of three lifetimes)."""
    world = Corridor(coplayers=1, length=20, horizon=HORIZON)
    lives = lifetimes.Lives(lifetimes.Config(episodes=LEVELS), world, walker(world.spec))
    levels = lives.rollout.pool(jax.random.key(0), LEVELS)

    @jax.jit
    def live(heirs, chained, number, key):
        return lives.lifetime((), levels, heirs, chained, number, key)

    def all_of(chained):
        heirs = lifetimes.Heirs(
            novice=lives.blank(),
            elder=lives.blank(),
            paid=jnp.full(LEVELS, -jnp.inf, jnp.float32),
            swapped=jnp.zeros(LEVELS, bool),
        )
        found = []
        for number in range(3):
            found.append(live(heirs, jnp.bool_(chained), jnp.int32(number), jax.random.key(10 + number)))
            heirs = found[-1][0]
        return found

    return lives, all_of


def test_in_one_life_a_novice_remembers_all_lifetimes(lived):
    """The walker's memory counts the steps since it was born."""
    for number, (heirs, values) in enumerate(lived[1](False)):
        np.testing.assert_array_equal(heirs.novice.memory[:, 0], HORIZON * (number + 1))
        np.testing.assert_array_equal(heirs.elder.memory[:, 0], 0)
        assert values["kept"] == 0


def test_each_generation_begins_without_memory_and_the_better_one_becomes_the_elder(lived):
    found, before = lived[1](True), np.full(LEVELS, -np.inf)
    for heirs, values in found:
        np.testing.assert_array_equal(heirs.novice.memory[:, 0], HORIZON)
        np.testing.assert_array_equal(heirs.elder.memory[:, 0], HORIZON)
        paid = np.asarray(heirs.paid)
        assert (paid >= before).all()
        assert np.mean(paid > before) <= values["kept"]
        np.testing.assert_array_equal(heirs.elder.reward[paid > before], heirs.novice.reward[paid > before])
        before = paid
    shares = [float(values["kept"]) for _, values in found]
    assert shares[0] == 1  # whoever lived first has something to show
    assert min(shares) < 1


def test_elders_begin_where_they_began_as_novices(lived):
    """Whoever becomes the elder takes its start along: the two starts change hands when it does."""
    lives, all_of = lived
    levels = lives.rollout.pool(jax.random.key(0), LEVELS)
    apart = jnp.arange(levels.position.size, dtype=jnp.int32).reshape(levels.position.shape)
    levels = jax.vmap(lambda level, position: replace(level, position=position))(levels, apart)
    paid, swapped = np.full(LEVELS, -np.inf), np.zeros(LEVELS, bool)
    for heirs, _ in all_of(True):
        before = swapped
        mine = np.asarray(lives.homes(levels, jnp.array(before)).position)  # where they began
        swapped, became = np.asarray(heirs.swapped), np.asarray(heirs.paid) > paid
        after = np.asarray(lives.homes(levels, heirs.swapped).position)  # where they will begin
        seats = [lives.novice, lives.elder]
        np.testing.assert_array_equal(after[became][:, seats[1]], mine[became][:, seats[0]])
        np.testing.assert_array_equal(after[became][:, seats[0]], mine[became][:, seats[1]])
        stayed = swapped == before
        np.testing.assert_array_equal(after[stayed], mine[stayed])
        paid = np.asarray(heirs.paid)


def test_the_first_generation_is_alone_and_the_others_beside_an_elder(lived):
    lives, _ = lived
    levels = lives.rollout.pool(jax.random.key(0), LEVELS)
    for there, schedule in ((False, (0, 0, 0, 2)), (True, (1, 0, 0, -1))):
        presence = np.asarray(lives.attended(levels, jnp.bool_(there)).params.presence)
        np.testing.assert_array_equal(presence[:, 1], np.broadcast_to(np.float32(schedule), (LEVELS, 4)))
        np.testing.assert_array_equal(presence[:, 0], levels.params.presence[:, 0])


def test_what_is_known_is_what_was_visited_before_the_first_mistake():
    """Two trials of four steps, a sequence of two: wrong then right; right, right, and a mistake after it."""
    right = jnp.array([0, 1, 0, 0, 1, 0, 1, 0], bool)
    wrong = jnp.array([1, 0, 0, 0, 0, 0, 0, 1], bool)
    np.testing.assert_allclose(known(right, wrong, 2, 2), [0.0, 1.0])
    np.testing.assert_allclose(known(right, jnp.zeros_like(wrong), 2, 1), [1.5])
    sequence = sequence_of(goal_sequence.Config(goals=2, trials=2, horizon=8).build())
    measures = known_measures(right[:, None], wrong[:, None], sequence)
    assert {name: float(value) for name, value in measures.items()} == {
        "known/1": 0,
        "known/2": 1,
        "known": 0.5,
    }


def study_of(**options):
    """The study of a walker in goal_sequence."""
    config = goal_sequence.Config(**options)
    world = config.build()
    arms = (Arm(name="a", learner=ppo.Config()),)
    return Study(
        experiment=Experiment(name="tiny", question="?", world=config, arms=arms),
        world=world,
        learner=walker(world.spec),
        seeds=Seeds(1),
        states=[()],
        roots=[jax.random.key(0)],
    )


def test_without_memory_or_company_there_is_nothing_to_measure():
    config, study = lifetimes.Config(), study_of(experts=1)
    forgetful = dataclasses.replace(study.learner, initial_carry=lambda *batch: ())
    assert config.count(study) == 2 * config.generations
    assert config.count(dataclasses.replace(study, learner=forgetful)) == 0
    for other in ({"experts": 0}, {"novices": 2}):
        assert config.count(study_of(**other)) == 0
        assert list(config.run(study_of(**other))) == []
    with pytest.raises(SocialRLError, match="lifetimes, world: obs_shape"):
        dataclasses.replace(config, world=goal_sequence.Config(view=5)).count(study)

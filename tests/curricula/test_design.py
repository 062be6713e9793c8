"""Tests of curricula that choose levels: company as part of a level, and training on what they choose."""

import dataclasses
import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl import rounds
from socialrl.assemble import assemble
from socialrl.config import Arm, Experiment
from socialrl.curricula import Choice, accel, domain_randomisation, plr, sfl
from socialrl.curricula._design import Design
from socialrl.learners import dqn, ppo
from socialrl.record import checkpoint, levels
from socialrl_envs import grid
from socialrl_envs.errors import SocialRLError
from socialrl_envs.presence import SCHEDULES
from socialrl_envs.types import Level, Seat
from socialrl_envs.worlds import coin_grid
from tests.learners.lab import same

COMPANY = (Seat(policy="noisy", preferences=(1.0, -1.0)), Seat(policy="wanderer", preferences=(-1.0, 1.0)))
WORLD = coin_grid.Config(experts=0, coplayers=COMPANY, size=5, colours=2, coins=1, horizon=4)
QUICK = {"xla_backend_optimization_level": 0}
BOTH = domain_randomisation.Config(
    designs="both", presence=(("always", 0.25), ("never", 0.75)), skill=(0.2, 0.6)
)


def drawn(count=400):
    """Companies of `count` levels, and each after one edit."""
    design = Design(BOTH, WORLD.build())

    def one(key):
        level_key, edit_key = jax.random.split(key)
        level = dataclasses.replace(FIRST, params=FIRST.params.with_overrides(design.draw_company(level_key)))
        return design.company_of(level), design.company_of(design.edit_company(level, edit_key))

    keys = jax.random.split(jax.random.key(0), count)
    return jax.device_get(jax.jit(jax.vmap(one), compiler_options=QUICK)(keys))


FIRST = WORLD.build().level("#####\n#A.r#\n#.B.#\n#gC.#\n#####\n")


def test_company_is_drawn_seat_by_seat_and_novices_keep_theirs():
    company, _ = drawn()
    own = WORLD.build().params
    for name in ("presence", "skill", "preferences"):
        novice = np.asarray(vars(own)[name])[0]
        assert (company[name][:, 0] == novice).all()
    there = np.all(company["presence"][:, 1:] == np.float32(SCHEDULES["always"]), axis=2)
    np.testing.assert_allclose(there.mean(0), 0.25, atol=0.07)
    np.testing.assert_allclose((there[:, 0] & there[:, 1]).mean(), 0.0625, atol=0.04)  # independently
    skill = company["skill"][:, 1:]
    assert 0.2 <= skill.min() < 0.22
    assert 0.58 < skill.max() <= 0.6
    likes = {tuple(row) for row in company["preferences"][:, 1:].reshape(-1, 2).tolist()}
    assert likes == {(1.0, -1.0), (-1.0, 1.0)}


def test_an_edit_of_company_changes_one_parameter_of_one_coplayer_at_most():
    before, after = drawn()
    changed = np.stack(
        [(before[name] != after[name]).reshape(len(before["skill"]), 3, -1).any(2) for name in before], axis=1
    )
    assert not changed[:, :, 0].any()
    assert changed.sum((1, 2)).max() == 1
    assert changed.any(0)[:, 1:].all()  # every parameter of every co-player, in time


@functools.cache
def arm(config, learner=None, chunk=2):
    """(assembly, start, chunk) of a small experiment under a curriculum."""
    experiment = Experiment(
        name="tiny",
        question="Does it choose?",
        world=WORLD,
        arms=(Arm(name="a", learner=learner or ppo.Config(hidden=(4,), minibatches=1), curriculum=config),),
        num_envs=4,
        unroll_length=4,
        chunk=chunk,
    )
    made = assemble(experiment, experiment.arms[0])
    return made, made.trainer.start, jax.jit(made.trainer.chunk)


ACCEL = accel.Config(designs="both", capacity=4, fill=1.0, edits=2, mutated=0.25, unrolls=2)


@functools.cache
def trained():
    """States and metrics of chunks of one round under accel, from the start on."""
    _, start, chunk = arm(ACCEL)
    states, metrics = [jax.jit(start)(jax.random.key(0))], []
    for _ in range(4):
        state, found = chunk(states[-1])
        states, metrics = [*states, state], [*metrics, jax.device_get(found)]
    return states, metrics


def test_nothing_is_learnt_before_levels_are_replayed_and_from_the_others_then():
    states, metrics = trained()
    shares = [float(found["levels/replayed"]) for found in metrics]
    first = shares.index(0.5)  # two of four worlds
    assert first > 0
    assert shares == [0.0] * first + [0.5] * (len(shares) - first)
    for number, (before, after) in enumerate(itertools.pairwise(states)):
        assert same(before.learner.params, after.learner.params) == (number < first)
        assert float(metrics[number]["levels/trained"]) == (0.5 if number >= first else 0.0)
    replayed = np.asarray(states[-1].curriculum.replayed)
    assert replayed.sum() > 0
    assert float(metrics[-1]["levels/fill"]) == 1.0


def test_levels_that_are_played_can_be_solved_and_their_properties_are_reported():
    states, metrics = trained()
    solvable = jax.jit(jax.vmap(WORLD.build().solvable))
    for state, found in zip(states[1:], metrics, strict=True):
        assert np.asarray(solvable(state.levels)).all()
        assert found["levels/unsolvable"] == 0
    last = metrics[-1]
    assert 0 <= last["levels/present"] <= 2
    assert 0 <= last["levels/walls"] <= 8
    assert last["levels/path"] >= 1


def test_a_level_that_cannot_be_solved_does_not_train():
    """Whoever chose it: its world is left out of the update, and its score out of the buffer."""
    made, _, _ = arm(ACCEL)
    around = jnp.array([1, 2]), jnp.array([2, 3])  # the cells beside the red coin
    walled = dataclasses.replace(FIRST, tiles=jnp.asarray(FIRST.tiles).at[around].set(grid.WALL))
    levels = jax.tree.map(lambda *leaves: jnp.stack(leaves), walled, FIRST, walled, FIRST)
    trains = jnp.array([True, True, False, False])
    own = made.trainer.rounds.chooser
    chooser = dataclasses.replace(own, choose=lambda *_: Choice(levels=levels, trains=trains))
    given = rounds.Rounds(made.experiment, made.learner, made.rollout, chooser)
    choice, solvable = given._choice((), jax.random.key(0))
    assert solvable.tolist() == [False, True, False, True]
    assert choice.trains.tolist() == [False, True, False, False]


def test_going_on_from_a_checkpoint_is_going_on_with_the_same_buffer(tmp_path):
    made, _, chunk = arm(ACCEL)
    states, _ = trained()
    restored, _ = checkpoint.restore(checkpoint.save(tmp_path / "8", states[2]), made.template)
    assert same(restored, states[2])
    assert same(chunk(restored)[0], states[3])


def test_the_best_levels_are_written_as_text_and_read_back(tmp_path):
    made, _, _ = arm(ACCEL)
    state = trained()[0][-1]
    kept = rounds.best_levels(jax.device_get(made.trainer.shelf(state)), most=3)
    levels.save(tmp_path / "levels" / "step_8.txt", kept)
    found = levels.load(tmp_path / "levels" / "step_8.txt")
    assert [one.ascii for one in found] == [one.ascii for one in kept]
    scores = np.sort(np.asarray(state.curriculum.score))[::-1][:3]
    np.testing.assert_allclose([one.score for one in found], scores, rtol=1e-5)
    assert [one.replayed for one in found] == [one.replayed for one in kept]
    level = Level.from_ascii(found[0].ascii)
    place = int(np.argmax(state.curriculum.score))
    assert np.array_equal(level.tiles, state.curriculum.levels.tiles[place])
    assert np.array_equal(level.params["presence"], state.curriculum.levels.params.presence[place])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("###\n", "line 1: no level begins there"),
        ("== score high, replayed 2\n###\n", "line 1: '== score high"),
    ],
)
def test_a_file_that_holds_no_levels_is_named_with_the_line(tmp_path, text, words):
    (tmp_path / "x.txt").write_text(text)
    with pytest.raises(SocialRLError, match=words):
        levels.load(tmp_path / "x.txt")


def test_the_most_learnable_of_the_candidates_are_kept():
    """Levels by their number: those of numbers 1 and 3 are solved in every other episode."""
    made, _, _ = arm(sfl.Config(candidates=5, episodes=4, kept=2))
    chooser = made.trainer.rounds.chooser
    seen = []

    def play(tries, key):
        seen.append(tries)
        number, attempt = jnp.arange(20) // 4, jnp.arange(20) % 4
        one = jnp.ones(20, jnp.float32)
        often = jnp.where((number == 1) | (number == 3), attempt % 2 == 0, number == 0)
        solved = often.astype(jnp.float32)
        return rounds.Results(
            steps=one,
            episodes=one,
            solved=solved,
            returns=one,
            discounted=one,
            best=one,
            values=one,
            gains=one,
            solvable=one > 0,
        )

    @functools.partial(jax.jit, compiler_options=QUICK)
    def prepared(key):
        init_key, prepare_key = jax.random.split(key)
        return *chooser.prepare(chooser.init(init_key, 4, 4), play, prepare_key), seen[0].tiles

    state, metrics, tiles = prepared(jax.random.key(0))
    np.testing.assert_allclose(state.score, [0.25, 0.25])
    tries = tiles.reshape(5, 4, 5, 5)
    assert (tries == tries[:, :1]).all()
    assert np.array_equal(state.levels.tiles, tries[np.array([1, 3]), 0])
    np.testing.assert_allclose(metrics["levels/candidates_score"], 0.1, rtol=1e-6)
    np.testing.assert_allclose(metrics["levels/candidates_solved"], 0.4, rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: arm(plr.Config(), dqn.Config()), "the learner cannot leave out worlds"),
        (
            lambda: arm(plr.Config(robust=False), dqn.Config()),
            "by the learner's values, and the learner has none",
        ),
        (
            lambda: arm(domain_randomisation.Config(unrolls=2), chunk=3),
            "chunk: 3 updates are no whole rounds",
        ),
        (lambda: plr.Config(designs="wals"), "designs"),
        (lambda: accel.Config(replayed=0.7, mutated=0.4), "mutated"),
        (lambda: sfl.Config(candidates=3, kept=4), "kept"),
        (lambda: domain_randomisation.Config(presence=()), "presence"),
        (
            lambda: plr.Config(designs="company").build(coin_grid.Config(experts=0).build()),
            "nobody else lives in this world",
        ),
    ],
)
def test_what_cannot_be_is_refused(make, words):
    with pytest.raises(SocialRLError, match=words):
        make()

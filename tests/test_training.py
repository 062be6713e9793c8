"""Tests of training in chunks: partial refresh of the pool, the curriculum, bit-equal resumption, NaN."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl.runs
from socialrl import evaluation
from socialrl.config import Arm, Experiment, to_json
from socialrl.curricula import adr, mixed
from socialrl.learners import ppo
from socialrl.record import checkpoint, folder
from socialrl.rollout import make_rollout, take
from socialrl.training import make_trainer
from socialrl_envs.errors import SocialRLError
from socialrl_envs.types import Seat
from socialrl_envs.worlds import coin_grid
from tests.corridor import walker
from tests.learners.lab import same

WORLD = coin_grid.Config(experts=(Seat(policy="noisy", skill=0.5),), size=5, colours=2, coins=1, horizon=4)
TINY = ppo.Config(hidden=(8,), minibatches=1)
EXPERIMENT = Experiment(
    name="tiny",
    question="Does it go on as it should?",
    world=WORLD,
    arms=(Arm(name="ppo", learner=TINY),),
    seeds=1,
    steps=24,
    num_envs=2,
    unroll_length=4,
    num_levels=8,
    level_refresh=0.25,
    chunk=1,
    evaluate_every=1_000,
    evaluation_episodes=4,
    final_episodes=4,
    replay_episodes=1,
    checkpoint_every=8,
)
CHUNK = EXPERIMENT.chunk_steps
RAMP = mixed.Ramp(param="skill", start=(0.0, 0.1), end=(0.8, 0.9), steps=4 * CHUNK)


@functools.cache
def trained(refresh, chunks=5):
    """The Training at the start and after each chunk, of a walker that never learns, under a ramp of the
    co-player's skill.
    """
    world = WORLD.build()
    learner = walker(world.spec)
    experiment = dataclasses.replace(EXPERIMENT, level_refresh=refresh)
    curriculum = mixed.Config(ramps=(RAMP,)).build(world)
    made = make_trainer(
        experiment, learner, make_rollout(world, learner), evaluation.sources_of(world.spec), curriculum
    )
    history, chunk = [jax.jit(made.start)(jax.random.key(0))], jax.jit(made.chunk)
    for _ in range(chunks):
        history.append(chunk(history[-1])[0])
    return history


def skills(training):
    """What was drawn for each level of the pool: it tells them apart."""
    return np.asarray(training.levels.params.skill)[:, 1]


@pytest.mark.parametrize(
    ("refresh", "places"),
    [
        (0.25, [{0, 1}, {2, 3}, {4, 5}, {6, 7}, {0, 1}]),
        (0.3, [{0, 1, 2}, {3, 4, 5}, {6, 7, 0}, {1, 2, 3}, {4, 5, 6}]),
        (0.0, [set()] * 5),
        (1.0, [set(range(8))] * 5),
    ],
)
def test_the_oldest_share_of_the_pool_is_replaced_and_nothing_else(refresh, places):
    history = trained(refresh)
    assert len(np.unique(skills(history[0]))) == 8
    for before, after, replaced in zip(history, history[1:], places, strict=False):
        kept = jnp.array([i for i in range(8) if i not in replaced], jnp.int32)
        assert same(take(before.levels, kept), take(after.levels, kept))
        assert {i for i in range(8) if skills(before)[i] != skills(after)[i]} == replaced


def test_fresh_levels_have_the_parameters_that_the_curriculum_has_by_then():
    for number, (before, after) in enumerate(zip(trained(0.25), trained(0.25)[1:], strict=False)):
        assert before.steps == number * CHUNK
        fresh = skills(after)[skills(before) != skills(after)]
        low = 0.8 * min(number / 4, 1)
        assert (fresh >= low - 1e-6).all()
        assert (fresh <= low + 0.1 + 1e-6).all()
    np.testing.assert_array_equal(after.levels.params.density, np.full(8, WORLD.density, np.float32))


def test_training_is_on_levels_of_the_pool():
    """Episodes of four steps in chunks of four: whoever plays began on a level that was in the pool."""
    for before, after in zip(trained(1.0), trained(1.0)[1:], strict=False):
        known = {*skills(before).tolist(), *skills(after).tolist()}
        assert set(np.asarray(after.carry.state.level.params.skill)[:, 1].tolist()) <= known


@functools.cache
def schooled():
    """(world, rollout, start, chunk) of ppo under adr, compiled."""
    world = WORLD.build()
    learner = TINY.build(world.spec)
    rollout = make_rollout(world, learner)
    ranges = (adr.Range(param="density", start=(0.1, 0.2), limits=(0.0, 0.4), step=0.05),)
    curriculum = adr.Config(ranges=ranges, lower=-10.0, upper=-10.0).build(
        world
    )  # widened, unless far below chance
    made = make_trainer(EXPERIMENT, learner, rollout, evaluation.sources_of(world.spec), curriculum)
    return world, rollout, made.start, jax.jit(made.chunk)


def test_going_on_from_a_checkpoint_is_going_on(tmp_path):
    """Bit for bit, the pool, its oldest place and the state of the curriculum included."""
    _, _, start, chunk = schooled()
    begin = jax.jit(start)(jax.random.key(0))
    first, _ = chunk(begin)
    second, metrics = chunk(first)
    path = checkpoint.save(tmp_path / str(CHUNK), first)
    restored, _ = checkpoint.restore(path, jax.eval_shape(start, jax.random.key(0)))
    assert same(restored, first)
    again, metrics_again = chunk(restored)
    assert same(again, second)
    assert same(metrics_again, metrics)

    assert second.steps == 2 * CHUNK
    assert (begin.curriculum.turn, first.curriculum.turn, second.curriculum.turn) == (0, 1, 0)
    np.testing.assert_allclose(second.curriculum.ends, [[0.05, 0.25]], rtol=1e-5)
    assert np.isfinite(metrics["adr/cultural_transmission"])
    np.testing.assert_allclose(
        [metrics["adr/density_low"], metrics["adr/density_high"]], [0.05, 0.25], rtol=1e-5
    )
    assert not same(second.learner.params, first.learner.params)
    assert (second.levels.params.density != np.float32(WORLD.density)).all()


def test_evaluation_knows_no_curriculum():
    world, rollout, start, _ = schooled()

    @jax.jit
    def look(key):
        start_key, test_key = jax.random.split(key)
        training = start(start_key)
        return training.levels, evaluation.trace(rollout, training.learner, test_key, 6).states

    levels, states = look(jax.random.key(0))
    for name, own in world.params.named().items():
        shown = np.asarray(states.level.params.named()[name])
        np.testing.assert_array_equal(shown, np.broadcast_to(own, shown.shape), err_msg=name)
    for name in ("density", "presence"):  # whereas the pool does
        assert (np.asarray(levels.params.named()[name]) != world.params.named()[name]).any()


def test_a_loss_of_ppo_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(tmp_path):
    """With an absurd step size the first update is still finite and saved, the second is not."""
    wild = dataclasses.replace(TINY, lr=1e30)
    experiment = dataclasses.replace(EXPERIMENT, arms=(Arm(name="wild", learner=wild),))
    with (
        folder.create(to_json(experiment), out=tmp_path / "run") as opened,
        pytest.raises(SocialRLError) as error,
    ):
        socialrl.runs.run(experiment, opened)
    assert error.value.message.startswith("wild: ")
    assert f"is not finite at step {2 * CHUNK}, seeds [0]" in error.value.message
    assert "checkpoints/wild" in error.value.hint
    assert "--wild.learner.lr" in error.value.hint
    assert checkpoint.steps(tmp_path / "run" / "checkpoints" / "wild") == (CHUNK,)

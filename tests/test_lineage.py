"""Generations: when each lives, who is there, that elders act as exported agents do, and that a run of
several goes on after a kill as if nothing had happened.
"""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl.runs
from socialrl.agents import load_policy, load_trained
from socialrl.arm import TRAIN
from socialrl.assemble import assemble
from socialrl.config import Arm, Experiment, Generations, from_json, to_json
from socialrl.learners import ppo
from socialrl.lineage import Generational, Timeline, slipping
from socialrl.overrides import apply
from socialrl.protocols import generations
from socialrl.record import checkpoint, folder
from socialrl.record.metrics import Records
from socialrl.types import Offline
from socialrl_envs.errors import SocialRLError
from socialrl_envs.presence import SCHEDULES
from socialrl_envs.types import Seat
from socialrl_envs.worlds import goal_sequence
from tests.learners.lab import same

pytestmark = pytest.mark.usefixtures("kept_programs")
CHUNK = 16
SEATS = (Seat(policy="elder"), Seat(policy="wanderer"))
WORLD = goal_sequence.Config(novices=1, experts=0, coplayers=SEATS, size=5, goals=2, horizon=4, trials=2)
CULTURE = Arm(
    name="culture",
    learner=ppo.Config(hidden=(4,), minibatches=1, memory="gru", anneal=CHUNK),
    generations=Generations(count=3, greedy=True),
)
TINY = Experiment(
    name="tiny",
    question="Does it accumulate?",
    world=WORLD,
    arms=(CULTURE,),
    seeds=1,
    steps=7 * CHUNK,
    num_envs=4,
    unroll_length=4,
    num_levels=8,
    chunk=1,
    evaluate_every=100 * CHUNK,
    evaluation_episodes=2,
    final_episodes=2,
    replay_episodes=1,
    checkpoint_every=CHUNK,
    keep_checkpoints=10,
)
ENDS = (2 * CHUNK, 4 * CHUNK, 7 * CHUNK)


@pytest.fixture(scope="module")
def made():
    """The parts of the arm; nothing is compiled."""
    return assemble(TINY, CULTURE)


def test_lifetimes_are_whole_chunks_that_differ_by_at_most_one(made):
    assert TINY.ends_of(CULTURE) == ENDS
    assert TINY.ends_of(dataclasses.replace(CULTURE, generations=None)) == (7 * CHUNK,)
    lives = made.generations.timeline
    for steps, expected in ((0, (0, 0)), (31, (0, 31)), (32, (1, 0)), (64, (2, 0)), (111, (2, 47))):
        assert tuple(map(int, lives.age(jnp.int32(steps)))) == expected
    assert [step for step in range(0, 8 * CHUNK, CHUNK) if made.trainer.due(step)] == [32, 64]
    np.testing.assert_allclose(lives.share(jnp.int32(0), jnp.int32(16)), 0.5)
    np.testing.assert_allclose(lives.share(jnp.int32(2), jnp.int32(12)), 0.75)


@pytest.mark.parametrize(
    ("fade", "generation", "age", "elder", "wanderer"),
    [
        (1.0, 0, 0, "never", "always"),  # the first generation has no elder, but others
        (1.0, 1, 0, "always", "always"),
        (1.0, 1, 32, "never", "never"),  # at the end of its life a novice is alone
        (0.5, 1, 16, "never", "never"),
        (0.0, 1, 31, "always", "always"),
    ],
)
def test_who_is_there(made, fade, generation, age, elder, wanderer):
    arm = dataclasses.replace(CULTURE, generations=Generations(count=3, fade=fade))
    lives = Timeline(TINY, arm, made.world)
    drawn = lives.attended({}, jnp.int32(generation), jnp.int32(age), jax.random.key(0))
    expected = [SCHEDULES[name] for name in ("always", elder, wanderer)]
    np.testing.assert_array_equal(drawn["presence"], np.array(expected, np.float32))


def test_the_options_can_be_set_and_saved(made):
    changed = apply(TINY, ["--generations.count", "2", "--culture.generations.noise", "0.25"])
    assert changed.arms[0].generations == Generations(count=2, noise=0.25, greedy=True)
    assert apply(TINY, ["--culture.generations", "none"]).arms[0].generations is None
    assert from_json(json.loads(json.dumps(to_json(changed)))) == changed
    once = dataclasses.replace(TINY, arms=(dataclasses.replace(CULTURE, generations=None),))
    with pytest.raises(SocialRLError, match="the experiment has no generations"):
        apply(once, ["--generations.count", "2"])


@pytest.mark.parametrize(
    ("experiment", "arm", "message"),
    [
        ({"steps": CHUNK}, {}, "culture.generations.count: 3 lifetimes in 1 chunks"),
        ({}, {"world": goal_sequence.Config(experts=0)}, "culture.generations: nobody else lives"),
    ],
)
def test_what_cannot_be_is_refused(experiment, arm, message):
    changed = dataclasses.replace(CULTURE, **arm)
    with pytest.raises(SocialRLError) as error:
        assemble(dataclasses.replace(TINY, arms=(changed,), **experiment), changed)
    assert message in str(error.value)


def test_a_learner_that_trains_offline_is_refused(made):
    offline = Offline(pretrain=lambda state, key, steps: (state, {}), steps=1)
    learner = dataclasses.replace(made.generations.inner, capabilities=(offline,))
    with pytest.raises(SocialRLError, match="the learner trains offline"):
        Generational(TINY, CULTURE, made.world, learner)


@pytest.fixture(scope="module")
def lived(made):
    """(states by step of a seed that nobody disturbed, up to the first chunk of the third generation; a
    function that takes a state from one step to another).
    """
    chunk, succeed = jax.jit(made.trainer.chunk), jax.jit(made.trainer.succeed)

    def live(training, step, until):
        while step < until:
            if made.trainer.due(step):
                training = succeed(training)
            training, step = chunk(training)[0], step + CHUNK
        return training

    state = jax.jit(made.trainer.start)(jax.random.fold_in(jax.random.key(0), TRAIN))
    states, step = {0: state}, 0
    for until in (ENDS[0], ENDS[0] + CHUNK, ENDS[1] + CHUNK):
        states[until] = state = live(state, step, until)
        step = until
    return states, live


def test_each_generation_begins_anew_beside_the_agent_that_the_last_one_became(lived, made):
    """Its elder's parameters are those of the novice at the last generation's end, its own are fresh."""
    before, after, third = (lived[0][step] for step in (ENDS[0], ENDS[0] + CHUNK, ENDS[1] + CHUNK))
    lives = made.generations
    for name, leaf in lives.agent(before.learner).items():
        np.testing.assert_array_equal(after.learner.ancestors[name][0], leaf)
        np.testing.assert_array_equal(lives.agent(third.learner, 1)[name], leaf)
    assert not same(lives.agent(after.learner), lives.agent(after.learner, 1))
    assert not same(lives.agent(third.learner, 2), lives.agent(third.learner, 1))
    assert [int(state.learner.generation) for state in (before, after, third)] == [0, 1, 2]
    assert int(after.learner.novice.steps) == CHUNK  # what is annealed begins anew, too
    assert int(after.steps) == ENDS[0] + CHUNK
    with pytest.raises(SocialRLError, match=r"generation 3 \(1 to 2 have lived\)"):
        lives.agent(after.learner, 3)
    conditions = generations.Config().conditions(made.study([after]))
    assert [(one.generation, one.presence) for one in conditions] == [(1, "never"), (2, "full"), (2, "never")]


def test_killed_within_a_generation_it_goes_on_bit_for_bit(lived, made, tmp_path):
    states, live = lived
    step, end = ENDS[0] + CHUNK, ENDS[1] + CHUNK
    checkpoint.save(tmp_path / str(step), [states[step]])
    [restored], found = made.restored(tmp_path, tmp_path)
    assert found == step
    assert same(live(restored, step, end), states[end])


@pytest.fixture(scope="module")
def resumed(lived, tmp_path_factory):
    """The folder of a run that was killed between the first two generations, went on, and was then stopped
    in the third one.
    """
    path, chunks = tmp_path_factory.mktemp("resumed") / "run", list[int]()

    def stop():
        chunks.append(1)
        return len(chunks) == 3

    with folder.create(to_json(TINY), out=path) as opened:
        checkpoint.save(opened.checkpoints("culture") / str(ENDS[0]), [lived[0][ENDS[0]]])
        with pytest.raises(KeyboardInterrupt):
            socialrl.runs.train(TINY, opened, resume=True, progress=False, interrupted=stop)
    return path


def test_killed_between_generations_a_run_goes_on_bit_for_bit(resumed, lived, made):
    [found], step = made.restored(resumed, resumed / "checkpoints" / "culture")
    assert step == ENDS[1] + CHUNK
    assert same(found, lived[0][step])
    records = [one for one in Records(resumed / "metrics.jsonl").records() if one["kind"] == "train"]
    assert [(one["step"], one["values"]["generation"]) for one in records] == [
        (ENDS[0] + CHUNK, [2]),
        (ENDS[1], [2]),
        (ENDS[1] + CHUNK, [3]),
    ]


def test_elders_act_as_the_exported_agent_of_the_last_generation_does(resumed, made, tmp_path):
    """In whole episodes of the run's world, on the views of the elder's seat, in which others are hidden."""
    load_trained(resumed, "culture", 0, generation=2).save(tmp_path / "elder.npz")
    agent, spec = load_policy(tmp_path / "elder.npz"), made.world.spec
    assert agent.facts.step == ENDS[1]
    [training], _ = made.restored(resumed, resumed / "checkpoints" / "culture")

    @jax.jit
    def played(learner):
        levels = made.rollout.pool(jax.random.key(1), 3)
        trace = made.rollout.episodes(learner, levels, jax.random.key(2))
        return trace, jax.vmap(jax.vmap(made.world.observe))(trace.states)

    trace, views = jax.device_get(played(training.learner))
    views, rewards = views[:-1, :, 1], trace.outcome.reward[:, :, 1]
    seen = views * np.array([name not in spec.channels_of_others for name in spec.channels], np.uint8)
    assert (seen != views).any()  # somebody was in sight
    agent.reset(batch=3)
    for time, now in enumerate(seen):
        step = agent.act(now, reward=rewards[time - 1] if time else 0.0)
        np.testing.assert_array_equal(step.action, trace.actions[time, :, 1])


def test_noisy_elders_take_random_actions():
    def slips(noise):
        keys = jax.random.split(jax.random.key(0), 300)
        return np.asarray(jax.vmap(lambda key: slipping(noise, 3, key)[0])(keys))

    assert np.bincount(slips(1.0), minlength=3).min() > 70
    assert 100 < np.sum(slips(0.5) < 0) < 200
    assert slipping(0.0, 3, jax.random.key(0))[0] is None

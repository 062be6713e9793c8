"""Tests of learning from a demonstration file: how sequences are cut from it, which seat they are assigned
to, what is learnt, and which files are refused.
"""

import contextlib
import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl.runs
from socialrl.cli import main
from socialrl.config import Arm, Experiment, to_json
from socialrl.learners import _demonstrations, bc, dqn, psiphi
from socialrl.learners._batches import SequenceBatch, with_file
from socialrl.learners.psiphi import PsiPhi
from socialrl.record import checkpoint, folder
from socialrl.record.demonstrations import read_demonstrations, write_demonstrations
from socialrl.types import Demonstration, Offline
from socialrl_envs.errors import SocialRLError
from socialrl_envs.types import Seat
from socialrl_envs.worlds import coin_grid
from tests.learners.lab import UNROLL, WORLDS, lab, same, shapes, small, train

pytestmark = pytest.mark.usefixtures("kept_programs")
TASTES = ((1.0, 0.0), (0.0, 1.0))
AWAY = tuple(Seat(policy="planner", preferences=taste, presence="never") for taste in TASTES)
OPTIONS = {"hidden": (32,), "batch": 16, "updates": 2}
STEPS = 500


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Path of demonstrations in a 5 x 5 world of two planners, who prefer red and green."""
    path = tmp_path_factory.mktemp("demonstrations") / "both.npz"
    experts = [{"policy": "planner", "preferences": list(taste)} for taste in TASTES]
    world = {"experts": experts, "size": 5, "colours": 2, "coins": 1, "horizon": 6}
    settings = [word for key, value in world.items() for word in (f"--world.{key}", json.dumps(value))]
    main(["record", "coin_grid", "--out", str(path), "--episodes", "32", *settings])
    return str(path)


@pytest.fixture(scope="module")
def taught(file):
    """(lab, state at first, state after the offline phase, metrics of its last steps) of a psiphi."""
    of = lab("psiphi", novices=1, coplayers=AWAY, demonstrations=file, offline=STEPS, **OPTIONS)
    first = jax.jit(of.learner.init, static_argnums=(1, 2))(jax.random.key(0), UNROLL, WORLDS)
    learn = jax.jit(lambda state, key: of.learner.capability(Offline).pretrain(state, key, STEPS // 2))
    state, _ = learn(first, jax.random.key(1))
    state, metrics = learn(state, jax.random.key(2))
    return of, first, state, metrics


def test_rows_hold_every_step_once_and_one_episode_each(file):
    found = read_demonstrations(file)
    shape = found.steps.action.shape
    length = np.array([(t % 6) + 1 for t in range(shape[1])])
    alive = np.broadcast_to((np.arange(shape[0])[:, None] < length)[..., None], shape)
    number = np.where(alive, np.arange(np.prod(shape), dtype=np.int32).reshape(shape), -1)
    last = np.broadcast_to((np.arange(shape[0])[:, None] >= length - 1)[..., None], shape)
    changed = {"action": number.astype(np.int32), "present": alive, "last": last}
    steps = dataclasses.replace(found.steps, **{name: jnp.asarray(leaf) for name, leaf in changed.items()})
    rows = _demonstrations.cut(jax.tree.map(np.asarray, steps), 4)
    there = rows.present
    assert rows.obs.shape == (len(there), 4, 2, *found.obs_shape)
    assert sorted(rows.action[there]) == sorted(number[alive])
    assert there.any(axis=(1, 2)).all()
    assert rows.last[~there].all()
    first = rows.action[:, 0, 0]
    assert (
        np.where(there, rows.action - first[:, None, None], 0) // shape[2] % shape[1] == 0
    ).all()  # steps of one episode
    times = rows.action[..., 0] // (shape[1] * shape[2])
    assert (np.diff(times, axis=1)[there[:, 1:, 0]] == 1).all()  # in order
    assert set(times[:, 0]) == {0, 4}


def test_a_batch_is_rows_of_the_file_as_the_buffer_would_give_them(file):
    of = lab("psiphi", novices=1, coplayers=AWAY)
    sample = _demonstrations.sampler(file, of.world.spec, lambda steps: steps)
    rows = jax.jit(sample, static_argnums=(1, 2))(jax.random.key(0), UNROLL, 5)
    _, _, experience, _ = train(of, 1)
    live = jax.tree.map(lambda leaf: jnp.zeros((UNROLL, 5, *leaf.shape[2:]), leaf.dtype), experience.others)
    assert shapes(live) == shapes(rows)
    known = {
        view.tobytes()
        for view in np.asarray(read_demonstrations(file).steps.obs).reshape(-1, *rows.obs.shape[3:])
    }
    seen = np.asarray(rows.obs)[np.asarray(rows.present)]
    assert len(seen) >= UNROLL
    assert all(view.tobytes() in known for view in seen)


def test_demonstrations_alone_teach_what_each_does_and_what_it_wants(taught):
    _, _, _, metrics = taught
    assert metrics["cloning_accuracy"] > 0.85  # guessing is right in a fifth of the steps
    assert set(metrics) == {f"loss/{name}" for name in ("cloning", "inverse_td", "others", "phi_penalty")} | {
        "cloning_accuracy",
        "gradient_norm",
    }


def test_without_rewards_ones_own_preferences_and_values_stay_as_they_were(taught):
    _, first, state, _ = taught
    before, after = first.params["params"], state.params["params"]
    assert same(after["w"][0], before["w"][0])
    own = (
        np.asarray(tree["psi"]["Dense_0"]["kernel"]).reshape(32, 3, 5, 3)[:, 0] for tree in (before, after)
    )
    assert same(*own)
    assert not same(after["w"][1:], before["w"][1:])
    assert same((state.buffer, state.steps, state.aux), (first.buffer, first.steps, first.aux))


def test_each_models_its_own_seat(taught, file):
    """The coins that a planner prefers are worth more by its own inferred preference than by the other's."""
    of, _, state, _ = taught
    steps = read_demonstrations(file).steps
    parts = PsiPhi(small("psiphi", **OPTIONS), of.world.spec)
    obs = steps.obs.reshape(steps.obs.shape[0], -1, *of.world.spec.obs_shape)
    psi = parts.net.step(state.params, (), obs, jnp.zeros(obs.shape[:2], bool))[1].reshape(
        *steps.action.shape, 3, 5, 3
    )
    logits = jnp.einsum("tbksac,sc->tbksa", psi, state.params["params"]["w"])
    right = np.asarray(jnp.argmax(logits, axis=-1) == steps.action[..., None])[..., 1:].mean(
        axis=(0, 1)
    )  # (K, model of)
    assert right[0, 0] > right[0, 1] + 0.2
    assert right[1, 1] > right[1, 0] + 0.2


@pytest.fixture(scope="module")
def live():
    """(parts, params, rows) of experience with two co-players who are present."""
    there = tuple(dataclasses.replace(seat, presence="always") for seat in AWAY)
    of = lab("psiphi", novices=1, coplayers=there)
    state, _, experience, _ = train(of, 1)
    return (
        PsiPhi(small("psiphi"), of.world.spec),
        state,
        SequenceBatch(own=experience.own, others=experience.others),
    )


def test_the_seats_of_a_file_are_the_same_co_players_once_more(live):
    parts, state, rows = live
    twice = dataclasses.replace(rows, others=jax.tree.map(with_file, rows.others, rows.others))
    losses = jax.jit(parts.loss)
    once, both = (losses(state.params, state.target, of, state.aux)[1] for of in (rows, twice))
    for name in ("loss/cloning", "loss/inverse_td", "loss/others", "loss/reward", "cloning_accuracy"):
        np.testing.assert_allclose(both[name], once[name], rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("seat", range(4))
def test_a_step_teaches_the_model_of_whose_it_is(live, seat):
    parts, state, rows = live
    others: Demonstration = jax.tree.map(with_file, rows.others, rows.others)
    others = dataclasses.replace(others, present=others.present & (jnp.arange(4) == seat))
    one = dataclasses.replace(rows, others=others)
    learn = jax.grad(lambda params: parts.loss(params, state.target, one, state.aux)[1]["loss/cloning"])
    gradient = jax.jit(learn)(state.params)
    taught = np.any(np.asarray(gradient["params"]["w"]) != 0, axis=1)
    np.testing.assert_array_equal(taught, [False, seat % 2 == 0, seat % 2 == 1])


@pytest.mark.parametrize("name", ["psiphi", "bc"])
def test_online_learning_continuation_beside_the_file(file, name):
    of = lab(name, novices=1, coplayers=AWAY, demonstrations=file)
    assert of.learner.capability(Offline) is None
    before, _, _ = of.begin(jax.random.key(0))
    state, _, _, metrics = train(of, 2)
    assert shapes(state) == shapes(before)
    assert all(np.isfinite(value) for value in metrics.values())
    assert metrics["loss/cloning"] > 0  # nobody is there: it is the file that is cloned


def test_who_is_away_is_judged_by_the_file(file):
    of = lab("psiphi", novices=1, coplayers=AWAY, demonstrations=file, trust=True)
    state, _, _, _ = train(of, 1)
    assert np.all(np.asarray(state.aux.peers.peer_weight) > 0)
    strangers = lab("psiphi", novices=1, coplayers=AWAY, trust=True)
    assert not np.any(np.asarray(train(strangers, 1)[0].aux.peers.peer_weight))


def test_memory_and_the_auxiliary_head_learn_offline_too(file):
    of = lab(
        "psiphi",
        novices=1,
        coplayers=AWAY,
        demonstrations=file,
        offline=4,
        memory="gru",
        prediction_coef=0.5,
        trust=True,
    )
    state = jax.jit(of.learner.init, static_argnums=(1, 2))(jax.random.key(0), UNROLL, WORLDS)
    after, metrics = jax.jit(lambda state, key: of.learner.capability(Offline).pretrain(state, key, 4))(
        state, jax.random.key(1)
    )
    assert all(np.isfinite(value) for value in metrics.values())
    heads = [
        tree["params"]["prediction"]["SmallDense_0"]["Dense_0"]["kernel"]
        for tree in (state.params, after.params)
    ]
    assert not same(*heads)
    torso = [tree["params"]["encoder"]["torso"]["Dense_0"]["kernel"] for tree in (state.params, after.params)]
    assert not same(*torso)  # no one can be judged without rewards, so no gate is shut


def test_what_does_not_fit_is_refused_by_name(file, tmp_path):
    spec = lab("psiphi", novices=1, coplayers=AWAY).world.spec
    found = read_demonstrations(file)
    second = jax.tree.map(lambda leaf: leaf[:, :, 1:], found.steps)
    one = dataclasses.replace(found, steps=second, seats=("expert_1",), actors=("planner",))
    write_demonstrations(tmp_path / "one.npz", one)
    with pytest.raises(
        SocialRLError, match=r"one\.npz: 1 recorded seats \(expert_1\), but the world has 2 co-players"
    ) as error:
        psiphi.Config(demonstrations=str(tmp_path / "one.npz")).build(spec)
    assert "--seats" in error.value.hint
    with pytest.raises(SocialRLError, match=r"none\.npz"):
        bc.Config(demonstrations=str(tmp_path / "none.npz")).build(spec)
    larger = coin_grid.Config(experts=2, colours=3).build().spec
    with pytest.raises(SocialRLError, match=r"both\.npz: demonstrations of coin_grid: obs_shape"):
        psiphi.Config(demonstrations=file).build(larger)
    nobody = dataclasses.replace(found.steps, present=jnp.zeros_like(found.steps.present))
    write_demonstrations(tmp_path / "away.npz", dataclasses.replace(found, steps=nobody))
    with pytest.raises(SocialRLError, match=r"away\.npz: nobody is present"):
        psiphi.Config(demonstrations=str(tmp_path / "away.npz")).build(spec)


def test_what_means_nothing_is_refused():
    with pytest.raises(SocialRLError, match="dqn cannot learn from them"):
        dqn.Config(demonstrations="some.npz")
    with pytest.raises(SocialRLError, match="no demonstrations"):
        psiphi.Config(offline=100)
    with pytest.raises(SocialRLError, match="offline"):
        psiphi.Config(demonstrations="some.npz", offline=-1)


def tiny(file):
    learner = psiphi.Config(
        hidden=(8,), cumulants=3, batch=2, updates=1, capacity=400, demonstrations=file, offline=300
    )
    return Experiment(
        name="tiny",
        question="Does it go on as it would have?",
        world=coin_grid.Config(experts=AWAY, size=5, colours=2, coins=1, horizon=6),
        arms=(Arm(name="psiphi", learner=learner),),
        seeds=2,
        steps=100,
        num_envs=2,
        unroll_length=5,
        num_levels=8,
        chunk=5,
        evaluate_every=50,
        evaluation_episodes=3,
        final_episodes=3,
        replay_episodes=1,
        checkpoint_every=1000,
    )


def test_a_run_begins_offline_and_continuation_exactly_after_an_interruption(file, tmp_path, monkeypatch):
    experiment = tiny(file)
    with folder.create(to_json(experiment), out=tmp_path / "whole") as opened:
        socialrl.runs.run(experiment, opened)
    asked = []

    @contextlib.contextmanager
    def interrupts():
        yield (
            lambda: asked.append(True) or len(asked) == 3
        )  # Ctrl-C after the first chunk that follows the two offline

    monkeypatch.setattr(socialrl.runs, "_interrupts", interrupts)
    with (
        folder.create(to_json(experiment), out=tmp_path / "resumed") as opened,
        pytest.raises(KeyboardInterrupt),
    ):
        socialrl.runs.run(experiment, opened)
    assert checkpoint.steps(tmp_path / "resumed" / "checkpoints" / "psiphi") == (0, 50)
    with folder.resume(tmp_path / "resumed", to_json(experiment)) as opened:
        socialrl.runs.run(experiment, opened, resume=True)
    texts = [(tmp_path / name / "metrics.jsonl").read_text() for name in ("whole", "resumed")]
    assert texts[0] == texts[1]
    records = [json.loads(line) for line in texts[0].splitlines()]
    offline = [(record["step"], record["labels"]) for record in records if record["kind"] == "offline"]
    assert offline == [(0, {"gradient_steps": 150}), (0, {"gradient_steps": 300})]
    assert [record["kind"] for record in records[:3]] == ["offline", "offline", "eval"]
    assert (tmp_path / "resumed" / "report.html").exists()

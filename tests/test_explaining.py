"""Explanations of replays: exact up to the step, then by the same agent, and only by the one that acted."""

import dataclasses
import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import socialrl
from socialrl.cli import main
from socialrl.explaining import Explainer, Question
from socialrl.learners import psiphi
from socialrl.record.explanation import moves
from socialrl.record.replay import Replay, save
from socialrl.recording import to_replay
from socialrl.rollout import make_rollout
from socialrl_envs.errors import SocialRLError
from socialrl_envs.types import Seat
from socialrl_envs.worlds import coin_grid

SEATS = (Seat(policy="planner", presence="never"),)
WORLD = coin_grid.Config(size=6, colours=2, coins=2, horizon=8, respawn=False, experts=SEATS)  # without luck
LEARNER = psiphi.Config(hidden=(8,), memory="gru", capacity=40, batch=2, following="always", w_std=3.0)


@pytest.fixture(scope="module")
def explainer() -> Explainer:
    """Of an untrained novice that follows somebody in every step."""
    world = WORLD.build()
    learner = LEARNER.build(world.spec)
    rollout = make_rollout(world, learner)

    @jax.jit
    def played(key):
        init_key, pool_key, play_key = jax.random.split(key, 3)
        state = learner.init(init_key, 2, 2)
        return state, rollout.episodes(state, rollout.pool(pool_key, 3), play_key)

    with jax.debug_key_reuse(False):  # a replay keeps the keys that were used
        state, trace = played(jax.random.key(5))
    header = {"name": "coin_grid"} | {
        name: getattr(WORLD, name) for name in ("size", "colours", "coins", "horizon", "respawn")
    }
    header["experts"] = [dataclasses.asdict(seat) for seat in WORLD.experts]
    replay = to_replay(jax.device_get(trace), world, header, experiment="coins", arm="psi", seed=0, step=0)
    return Explainer(replay, learner, state)


@pytest.fixture(scope="module")
def busy(explainer) -> tuple[int, int]:
    """(episode, step) in which it would have done something else by itself."""
    values, replay = explainer.replay.values[:, 2:6, 0], explainer.replay
    episode, step = np.argwhere(values[:, :, 0].argmax(-1) != replay.action[:, 2:6, 0])[0]
    return int(episode), int(step) + 2


def ask(explainer, busy, **asked):
    return explainer.explain(Question(episode=busy[0], step=busy[1], continuations=4, **asked))


@pytest.fixture(scope="module")
def found(explainer, busy):
    return ask(explainer, busy)


def test_without_luck_the_recorded_way_is_what_was_recorded(explainer, busy, found):
    """So the world's state and the learner's memory are those of the step."""
    (episode, step), replay = busy, explainer.replay
    way, rewards = found.recorded, replay.during("reward", episode)[step:, 0]
    assert (way.action == replay.action[episode, step, 0]).all()
    assert (way.length == len(rewards)).all()
    np.testing.assert_allclose(way.returns, rewards.sum())
    np.testing.assert_allclose(way.discounted, (rewards * 0.95 ** np.arange(len(rewards))).sum(), rtol=1e-5)
    assert (way.path == replay.states("position", episode)[step:, 0]).all()
    assert found.agreement == 1


def test_the_others_are_the_other_sources(explainer, busy, found):
    [own] = found.others
    assert (own.name, own.words) == ("self", "acted for itself")
    assert (own.action == explainer.replay.values[(*busy, 0, 0)].argmax()).all()
    assert (own.action != found.recorded.action).all()
    assert (own.path[:, 0] == found.recorded.path[:, 0]).all()


def test_a_gain_is_the_other_return_minus_the_recorded_one(explainer, busy, found):
    other = next(i for i in range(5) if i != found.recorded.action[0])
    asked = ask(explainer, busy, action=explainer.replay.actions[other])
    [way] = asked.others
    assert (way.action == other).all()
    better = dataclasses.replace(way, returns=asked.recorded.returns + np.float32([1, 2, 3, 2]))
    gain = asked.gain(better)
    assert (gain.mean, gain.better) == (2, 1)
    assert gain.spread == pytest.approx(np.std([1, 2, 3, 2], ddof=1))
    assert gain.high - gain.mean == pytest.approx(1.96 * gain.spread / 2)


def test_following_whom_it_followed_is_the_recorded_way(explainer, busy, found):
    [same] = ask(explainer, busy, source="expert_0").others
    assert same.words == "followed expert_0"
    assert (same.path == found.recorded.path).all()
    assert (same.returns == found.recorded.returns).all()


def test_acting_for_itself_for_longer(explainer, busy):
    [longer] = ask(explainer, (busy[0], 0), source="self", instead=8).others
    [once] = ask(explainer, (busy[0], 0), source="self").others
    assert (longer.path[:, 1] == once.path[:, 1]).all()
    assert (longer.path != once.path).any()


def test_it_shows_itself(found):
    assert "followed" in str(found)
    assert "exactly as recorded" in str(found)
    image = np.asarray(Image.open(io.BytesIO(found._repr_png_())))
    assert image.shape == (240, 240, 3)
    odd = dataclasses.replace(
        found, others=(dataclasses.replace(found.others[0], kind="action", words="<b>"),)
    )
    assert "&lt;b&gt;" in odd._repr_html_()
    assert "<b>" not in odd._repr_html_().replace("<figure><b>", "")


def test_moves_are_counted_once_per_continuation(found):
    way = dataclasses.replace(
        found.recorded,
        path=np.array([[[1, 1], [1, 2], [1, 1], [1, 2]], [[1, 1], [1, 1], [2, 1], [9, 9]]] * 2, np.uint8),
        length=np.array([3, 2, 3, 2], np.int32),
    )
    cells, share = moves(way)
    counted = {
        tuple(map(tuple, cell.tolist())): part for cell, part in zip(cells, share.tolist(), strict=True)
    }
    assert counted == {((1, 1), (1, 2)): 0.5, ((1, 2), (1, 1)): 0.5, ((1, 1), (2, 1)): 0.5}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"step": 8}, r"step: 8 \(it must be 0..7 in episode 0\)"),
        ({"step": 0, "episode": 3}, "episode: 3"),
        ({"step": 0, "source": "expert_9"}, "unknown source 'expert_9'"),
        ({"step": 0, "action": "lift"}, "unknown action 'lift' .did you mean 'left'"),
        ({"step": 0, "continuations": 0}, "continuations: 0"),
        ({"step": 0, "source": "self", "action": "left"}, "ask about one of them"),
    ],
)
def test_what_cannot_be_asked(explainer, asked, message):
    with pytest.raises(SocialRLError, match=message):
        explainer.explain(Question(**asked))


def test_another_agent_is_found_out(explainer, busy):
    other = dataclasses.replace(explainer.state, params=jax.tree.map(jnp.negative, explainer.state.params))
    stranger = Explainer(explainer.replay, explainer.learner, other)
    stranger._program = explainer._program
    with pytest.raises(SocialRLError, match="the agent decides otherwise than recorded"):
        ask(stranger, busy)


def test_another_world_is_found_out(explainer, busy):
    action = explainer.replay.action.copy()
    action[busy[0], 0, 0] = (action[busy[0], 0, 0] + 2) % 4
    changed = dataclasses.replace(explainer.replay, action=action)
    with pytest.raises(SocialRLError, match="the code of coin_grid has changed since"):
        ask(Explainer(changed, explainer.learner, explainer.state), busy)
    bare = dataclasses.replace(explainer.replay, checksum=None)
    with pytest.raises(SocialRLError, match="recorded without"):
        ask(Explainer(bare, explainer.learner, explainer.state), busy)


def test_a_replay_of_no_run_needs_its_agent(explainer, tmp_path, capsys):
    replay: Replay = explainer.replay
    save(tmp_path / "alone.npz", replay)
    assert main(["explain", str(tmp_path / "alone.npz"), "--step", "3"]) == 2
    assert (
        "no run that it belongs to (name its agent: --agent RUN:ARM:SEED or FILE)" in capsys.readouterr().err
    )
    with pytest.raises(SocialRLError, match="no run that it belongs to"):
        socialrl.explain(replay, 3)

"""Gymnasium's and PettingZoo's own recorders write videos of a world, where moviepy is installed."""

from pathlib import Path

import pytest

pytest.importorskip("moviepy")
gymnasium = pytest.importorskip("gymnasium")
wrappers = pytest.importorskip("pettingzoo.utils.wrappers")
imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
SMALL = {"size": 5, "experts": 1, "coins": 1, "horizon": 4, "render_mode": "rgb_array"}
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::SyntaxWarning"),  # moviepy's
    pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning"),  # ffmpeg is started by a fork
]


def shown(folder: Path) -> tuple[int, float]:
    """(frames, seconds) of the only video in a folder."""
    (file,) = folder.glob("*.mp4")
    return imageio_ffmpeg.count_frames_and_secs(str(file))


def test_gymnasium_records_a_lone_novice(tmp_path):
    env = gymnasium.make("socialrl_envs.gym:socialrl/coin_grid-v0", **SMALL)
    env = gymnasium.wrappers.RecordVideo(env, str(tmp_path / "videos"), episode_trigger=lambda episode: True)
    env.reset(seed=0)
    while not any(env.step(4)[2:4]):
        pass
    env.close()
    frames, seconds = shown(tmp_path / "videos")
    assert frames == 5
    assert seconds == pytest.approx(frames / 8, abs=0.01)


def test_pettingzoo_records_every_seat(tmp_path):
    from socialrl_envs import coin_grid_v0

    env = wrappers.RecordVideoParallel(
        coin_grid_v0.parallel_env(hosted=False, **SMALL),
        str(tmp_path / "videos"),
        episode_trigger=lambda episode: True,
    )
    env.reset(seed=0)
    while env.agents:
        env.step(dict.fromkeys(env.agents, 4))
    env.close()
    assert shown(tmp_path / "videos")[0] in (4, 5)


def test_pettingzoo_records_turn_by_turn(tmp_path):
    from socialrl_envs import coin_grid_v0

    env = wrappers.RecordVideo(
        coin_grid_v0.env(hosted=False, **SMALL),
        str(tmp_path / "videos"),
        episode_trigger=lambda episode: True,
    )
    env.reset(seed=0)
    for agent in env.agent_iter():
        ended = env.terminations[agent] or env.truncations[agent]
        env.step(None if ended else 4)
    env.close()
    assert shown(tmp_path / "videos")[0] >= 4

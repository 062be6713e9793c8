"""Replays in notebooks: a strip of states as an image, and a caption."""

import dataclasses
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from socialrl.record import filmstrip
from socialrl.record.replay import save
from tests.record.synthetic import make_policy_replay, make_replay


@pytest.fixture(scope="module")
def replay():
    return make_replay((40, 25))


def test_the_strip_is_an_image_of_a_few_states(replay):
    image = np.asarray(Image.open(io.BytesIO(replay._repr_png_())))
    shown = filmstrip.states_to_show(replay, filmstrip.episode_to_show(replay))
    side = 11 * (filmstrip.SIDE // 11)
    expected = (side + filmstrip.GAP + filmstrip.BAR, len(shown) * (side + filmstrip.GAP) - filmstrip.GAP, 3)
    assert image.shape == expected


def test_the_states_shown_are_the_ends_and_events_between_them(replay):
    for episode in range(2):
        first, *between, last = filmstrip.states_to_show(replay, episode)
        assert (first, last) == (0, replay.steps(episode))
        assert 0 < len(between) <= filmstrip.FRAMES - 2
        source, reward = replay.source[episode, :, 0], replay.reward[episode, :, 0]
        assert all(source[t] != source[t - 1] or reward[t - 1] for t in between)


def test_an_episode_without_events_shows_its_ends(replay):
    quiet = dataclasses.replace(
        replay, source=np.zeros_like(replay.source), reward=np.zeros_like(replay.reward)
    )
    assert filmstrip.states_to_show(quiet, 0) == (0, 40)
    assert quiet._repr_png_() != replay._repr_png_()


def test_the_bar_has_the_colour_of_whom_is_followed(replay):
    followed = dataclasses.replace(replay, source=np.full_like(replay.source, 2))
    image = filmstrip.strip(followed, 0)
    bar = image[-filmstrip.BAR - filmstrip.GAP // 2 : -filmstrip.GAP // 2]
    assert (bar[:, :11] == replay.colours[2]).all()
    assert (bar[:, -11:] == 255).all()  # after the last step nobody is followed


def test_the_caption_escapes_every_name(replay):
    evil = "<script>alert(1)</script>"
    html = dataclasses.replace(
        replay,
        experiment=evil,
        arm='"><img src=x onerror=alert(1)>',
        agents=(evil, *replay.agents[1:]),
        sources=("self", evil, *replay.sources[2:]),
    )._repr_html_()
    assert "<script" not in html
    assert "<img src=x" not in html
    assert html.count("<img") == 1
    assert "&lt;script&gt;" in html


def test_a_policy_without_other_sources_is_shown_too():
    html = make_policy_replay((8,))._repr_html_()
    assert "by its own policy" in html
    assert "self 100%" in html


def test_text_is_short(replay):
    assert repr(replay) == "<Replay: coin_grid, psiphi, seed 0, 2 episodes of up to 40 steps, 4 seats>"


def test_a_replay_of_a_world_that_is_not_installed_is_shown_without_its_code(tmp_path: Path):
    """Loading and showing it imports no world, no learner, no jax and no pillow."""
    save(tmp_path / "a.npz", make_replay((8,), world={"name": "a_package.of_others:World", "size": 11}))
    code = """
import sys
from socialrl.record.replay import load
replay = load(sys.argv[1])
assert replay._repr_png_()[1:4] == b"PNG" and "<img" in replay._repr_html_()
foreign = ("jax", "jaxlib", "flax", "PIL", "pygame", "a_package")
bad = [name for name in sys.modules if name.split(".")[0] in foreign]
bad += [name for name in sys.modules if name.startswith(("socialrl_envs.worlds", "socialrl.learners"))]
assert not bad, bad
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.npz")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr

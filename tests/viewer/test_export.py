"""Pictures in files: a step as PNG, an episode as GIF, all or nothing."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from socialrl.record.replay import save
from socialrl.viewer import export
from socialrl.viewer.frame import draw_frame
from socialrl_envs.errors import SocialRLError
from socialrl_envs.visibility import ViewSpec
from tests.record.synthetic import make_replay

SIZE = (320, 200)


@pytest.fixture(scope="module")
def replay():
    return make_replay((8, 6))


@pytest.fixture
def path(tmp_path, replay):
    save(tmp_path / "a.npz", replay)
    return tmp_path / "a.npz"


def test_a_step(path, replay, tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    export(path, tmp_path / "a.png", episode=1, step=4, size=SIZE, theme="dark")
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / "a.png")), draw_frame(replay, 1, 4, SIZE, "dark")
    )
    export(path, tmp_path / "b.PNG", size=SIZE)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "b.PNG")), draw_frame(replay, 0, 0, SIZE))


def test_an_episode(path, replay, tmp_path):
    export(path, tmp_path / "a.gif", episode=1, size=SIZE, fps=10)
    with Image.open(tmp_path / "a.gif") as animation:
        assert animation.size == SIZE
        assert animation.n_frames == 7
        assert animation.info["loop"] == 0
        durations = []
        for t in range(7):
            animation.seek(t)
            durations.append(animation.info["duration"])
            shown = np.asarray(animation.convert("RGB")).astype(int)
            assert np.abs(shown - draw_frame(replay, 1, t, SIZE)).mean() < 4
    assert durations == [100] * 6 + [1000]


def test_of_a_run_folder_the_first_replay_with_someone_to_follow(path, replay, tmp_path):
    folder = tmp_path / "run" / "replays"
    folder.mkdir(parents=True)
    save(
        folder / "a-seed0.npz", dataclasses.replace(replay, source=np.zeros_like(replay.source), arm="alone")
    )
    export(tmp_path / "run", tmp_path / "a.png", size=SIZE)
    path.rename(folder / "b-seed0.npz")
    export(tmp_path / "run", tmp_path / "b.png", size=SIZE)
    alone, social = (np.asarray(Image.open(tmp_path / name)) for name in ("a.png", "b.png"))
    np.testing.assert_array_equal(social, draw_frame(replay, 0, 0, SIZE))
    assert (alone != social).any()


@pytest.mark.parametrize(
    ("out", "options", "says"),
    [
        ("a.avi", {}, r"a\.avi: cannot write \.avi .*\.gif, \.mp4 or \.png"),
        ("a", {"step": 3}, "a folder shows the whole episode"),
        ("a.mp4", {"step": 3}, "whole episode"),
        (".", {}, "this exists already"),
        ("a/b", {}, "cannot make this folder"),
        ("a.gif", {"step": 3}, "whole episode"),
        ("a.gif", {"fps": 0}, "fps: 0"),
        ("a.png", {"step": 9}, r"step 9: episode 0 has 8 .*0\.\.8"),
        ("a.png", {"episode": 2}, "episode 2: the replay has 2"),
        ("a.png", {"size": (5, 5)}, "5 x 5"),
        ("none/a.png", {}, "no folder"),
    ],
)
def test_impossible_wishes_leave_nothing(path, tmp_path, out, options, says):
    with pytest.raises(SocialRLError, match=says):
        export(path, tmp_path / out, **{"size": SIZE, **options})
    assert sorted(tmp_path.iterdir()) == [path]


def test_a_folder_of_pictures(path, replay, tmp_path):
    export(path, tmp_path / "frames", episode=1, size=SIZE)
    assert [file.name for file in sorted((tmp_path / "frames").iterdir())] == [
        f"step-{t}.png" for t in range(7)
    ]
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / "frames" / "step-3.png")), draw_frame(replay, 1, 3, SIZE)
    )


@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")  # ffmpeg is started by a fork
def test_a_film(path, tmp_path, monkeypatch):
    """Its frames, where the extra is there; else what is missing is named."""
    try:
        import imageio_ffmpeg
    except ImportError:
        with pytest.raises(SocialRLError, match=r"imageio-ffmpeg.*socialrl\[mp4\]"):
            export(path, tmp_path / "a.mp4", size=SIZE)
        return
    export(path, tmp_path / "a.mp4", episode=1, size=(321, 200), fps=10)
    frames, seconds = imageio_ffmpeg.count_frames_and_secs(tmp_path / "a.mp4")
    assert (frames, round(seconds, 1)) == (7 + 10, 1.7)


def test_too_long_for_a_gif(tmp_path):
    save(tmp_path / "a.npz", make_replay((1000,)))
    with pytest.raises(SocialRLError, match="1000 steps"):
        export(tmp_path / "a.npz", tmp_path / "a.gif", size=SIZE)


def test_a_bad_replay_is_named_and_the_old_picture_stays(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"no")
    (tmp_path / "a.png").write_bytes(b"old")
    with pytest.raises(SocialRLError, match=r"a\.npz"):
        export(tmp_path / "a.npz", tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == b"old"


def test_a_replay_of_a_world_that_is_not_installed_is_exported_without_its_code(tmp_path):
    """Neither a world nor jax is imported, and the view is drawn as the header says."""
    replay = make_replay(
        (8,),
        world={"name": "a_package.of_others:World"},
        movement="turning",
        view=ViewSpec(kind="egocentric", size=5, occlusion=True),
    )
    save(tmp_path / "a.npz", replay)
    code = """
import sys
import socialrl.viewer
socialrl.viewer.export(sys.argv[1], sys.argv[2], step=3)
bad = [name for name in sys.modules if name.split(".")[0] in ("jax", "jaxlib", "flax", "a_package")]
bad += [name for name in sys.modules if name.startswith("socialrl_envs.worlds")]
assert not bad, bad
"""
    command = [sys.executable, "-c", code, str(tmp_path / "a.npz"), str(tmp_path / "a.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    exported = np.asarray(Image.open(tmp_path / "a.png"))
    np.testing.assert_array_equal(exported, draw_frame(replay, 0, 3))

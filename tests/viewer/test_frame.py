"""Frames: golden images of the whole viewer, and what must show in any frame.

Text is compared loosely, as machines differ in how they smooth it. `python tests/viewer/test_frame.py` draws
the golden images anew; look at them before you commit them.
"""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from socialrl.scene import Scene
from socialrl.viewer.frame import draw_frame, layout, paint
from socialrl.viewer.paint import to_array
from socialrl.viewer.panels import found, panels
from socialrl_envs.errors import SocialRLError
from socialrl_envs.render import OKABE_ITO, seat_colours
from socialrl_envs.visibility import ViewSpec
from tests.record.synthetic import make_policy_replay, make_replay

GOLDEN = Path(__file__).parent / "golden"
CASES = {
    "light": {"t": 9, "size": (480, 300)},
    "dark_end_other_seat": {"t": 24, "size": (400, 260), "theme": "dark", "seat": 2},
    "upright": {"t": 3, "size": (240, 300), "novice": 1},
    "returns": {"t": 15, "size": (480, 300), "tab": 1},
    "occupancy": {"t": 6, "size": (480, 300), "tab": 4, "theme": "dark"},
    "help": {"t": 3, "size": (360, 230), "help": True},
    "picker": {"t": 3, "size": (360, 230), "picker": True, "theme": "dark"},
    "influence": {"t": 9, "size": (480, 300), "tab": 2, "theme": "dark"},
    "prediction": {"t": 12, "size": (480, 300), "tab": 3},
}


def frame(name: str) -> np.ndarray:
    policy = name in ("influence", "prediction")
    return draw_frame(
        make_policy_replay((12, 24)) if policy else make_replay((12, 24), novices=2), 1, **CASES[name]
    )


def side_by_side() -> np.ndarray:
    replays = (make_replay((24,)), make_policy_replay((12,)))
    return to_array(paint(Scene(replays=replays, names=("a", "b"), beside=1, t=8, hints=False), (560, 320)))


@pytest.mark.parametrize("name", [*CASES, "side_by_side"])
def test_golden_images(name):
    image = (frame(name) if name in CASES else side_by_side()).astype(float)
    golden = np.asarray(Image.open(GOLDEN / f"{name}.png").convert("RGB")).astype(float)
    assert image.shape == golden.shape
    far = np.abs(image - golden).max(axis=2) > 48
    assert far.mean() < 0.01


@pytest.fixture(scope="module")
def replay():
    return make_replay((40, 25))


@pytest.mark.parametrize("size", [(160, 120), (160, 1500), (2000, 130), (333, 777), (2560, 1440)])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_any_size(replay, size, theme):
    for t in (0, 40):
        image = draw_frame(replay, 0, t, size, theme, help=t == 0)
        assert image.shape == (size[1], size[0], 3)
        assert image.std() > 10


def test_a_frame_is_a_function_of_its_scene(replay):
    one = draw_frame(replay, 1, 7)
    draw_frame(replay, 0, 3, theme="dark")
    np.testing.assert_array_equal(draw_frame(replay, 1, 7), one)
    for other in (draw_frame(replay, 1, 8), draw_frame(replay, 0, 7), draw_frame(replay, 1, 7, seat=2)):
        assert (other != one).any()


def part(image: np.ndarray, rect) -> np.ndarray:
    return image[rect.top : rect.bottom, rect.left : rect.right].astype(int)


def test_the_arrow_has_the_colour_of_whom_is_followed(replay):
    """Between two frames that differ in the source alone, the world differs, and in that colour."""
    size = (1280, 800)
    area = layout(size, Scene(replays=(replay,), names=("",))).main_inner
    alone = dataclasses.replace(replay, source=np.zeros_like(replay.source))
    before = part(draw_frame(alone, 0, 5, size), area)
    for source in (1, 2, 3):
        other = dataclasses.replace(replay, source=np.full_like(replay.source, source))
        after = part(draw_frame(other, 0, 5, size), area)
        changed = (before != after).any(axis=2)
        colour = np.array(OKABE_ITO[source]) * 0.9
        assert changed.sum() > 150
        assert (np.abs(after[changed] - colour).max(axis=1) < 12).sum() > 80


def test_no_arrow_to_someone_who_is_away(replay):
    followed = np.full_like(replay.source, 2)
    away = replay.present.copy()
    away[:, :, 2] = False
    one = dataclasses.replace(replay, source=followed, present=away)
    other = dataclasses.replace(replay, source=np.zeros_like(replay.source), present=away)
    area = layout((1280, 800), Scene(replays=(replay,), names=("",))).main_inner
    np.testing.assert_array_equal(part(draw_frame(one, 0, 5), area), part(draw_frame(other, 0, 5), area))


def test_learners_without_values_and_with_influence(replay):
    bare = dataclasses.replace(replay, values=np.full_like(replay.values, np.nan))
    partly = replay.values.copy()
    partly[..., 2, :] = np.nan
    partly[..., 0, 1] = np.nan
    flat = np.zeros_like(replay.values)
    large = replay.values * np.float32(-1e6)
    influenced = np.full_like(replay.influence, 0.25)
    images = [
        draw_frame(dataclasses.replace(replay, values=v), 0, 5) for v in (replay.values, partly, flat, large)
    ]
    images += [draw_frame(bare, 0, 5), draw_frame(dataclasses.replace(replay, influence=influenced), 0, 5)]
    for i, one in enumerate(images):
        for other in images[:i]:
            assert (one != other).any()


def test_other_worlds(replay):
    """A world that is not installed, unknown actions and cumulants, no preferences, seats that turn."""
    strange = dataclasses.replace(
        replay,
        actions=("forward", "left", "toggle", "drop it here", "noop"),
        cumulants=("litter", "goal", "steps\u200b"),
        preferences=None,
        world={"name": "elsewhere"},
        movement="turning",
        view=ViewSpec(kind="egocentric", size=7, occlusion=True),
    )
    assert draw_frame(strange, 0, 5).shape == (800, 1280, 3)
    assert draw_frame(dataclasses.replace(strange, preferences=replay.preferences), 0, 5).shape == (
        800,
        1280,
        3,
    )


def test_many_agents_and_actions():
    replay = make_replay((10,))
    sources = ("self", *(f"agent_with_quite_a_long_name_{i}" for i in range(30)))
    rng = np.random.default_rng(0)
    states = (1, 11)
    crowd = dataclasses.replace(
        replay,
        agents=("novice_0", *sources[1:]),
        sources=sources,
        source_seats=(None, *range(1, 31)),
        actions=tuple(f"a{i}" for i in range(12)),
        values=rng.normal(size=(1, 10, 1, 31, 12)).astype(np.float32),
        position=rng.integers(1, 10, (*states, 31, 2)).astype(np.uint8),
        heading=np.zeros((*states, 31), np.uint8),
        present=np.ones((*states, 31), bool),
        action=np.zeros((1, 10, 31), np.int8),
        reward=np.zeros((1, 10, 31), np.float32),
        preferences=None,
        colours=seat_colours(31),
    )
    for size in ((1280, 800), (400, 300)):
        assert draw_frame(crowd, 0, 5, size).shape == (size[1], size[0], 3)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"episode": 2, "t": 0}, r"episode 2: the replay has 2 .*0\.\.1"),
        ({"episode": 0, "t": 41}, r"step 41: episode 0 has 40 .*0\.\.40"),
        ({"episode": 0, "t": -1}, "step -1"),
        ({"episode": 0, "t": 0, "size": (10, 10)}, "10 x 10"),
        ({"episode": 0, "t": 0, "theme": "drak"}, "did you mean 'dark'"),
    ],
)
def test_what_is_not_there(replay, arguments, says):
    with pytest.raises(SocialRLError, match=says):
        draw_frame(replay, **arguments)


@pytest.mark.parametrize("slot", ["main", "side", "tab", "overlay"])
def test_panels_are_found_by_file(slot):
    folder = Path(sys.modules["socialrl.viewer.panels"].__file__).parent
    stems = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    assert {name for name, _ in found()} == stems
    here = panels(slot)
    assert here
    assert set(here) == {panel for _, panel in found() if panel.slot == slot}
    orders = [panel.order for panel in here]
    assert orders == sorted(orders)


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for case in [*CASES, "side_by_side"]:
        shown = frame(case) if case in CASES else side_by_side()
        picture = Image.fromarray(shown).quantize(
            64, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
        )
        picture.save(GOLDEN / f"{case}.png", optimize=True)

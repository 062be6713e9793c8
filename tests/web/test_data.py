"""Packed replays: what the page reads is what the file holds, and large ones lose what is not needed."""

import dataclasses

import numpy as np
import pytest

from socialrl.scene import Scene
from socialrl.scene.measures import error, strengths
from socialrl.scene.plots import PLOTS, Plot, influence, returns
from socialrl.web.data import LEVELS, NO_VALUE, coarse, pack, rounded, unpack
from socialrl_envs.picture import order_notes
from tests.record.synthetic import make_replay
from tests.web.full import full_replay


@pytest.fixture(scope="module")
def replay():
    return full_replay((12, 7))


@pytest.fixture(scope="module")
def packed(replay):
    return unpack(pack(replay, "a"))


def test_what_is_read_is_what_was_recorded(replay, packed):
    header, arrays = packed
    for name in ("action", "reward", "source", "position", "heading", "present", "length"):
        np.testing.assert_array_equal(arrays[name], vars(replay)[name])
    for name in ("values", "spread", "influence"):
        np.testing.assert_allclose(arrays[name], vars(replay)[name], rtol=2e-5)
    for name in ("prediction", "observed", "occupancy", "belief"):
        assert (
            np.abs(arrays[name] * (255 / (LEVELS - 1)) - vars(replay)[name]).max() <= 255 / (LEVELS - 1) / 2
        )
    assert header["agents"] == list(replay.agents)
    assert header["colours"] == [list(colour) for colour in replay.colours]
    assert header["left_out"] == []


def test_grounds_are_kept_once(replay, packed):
    _, arrays = packed
    for episode, t in ((0, 0), (0, 12), (1, 7)):
        ground = arrays["grounds"][arrays["ground"][episode, t]]
        np.testing.assert_array_equal(ground[0], replay.tiles[episode, t])
        np.testing.assert_array_equal(ground[1], order_notes(replay.tiles[episode, t]))
    assert len(arrays["grounds"]) == 1  # nothing changes in this replay
    other = replay.tiles.copy()
    other[1, 3:, 5, 5] = 20
    _, changed = unpack(pack(dataclasses.replace(replay, tiles=other), "a"))
    assert len(changed["grounds"]) == 2
    assert changed["ground"][1].tolist() == [0, 0, 0, 1, 1, 1, 1, 1, *[0] * 5]


def test_measures_are_those_of_the_window(replay, packed):
    _, arrays = packed
    np.testing.assert_array_equal(arrays["strength"][1, :7, 0], np.rint(strengths(replay, 1, 0) * 255))
    np.testing.assert_allclose(arrays["error"][1, :7, 0], error(replay, 1, 0), rtol=1e-6)


def test_concepts_are_told_as_they_are_taken_beside_the_truth(replay, packed):
    header, arrays = packed
    assert [one["name"] for one in header["concepts"]] == [one.name for one in replay.concepts]
    assert header["concepts"][0]["values"] == list(replay.concepts[0].values)
    read, truth = replay.concept_read[1, 3, 0], replay.concept_truth[1, 3, 0]
    np.testing.assert_array_equal(arrays["concept_taken"][1, 3, 0], read.argmax(axis=-1))
    np.testing.assert_array_equal(arrays["concept_sure"][1, 3, 0], read.max(axis=-1))
    np.testing.assert_array_equal(arrays["concept_truth"] == NO_VALUE, replay.concept_truth < 0)
    known = truth >= 0
    np.testing.assert_array_equal(arrays["concept_truth"][1, 3, 0][known], truth[known])


def test_a_plot_is_described_once(replay, packed):
    header, arrays = packed
    assert [plot["tab"] for plot in header["plots"]] == list(PLOTS)
    for number, plotter in enumerate((returns, influence)):
        drawn = plotter(Scene(replays=(replay,), names=("a",), episode=1))
        assert isinstance(drawn, Plot)
        np.testing.assert_allclose(arrays[f"plot{number}"][1, 0, :, :7], drawn.lines, rtol=2e-5)
        text = header["plots"][number]["novices"][0]
        assert (text["title"], text["names"], text["after"]) == (drawn.title, list(drawn.names), drawn.after)


def test_a_plot_that_fails_says_so_and_one_without_lines_what_is_missing():
    def faulty(scene):
        raise RuntimeError("no\nway")

    header, arrays = unpack(pack(make_replay((5,)), "a", {"Faulty": faulty, "Influence": influence}))
    texts = [plot["novices"][0]["missing"] for plot in header["plots"]]
    assert texts[0] == "This cannot be shown: RuntimeError: no"
    assert "no policy" in texts[1]
    assert not [name for name in arrays if name.startswith("plot")]


def test_a_large_replay_loses_what_is_needed_least(replay):
    whole = sum(array.nbytes for array in unpack(pack(replay, "a"))[1].values())
    header, arrays = unpack(pack(replay, "a", most=whole - 1))
    assert header["left_out"] == ["spread"]
    assert "values" in arrays
    header, arrays = unpack(pack(replay, "a", most=1))
    wanted = ("plots", "values", "predictions", "occupancy", "belief", "concepts", "spread")
    assert header["left_out"] == list(wanted)
    assert {"action", "source", "position", "grounds"} <= arrays.keys()


def test_rounding():
    values = np.array([0, -1.5, 3.14159265, np.nan, 1e-20], np.float32)
    np.testing.assert_allclose(rounded(values), values, rtol=2e-5)
    assert (rounded(values).view(np.uint32) & 255 == 0).all()
    assert coarse(np.array([0, 255, 128], np.uint8)).tolist() == [0, 15, 8]

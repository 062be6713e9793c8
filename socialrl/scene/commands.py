"""The keys of the viewer, each with a function from scene to scene. The help overlay lists the same table."""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Int

from socialrl.scene import SPEEDS, Scene

replace = dataclasses.replace


@dataclasses.dataclass(frozen=True)
class Command:
    """A command of the viewer.

    keys: pygame's names, with `shift+` in front where it is held. label, text: the line of the help;
    the page for browsers knows the command by its text.
    """

    keys: tuple[str, ...]
    label: str
    text: str
    apply: Callable[[Scene], Scene | None]  # None: quit


def play(scene: Scene) -> Scene:
    """The scene playing, or paused if it played; at the end it plays from the start."""
    scene = replace(scene, playing=not scene.playing)
    return scene.at(0) if scene.playing and scene.ended else scene


def faster(scene: Scene, by: int) -> Scene:
    """The scene at the next higher (1) or lower (-1) speed."""
    index = SPEEDS.index(scene.speed) if scene.speed in SPEEDS else 2
    return replace(scene, speed=SPEEDS[min(max(index + by, 0), len(SPEEDS) - 1)])


def jump(scene: Scene, by: int, marks: Int[np.ndarray, " marks"]) -> Scene:
    """The scene at the next (1) or previous (-1) one of these states, else at the end or the start."""
    if by > 0:
        later = marks[marks > scene.t]
        return scene.at(int(later[0]) if len(later) else scene.steps)
    earlier = marks[marks < scene.t]
    return scene.at(int(earlier[-1]) if len(earlier) else 0)


def next_seat(scene: Scene, by: int) -> Scene:
    """The scene with the view of the next (1) or previous (-1) seat that is present, if any is."""
    seats = len(scene.replay.agents)
    present = scene.replay.present[scene.episode, min(scene.t, scene.replay.steps(scene.episode))]
    order = [(scene.chosen + by * i) % seats for i in range(1, seats + 1)]
    return scene.of_seat(next((seat for seat in order if present[seat] or not np.any(present)), order[0]))


COMMANDS = (
    Command(("space",), "space", "play, pause", play),
    Command(("right",), "right", "one step forward", lambda s: s.at(s.t + 1)),
    Command(("left",), "left", "one step back", lambda s: s.at(s.t - 1)),
    Command(("shift+right",), "shift right", "ten steps forward", lambda s: s.at(s.t + 10)),
    Command(("shift+left",), "shift left", "ten steps back", lambda s: s.at(s.t - 10)),
    Command((".", "shift+."), ".", "next change of source", lambda s: jump(s, 1, s.changes())),
    Command((",", "shift+,"), ",", "previous change of source", lambda s: jump(s, -1, s.changes())),
    Command(("r",), "r", "next reward", lambda s: jump(s, 1, s.paid(1))),
    Command(("shift+r",), "shift r", "previous reward", lambda s: jump(s, -1, s.paid(1))),
    Command(("x",), "x", "next negative reward", lambda s: jump(s, 1, s.paid(-1))),
    Command(("shift+x",), "shift x", "previous negative reward", lambda s: jump(s, -1, s.paid(-1))),
    Command(("home",), "home", "first step", lambda s: s.at(0)),
    Command(("end",), "end", "last step", lambda s: s.at(s.steps)),
    Command(("up",), "up", "faster", lambda s: faster(s, 1)),
    Command(("down",), "down", "slower", lambda s: faster(s, -1)),
    Command(("n",), "n", "next episode", lambda s: s.in_episode(s.episode + 1)),
    Command(("p",), "p", "previous episode", lambda s: s.in_episode(s.episode - 1)),
    Command(("page down", "]"), "page down", "next replay", lambda s: s.in_replay(s.which + 1)),
    Command(("page up", "["), "page up", "previous replay", lambda s: s.in_replay(s.which - 1)),
    Command(("s",), "s", "next seed of this arm", lambda s: s.like(1, lambda r: (r.experiment, r.arm))),
    Command(("a",), "a", "next arm with this seed", lambda s: s.like(1, lambda r: (r.experiment, r.seed))),
    Command(("c",), "c", "compare with the next replay", lambda s: s.compared()),
    Command(("e",), "e", "choose replay and episode", lambda s: replace(s, picker=not s.picker, help=False)),
    Command(("d",), "d", "next tab", lambda s: replace(s, tab=s.tab + 1)),
    Command(("shift+d",), "shift d", "previous tab", lambda s: replace(s, tab=s.tab - 1)),
    Command(("tab", "g"), "g, tab", "view of the next seat", lambda s: next_seat(s, 1)),
    Command(("shift+tab", "shift+g"), "shift g", "view of the previous seat", lambda s: next_seat(s, -1)),
    Command(("v",), "v", "mark the view of the seat", lambda s: replace(s, view=not s.view)),
    Command(("w",), "w", "what if it had followed another", lambda s: s.asking()),
    Command(("l",), "l", "loop", lambda s: replace(s, loop=not s.loop)),
    Command(
        ("t",), "t", "light, dark", lambda s: replace(s, theme="dark" if s.theme == "light" else "light")
    ),
    Command(
        ("h", "f1", "?", "shift+/"), "h", "this help", lambda s: replace(s, help=not s.help, picker=False)
    ),
    Command(
        ("escape", "q"),
        "q, esc",
        "close, quit",
        lambda s: replace(s, help=False, picker=False) if s.help or s.picker else None,
    ),
)
BY_KEY = {key: command for command in COMMANDS for key in command.keys}


def press(scene: Scene, key: str) -> Scene | None:
    """The scene after a key; the same if no command has it, None to quit."""
    command = BY_KEY.get(key)
    return scene if command is None else command.apply(scene)

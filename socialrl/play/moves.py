"""The keys of a session: which key is which action, and what it does."""

import inspect

from socialrl_envs.types import World

ARROWS = {"up": "up", "right": "right", "down": "down", "left": "left", "forward": "up", "stay": "space"}
LETTERS = {"up": "w", "left": "a", "down": "s", "right": "d"}  # further keys of the same actions
TURNS = {"left": "turn left", "right": "turn right", "forward": "go forward"}
IDLE = ("stay", "done")  # actions that do nothing


def keys_of(actions: tuple[str, ...]) -> dict[str, int]:
    """pygame's name of a key -> the index of its action: arrows and w a s d, space to stay, else digits."""
    found: dict[str, int] = {}
    plain = 0
    for number, action in enumerate(actions):
        key = ARROWS.get(action)
        if key is None:
            plain += 1
            found[str(plain)] = number
        else:
            found[key] = number
            if key in LETTERS:
                found[LETTERS[key]] = number
    return found


def moves(world: World) -> list[tuple[str, str]]:
    """(key, meaning) of each action of a world."""
    spec = world.spec
    keys = {action: key for key, action in reversed(keys_of(spec.actions).items())}
    turns = TURNS if spec.movement == "turning" else {}
    return [(keys[number], turns.get(name, name)) for number, name in enumerate(spec.actions)]


def idle(actions: tuple[str, ...]) -> int | None:
    """The index of the action that does nothing, None without one."""
    return next((number for number, name in enumerate(actions) if name in IDLE), None)


def rules(world: World) -> list[str]:
    """The paragraphs of the docstring of a world's module."""
    text = inspect.cleandoc(inspect.getmodule(type(world.config)).__doc__ or "")
    return [paragraph.replace("`", "") for paragraph in text.split("\n\n")]

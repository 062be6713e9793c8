"""Re-simulation: the recorded actions and keys of a replay are run again and the states are compared.

    verdict = resimulate(load("runs/coin_grid/001/replays/psiphi-seed0.npz"))
    verdict.same, verdict.text          # True, "re-simulated: as recorded"

A state's checksum is the CRC-32 of its fields in the order of their names, but not of its floating-point
numbers, which may differ in their last bits from machine to machine.
"""

import dataclasses
import json
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32, Shaped, UInt32

from socialrl.coerce import coerce
from socialrl.record.replay import Replay
from socialrl.registry import WORLD
from socialrl_envs.errors import SocialRLError
from socialrl_envs.types import State, World

CHUNK = 256  # steps per compiled call; a longer episode takes several
# What building a world from an old or unknown config, or stepping it with arrays of other shapes, may raise.
MISFIT = (SocialRLError, TypeError, ValueError, KeyError, AttributeError, IndexError, OSError)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The result of a re-simulation.

    same: whether all states are equal; None if the replay has no checksums. text: the result in words.
    differs: the first (episode, state) that is different.
    """

    same: bool | None
    text: str
    differs: tuple[int, int] | None = None


def fields(state: State) -> dict[str, Any]:
    """The arrays of a state by name, e.g. `seats.position`."""
    flat, _ = jax.tree_util.tree_flatten_with_path(state)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in flat}


def checksums(states: dict[str, Shaped[np.ndarray, "T ..."]]) -> UInt32[np.ndarray, " T"]:
    """The checksum of every state, from the fields of consecutive states."""
    exact = [np.ascontiguousarray(states[name]) for name in sorted(states) if states[name].dtype.kind != "f"]
    result = np.zeros(len(next(iter(states.values()))), np.uint32)
    for t in range(len(result)):
        value = 0
        for array in exact:
            value = zlib.crc32(array[t].tobytes(), value)
        result[t] = value
    return result


def resimulate(replay: Replay) -> Verdict:
    """Runs every episode again from its first state, with the recorded actions and keys, and compares."""
    if replay.checksum is None or replay.step_key is None or not replay.start:
        return Verdict(None, "recorded without checksums: shown as recorded")
    try:
        world = _world(json.dumps(replay.world, sort_keys=True))
        for episode in range(replay.episodes):
            found = _episode(world, replay, episode)
            wrong = np.flatnonzero(found != replay.states("checksum", episode))
            if len(wrong):
                where = (episode, int(wrong[0]))
                text = f"the code of {replay.world['name']} has changed since: shown as recorded"
                return Verdict(
                    False, f"{text} (episode {episode + 1} differs from step {where[1]} on)", where
                )
    except MISFIT:
        name = replay.world["name"]
        return Verdict(False, f"{name} is not installed here, or has other settings: shown as recorded")
    return Verdict(True, "re-simulated: as recorded")


# A world, its compiled steps: the states after them and the cumulants of each, and the shapes of its states.
Built = tuple[World, Callable[..., tuple[State, jax.Array]], State]


class Part(NamedTuple):
    """Consecutive states of an episode that is run again, on the host. own: their fields by name. cumulants:
    of every seat in the step that led to each state; 0 for the first state of an episode.
    """

    own: dict[str, Shaped[np.ndarray, "T ..."]]
    states: State
    cumulants: Float32[np.ndarray, "T N K"]


@lru_cache(maxsize=8)
def _world(config: str) -> Built:
    """A world from its config as JSON, its steps compiled, and the shapes and dtypes that its states consist
    of.
    """
    world = coerce(Annotated[Any, WORLD], json.loads(config), "world").build()

    def run(state: State, actions: jax.Array, keys: jax.Array) -> tuple[State, jax.Array]:
        def body(state: State, now: tuple[jax.Array, jax.Array]) -> tuple[State, tuple[State, jax.Array]]:
            after, outcome = world.step(state, now[0], jax.random.wrap_key_data(now[1]))
            return after, (after, outcome.cumulants)

        return jax.lax.scan(body, state, (actions, keys))[1]

    def first(key: jax.Array) -> State:
        level_key, reset_key = jax.random.split(key)
        return world.reset(world.sample_level(level_key), reset_key)

    return world, jax.jit(run), jax.eval_shape(first, jax.random.key(0))


def _episode(built: Built, replay: Replay, episode: int) -> UInt32[np.ndarray, " states"]:
    """The checksums of an episode that is run again."""
    return np.concatenate([checksums(part.own) for part in _parts(built, replay, episode)])


def _parts(built: Built, replay: Replay, episode: int) -> Iterator[Part]:
    """The states of an episode that is run again, in parts. The first part is the first state alone."""
    world, run, shape = built
    wanted = fields(shape)
    start = {name: replay.start[name][episode] for name in wanted}
    if any(
        start[name].shape != leaf.shape or start[name].dtype != leaf.dtype for name, leaf in wanted.items()
    ):
        raise ValueError("the state of this world has other fields now")
    state = jax.tree.unflatten(jax.tree.structure(shape), [jnp.asarray(start[name]) for name in wanted])
    own = {name: value[None] for name, value in start.items()}
    none = np.zeros((1, len(world.spec.seats), len(world.spec.cumulants)), np.float32)
    yield Part(own, jax.tree.map(lambda leaf: np.asarray(leaf)[None], state), none)
    assert replay.step_key is not None
    action, key = replay.during("action", episode).astype(np.int32), replay.during("step_key", episode)
    for begin in range(0, len(action), CHUNK):
        here = action[begin : begin + CHUNK]
        room = ((0, CHUNK - len(here)), (0, 0))
        found = run(state, np.pad(here, room), np.pad(key[begin : begin + CHUNK], room))
        states, cumulants = jax.device_get(found)
        count = len(here)
        lived = jax.tree.map(lambda leaf, count=count: leaf[:count], states)
        yield Part(fields(lived), lived, cumulants[:count])
        state = jax.tree.map(lambda leaf: leaf[-1], states)


def states_until(replay: Replay, episode: int, step: int) -> tuple[World, State]:
    """The world of a replay, and the states of an episode up to that before a step, leaves (step + 1, ...).

    Raises SocialRLError if they are not exactly those that were recorded, or if that cannot be told.
    """
    return lived_until(replay, episode, step)[:2]


def lived_until(
    replay: Replay, episode: int, step: int
) -> tuple[World, State, Float32[np.ndarray, "steps N K"]]:
    """(world, states, cumulants): as `states_until`, with what every seat did in the steps between them."""
    where = f"{replay.experiment}, {replay.arm}, seed {replay.seed}"
    if replay.checksum is None or replay.step_key is None or not replay.start:
        raise SocialRLError(f"{where}: recorded without the states and keys", "record it anew")
    name = replay.world["name"]
    try:
        built = _world(json.dumps(replay.world, sort_keys=True))
        parts, count = [], 0
        for part in _parts(built, replay, episode):
            parts.append(part)
            count += len(part.cumulants)
            if count > step:
                break
    except MISFIT as error:
        raise SocialRLError(
            f"{where}: {name} is not installed here, or has other settings", "install the version of then"
        ) from error
    found = np.concatenate([checksums(part.own) for part in parts])[: step + 1]
    wrong = np.flatnonzero(found != replay.states("checksum", episode)[: step + 1])
    if len(wrong):
        at = f"episode {episode}, from step {wrong[0]} on"
        raise SocialRLError(
            f"{where}: the code of {name} has changed since ({at})", "install the version of then"
        )
    states = jax.tree.map(
        lambda *leaves: jnp.asarray(np.concatenate(leaves)[: step + 1]), *(part.states for part in parts)
    )
    return built[0], states, np.concatenate([part.cumulants for part in parts])[1 : step + 1]

"""Replays of real worlds without a learner: the novices act at random, the co-players as they do."""

import functools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import socialrl_envs
from socialrl.record.replay import Replay, save
from socialrl.record.replay_format import VERSION
from socialrl.recording import to_replay
from socialrl.rollout import Trace
from socialrl.types import Decision
from socialrl_envs.hosting import host


@functools.cache
def played(name: str, steps: int, **config: Any) -> tuple[Any, ...]:
    """The world of this config, and two episodes in it, on the host: states (steps + 1, 2, ...), actions,
    outcomes, sources and keys of steps (steps, 2, ...), keys of resets (2, ...).
    """
    world = socialrl_envs.make(name, **config)
    spec, hosted = world.spec, host(world)
    novices, sources = len(spec.novices), 1 + len(spec.coplayers)

    def episode(key: jax.Array) -> tuple[Any, ...]:
        level_key, reset_key, act_key, step_key = jax.random.split(key, 4)
        reset_data, step_data = (
            jax.random.key_data(reset_key),
            jax.random.key_data(jax.random.split(step_key, steps)),
        )
        state = world.reset(world.sample_level(level_key), jax.random.wrap_key_data(reset_data))

        def body(state: Any, keys: tuple[jax.Array, jax.Array]) -> tuple[Any, Any]:
            novice_key, host_key, source_key = jax.random.split(keys[0], 3)
            own = jax.random.randint(novice_key, (novices,), 0, len(spec.actions))
            action = hosted(state, host_key).at[jnp.array(spec.novices)].set(own)
            after, outcome = world.step(state, action, jax.random.wrap_key_data(keys[1]))
            source = jax.random.randint(source_key, (novices,), 0, sources)
            return after, (after, action, outcome, source)

        states, *rest = jax.lax.scan(body, state, (jax.random.split(act_key, steps), step_data))[1]
        states = jax.tree.map(lambda a, b: jnp.concatenate([a[None], b]), state, states)
        return states, *rest, step_data, reset_data

    with jax.debug_key_reuse(False):  # a replay keeps the keys that were used
        out = jax.device_get(jax.jit(jax.vmap(episode))(jax.random.split(jax.random.key(3), 2)))
    in_time = jax.tree.map(lambda leaf: np.swapaxes(leaf, 0, 1), out[:5])
    return world, *in_time, out[5]


@functools.cache
def lived(name: str = "goal_cycle", steps: int = 12, extras: bool = False, **config: Any) -> Replay:
    """Two episodes in a world of this config, cut after `steps` steps. extras: with what only some learners
    explain.
    """
    world, states, action, outcome, source, step_key, reset_key = played(name, steps, **config)
    spec = world.spec
    novices, sources, actions = len(spec.novices), 1 + len(spec.coplayers), len(spec.actions)
    rng = np.random.default_rng(0)
    values = rng.normal(size=(steps, 2, novices, sources, actions)).astype(np.float32)
    decision = Decision(
        action=jnp.asarray(action[..., np.array(spec.novices)]),
        source=jnp.asarray(source),
        values=jnp.asarray(values),
        influence=jnp.asarray(np.abs(values[..., 0, 0])),
    )
    explained: dict[str, Any] = {}
    if extras:
        views = jax.jit(jax.vmap(jax.vmap(world.observe)))(jax.tree.map(lambda leaf: leaf[1:], states))
        seen = np.asarray(views)[:, :, list(spec.novices)].astype(np.float32)
        explained = {
            "spread": np.abs(values) / 3,
            "prediction": np.clip(seen + rng.normal(0, 0.15, seen.shape), 0, 1).astype(np.float32),
            "occupancy": rng.random((steps, 2, novices, spec.height, spec.width)).astype(np.float32) ** 4,
        }
    alive = jnp.ones((steps, 2), bool)
    trace = Trace(
        states=states,
        actions=jnp.asarray(action),
        outcome=outcome,
        decision=decision,
        alive=alive,
        reset_key=jnp.asarray(reset_key),
        step_key=jnp.asarray(step_key),
    )
    header = {"name": name, **config}
    return to_replay(trace, world, header, experiment=name, arm="random", seed=0, step=0, explained=explained)


if __name__ == "__main__":
    newest = Path(__file__).parent / "golden" / f"v{VERSION}.npz"
    save(newest, lived("goal_sequence", extras=True, size=7, experts=1))

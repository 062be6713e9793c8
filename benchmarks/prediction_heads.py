"""How well can heads that differ in how the action enters predict the next view, at best and when trained?

Three seats that act at random in `goal_cycle`, 9x9 cells without clutter. Every state is continued by each of
the three actions of the novice, so that the best predictions of a family can be computed: one constant per
entry of the view, and what is additive in state and action, f(s) + g(a). A prediction that knows state and
action has no error. Then heads are trained, by the mean absolute error, on what decides the next view (the
views from the novice's cell in all four directions and from the cell ahead) and are tested on other states.
The error is the mean absolute one over all entries, and over those of the channels that show others.

    python benchmarks/prediction_heads.py
    python benchmarks/prediction_heads.py --view 5 --states 8000 --steps 1500
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jaxtyping import PyTree

from socialrl.losses.prediction import weighted_prediction_loss
from socialrl.nets.heads import Prediction
from socialrl_envs.composed import GridWorld
from socialrl_envs.struct import replace
from socialrl_envs.types import State
from socialrl_envs.worlds import goal_cycle

WORLD = goal_cycle.Config(novices=1, experts=2, size=9, goals=3, layout="open", horizon=100)
ACTIONS, WARM_UP = 3, 30
HEADS = {
    "added, linear": ((), False, 1.0),
    "added, two layers": ((512, 256), False, 1.0),
    "multiplied, one layer": ((512,), True, 1.0),
    "multiplied, two layers": ((512, 256), True, 1.0),
    "multiplied, two layers, changes weigh 5": ((512, 256), True, 5.0),
}


def sample(world: GridWorld, states: int) -> tuple[Array, Array, Array]:
    """Of each state: the novice's view (V, V, C), the views all around (a vector), the view after each
    action.
    """
    seats = len(world.spec.seats)

    def drawn(key: Array) -> Array:
        return jax.random.randint(key, (seats,), 0, ACTIONS, dtype=jnp.int32)

    def step(state: State, keys: Array) -> tuple[State, None]:
        return world.step(state, drawn(keys[0]), keys[1])[0], None

    def one(key: Array) -> tuple[Array, Array, Array]:
        level_key, reset_key, play_key, act_key, step_key = jax.random.split(key, 5)
        state = world.reset(world.sample_level(level_key), reset_key)
        state, _ = jax.lax.scan(step, state, jax.random.split(play_key, (WARM_UP, 2)))
        others = drawn(act_key)

        def after(action: Array) -> State:
            return world.step(state, others.at[0].set(action), jax.random.clone(step_key))[0]

        moved = after(jnp.int32(0))  # a turn: the novice's cell is the same

        def towards(turn: Array) -> Array:
            heading = moved.seats.heading.at[0].add(turn) % 4
            return world.observe(replace(moved, seats=replace(moved.seats, heading=heading)))[0]

        views = jax.vmap(lambda a: world.observe(after(a))[0])(jnp.arange(ACTIONS, dtype=jnp.int32))
        around = jax.vmap(towards)(jnp.arange(4, dtype=jnp.int32))
        return world.observe(state)[0], jnp.concatenate([around, views[-1:]]).reshape(-1), views

    return jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(0), states))


def best_constant(after: np.ndarray) -> np.ndarray:
    """The prediction of each entry that is best without knowing state or action, shape of `after`."""
    return np.broadcast_to(np.median(after, axis=(0, 1)), after.shape)


def best_additive(after: np.ndarray, rounds: int = 10) -> np.ndarray:
    """The best f(s) + g(a) of each entry, nearly: by alternating medians."""
    of_state, of_action = np.zeros_like(after[:, :1]), np.median(after, axis=0)
    for _ in range(rounds):
        of_state = np.median(after - of_action, axis=1, keepdims=True)
        of_action = np.median(after - of_state, axis=0)
    return of_state + of_action


def trained(
    head: Prediction, changed: float, data: tuple[Array, Array, Array], steps: int, batch: int = 128
) -> Callable[[Array], Array]:
    """A function from states to the predicted views after each action, (n, A, V, V, C)."""
    obs, there, after = data
    one = jnp.ones(1, jnp.float32)
    apply: Callable[..., Any] = head.apply  # flax knows no types
    params = head.init(jax.random.key(1), there[:1].astype(jnp.float32), jnp.zeros(1, jnp.int32))
    optimiser = optax.adam(optax.cosine_decay_schedule(1e-3, steps))

    def loss(params: PyTree, rows: Array, action: Array) -> Array:
        predicted = apply(params, there[rows].astype(jnp.float32), action)
        return jnp.mean(
            weighted_prediction_loss(predicted, after[rows, action], obs[rows], one, one, changed)
        )

    def descend(carry: PyTree, key: Array) -> tuple[PyTree, None]:
        params, state = carry
        rows_key, action_key = jax.random.split(key)
        rows = jax.random.randint(rows_key, (batch,), 0, len(there), dtype=jnp.int32)
        action = jax.random.randint(action_key, (batch,), 0, ACTIONS, dtype=jnp.int32)
        updates, state = optimiser.update(jax.grad(loss)(params, rows, action), state)
        return (optax.apply_updates(params, updates), state), None

    keys = jax.random.split(jax.random.key(2), steps)
    (params, _), _ = jax.jit(lambda p, k: jax.lax.scan(descend, (p, optimiser.init(p)), k))(params, keys)

    @jax.jit
    def predict(there: Array) -> Array:
        actions = [jnp.full(len(there), a, jnp.int32) for a in range(ACTIONS)]
        return jnp.stack([apply(params, there.astype(jnp.float32), action) for action in actions], axis=1)

    return predict


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--view", type=int, default=7, help="cells along each side of a view")
    parser.add_argument("--states", type=int, default=20_000, help="states; a fifth of them tests")
    parser.add_argument("--steps", type=int, default=4_000, help="gradient steps of each head")
    args = parser.parse_args()
    world = replace(WORLD, view=args.view).build()
    spec = world.spec
    others = [spec.channels.index(name) for name in spec.channels_of_others]
    obs, there, after = sample(world, args.states)
    test = args.states // 5
    seen = np.asarray(after[:test], np.float32)
    print(f"{'prediction':<44}{'all channels':>14}{'of others':>12}{'seconds':>9}")

    def show(name: str, predicted: np.ndarray, seconds: float) -> None:
        error = np.abs(predicted - seen)
        print(f"{name:<44}{error.mean():>14.4f}{error[..., others].mean():>12.5f}{seconds:>9.0f}", flush=True)

    show("best constant", best_constant(seen), 0)
    show("best additive f(s) + g(a)", best_additive(seen), 0)
    show("the view stays as it is", np.asarray(obs[:test], np.float32)[:, None], 0)
    for name, (hidden, multiplied, changed) in HEADS.items():
        start = time.perf_counter()
        head = Prediction(spec.obs_shape, ACTIONS, hidden, multiplied)
        rest = (obs[test:], there[test:], after[test:])
        predicted = np.asarray(trained(head, changed, rest, args.steps)(there[:test]))
        show(name, predicted, time.perf_counter() - start)


if __name__ == "__main__":
    main()

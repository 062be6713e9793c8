"""How well can heads that differ in how the action enters predict the next view, at best and when trained?

Two experts and a novice that acts at random in `goal_cycle`, 9x9 cells without clutter. Every state is
continued by each of the three actions, so that the best predictions of a family can be computed: one constant
per entry of the view, and what is additive in state and action, f(s) + g(a). A prediction that knows state and
action has no error. Then heads are trained on features of the whole state (what a seat would see in all four
directions, without occlusion) and tested on other states. The error is the mean absolute one over all
entries, and over those of the channels that show others, where the best additive prediction is hardly better than 0.

    python benchmarks/prediction_heads.py --states 20000 --steps 4000
"""

import argparse
import dataclasses
import time
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jaxtyping import PyTree

from socialrl.losses.prediction import weighted_prediction_loss
from socialrl.nets.heads import Prediction
from socialrl_envs.types import State
from socialrl_envs.worlds import goal_cycle

WORLD = goal_cycle.Config(novices=1, experts=2, size=9, goals=3, layout="open", horizon=100, penalty=1.5)
ACTIONS, WARM_UP = 3, 30
HEADS = {
    "added, linear": ((), False, 1.0),
    "added, two layers": ((256, 256), False, 1.0),
    "multiplied, two layers": ((256, 256), True, 1.0),
    "multiplied, two layers, changes weigh 10": ((256, 256), True, 10.0),
}


def sample(states: int) -> tuple[Array, Array, Array]:
    """Of each state: the novice's view (V, V, C), all that is there (a vector), the view after each action."""
    world = WORLD.build()
    open_view = dataclasses.replace(WORLD, view=15, occlusion=False).build()
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
        around = open_view.reset(state.level.edit(), jax.random.clone(reset_key))

        def towards(turn: Array) -> Array:
            heading = state.seats.heading.at[0].add(turn) % 4
            turned = dataclasses.replace(state.seats, heading=heading)
            return open_view.observe(dataclasses.replace(around, seats=turned))[0]

        def after(action: Array) -> Array:
            same_key = jax.random.clone(step_key)
            return world.observe(world.step(state, others.at[0].set(action), same_key)[0])[0]

        views = jax.vmap(towards)(jnp.arange(4, dtype=jnp.int32)).reshape(-1)
        intended = jax.nn.one_hot(others[1:], ACTIONS, dtype=jnp.uint8).reshape(-1)
        there = jnp.concatenate([views, intended])
        return world.observe(state)[0], there, jax.vmap(after)(jnp.arange(ACTIONS, dtype=jnp.int32))

    return jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(0), states))


def best_constant(after: np.ndarray) -> np.ndarray:
    """The prediction of each entry that is best without knowing state or action, shape of `after`."""
    return np.broadcast_to(np.median(after, axis=(0, 1)), after.shape)


def best_additive(after: np.ndarray, rounds: int = 10) -> np.ndarray:
    """The best f(s) + g(a) of each entry, by alternating medians."""
    of_state, of_action = np.zeros_like(after[:, :1]), np.median(after, axis=0)
    for _ in range(rounds):
        of_state = np.median(after - of_action, axis=1, keepdims=True)
        of_action = np.median(after - of_state, axis=0)
    return of_state + of_action


class Net(nn.Module):
    """A torso of two layers and a head."""

    head: Prediction

    @nn.compact
    def __call__(self, there: Array, action: Array) -> Array:
        """The predicted views."""
        x = there.astype(jnp.float32)
        for size in (256, 128):
            x = nn.relu(nn.Dense(size)(x))
        return self.head(x, action)


def trained(
    head: Prediction, changed: float, data: tuple[Array, Array, Array], steps: int, batch: int = 256
) -> Callable[[Array], Array]:
    """A function from states to the predicted views after each action, (n, A, V, V, C)."""
    obs, there, after = data
    net, one = Net(head), jnp.ones(1, jnp.float32)
    apply: Callable[..., Array] = net.apply  # flax knows no types
    params = net.init(jax.random.key(1), there[:1], jnp.zeros(1, jnp.int32))
    optimiser = optax.adam(optax.cosine_decay_schedule(1e-3, steps))

    def loss(params: PyTree, rows: Array, action: Array) -> Array:
        predicted = apply(params, there[rows], action)
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
        return jnp.stack([apply(params, there, action) for action in actions], axis=1)

    return predict


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--states", type=int, default=20_000, help="states; a fifth of them tests")
    parser.add_argument("--steps", type=int, default=4_000, help="gradient steps of each head")
    args = parser.parse_args()
    spec = WORLD.build().spec
    others = [spec.channels.index(name) for name in spec.channels_of_others]
    obs, there, after = sample(args.states)
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

"""Tests of Memory: reset at the start of an episode, looking ahead equals stepping, `none` has none."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.nets.linear_recurrence import in_a_loop, in_parallel, linear_scan
from socialrl.nets.memory import CELLS, Encoder, Memory, initial_carry
from socialrl.nets.recurrence import Weights, gru, lstm, recur, step

T, N, F, SIZE = 6, 3, 4, 5
KINDS = tuple(CELLS)
FIRST = jnp.zeros((T, N), bool).at[0].set(True).at[3, 1].set(True)


@pytest.fixture(scope="module", params=KINDS)
def cell(request):
    """(kind, run): `run(memory, x, first, peek)`, compiled, with fixed parameters."""
    net = Memory(request.param, SIZE, F)
    params = net.init(
        jax.random.key(0),
        initial_carry(request.param, SIZE, N),
        jnp.zeros((T, N, F)),
        jnp.zeros((T, N), bool),
    )

    def run(memory, x, first, peek):
        memories, out = net.apply(params, memory, x, first)
        ahead = None if peek is None else net.apply(params, memories, peek, method=Memory.next_output)
        return tuple(part[-1] for part in memories), out, ahead

    return request.param, jax.jit(run)


def inputs(seed=1):
    one, two = jax.random.split(jax.random.key(seed))
    return jax.random.normal(one, (T, N, F)), jax.random.normal(two, (T, N, F))


def close(a, b):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6), a, b)


def junk(kind, seed=9):
    keys = iter(jax.random.split(jax.random.key(seed), 2))
    return jax.tree.map(lambda x: jax.random.normal(next(keys), x.shape), initial_carry(kind, SIZE, N))


def test_a_new_episode_forgets_everything(cell):
    kind, run = cell
    x, peek = inputs()
    _, out, _ = run(junk(kind), x, FIRST, peek)
    _, alone, _ = run(initial_carry(kind, SIZE, N), x, FIRST, peek)
    close(out, alone)  # what was carried in did not matter: the first step forgot it
    changed = x.at[:3, 1].set(7.0)
    _, after, _ = run(initial_carry(kind, SIZE, N), changed, FIRST, peek)
    close(after[3:, 1], out[3:, 1])
    assert not np.allclose(after[2, 1], out[2, 1])


def test_within_an_episode_it_remembers(cell):
    kind, run = cell
    x, peek = inputs()
    _, out, _ = run(initial_carry(kind, SIZE, N), x, FIRST, peek)
    _, other, _ = run(initial_carry(kind, SIZE, N), x.at[0, 0].add(1.0), FIRST, peek)
    assert np.all(np.abs(out[:, 0] - other[:, 0]).max(-1) > 0)
    _, carried, _ = run(junk(kind), x, jnp.zeros((T, N), bool), peek)
    assert not np.allclose(carried[0], out[0])


def test_peek_is_what_a_real_step_would_bring(cell):
    """At step t it must equal running x_0 .. x_t and then the peeked features, in the same episode."""
    kind, run = cell
    x, peek = inputs()
    _, _, ahead = run(initial_carry(kind, SIZE, N), x, FIRST, peek)
    for t in range(T - 1):
        stepped = x.at[t + 1].set(peek[t])
        _, out, _ = run(initial_carry(kind, SIZE, N), stepped, FIRST.at[t + 1].set(False), peek)
        close(ahead[t], out[t + 1])


def test_peeking_changes_nothing_else(cell):
    kind, run = cell
    x, peek = inputs()
    memory, out, nothing = run(initial_carry(kind, SIZE, N), x, FIRST, None)
    assert nothing is None
    close((memory, out), run(initial_carry(kind, SIZE, N), x, FIRST, peek)[:2])


def test_one_by_one_is_all_at_once(cell):
    kind, run = cell
    x, peek = inputs()
    memory, out, _ = run(initial_carry(kind, SIZE, N), x, FIRST, peek)
    half = slice(0, 3), slice(3, 6)
    first, early, _ = run(initial_carry(kind, SIZE, N), *(y[half[0]] for y in (x, FIRST, peek)))
    second, late, _ = run(first, *(y[half[1]] for y in (x, FIRST, peek)))
    close((second, jnp.concatenate([early, late])), (memory, out))
    assert out.shape == (T, N, SIZE)
    assert jax.tree.map(jnp.shape, memory) == jax.tree.map(jnp.shape, initial_carry(kind, SIZE, N))


def test_without_memory_features_pass_through():
    x, peek = inputs()
    assert initial_carry("none", SIZE, N) == ()
    memory, out = Memory("none", SIZE, F).apply({}, (), x, FIRST)
    ahead = Memory("none", SIZE, F).apply({}, (), peek, method=Memory.next_output)
    assert memory == ()
    np.testing.assert_array_equal(out, x)
    np.testing.assert_array_equal(ahead, peek)


def test_without_memory_time_is_one_more_batch_axis():
    net = Encoder((8, 6))
    obs_key, next_key = jax.random.split(jax.random.key(2))
    obs, next_obs = (
        jax.random.bernoulli(k, 0.5, (T, N, 3, 3, 2)).astype(jnp.uint8) for k in (obs_key, next_key)
    )
    params = net.init(jax.random.key(0), (), obs, FIRST, method=Encoder.unroll)

    @jax.jit
    def run(obs, first, next_obs):
        carries, x = net.apply(params, (), obs, first, method=Encoder.unroll)
        return x, net.apply(params, carries, next_obs, method=Encoder.next_features)

    x, ahead = run(obs, FIRST, next_obs)

    def flat(y):
        return y.reshape(1, T * N, *y.shape[2:])

    x_flat, ahead_flat = run(flat(obs), flat(FIRST), flat(next_obs))
    close((x_flat, ahead_flat), (flat(x), flat(ahead)))
    close(run(next_obs, FIRST, obs)[0], ahead)


@pytest.mark.parametrize("cell", [gru, lstm])
def test_gradients_are_those_of_plain_back_propagation_through_time(cell):
    """The backward pass takes several steps at a time; a loop in Python, differentiated, must agree."""
    states, gates = cell.states, cell.gates
    keys = jax.random.split(jax.random.key(3), 5 + states)
    shapes = {"inputs": (F, gates * SIZE), "recurrent": (SIZE, gates * SIZE), "bias": (gates * SIZE,)}
    drawn = {name: jax.random.normal(key, shapes[name]) for name, key in zip(shapes, keys, strict=False)}
    weights = Weights(**drawn)
    x, shares = jax.random.normal(keys[3], (T, N, F)), jax.random.normal(keys[4], (T, N, SIZE))
    begin = tuple(jax.random.normal(key, (N, SIZE)) for key in keys[5:])

    def plain(weights, x, begin):
        total, memory = 0.0, begin
        for t in range(T):
            memory = tuple(jnp.where(FIRST[t][:, None], 0.0, part) for part in memory)
            memory = step(cell, weights, memory, x[t])
            total += jnp.sum(shares[t] * sum(memory))
        return total

    def fast(weights, x, begin):
        return jnp.sum(shares * sum(recur(cell, weights, x, FIRST, begin)))

    expected = jax.jit(jax.value_and_grad(plain, argnums=(0, 1, 2)))(weights, x, begin)
    close(jax.jit(jax.value_and_grad(fast, argnums=(0, 1, 2)))(weights, x, begin), expected)


def test_the_gru_is_that_of_flax():
    """With the same weights; flax has a matrix per gate, and a bias of the last output's that begins at 0."""
    keys = jax.random.split(jax.random.key(4), 3)
    theirs = nn.GRUCell(SIZE)
    x, h = jax.random.normal(keys[0], (N, F)), jax.random.normal(keys[1], (N, SIZE))
    params = theirs.init(keys[2], h, x)
    layers = params["params"]
    weights = Weights(
        inputs=jnp.concatenate([layers[name]["kernel"] for name in ("ir", "iz", "in")], axis=1),
        recurrent=jnp.concatenate([layers[name]["kernel"] for name in ("hr", "hz", "hn")], axis=1),
        bias=jnp.concatenate([layers[name]["bias"] for name in ("ir", "iz", "in")]),
    )
    close(step(gru, weights, (h,), x)[0], theirs.apply(params, h, x)[0])


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.complex64])
def test_states_and_gradients_of_the_parallel_scan_are_those_of_a_loop(dtype):
    keys = jax.random.split(jax.random.key(5), 4)
    decay, inputs, start, shares = (
        jax.random.normal(key, shape, dtype)
        for key, shape in zip(keys, ((T, N, SIZE), (T, N, SIZE), (N, SIZE), (T, N, SIZE)), strict=True)
    )
    decay = jnp.where(FIRST[..., None], 0.0, decay)

    def both(scan):
        total = lambda *given: jnp.real(jnp.sum(shares * scan(*given)))  # noqa: E731
        return scan(decay, inputs, start), jax.grad(total, argnums=(0, 1, 2))(decay, inputs, start)

    expected = jax.jit(lambda: both(in_a_loop))()
    close(jax.jit(lambda: both(in_parallel))(), expected)
    close(jax.jit(lambda: both(linear_scan))(), expected)

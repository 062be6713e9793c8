"""Seeds side by side: in threads or under vmap the same numbers, and nobody's numbers depend on a
neighbour.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.seeds import Seeds

MODES = ("threads", "vmap")


def step(state, key, scale):
    noise = jax.random.normal(key, (3,))
    return {"x": state["x"] + scale * noise}, {"mean": jnp.mean(noise), "count": jnp.float32(3)}


def run(mode, count):
    """(states, metrics per seed) of one step of each seed."""
    seeds = Seeds(count, mode)
    states = seeds.bundle([{"x": jnp.full(3, seed, jnp.float32)} for seed in range(count)])
    keys = seeds.bundle([jax.random.key(seed) for seed in range(count)])
    stepped, metrics = seeds.split(
        seeds.map(step, 2).compile(states, keys, jnp.float32(2))(states, keys, jnp.float32(2))
    )
    return [np.asarray(state["x"]) for state in seeds.unbundle(stepped)], seeds.values(metrics)


@pytest.mark.parametrize("mode", MODES)
def test_each_seed_gets_its_own_and_shares_the_rest(mode):
    states, metrics = run(mode, 3)
    for seed in range(3):
        noise = jax.random.normal(jax.random.key(seed), (3,))
        np.testing.assert_allclose(states[seed], seed + 2 * noise, rtol=1e-6)
    assert metrics["mean"].shape == (3,)
    np.testing.assert_array_equal(metrics["count"], 3)


@pytest.mark.parametrize("mode", MODES)
def test_a_seed_does_not_depend_on_its_neighbours(mode):
    for few, many in zip(run(mode, 2)[0], run(mode, 3)[0], strict=False):
        np.testing.assert_array_equal(few, many)


@pytest.mark.parametrize("mode", MODES)
def test_it_compiles_at_the_first_call_as_well(mode):
    seeds = Seeds(2, mode)
    double = seeds.map(lambda x: 2 * x, 1)
    bundle = seeds.bundle([jnp.float32(1), jnp.float32(2)])
    assert [float(x) for x in seeds.unbundle(double(bundle))] == [2, 4]


def test_an_error_in_one_seed_is_not_swallowed():
    def fails(x):
        raise ValueError("in a seed")

    seeds = Seeds(2, "threads")
    with pytest.raises(ValueError, match="in a seed"):
        seeds.map(fails, 1)(seeds.bundle([jnp.float32(1), jnp.float32(2)]))

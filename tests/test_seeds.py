"""Seeds in threads and under vmap: the same numbers, shared arguments shared, errors passed on."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.seeds import Seeds


def noisy_mean(state, key, scale):
    draws = jax.random.normal(key, (64,)) * scale
    return {"sum": state["sum"] + jnp.sum(draws)}, {"mean": jnp.mean(draws)}


def run(mode, compiled):
    seeds = Seeds(3, mode)
    states = seeds.bundle([{"sum": jnp.float32(seed)} for seed in range(3)])
    keys = seeds.bundle([jax.random.key(seed) for seed in range(3)])
    mapped = seeds.map(noisy_mean, 2)
    mapped = mapped.compile(states, keys, jnp.float32(2)) if compiled else mapped
    after, metrics = seeds.split(mapped(states, keys, jnp.float32(2)))
    return [np.asarray(state["sum"]) for state in seeds.unbundle(after)], seeds.values(metrics)


@pytest.mark.parametrize("compiled", [False, True])
def test_both_modes_give_one_seeds_numbers(compiled):
    alone = [noisy_mean({"sum": jnp.float32(s)}, jax.random.key(s), jnp.float32(2)) for s in range(3)]
    for mode in ("threads", "vmap"):
        sums, metrics = run(mode, compiled)
        np.testing.assert_allclose(sums, [state["sum"] for state, _ in alone], rtol=1e-5)
        np.testing.assert_allclose(metrics["mean"], [m["mean"] for _, m in alone], rtol=1e-4)
        assert metrics["mean"].shape == (3,)


def test_a_donated_bundle_is_used_up():
    seeds = Seeds(2, "threads")
    states = seeds.bundle([jnp.zeros(4), jnp.ones(4)])
    after = seeds.map(lambda x: x + 1, 1, donate=True)(states)
    assert [float(x[0]) for x in after] == [1.0, 2.0]
    assert all(state.is_deleted() for state in states)


def test_on_a_cpu_seeds_run_in_threads():
    assert Seeds(2).mode == "threads"

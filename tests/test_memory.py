"""The forecast of memory: what lives at one time, what fits, and one line where it does not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl import memory
from socialrl.memory import Forecast, bytes_of, one_line, peak, room, words
from socialrl.seeds import Seeds
from socialrl_envs.errors import SocialRLError

N = 256
SQUARE = N * N * 4  # bytes
FORECAST = Forecast(state=1000, work=100, seeds=8, at_once=8)


def forecast(function, *shapes):
    return peak(jax.make_jaxpr(function)(*(jnp.zeros(shape, jnp.float32) for shape in shapes)))


def test_an_array_lives_from_its_equation_to_its_last_use():
    def chain(x):
        for _ in range(5):
            x = x @ x
        return x

    def kept(x):
        powers = [x @ x]
        for _ in range(4):
            powers.append(powers[-1] @ x)
        return sum(jnp.trace(power @ power) for power in powers)

    assert SQUARE <= forecast(chain, (N, N)) <= 2 * SQUARE
    assert 5 * SQUARE <= forecast(kept, (N, N)) <= 9 * SQUARE


def test_what_is_fused_into_its_only_user_takes_no_room():
    assert forecast(lambda x: jnp.sum(jnp.exp(x) * 2 + 1), (N, N)) < SQUARE / 2


def test_a_loop_has_what_it_collects_and_one_turn():
    def collected(x):
        return jax.lax.scan(lambda c, _: (c @ x, c), x, None, length=10)[1]

    assert 10 * SQUARE <= forecast(collected, (N, N)) <= 13 * SQUARE


def test_it_is_within_a_factor_of_two_of_what_the_compiler_arranges():
    def loss(weights, x):
        for _ in range(6):
            x = jnp.tanh(x @ weights)
        return jnp.sum(x)

    gradient = jax.jit(jax.grad(loss))
    shapes = jnp.zeros((N, N)), jnp.zeros((4 * N, N))
    arranged = gradient.lower(*shapes).compile().memory_analysis()
    needed = arranged.temp_size_in_bytes + arranged.output_size_in_bytes
    assert 0.5 <= peak(jax.make_jaxpr(gradient)(*shapes)) / needed <= 2


def test_as_many_seeds_at_once_as_fit():
    assert FORECAST.total == 1800
    assert FORECAST.fitted(None) is FORECAST.fitted(2000) is FORECAST
    assert FORECAST.fitted(1500).at_once == 3
    assert FORECAST.fitted(1500).total <= 0.9 * 1500
    assert FORECAST.fitted(1010).at_once == 1
    with pytest.raises(SocialRLError, match=r"states of 8 seeds take 1 kB, and there are 900 B .*--seeds"):
        FORECAST.fitted(900)
    assert (
        FORECAST.fitted(1500).text(1500)
        == "1 kB of 2 kB (8 seeds, 3 at once; 125 B of state and 100 B of work per seed)"
    )


def test_a_program_that_does_not_fit_takes_the_seeds_in_blocks_with_the_same_results():
    def step(x):
        return x + 1, jnp.sum((x[:, None] * x) @ x)

    def results(space):
        seeds = Seeds(6, "vmap")
        states = seeds.bundle([jnp.full(64, seed, jnp.float32) for seed in range(6)])
        program = seeds.map(step, 1).compile(states, room=space)
        found = [float(value) for value in seeds.unbundle(seeds.split(program(states))[1])]
        return program.at_once, found

    whole, block = results(None), results(40_000)
    assert whole[0] == 6
    assert 1 <= block[0] < 6
    assert block[1] == whole[1]


def test_out_of_memory_is_one_line_with_what_to_lower():
    text = "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 17179869184 bytes."
    with pytest.raises(SocialRLError) as error, one_line("psiphi", 64, 1024, 16):
        raise jax.errors.JaxRuntimeError(text)
    assert error.value.message == "psiphi: out of memory at 17.2 GB more"
    assert "--num_envs (now 1024), --unroll_length (16), --seeds (64)" in error.value.hint
    with pytest.raises(jax.errors.JaxRuntimeError), one_line("psiphi", 64, 1024, 16):
        raise jax.errors.JaxRuntimeError("INTERNAL: something else")


def test_room_is_what_system_and_control_group_leave(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "_group_limit", lambda: 10**6)
    assert room(jax.devices()[0]) == 10**6
    monkeypatch.setattr(memory, "_group_limit", lambda: None)
    monkeypatch.setattr(memory, "_kibibytes", lambda file, name: None)
    assert room(jax.devices()[0]) is None


def test_sizes_in_words_and_of_trees():
    assert [words(n) for n in (12, 1500, 2.5e6, 3.21e9)] == ["12 B", "2 kB", "2 MB", "3.2 GB"]
    assert bytes_of({"x": np.zeros((2, 3), np.float32), "key": jax.random.key(0)}) == 24 + 8

"""Co-players with a memory: kept between steps, begun anew with an episode, given their own reward only."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl_envs import SocialRLError, hosting
from socialrl_envs.conformance import begin
from socialrl_envs.jaxmarl import JaxMarlEnv
from socialrl_envs.types import Policy

HORIZON, SMALL = 4, {"horizon": 4, "size": 5, "coins": 1, "experts": 2}
STAY = 4


@dataclasses.dataclass(frozen=True)
class Counter:
    """A policy whose action is the number of steps so far; it also adds up what it is paid."""

    step: int = 1

    def initial_carry(self):
        return {"count": jnp.int32(0), "paid": jnp.float32(0)}

    def apply_policy(self, carry, observation, reward, first, key):
        begun = jax.tree.map(lambda new, old: jnp.where(first, new, old), self.initial_carry(), carry)
        carry = {"count": begun["count"] + self.step, "paid": begun["paid"] + reward}
        return begun["count"] % 4, carry


@pytest.fixture(scope="module")
def world():
    return socialrl_envs.make("coin_grid", **SMALL)


@pytest.fixture(scope="module")
def state(world):
    return jax.jit(lambda key: begin(world, key))(jax.random.key(0))


def test_a_memory_is_carried_from_step_to_step_and_starts_anew_at_time_0(world, state):
    host = hosting.host(world, {"expert_0": Counter(), "expert_1": Counter(step=2)})
    assert isinstance(host.policies[1], Policy)
    assert host.has_memory
    carry, later = host.initial_carry(), dataclasses.replace(state, time=jnp.int32(1))
    act, nothing = jax.jit(host.act), jnp.zeros(3, jnp.float32)
    seen = []
    for number, now in enumerate((state, later, later, state, later)):
        actions, carry = act(carry, now, nothing, jax.random.key(number))
        seen.append(actions.tolist())
    assert seen == [[0, 0, 0], [0, 1, 2], [0, 2, 0], [0, 0, 0], [0, 1, 2]]


def test_each_policy_is_given_its_own_reward_and_nobody_elses(world, state):
    host = hosting.host(world, {"expert_0": Counter(), "expert_1": Counter()})
    given, later = jnp.array([100.0, 1.0, 20.0], jnp.float32), dataclasses.replace(state, time=jnp.int32(1))
    _, carry = host.act(host.initial_carry(), later, given, jax.random.key(0))
    assert [float(carry[seat]["paid"]) for seat in ("1", "2")] == [1, 20]


@dataclasses.dataclass(frozen=True)
class Watcher(Counter):
    """A policy whose action is the first number of its view."""

    def apply_policy(self, carry, observation, reward, first, key):
        return observation[0, 0, 0].astype(jnp.int32), carry


def test_each_policy_is_shown_its_own_view_as_given_or_else_observed(world, state):
    host = hosting.host(world, {"expert_0": Watcher(), "expert_1": Watcher()})
    nothing, views = jnp.zeros(3, jnp.float32), world.observe(state)
    carry, key = host.initial_carry(), jax.random.key(0)
    observed = host.act(carry, state, nothing, key)[0]
    assert observed.tolist() == [0, *views[1:, 0, 0, 0].tolist()]
    given = views.at[:, 0, 0, 0].set(jnp.array([5, 6, 7], jnp.uint8))
    assert host.act(carry, state, nothing, jax.random.clone(key), given)[0].tolist() == [0, 6, 7]


def test_a_host_with_memory_cannot_be_called_as_if_it_had_none(world, state):
    host = hosting.host(world, {"expert_0": Counter()})
    with pytest.raises(SocialRLError, match=r"a co-player has a memory \(keep its carry"):
        host(state, jax.random.key(0))
    without = hosting.host(world)
    assert not without.has_memory
    assert without.initial_carry() == {}
    by_call, (by_act, carry) = (
        without(state, jax.random.key(2)),
        without.act({}, state, jnp.zeros(3, jnp.float32), jax.random.key(2)),
    )
    assert np.array_equal(by_call, by_act)
    assert carry == {}


def test_a_memory_lives_in_the_state_of_a_jaxmarl_env_and_starts_anew_with_it(world):
    env = JaxMarlEnv(world, hosted=True, functions={"expert_0": Counter(), "expert_1": Counter()})
    step = jax.jit(env.step)
    _, state = jax.jit(env.reset)(jax.random.key(0))
    counts, paid, expected = [], [], np.zeros(2)
    for number in range(2 * HORIZON):
        expected = expected + np.asarray(state.reward)[1:]  # of the step before
        _, state, _, dones, _ = step(jax.random.key(number), state, {"novice_0": jnp.int32(STAY)})
        if dones["__all__"]:
            assert not state.reward.any()
            expected = np.zeros(2)
        counts.append(int(state.memory["1"]["count"]))
        paid.append([float(state.memory[seat]["paid"]) for seat in ("1", "2")])
        assert np.allclose(paid[-1], expected)
    assert counts == [1, 2, 3, 0, 1, 2, 3, 0]
    assert np.any(paid)


def test_a_memory_is_kept_and_starts_anew_in_pettingzoo():
    coin_grid = pytest.importorskip("socialrl_envs.coin_grid_v0")
    hosted = coin_grid.parallel_env(**SMALL, functions={"expert_0": Counter(), "expert_1": Counter(step=2)})
    obeying = coin_grid.parallel_env(**SMALL, hosted=False)
    for seed in (3, 4):
        for env in (hosted, obeying):
            env.reset(seed=seed)
        for number in range(HORIZON):
            hosted.step({"novice_0": STAY})
            obeying.step({"novice_0": STAY, "expert_0": number % 4, "expert_1": 2 * number % 4})
            assert np.array_equal(hosted.state(), obeying.state())


def test_the_last_view_of_a_seat_that_goes_out_is_from_where_it_ended():
    world = socialrl_envs.make("flooded_road", size=5, experts=0, novices=2, layout="open")
    before = world.reset(world.level("#####\n#1..#\n#=~.#\n#A.B#\n#####\n"), jax.random.key(0))
    out = dataclasses.replace(before.seats, out=jnp.array([True, False]), present=jnp.array([False, True]))
    after = dataclasses.replace(before, seats=out)
    assert hosting.leaving(before, after).seats.present.tolist() == [True, True]
    assert hosting.leaving(after, after).seats.present.tolist() == [False, True]

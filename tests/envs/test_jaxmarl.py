"""JaxMARL's interface, without JaxMARL: steps, resets, hosts, and what its IPPO scripts ask of infos."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl_envs import Seat, SocialRLError
from socialrl_envs.conformance import equal
from socialrl_envs.jaxmarl import Box, Discrete, JaxMarlEnv

HORIZON = 8


def build(name="coin_grid", config=None, **options):
    return JaxMarlEnv(
        socialrl_envs.make(name, **({"horizon": HORIZON, "size": 7} | (config or {}))), **options
    )


def rollout(env, steps, key):
    """Random actions under scan: the states before, and what every step gave."""
    reset_key, play_key = jax.random.split(key)
    obs, state = env.reset(reset_key)

    def one(carry, time):
        obs, state = carry
        action_key, step_key = jax.random.split(jax.random.fold_in(play_key, time))
        keys = jax.random.split(action_key, env.num_agents)
        actions = {
            agent: env.action_space(agent).sample(k) for agent, k in zip(env.agents, keys, strict=True)
        }
        after_obs, after, *rest = env.step(step_key, state, actions)
        return (after_obs, after), (obs, state, after_obs, after, *rest)

    return jax.lax.scan(one, (obs, state), jnp.arange(steps))[1]


@pytest.mark.parametrize("name", ["coin_grid", "flooded_road", "goal_cycle"])
def test_a_world_runs_under_vmap_scan_and_jit_and_resets_at_its_end(name):
    """Three that end in different ways; that all worlds run under vmap is for test_conformance.py."""
    env = build(name, {"novices": 2})
    run = jax.jit(jax.vmap(lambda key: rollout(env, 2 * HORIZON + 1, key)))
    obs, before, after_obs, after, rewards, dones, infos = jax.device_get(
        run(jax.random.split(jax.random.key(0), 4))
    )
    assert env.agents == ["novice_0", "novice_1"]
    assert set(dones) == {*env.agents, "__all__"}
    ended = dones["__all__"]
    assert ended.any()
    assert (after.state.time == np.where(ended, 0, before.state.time + 1)).all()
    out = infos["terminated"] | infos["truncated"]  # one novice may be out before the other
    assert (out.all(-1) == ended).all()
    for agent in env.agents:
        assert obs[agent].shape == (4, 2 * HORIZON + 1, *env.observation_space(agent).shape)
        assert obs[agent].dtype == jnp.uint8
        assert rewards[agent].dtype == jnp.float32
        same = (infos["last_obs"][agent] == after_obs[agent]).all((-1, -2, -3))
        assert same[~ended].all()
        assert not same[ended].all()  # a new level looks otherwise
        assert env.observation_space(agent).contains(jnp.asarray(obs[agent]))
        assert infos["cumulants"][agent].shape[-1] == len(env.world.spec.cumulants)


def test_last_obs_is_the_true_successor():
    env = build()
    step, step_env = jax.jit(env.step), jax.jit(env.step_env)
    obs, state = jax.jit(env.reset)(jax.random.key(0))
    for number in range(HORIZON):
        key = jax.random.key(number)
        step_key, _ = jax.random.split(jax.random.clone(key))
        expected, *_ = step_env(step_key, state, {"novice_0": jnp.int32(1)})
        obs, state, _, dones, infos = step(key, state, {"novice_0": jnp.int32(1)})
        assert equal(infos["last_obs"], expected)
    assert dones["__all__"]
    assert not equal(obs, infos["last_obs"])
    assert infos["truncated"].tolist() == [True]


def test_hosted_or_not_decides_who_acts():
    hosted, open_ = build(), build(hosted=False)
    assert hosted.agents == ["novice_0"]
    assert open_.agents == ["novice_0", "expert_0", "expert_1"]
    assert open_.agent_classes == {"novice": ["novice_0"], "expert": ["expert_0", "expert_1"]}
    _, state = jax.jit(hosted.reset)(jax.random.key(0))
    _, still, *_ = jax.jit(open_.step)(jax.random.key(1), state, dict.fromkeys(open_.agents, jnp.int32(4)))
    assert np.array_equal(still.state.seats.position, state.state.seats.position)
    _, moved, *_ = jax.jit(hosted.step)(jax.random.key(1), state, {"novice_0": jnp.int32(4)})
    assert np.array_equal(moved.state.seats.position[0], state.state.seats.position[0])
    assert (
        (np.asarray(moved.state.seats.position)[1:] != np.asarray(state.state.seats.position)[1:])
        .any(1)
        .all()
    )


def test_a_reset_state_and_a_pool_of_levels_are_where_the_next_episode_begins():
    world = socialrl_envs.make("coin_grid", horizon=1, size=7)
    levels = jax.jit(jax.vmap(world.sample_level))(jax.random.split(jax.random.key(7), 3))
    env = JaxMarlEnv(world, levels=levels)
    reset, step = jax.jit(env.reset), jax.jit(env.step)
    _, state = reset(jax.random.key(0))
    seen = set()
    for number in range(20):
        _, state, *_ = step(jax.random.key(number), state, {"novice_0": jnp.int32(4)})
        fits = [np.array_equal(state.state.level.tiles, tiles) for tiles in levels.tiles]
        assert sum(fits) == 1
        seen.add(fits.index(True))
    assert seen == {0, 1, 2}
    _, given = reset(jax.random.key(50))
    obs, after, *_ = step(jax.random.key(51), state, {"novice_0": jnp.int32(4)}, given)
    assert equal(after, given)
    assert equal(obs, env.get_obs(given))


def test_for_ippo_infos_hold_one_number_per_agent_and_observations_are_flat():
    env = build(config={"novices": 2}, flatten=True, full_infos=False)
    obs, state = jax.jit(env.reset)(jax.random.key(0))
    obs, _, _, _, infos = jax.jit(env.step)(jax.random.key(1), state, dict.fromkeys(env.agents, jnp.int32(0)))
    assert {info.shape for info in jax.tree.leaves(infos)} == {(2,)}
    assert {o.shape for o in obs.values()} == {env.observation_space("novice_0").shape} == {(9 * 9 * 5,)}


def test_old_keys_do_what_new_ones_do():
    env = build()
    reset = jax.jit(env.reset)
    assert equal(reset(jax.random.key(3)), reset(jax.random.PRNGKey(3)))


def test_spaces_and_actions():
    env = build(hosted=False, config={"coplayers": (Seat(policy="wanderer"),)})
    _, state = jax.jit(env.reset)(jax.random.key(0))
    assert env.name == "coin_grid"
    for agent, mask in env.get_avail_actions(state).items():
        assert mask.shape == (env.action_space(agent).n,)
        assert mask.all()
    assert Discrete(3).contains(jnp.array([-1, 0, 2, 3])).tolist() == [False, True, True, False]
    assert bool(Box(0, 1, (2, 2), jnp.uint8).contains(Box(0, 1, (2, 2), jnp.uint8).sample(jax.random.key(0))))
    with pytest.raises(SocialRLError, match="hosted=False"):
        build(config={"novices": 0})

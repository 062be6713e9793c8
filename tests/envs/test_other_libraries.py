"""SB3 through SuperSuit, TorchRL and JaxMARL where installed: pip install stable-baselines3 supersuit torchrl
jaxmarl.
"""

import warnings
from typing import Any

import jax
import numpy as np
import pytest

import socialrl_envs
from socialrl_envs.jaxmarl import JaxMarlEnv

pytestmark = pytest.mark.filterwarnings("ignore")  # theirs
SMALL = {"novices": 2, "experts": 1, "size": 5, "horizon": 8}


def parallel_env(world: str, **options: Any) -> Any:
    """The world for PettingZoo, where that is installed: JaxMARL needs none."""
    return pytest.importorskip("socialrl_envs.pettingzoo").parallel_env(world, **(SMALL | options))


def test_stable_baselines3_trains_through_supersuit():
    supersuit = pytest.importorskip("supersuit")
    ppo = pytest.importorskip("stable_baselines3").PPO
    env = supersuit.flatten_v0(supersuit.dtype_v0(parallel_env("coin_grid", coins=1), "float32"))
    env = supersuit.concat_vec_envs_v1(
        supersuit.pettingzoo_env_to_vec_env_v1(env), 2, base_class="stable_baselines3"
    )
    assert env.num_envs == 4
    model = ppo(
        "MlpPolicy", env, n_steps=16, batch_size=16
    )  # a seed is given to reset(): SuperSuit's envs have no seed()
    model.learn(128)
    assert model.num_timesteps >= 128


def test_stable_baselines3_trains_a_lone_novice():
    sb3 = pytest.importorskip("stable_baselines3")
    env = pytest.importorskip("socialrl_envs.gym").make("coin_grid", **(SMALL | {"novices": 1, "coins": 1}))
    model = sb3.PPO("MlpPolicy", env, n_steps=32, batch_size=16, seed=0)
    model.learn(64)
    assert model.num_timesteps == 64


@pytest.mark.parametrize("world", ["coin_grid", "flooded_road"])
def test_torchrl_finds_the_specs_kept(world):
    envs = pytest.importorskip("torchrl.envs")
    env = envs.PettingZooWrapper(
        parallel_env(world), use_mask=True, categorical_actions=True
    )  # who is out leaves
    envs.check_env_specs(env)
    assert env.group_map == {"novice": ["novice_0", "novice_1"]}
    assert env.rollout(8)["novice", "observation"].shape[1] == 2


def test_jaxmarls_wrappers_stack_on_it():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        baselines = pytest.importorskip("jaxmarl.wrappers.baselines")
    world = socialrl_envs.make("coin_grid", coins=1, **SMALL)
    env = baselines.LogWrapper(JaxMarlEnv(world, flatten=True, full_infos=False))
    key = jax.random.PRNGKey(0)
    _, state = env.reset(key)
    returned = []
    for time in range(9):
        actions = {agent: env.action_space(agent).sample(jax.random.PRNGKey(time)) for agent in env.agents}
        _, state, _, _, infos = env.step(jax.random.PRNGKey(time), state, actions)
        returned.append(np.asarray(infos["returned_episode"]).all())
    assert returned == [False] * 7 + [True, False]
    assert {info.shape for info in jax.tree.leaves(infos)} == {(2,)}

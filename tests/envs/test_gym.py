"""Every world through Gymnasium's checker, and what it does not look at."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import socialrl_envs
from socialrl_envs import SocialRLError, gym
from socialrl_envs.pettingzoo import parallel_env

SMALL = {"horizon": 12, "size": 7}


@pytest.mark.parametrize("name", socialrl_envs.names())
def test_gymnasiums_checker_has_nothing_to_say(name):
    pytest.importorskip("pygame")  # the checker opens a window, too
    env = gymnasium.make(f"socialrl/{name}-v0", render_mode="rgb_array", **SMALL)
    check_env(env.unwrapped)
    env.reset(seed=0)
    picture = env.render()
    assert isinstance(picture, np.ndarray)
    assert picture.shape == (7 * 32, 7 * 32, 3)
    env.close()


def test_the_name_alone_imports_what_registers_it():
    env = gymnasium.make("socialrl_envs.gym:socialrl/coin_grid-v0", max_cycles=3)
    assert env.unwrapped.env.world.spec.horizon == 3


@pytest.mark.parametrize("name", socialrl_envs.names())
def test_it_plays_the_episode_of_the_pettingzoo_env(name):
    alone, among = gym.make(name, **SMALL), parallel_env(name, **SMALL)
    seen, info = alone.reset(seed=4)
    others, infos = among.reset(seed=4)
    rng = np.random.default_rng(0)
    ended = False
    while not ended:
        assert np.array_equal(seen, others["novice_0"])
        assert np.array_equal(info["cumulants"], infos["novice_0"]["cumulants"])
        action = int(rng.integers(alone.action_space.n))
        seen, reward, terminated, truncated, info = alone.step(action)
        others, rewards, terminations, truncations, infos = among.step({"novice_0": action})
        assert (reward, terminated, truncated) == (
            rewards["novice_0"],
            terminations["novice_0"],
            truncations["novice_0"],
        )
        ended = terminated or truncated
    with pytest.raises(SocialRLError, match=r"call reset\(\)"):
        alone.step(0)


def test_what_can_be_got_wrong_is_named():
    for config in ({"novices": 2}, {"hosted": False}):
        with pytest.raises(SocialRLError, match="novices=1"):
            gym.make("coin_grid", **config)
    env = gym.make("coin_grid", **SMALL)
    env.reset(seed=0)
    with pytest.raises(SocialRLError, match=r"novice_0: action 5 .*0\.\.4"):
        env.step(5)

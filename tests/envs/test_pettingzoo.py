"""Every world through PettingZoo's own tests, and what those do not look at: whole episodes, seeds, actions,
pictures.
"""

import copy
import importlib
import pickle
import warnings
from functools import partial
from types import SimpleNamespace

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pettingzoo
import pytest

import socialrl_envs
from socialrl_envs import Seat, SocialRLError, coin_grid_v0, render
from socialrl_envs.pettingzoo import WorldEnv, check_action, parallel_env

with warnings.catch_warnings():
    warnings.simplefilter(
        "ignore", DeprecationWarning
    )  # PettingZoo's test module uses a deprecated import of its own
    from pettingzoo import test as official

MODULES = [f"{name}_v0" for name in socialrl_envs.names()]
HOSTING = {"hosted": {"hosted": True}, "all seats": {"hosted": False}}
# In a view of 7 a wall is always in sight: bare floor is all zeros, which PettingZoo's api_test takes for a
# mistake.
SMALL = {"horizon": 12, "size": 7, "view": 7, "layout": "cluttered"}


@pytest.fixture(params=MODULES, scope="module")
def module(request):
    """With this scope pytest goes world by world, and envs of one world share what is compiled."""
    return importlib.import_module(f"socialrl_envs.{request.param}")


@pytest.fixture(params=HOSTING.values(), ids=list(HOSTING), scope="module")
def options(request):
    return SMALL | request.param


# --- PettingZoo's own tests


def test_api(module, options):
    official.api_test(module.env(**options), num_cycles=30)
    official.api_test(module.raw_env(**options), num_cycles=30)


def test_parallel_api(module, options):
    official.parallel_api_test(module.parallel_env(**options), num_cycles=30)


def test_seeds(module, options):
    official.seed_test(lambda: module.env(**options), num_cycles=30)
    official.parallel_seed_test(lambda: module.parallel_env(**options), num_cycles=30)


def test_state(module, options):
    official.state_test(module.env(**options), module.parallel_env(**options))


# Goal and bridge are five steps or more from everybody: no episode ends by itself in the test's four steps.
FAR = "#########\n#1......#\n#.......#\n#=~~~~~.#\n#.......#\n#.......#\n#.......#\n#.A.B.C.#\n#########\n"


def test_max_cycles(module, tmp_path):
    options = {}
    if module.__name__.endswith("flooded_road_v0"):
        (tmp_path / "far.txt").write_text(FAR)
        options = {"layout": str(tmp_path / "far.txt")}
    makers = {name: partial(getattr(module, name), **options) for name in ("parallel_env", "env")}
    official.max_cycles_test(SimpleNamespace(**makers))


def test_saving_observations(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    official.test_save_obs(
        module.env(**SMALL)
    )  # says that views are no pictures of three colours, and saves none
    assert not list(tmp_path.iterdir())


def test_rendering(module):
    pytest.importorskip("pygame")
    official.render_test(lambda **given: module.env(**SMALL, **given))


# --- whole episodes


def episode(env, seed, policy_seed=0, options=None):
    """One episode with random actions: all that the env gave back."""
    rng = np.random.default_rng(policy_seed)
    record = [env.reset(seed=seed, options=options)]
    while env.agents:
        actions = {agent: int(rng.integers(env.action_space(agent).n)) for agent in env.agents}
        record.append((actions, *env.step(actions)))
        record.append(env.state())
    return record


def same(a, b):
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return np.array_equal(a, b)


def test_a_seed_fixes_the_whole_episode_and_all_that_follow(module, options):
    one, two = (module.parallel_env(**options) for _ in range(2))
    assert same(episode(one, 7), episode(two, 7))
    assert same(episode(one, None), episode(two, None))
    assert same(episode(one, None), episode(two, None))
    assert same(episode(one, 7), episode(two, 7))


def test_other_seeds_and_later_episodes_are_others(module):
    env = module.parallel_env(**SMALL)
    first = [env.reset(seed=seed) and env.state() for seed in range(4)] + [
        env.reset() and env.state() for _ in range(4)
    ]
    assert len({state.tobytes() for state in first}) == 8


def test_without_any_seed_two_envs_differ(module):
    states = [env.reset() and env.state() for env in (module.parallel_env(**SMALL) for _ in range(4))]
    assert len({state.tobytes() for state in states}) == 4


def test_everybody_acts_until_its_end_at_the_horizon_at_the_latest(module, options):
    env = module.parallel_env(**options)
    record = [step for step in episode(env, 0) if isinstance(step, tuple) and len(step) == 6]
    live = env.possible_agents
    for actions, observations, rewards, terminated, truncated, infos in record:
        for given in (actions, observations, rewards, terminated, truncated, infos):
            assert list(given) == live
        assert all(isinstance(value, bool) for value in (*terminated.values(), *truncated.values()))
        assert all(isinstance(value, float) for value in rewards.values())
        assert not any(terminated[agent] and truncated[agent] for agent in live)
        live = [agent for agent in live if not (terminated[agent] or truncated[agent])]
    assert not live
    assert len(record) <= 12
    with pytest.raises(SocialRLError, match=r"call reset\(\)"):
        env.step(dict.fromkeys(env.possible_agents, 0))


def test_aec_and_parallel_play_the_same_episode(module, options):
    together, in_turn = module.parallel_env(**options), module.env(**options)
    observations, _ = together.reset(seed=3)
    in_turn.reset(seed=3)
    rng = np.random.default_rng(0)
    while together.agents:
        actions = {agent: int(rng.integers(together.action_space(agent).n)) for agent in together.agents}
        for agent in together.agents:
            assert in_turn.agent_selection == agent
            assert np.array_equal(in_turn.last()[0], observations[agent])
            in_turn.step(actions[agent])
        observations, rewards, terminated, *_ = together.step(actions)
        assert in_turn.rewards == rewards
        while (
            together.agents and in_turn.terminations[in_turn.agent_selection]
        ):  # who is out says goodbye first
            assert terminated[in_turn.agent_selection]
            assert np.array_equal(in_turn.last()[0], observations[in_turn.agent_selection])
            in_turn.step(None)
    assert np.array_equal(in_turn.state(), together.state())


@pytest.mark.parametrize("name", ["flooded_road", "goal_search"])
def test_who_is_out_for_good_terminates_and_leaves_while_others_go_on(name):
    options = {"layout": "open"} | ({"again": False} if name == "goal_search" else {"flood": 0.5})
    env = WorldEnv(
        socialrl_envs.make(name, **SMALL | {"horizon": 40} | options, novices=2, experts=2), hosted=False
    )
    host = jax.jit(socialrl_envs.host(env.world))
    goodbyes = 0
    for seed in range(4):
        env.reset(seed=seed)
        while env.agents:
            planned = np.asarray(host(env.world_state, jax.random.key(seed)))
            before = env.agents
            observations, rewards, terminated, truncated, infos = env.step(
                {agent: int(planned[env.world.spec.agents.index(agent)]) for agent in before}
            )
            leaving = [agent for agent in before if terminated[agent]]
            assert env.agents == [agent for agent in before if agent not in leaving and not truncated[agent]]
            if env.agents:
                goodbyes += len(leaving)
                for agent in leaving:
                    assert observations[agent].any()  # from where it ended
                    assert not infos[agent]["present"]
                    assert rewards[agent] != 0
        with pytest.raises(SocialRLError, match=r"call reset\(\)"):
            env.step({})
    assert goodbyes >= 4


def always_up(world, state, seat, key):
    """A policy handed in: it goes up, or forward where it turns."""
    return jnp.int32(2 if "forward" in world.spec.actions else 0)


@pytest.mark.parametrize(
    "module", ["coin_grid_v0", "goal_cycle_v0"], indirect=True
)  # one that does not turn, one that does
def test_a_trained_agent_is_handed_in_as_a_function(module):
    env = module.parallel_env(**SMALL, functions={"expert_0": always_up, "expert_1": always_up})
    plain, obeying = module.parallel_env(**SMALL), module.parallel_env(**SMALL, hosted=False)
    up = int(always_up(env.world, None, 1, None))
    for one in (env, plain, obeying):
        one.reset(seed=3)
    differs = False
    for _ in range(5):
        if not env.agents:
            break
        env.step({"novice_0": 0})
        obeying.step({agent: 0 if agent == "novice_0" else up for agent in obeying.agents})
        if plain.agents:
            plain.step({"novice_0": 0})
            differs |= not np.array_equal(plain.state(), env.state())
        assert np.array_equal(obeying.state(), env.state())
    assert differs
    assert pickle.loads(pickle.dumps(env)).functions == env.functions
    with pytest.raises(SocialRLError, match="did you mean 'expert_0'"):
        module.parallel_env(**SMALL, functions={"exprt_0": always_up})
    with pytest.raises(SocialRLError, match="leave out hosted=False"):
        module.parallel_env(**SMALL, hosted=False, functions={"expert_0": always_up})


# --- spaces, agents, infos


def test_spaces_are_those_of_the_spec(module, options):
    env = module.parallel_env(**options)
    spec = env.world.spec
    for agent in env.possible_agents:
        assert env.observation_space(agent) == gymnasium.spaces.Box(0, 1, spec.obs_shape, np.uint8)
        assert env.action_space(agent) == gymnasium.spaces.Discrete(len(spec.actions))
    record = episode(env, 0)
    for step in record:
        if isinstance(step, tuple):
            for agent, seen in step[0 if len(step) == 2 else 1].items():
                assert env.observation_space(agent).contains(seen)
                assert seen.flags.writeable
        else:
            assert env.state_space.contains(step)


def test_hosted_or_not_decides_who_acts(module):
    spec = socialrl_envs.make(module.__name__.rpartition(".")[2].removesuffix("_v0")).spec
    assert module.parallel_env().possible_agents == [spec.agents[seat] for seat in spec.novices]
    assert module.parallel_env(hosted=False).possible_agents == list(spec.agents)


def test_hosted_coplayers_move_and_unhosted_ones_obey():
    coin = coin_grid_v0.parallel_env(hosted=False, size=7)
    coin.reset(seed=0)
    before = np.asarray(coin.world_state.seats.position)
    coin.step(dict.fromkeys(coin.agents, 4))
    assert np.array_equal(coin.world_state.seats.position, before)
    hosted = coin_grid_v0.parallel_env(size=7)
    hosted.reset(seed=0)
    assert np.array_equal(hosted.world_state.seats.position, before)
    hosted.step({"novice_0": 4})
    assert (np.asarray(hosted.world_state.seats.position)[1:] != before[1:]).any(1).all()


def test_infos_hold_ones_own_cumulants_and_they_pay_ones_reward():
    env = coin_grid_v0.parallel_env(hosted=False, size=5, coins=1, horizon=40)
    _, infos = env.reset(seed=1)
    assert all(not info["cumulants"].any() and info["present"] for info in infos.values())
    worth = dict(zip(env.possible_agents, np.asarray(env.world_state.level.params.preferences), strict=True))
    count = 0
    for step in episode(env, 1):
        if isinstance(step, tuple) and len(step) == 6:
            _, _, rewards, _, _, infos = step
            for agent, info in infos.items():
                assert set(info) == {"cumulants", "present"}
                assert info["cumulants"].shape == (3,)
                assert info["cumulants"] @ worth[agent] == pytest.approx(rewards[agent])
                count += info["cumulants"].sum()
    assert count > 3


def test_an_absent_agent_stays_listed_sees_nothing_and_its_actions_do_nothing():
    novice = Seat(presence=(1.0, 0.0, 0.0, 0.5))
    env = coin_grid_v0.parallel_env(novices=(novice,), experts=1, size=6, horizon=10)
    env.reset(seed=0)
    for time in range(1, 11):
        before = np.asarray(env.world_state.seats.position)[0]
        observations, rewards, _, _, infos = env.step({"novice_0": time % 4})
        here = time < 5
        assert infos["novice_0"]["present"] is here
        assert observations["novice_0"].any() == here
        if time > 5:
            assert np.array_equal(env.world_state.seats.position[0], before)
            assert rewards["novice_0"] == 0


def test_state_shows_what_lies_and_who_stands_where():
    env = coin_grid_v0.parallel_env(size=6, experts=1, coplayers=(Seat(policy="wanderer", presence="never"),))
    env.reset(seed=0)
    state, view = env.world_state, env.state()
    assert np.array_equal(view[..., 0] == 1, np.asarray(state.level.tiles) == 1)
    assert view[..., 1:4].sum() == 6
    for seat in range(2):
        assert np.argwhere(view[..., 4 + seat]).tolist() == [np.asarray(state.seats.position)[seat].tolist()]
    assert not view[..., 6].any()


# --- what can be got wrong


@pytest.mark.parametrize("action", [5, -1, 1.0, "up", None, np.array([1, 2])])
def test_an_action_out_of_its_space_raises_and_is_not_clipped(action):
    env, aec = coin_grid_v0.parallel_env(**SMALL), coin_grid_v0.env(**SMALL)
    env.reset(seed=0)
    aec.reset(seed=0)
    before = env.state()
    with pytest.raises(SocialRLError, match=r"novice_0: action .*0\.\.4"):
        env.step({"novice_0": action})
    with pytest.raises(SocialRLError, match=r"novice_0: action .*0\.\.4"):
        aec.step(action)
    assert np.array_equal(env.state(), before)
    env.step({"novice_0": np.int64(4)})


def test_any_integer_type_is_an_action():
    space = gymnasium.spaces.Discrete(5)
    for action in (3, np.int8(3), np.uint32(3), np.array(3)):
        assert check_action("novice_0", action, space) == 3


WRONG_AGENTS = [
    ({}, "novice_0: no action"),
    ({"novice_0": 0}, "novice_1: no action"),
    ({"novice_0": 0, "novice_1": 0, "novice_3": 0}, "unknown agent 'novice_3' .*did you mean"),
]


@pytest.mark.parametrize(("actions", "told"), WRONG_AGENTS)
def test_a_missing_or_unknown_agent_is_named(actions, told):
    env = coin_grid_v0.parallel_env(novices=2, **SMALL)
    env.reset(seed=0)
    with pytest.raises(SocialRLError, match=told):
        env.step(actions)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"siez": 9}, "unknown option 'siez' .*did you mean 'size'"),
        ({"size": 3}, r"size: 3 .*5\.\.64"),
        ({"render_mode": "rgb"}, "unknown render_mode 'rgb' .*did you mean 'rgb_array'"),
        ({"novices": 0}, "hosted=False"),
        ({"max_cycles": 5, "horizon": 5}, "max_cycles and horizon"),
    ],
)
def test_a_wrong_option_is_named(config, told):
    for make in (coin_grid_v0.parallel_env, coin_grid_v0.env, coin_grid_v0.raw_env):
        with pytest.raises(SocialRLError, match=told):
            make(**config)


def test_calls_out_of_order_say_what_to_do():
    env = coin_grid_v0.parallel_env(**SMALL, render_mode="ansi")
    for call in (env.render, env.state, lambda: env.step({"novice_0": 0})):
        with pytest.raises(SocialRLError, match=r"call reset\(\)"):
            call()
    with pytest.raises(SocialRLError, match="seed: -1"):
        env.reset(seed=-1)
    blind = coin_grid_v0.parallel_env(**SMALL)
    blind.reset(seed=0)
    with pytest.raises(SocialRLError, match="render_mode='rgb_array'"):
        blind.render()


# --- pictures


def test_ansi_shows_seats_even_on_coins_and_hides_the_absent():
    env = coin_grid_v0.parallel_env(
        **SMALL, experts=1, coplayers=(Seat(policy="wanderer", presence="never"),), render_mode="ansi"
    )
    env.reset(seed=0)
    while env.agents:
        env.step({"novice_0": 4})
        rows = env.render().splitlines()
        state = env.world_state
        assert len(rows) == 8
        assert all(len(row) == 7 for row in rows[:7])
        for seat, char in enumerate("AB"):
            row, column = np.asarray(state.seats.position)[seat]
            shown = {rows[row][column]}
            assert char in shown or np.array_equal(state.seats.position[0], state.seats.position[1])
        assert "C" not in "".join(rows[:7])
        assert rows[7].startswith(f"step {int(state.time)}/12  A novice_0  B expert_0")


def test_an_rgb_array_is_a_picture_that_changes():
    env = coin_grid_v0.parallel_env(**SMALL, render_mode="rgb_array")
    env.reset(seed=0)
    before = env.render()
    assert before.dtype == np.uint8
    assert before.shape == (7 * 32, 7 * 32, 3)
    env.step({"novice_0": 0})
    assert not np.array_equal(before, env.render())


def test_a_picture_may_be_about_one_agent():
    env = parallel_env("goal_cycle", **SMALL, render_mode="rgb_array", render_seat="expert_0")
    env.reset(seed=0)
    expected = render.draw(env.world.picture(env.world_state, 1))
    assert np.array_equal(np.asarray(env.render()), expected)
    assert not np.array_equal(expected, render.draw(env.world.picture(env.world_state)))
    with pytest.raises(SocialRLError, match=r"unknown render_seat 'exprt_0' .*did you mean 'expert_0'"):
        parallel_env("goal_cycle", **SMALL, render_seat="exprt_0")


def test_a_window_opens_and_closes_again_and_again():
    pygame = pytest.importorskip("pygame")
    env = coin_grid_v0.parallel_env(**SMALL, render_mode="human")
    for _ in range(2):
        env.reset(seed=0)
        assert pygame.display.get_surface().get_size() == (224, 224)
        assert pygame.display.get_caption()[0] == "coin_grid_v0"
        shown = pygame.surfarray.array3d(pygame.display.get_surface())
        env.step({"novice_0": 0})
        assert not np.array_equal(shown, pygame.surfarray.array3d(pygame.display.get_surface()))
        env.close()
        assert not pygame.display.get_init()
    env.close()


# --- modules, copies, the registry


def test_modules_have_what_pettingzoo_expects(module):
    assert sorted(module.__all__) == ["env", "parallel_env", "raw_env"]
    assert isinstance(module.parallel_env(), pettingzoo.ParallelEnv)
    assert isinstance(module.env(), pettingzoo.AECEnv)
    assert isinstance(module.raw_env(), pettingzoo.AECEnv)
    name = module.__name__.rpartition(".")[2]
    for env in (module.parallel_env(), module.env()):
        assert str(env) == env.metadata["name"] == name
        assert env.metadata["render_modes"] == ["human", "rgb_array", "ansi"]
        assert env.metadata["is_parallelizable"] is True
        assert env.metadata["render_fps"] > 0
    assert importlib.import_module(module.__name__) is module is getattr(socialrl_envs, name)
    assert "Options of" in module.parallel_env.__doc__


def test_envs_and_their_makers_can_be_pickled_and_copied(module):
    env = module.parallel_env(**SMALL, render_mode="ansi")
    env.reset(seed=5)
    actions = dict.fromkeys(env.agents, 0)
    env.step(actions)
    copies = (env, pickle.loads(pickle.dumps(env)), copy.deepcopy(env))
    for _ in range(3):
        first, *others = [one.step(actions) for one in copies]
        assert all(same(first, other) for other in others)
    assert same([one.reset() for one in copies[:1]], [copies[1].reset()])
    assert pickle.loads(pickle.dumps(module.parallel_env)) is module.parallel_env


def test_pettingzoo_knows_every_world(module):
    name = module.__name__.rpartition(".")[2]
    parallel = pettingzoo.make("parallel", f"socialrl/{name}", max_cycles=4)
    assert isinstance(parallel, WorldEnv)
    assert parallel.world.spec.horizon == 4
    aec = pettingzoo.make("aec", f"socialrl/{name}", size=8)
    assert aec.unwrapped.world.spec.height == 8


def test_a_world_of_ones_own_is_wrapped_directly():
    env = WorldEnv(socialrl_envs.make("coin_grid", **SMALL), render_mode="ansi", hosted=False)
    official.parallel_api_test(env, num_cycles=12)

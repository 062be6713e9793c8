"""JaxUED's interface, without JaxUED; and with it where a release that runs on this JAX is installed."""

import importlib.metadata

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl_envs import Seat, SocialRLError, grid, presence
from socialrl_envs.generators.building import builder
from socialrl_envs.jaxued import (
    EnvParams,
    JaxUedEnv,
    LevelEditor,
    LevelRenderer,
    load_levels,
    make_level_generator,
    make_level_mutator,
)

AHEAD = "#####\n#.1.#\n#.A.#\n#...#\n#####\n"  # the novice faces the goal
LEFT, FORWARD = 0, 2
CHOICES = 9  # cells inside


@pytest.fixture(scope="module")
def env():
    """A small world that ends when the novice arrives."""
    world = socialrl_envs.make(
        "goal_search", experts=0, size=5, layout="open", again=False, horizon=6, view=3
    )
    return JaxUedEnv(world)


@pytest.fixture(scope="module")
def step(env):
    return jax.jit(env.step)


@pytest.fixture(scope="module")
def editor():
    """Two goals and two seats, one of them a co-player that is there or not."""
    world = socialrl_envs.make("goal_cycle", experts=1, goals=2, size=5, layout="open", view=3)
    return LevelEditor(
        JaxUedEnv(world), schedules=(presence.SCHEDULES["always"], presence.SCHEDULES["never"])
    )


@pytest.fixture(scope="module")
def begun(env):
    """(observation, state) before the first step."""
    return env.reset_to_level(jax.random.key(0), env.world.level(AHEAD))


def test_an_episode_ends_and_is_not_begun_again(env, step, begun):
    obs, state = begun
    assert (obs.image.shape, obs.image.dtype) == ((3, 3, len(env.world.spec.channels)), jnp.uint8)
    assert int(obs.agent_dir) == 3  # up, as JaxUED counts
    obs, state, reward, done, info = step(jax.random.key(1), state, FORWARD)
    assert (float(reward), bool(done), bool(info["terminated"]), bool(info["truncated"])) == (
        1,
        True,
        True,
        False,
    )
    assert info["cumulants"].tolist() == [1.0]
    _, after, reward, done, info = step(jax.random.key(2), state, LEFT)
    assert (float(reward), bool(done), info["cumulants"].tolist()) == (0, True, [0.0])
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), state, after))


def test_time_ends_it_too_and_params_may_end_it_sooner(env, step, begun):
    assert env.default_params.max_steps_in_episode == 6
    for limit, given in ((6, None), (2, EnvParams(max_steps_in_episode=2))):
        _, state = begun
        for time in range(limit):
            obs, state, reward, done, info = step(jax.random.key(time), state, LEFT, given)
            assert bool(done) == bool(info["truncated"]) == (time == limit - 1)
            assert float(reward) == 0
        assert int(obs.agent_dir) == (3 - limit) % 4


def test_old_keys_do_what_new_ones_do(env):
    sample = jax.jit(make_level_generator(env))
    old, new = sample(jax.random.PRNGKey(3)), sample(jax.random.key(3))
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), old, new))


def test_levels_of_generator_and_mutator_can_be_solved_and_are_ready(env):
    generate, mutate = make_level_generator(env), make_level_mutator(env)

    @jax.jit
    @jax.vmap
    def both(key):
        level_key, mutate_key = jax.random.split(key)
        level = generate(level_key)
        edited = mutate(mutate_key, level, 5)
        return [(one, env.world.solvable(one)) for one in (level, edited)]

    for levels, solvable in both(jax.random.split(jax.random.key(0), 32)):
        assert levels.ready
        assert solvable.all()
    assert not bool((levels.tiles == levels.tiles[0]).all())


def test_a_company_is_drawn_with_the_level(editor):
    world = editor.builder.world
    never = jnp.array([presence.SCHEDULES["always"], presence.SCHEDULES["never"]], jnp.float32)
    generate = make_level_generator(JaxUedEnv(world), lambda key: {"presence": never})
    state = jax.jit(lambda key: world.reset(generate(key), jax.random.fold_in(key, 1)))(jax.random.key(0))
    assert state.seats.present.tolist() == [True, False]


def test_levels_are_built_as_chosen(editor):
    """By hand: the cells inside a 5 x 5 room are 0..8 in reading order."""
    build = editor.builder
    assert (build.items, build.seats, editor.placing, build.cells) == (2, 2, 5, CHOICES)
    level = jax.jit(editor.sample_empty_level)()
    assert int((level.tiles == grid.WALL).sum()) == 16
    choose = jax.jit(build.choose)
    # goal 1 at 0; goal 2 there too, so at 1; A at 8; B there too, so at 2, around the end; B is never there
    built = []
    for time, choice in enumerate((0, 0, 8, 8, 1, 4, 0, 3, 5)):
        level, changed = choose(level, time, choice)
        built.append(bool(changed))
    # walls: in the middle, built; on goal 1, not; at 3, built; at 5, which would cut A off, not
    assert built == [True, True, True, True, True, True, False, True, False]
    drawn = level.to_ascii().splitlines()[:5]
    assert drawn == ["#####", "#12B#", "###.#", "#..A#", "#####"]
    assert level.params.presence[1].tolist() == list(presence.SCHEDULES["never"])
    assert bool(editor.builder.world.solvable(level))
    image = np.asarray(build.image(level))
    assert image.shape == (5, 5, 2 + 2 + 2)
    assert [image[..., plane].sum() for plane in range(6)] == [18, 3, 1, 1, 1, 1]
    assert (image[1, 1, 2], image[1, 2, 3], image[3, 3, 4], image[1, 3, 5]) == (1, 1, 1, 1)


def test_whatever_an_adversary_chooses_can_be_solved(editor):
    @jax.jit
    @jax.vmap
    def play(key):
        obs, state = editor.reset_to_level(key, editor.sample_empty_level())

        def one(state, number):
            action_key, step_key = jax.random.split(jax.random.fold_in(key, number))
            obs, after, *_ = editor.step(step_key, state, editor.action_space().sample(action_key))
            return after, (obs, editor.builder.world.solvable(after.draft))

        last, (obs, solvable) = jax.lax.scan(one, state, jnp.arange(editor.placing + 12))
        return last.level, obs, solvable[editor.placing :].all()

    levels, obs, solvable = play(jax.random.split(jax.random.key(0), 64))
    assert solvable.all()
    assert levels.ready
    assert int((levels.wall_map.sum((1, 2)) - 16).min()) >= 1
    for goal in (grid.GOAL, grid.GOAL + 1):
        assert ((levels.tiles == goal).sum((1, 2)) == 1).all()
    assert obs.time[0].tolist() == list(range(1, editor.placing + 13))
    assert len(np.unique(levels.params.presence[:, 1, 0])) == 2  # with and without company


def test_levels_of_ascii_and_their_picture(env):
    levels = jax.jit(lambda: load_levels(env, [AHEAD, AHEAD.replace("A.", ".A")]))()
    assert levels.position.tolist() == [[[2, 2]], [[2, 3]]]
    images = jax.jit(jax.vmap(LevelRenderer(env, tile_size=8).render_level))(levels)
    assert images.shape == (2, 40, 40, 3)
    cell = np.asarray(images)[:, 16:24]
    assert (cell[0, :, 16:24] == cell[1, :, 24:32]).all()  # the seat moved by a cell
    assert not (cell[0, :, 16:24] == cell[1, :, 16:24]).all()


def test_what_does_not_fit_is_refused(env):
    with pytest.raises(SocialRLError, match="JaxUED's environments have one agent"):
        JaxUedEnv(socialrl_envs.make("coin_grid", novices=2))
    with pytest.raises(SocialRLError, match="flooded_road: its levels cannot be built"):
        builder(socialrl_envs.make("flooded_road"))
    with pytest.raises(SocialRLError, match="none is given"):
        load_levels(env, [])


def test_jaxueds_own_parts_stack_on_it():
    """Its level buffer, its wrapper that replays a level, and its scores, on a world with company."""
    pytest.importorskip("jaxued")
    if importlib.metadata.version("jaxued") == "0.0.1":
        pytest.skip("jaxued 0.0.1 calls jax.tree_map, which this JAX no longer has; 0.0.2 does not")
    from jaxued.level_sampler import LevelSampler  # pyright: ignore[reportMissingImports]
    from jaxued.utils import compute_max_returns, max_mc  # pyright: ignore[reportMissingImports]
    from jaxued.wrappers import AutoReplayWrapper  # pyright: ignore[reportMissingImports]

    world = socialrl_envs.make(
        "goal_search", coplayers=(Seat(policy="wanderer"),), experts=0, size=5, horizon=4
    )
    env = JaxUedEnv(world)
    generate, mutate = make_level_generator(env), make_level_mutator(env)
    with jax.numpy_dtype_promotion("standard"), jax.debug_key_reuse(False):
        replaying, sampler = (
            AutoReplayWrapper(env),
            LevelSampler(8, minimum_fill_ratio=0.5, duplicate_check=True),
        )
        levels = jax.vmap(generate)(jax.random.split(jax.random.PRNGKey(0), 4))
        buffer = sampler.initialize(generate(jax.random.PRNGKey(0)), {"max_return": -jnp.inf})
        children = jax.vmap(mutate, (0, 0, None))(jax.random.split(jax.random.PRNGKey(1), 4), levels, 3)
        keys = jax.random.split(jax.random.PRNGKey(2), 4)
        _, state = jax.vmap(replaying.reset_to_level, (0, 0, None))(keys, children, env.default_params)

        def one(state, key):
            keys = jax.random.split(key, 4)
            actions = jnp.full(4, FORWARD)
            stepped = jax.vmap(replaying.step, (0, 0, 0, None))(keys, state, actions, env.default_params)
            return stepped[1], stepped[2:4]

        state, (rewards, dones) = jax.lax.scan(one, state, jax.random.split(jax.random.PRNGKey(3), 8))
        assert np.asarray(dones).T.tolist() == [[False, False, False, True] * 2] * 4
        best = compute_max_returns(dones, rewards)
        scores = max_mc(dones, jnp.zeros_like(rewards), best)
        buffer, places = sampler.insert_batch(buffer, levels, scores, {"max_return": best})
        buffer, _ = sampler.insert_batch(buffer, children, scores, {"max_return": best})
        assert sorted(places.tolist()) == [0, 1, 2, 3]
        assert int(sampler.find(buffer, jax.tree.map(lambda x: x[2], levels))) == 2
        _, (_, replayed) = sampler.sample_replay_levels(buffer, jax.random.PRNGKey(4), 3)
    assert jax.vmap(world.task.solvable)(replayed).all()
    assert jax.tree.structure(replayed) == jax.tree.structure(levels)

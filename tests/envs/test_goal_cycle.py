"""The rules of goal_cycle, one by one, against a plain model of them on thousands of random scripts; experts;
bad options.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl_envs import Seat, SocialRLError, grid, hosting
from tests.envs.plain import bfs, chi_square
from tests.envs.plain_turning import cycle_pay, events_of, faded, orders, walk
from tests.envs.playing import at, begin, flat, play, with_task

FLICKERS = Seat(policy="wanderer", presence="comes_and_goes")
CASES = {
    "default": {"size": 7},
    "blocking": {"blocking": True, "size": 6},
    "blocking in the order of seats": {"blocking": True, "shuffle": False, "size": 6},
    "blocking and absence": {"blocking": True, "experts": (), "coplayers": (FLICKERS, FLICKERS)},
    "first tile pays nothing": {"initial_reward": False, "goals": 4},
    "reset on mistake": {"reset_on_mistake": True, "goals": 5, "penalty": 0.25, "reward": 2.0},
    "seven actions": {"actions": 7, "goals": 2, "prestige_decay": 0.5},
    "nine goals, maze": {"goals": 9, "layout": "maze", "size": 9},
}
WORLDS, STEPS = 256, 20


def explain(before, actions, after, outcome, config):
    """ "" if some order of the seats explains this step by the rules, else what is wrong."""
    rules = {"goals": config.goals, "reward": config.reward, "penalty": config.penalty}
    rules |= {"initial_reward": config.initial_reward, "reset": config.reset_on_mistake}
    reasons = set()
    for order in orders(len(actions), config.blocking, config.shuffle):
        cells, headings, went = walk(before, actions, order)
        if (
            cells != [tuple(map(int, cell)) for cell in after["position"]]
            or headings != after["heading"].tolist()
        ):
            reasons.add("no order of moves leads to these positions and headings")
            continue
        rewards, events, places, fame = [], [], [], []
        for seat, cell in enumerate(cells):
            reward, place, event = 0.0, int(before["place"][seat]), [0, 0, 0, 0]
            if went[seat] and before["tiles"][cell] >= grid.GOAL:
                reward, place, name = cycle_pay(int(before["tiles"][cell]) - grid.GOAL, place, **rules)
                event = events_of(name)
            rewards.append(reward)
            events.append(event)
            places.append(place)
            fame.append(faded(float(before["prestige"][seat]), reward, config.prestige_decay))
        if not np.allclose(rewards, outcome["reward"]) or events != outcome["cumulants"].tolist():
            reasons.add(f"rewards {outcome['reward']}, the rules say {rewards}")
        elif places != after["place"].tolist() or not np.allclose(fame, after["prestige"], atol=1e-5):
            reasons.add(
                f"places {after['place']}, prestige {after['prestige']}; the rules say {places}, {fame}"
            )
        else:
            return ""
    return "; ".join(sorted(reasons))


@pytest.mark.parametrize("case", sorted(CASES))
def test_every_step_is_one_that_the_rules_allow(case):
    world = socialrl_envs.make(
        "goal_cycle", **({"horizon": STEPS, "prestige": True, "size": 6, "density": 0.1} | CASES[case])
    )
    _, (before, actions, after, outcome) = play(world, WORLDS, STEPS)
    olds, news = flat(before), flat(after)
    for w in range(WORLDS):
        for t in range(STEPS):
            old, new = at(olds, w, t), at(news, w, t)
            happened = {"reward": outcome.reward[w, t], "cumulants": outcome.cumulants[w, t]}
            wrong = explain(old, actions[w, t].tolist(), new, happened, world.config)
            assert not wrong, f"world {w}, step {t}: {wrong}\n{old}\n{actions[w, t]}\n{new}"
    assert (outcome.cumulants.sum((0, 1, 2))[:3] > 10).all()
    assert not outcome.terminated.any()
    assert (outcome.truncated == (after.time == STEPS)).all()
    assert (after.level.tiles == before.level.tiles[:, :1]).all()


def scene(text, params=None, **config):
    """A world and the first state of a hand-drawn level."""
    novices = sum(map(text.split("headings")[0].count, "AB"))
    options = {"size": 5, "goals": 2, "experts": 0, "novices": novices, "layout": "open"} | config
    world = socialrl_envs.make("goal_cycle", **options)
    return world, begin(world, text, **(params or {}))


def returns(world, state, script):
    """The first seat's reward at every step of a script of l, r, f."""
    step, rewards = jax.jit(world.step), []
    for t, action in enumerate(script):
        actions = jnp.full(len(world.spec.seats), "lrf".index(action), jnp.int32)
        state, outcome = step(state, actions, jax.random.key(t))
        rewards.append(float(outcome.reward[0]))
    return rewards


LANE = "#####\n#A12#\n#..3#\n#...#\n#####\nheadings: E\n"


def test_a_walk_by_hand():
    assert returns(*scene(LANE, goals=3), "ff") == [1, 1]
    assert returns(*scene(LANE, goals=3), "ffrflf") == [
        1,
        1,
        0,
        1,
        0,
        0,
    ]  # 1, 2, 3; into the wall pays nothing
    assert returns(*scene(LANE, goals=3), "flllfrf") == [1, 0, 0, 0, 0, 0, 0]
    assert returns(*scene(LANE, goals=3), "frrfrrf")[-1] == -1.5  # the last one again
    assert returns(*scene(LANE, goals=3, initial_reward=False), "ff") == [0, 1]
    assert returns(*scene(LANE.replace("12", "13").replace("..3", "..2"), goals=3), "ffrf") == [1, -1.5, 0, 1]
    wrong = scene(LANE.replace("12", "13").replace("..3", "..2"), goals=3, reset_on_mistake=True)
    assert returns(*wrong, "ffrf") == [1, -1.5, 0, -1.5]  # 3 is the place now, so 1 would be next


def test_a_penalty_is_a_parameter_of_the_level_and_its_sign_does_not_matter():
    params = {"penalty": jnp.float32(-0.5), "reward": jnp.float32(3)}
    world, state = scene(LANE.replace("12", "13").replace("..3", "..2"), params, goals=3)
    assert returns(world, state, "ff") == [3, -0.5]
    level = world.sample_level(jax.random.key(0), {"penalty": jnp.float32(0.25)})
    assert float(level.params.penalty) == 0.25


def test_blocking_seats_that_want_one_cell_get_it_equally_often_or_in_their_order():
    text = "#####\n#A.B#\n#1..#\n#2..#\n#####\nheadings: EW\n"
    forward = jnp.full(2, 2, jnp.int32)
    for shuffle in (True, False):
        world, state = scene(text, blocking=True, shuffle=shuffle)
        after, _ = jax.jit(jax.vmap(world.step, (None, None, 0)))(
            state, forward, jax.random.split(jax.random.key(3), 2000)
        )
        first = (np.asarray(after.seats.position)[:, 0, 1] == 2).sum()
        assert chi_square([first, 2000 - first]) > 1e-3 if shuffle else first == 2000


def test_headings_are_drawn_evenly_and_hidden_orders_too():
    world = socialrl_envs.make("goal_cycle", size=5, layout="open", novices=1, experts=0)
    levels = jax.jit(jax.vmap(world.sample_level))(jax.random.split(jax.random.key(0), 4000))
    assert chi_square(np.bincount(np.asarray(levels.heading)[:, 0], minlength=4)) > 1e-3
    first = np.argwhere(np.asarray(levels.tiles) == grid.GOAL)[:, 1:]
    assert chi_square(np.bincount((first[:, 0] - 1) * 3 + first[:, 1] - 1, minlength=9)) > 1e-3


def test_the_hidden_order_is_not_seen():
    _, state = scene(LANE, goals=3)
    world, swapped = scene(LANE.replace("1", "x").replace("3", "1").replace("x", "3"), goals=3)
    assert (world.observe(state) == world.observe(swapped)).all()


def expert_returns(worlds, seed, **config):
    """A world in which one planner lives, levels, and its reward at every step."""
    world = socialrl_envs.make("goal_cycle", novices=0, experts=1, **config)
    levels, (*_, outcome) = play(world, worlds, world.spec.horizon, seed, hosted=True)
    return world, levels, outcome.reward[..., 0]


def best_return(level, seat, config):
    """The highest return there is: dynamic programming over (cell, heading, place), from the end of the
    episode.
    """
    rules = {"goals": config.goals, "reward": config.reward, "penalty": config.penalty}
    rules |= {"initial_reward": config.initial_reward, "reset": config.reset_on_mistake}
    floor = [tuple(map(int, cell)) for cell in np.argwhere(level.tiles != grid.WALL)]
    states = [
        (cell, heading, place) for cell in floor for heading in range(4) for place in range(-1, config.goals)
    ]
    moves = {}
    for cell, heading, place in states:
        options = []
        for action in range(3):
            before = {"tiles": level.tiles, "present": [True], "position": [cell], "heading": [heading]}
            (there,), (facing,), (went,) = walk(before, [action], None)
            reward, now = 0.0, place
            if went and level.tiles[there] >= grid.GOAL:
                reward, now, _ = cycle_pay(int(level.tiles[there]) - grid.GOAL, place, **rules)
            options.append((reward, (there, facing, now)))
        moves[cell, heading, place] = options
    later = dict.fromkeys(states, 0.0)
    for _ in range(config.horizon):
        later = {state: max(reward + later[there] for reward, there in moves[state]) for state in states}
    return later[tuple(map(int, level.position[seat])), int(level.heading[seat]), -1]


@pytest.mark.parametrize("config", [{"goals": 3}, {"goals": 4, "density": 0.3, "penalty": 0.5}])
def test_planners_reach_95_percent_of_an_exact_optimum(config):
    world, levels, rewards = expert_returns(12, 5, size=7, horizon=60, **config)
    best = [best_return(jax.tree.map(lambda leaf, i=i: leaf[i], levels), 0, world.config) for i in range(12)]
    got = rewards.sum(1)
    assert (got <= np.array(best) + 1e-4).all()
    assert got.sum() >= 0.95 * sum(best), (got, best)
    assert sum(best) > 60


def test_planners_are_never_stuck_in_clutter():
    _, levels, rewards = expert_returns(128, 6, horizon=250)
    assert (rewards.sum(1) > 5).all()
    assert rewards.sum(1).mean() > 20
    for tiles, position, reward in zip(levels.tiles, levels.position, rewards, strict=True):
        steps = bfs(tiles >= grid.GOAL, tiles == grid.WALL)[tuple(position[0])]
        assert np.flatnonzero(reward)[0] <= 3 * steps + 4


def test_an_anti_expert_harms_the_novice_that_would_follow_it():
    text = LANE.replace("...#\n#####", ".B.#\n#####").replace("headings: E", "headings: EN")
    world, state = scene(text, goals=3, novices=1, coplayers=(Seat(policy="anti_expert"),))
    begun = with_task(state, place=jnp.array([0, -1], jnp.int8))
    gains = -world.cell_rewards(begun)[0]
    assert float(gains[1, 2]) == float(gains[2, 3]) == 1.5
    host, step, visited = jax.jit(hosting.host(world)), jax.jit(world.step), []
    for t in range(30):
        begun, outcome = step(begun, host(begun, jax.random.key(t)).at[0].set(0), jax.random.key(t + 100))
        if outcome.cumulants[1, :2].any():
            visited.append(int(begun.level.tiles[tuple(begun.seats.position[1])]) - grid.GOAL)
    assert len(visited) > 5
    assert visited.count(1) <= 1


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"goals": 1}, ["goals: 1", "2..9"]),
        ({"goals": 10}, ["goals: 10", "2..9"]),
        ({"penalty": -1.0}, ["penalty: -1.0", "at least 0"]),
        ({"reward": 0.0}, ["reward: 0.0", "above 0"]),
        ({"view": 6}, ["view: 6", "odd"]),
        ({"view": 19}, ["view: 19", "3..17"]),
        ({"actions": 5}, ["actions: 5", "one of 3, 7"]),
        ({"prestige_decay": 1.5}, ["prestige_decay", "0..1"]),
        ({"prestige_scale": 0.0}, ["prestige_scale", "above 0"]),
        ({"novices": (Seat(preferences=(1.0,)),)}, ["novice_0.preferences", "alike"]),
        ({"goal": 3}, ["'goal'", "did you mean 'goals'"]),
    ],
)
def test_an_impossible_config_names_the_key_and_the_bound(config, told):
    with pytest.raises(SocialRLError) as error:
        socialrl_envs.make("goal_cycle", **config)
    for part in told:
        assert part in str(error.value)

"""The rules of goal_sequence against a plain model on thousands of random steps; what is seen; experts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl_envs import Seat, SocialRLError, grid
from tests.envs.plain import chi_square
from tests.envs.plain_turning import faded, orders, walk
from tests.envs.playing import at, begin, flat, play

FLICKERS = Seat(policy="wanderer", presence="comes_and_goes")
CASES = {
    "default": {"size": 6},
    "blocking and absence": {"blocking": True, "experts": (), "coplayers": (FLICKERS, FLICKERS)},
    "blocking in the order of seats, copies": {"blocking": True, "shuffle": False, "copies": 3, "goals": 2},
    "short trials": {"trials": 10, "goals": 4, "penalty": 0.5, "reward": 2.0},
    "one trial, seven actions": {"trials": 1, "actions": 7, "layout": "cluttered"},
}
WORLDS, STEPS = 256, 20


def explain(before, actions, after, outcome, config):
    """ "" if some order of the seats explains this step by the rules, else what is wrong."""
    reasons, over = set(), (before["time"] + 1) % (config.horizon // config.trials) == 0
    for order in orders(len(actions), config.blocking, config.shuffle):
        cells, headings, went = walk(before, actions, order)
        rewards, events, places, fame = [], [], [], []
        for seat, cell in enumerate(list(cells)):
            tile, place = int(before["tiles"][cell]) - grid.GOAL, int(before["place"][seat])
            counts = went[seat] and tile >= 0 and place < config.goals
            right, wrong = counts and tile == place, counts and tile != place
            places.append(0 if over else place + right)
            events.append([right, wrong, right and place == config.goals - 1])
            rewards.append(config.reward * right - config.penalty * wrong)
            fame.append(faded(float(before["prestige"][seat]), rewards[-1], config.prestige_decay))
            if over and before["present"][seat]:
                cells[seat], headings[seat] = (
                    tuple(map(int, before["start"][seat])),
                    int(before["facing"][seat]),
                )
        if (
            cells != [tuple(map(int, cell)) for cell in after["position"]]
            or headings != after["heading"].tolist()
        ):
            reasons.add("no order of moves leads to these positions and headings")
        elif (
            not np.allclose(rewards, outcome["reward"])
            or events != outcome["cumulants"].astype(bool).tolist()
        ):
            reasons.add(f"rewards {outcome['reward']}, the rules say {rewards}")
        elif places != after["place"].tolist() or not np.allclose(fame, after["prestige"], atol=1e-5):
            reasons.add(f"places {after['place']}, the rules say {places}, {fame}")
        else:
            return ""
    return "; ".join(sorted(reasons))


@pytest.mark.parametrize("case", sorted(CASES))
def test_every_step_is_one_that_the_rules_allow(case):
    world = socialrl_envs.make(
        "goal_sequence", **({"horizon": STEPS, "prestige": True, "size": 7} | CASES[case])
    )
    _, (before, actions, after, outcome) = play(world, WORLDS, STEPS)
    olds, news = flat(before), flat(after)
    for w in range(WORLDS):
        for t in range(STEPS):
            old, new = at(olds, w, t), at(news, w, t)
            happened = {"reward": outcome.reward[w, t], "cumulants": outcome.cumulants[w, t]}
            wrong = explain(old, actions[w, t].tolist(), new, happened, world.config)
            assert not wrong, f"world {w}, step {t}: {wrong}\n{old}\n{actions[w, t]}\n{new}"
    assert (outcome.cumulants.sum((0, 1, 2))[:2] > 10).all()
    assert not outcome.terminated.any()
    assert (outcome.truncated == (after.time == STEPS)).all()


ROOM = "#######\n#.....#\n#.1.2.#\n#..A..#\n#.3...#\n#.....#\n#######\n"


def scene(kinds):
    """A world and the first state of a level whose tiles are of these kinds, in their hidden order."""
    world = socialrl_envs.make("goal_sequence", novices=1, experts=0, view=7)
    return world, begin(world, ROOM, kinds=jnp.array(kinds, jnp.float32))


def test_kinds_are_seen_and_their_order_is_not():
    world, plain = scene([0, 1, 2])
    _, turned = scene([1, 2, 0])
    one, other = world.observe(plain)[0], world.observe(turned)[0]
    kind = [world.spec.channels.index(f"kind_{k}") for k in (1, 2, 3)]
    assert one[..., kind[0]].any()
    assert (one[..., kind[0]] == other[..., kind[1]]).all()
    assert (one[..., kind[1]] == other[..., kind[2]]).all()
    assert (one[..., kind[2]] == other[..., kind[0]]).all()


def test_a_fixed_sequence_is_that_of_all_levels():
    world = socialrl_envs.make("goal_sequence", goals=4, fixed=True)
    kinds = jax.jit(jax.vmap(lambda key: world.sample_level(key).params.kinds))(
        jax.random.split(jax.random.key(0), 20)
    )
    np.testing.assert_array_equal(kinds, np.tile(np.arange(4, dtype=np.float32), (20, 1)))


def test_all_orders_are_drawn_equally_often():
    world = socialrl_envs.make("goal_sequence", experts=0)
    kinds = jax.jit(jax.vmap(lambda key: world.sample_level(key).params.kinds))(
        jax.random.split(jax.random.key(0), 3000)
    )
    _, counts = np.unique(np.asarray(kinds), axis=0, return_counts=True)
    assert len(counts) == 6
    assert chi_square(counts) > 1e-3


def test_a_level_file_may_fix_the_order(tmp_path):
    text = "#######\n#A....#\n#.1.2.#\n#.....#\n#.3...#\n#.....#\n#######\nkinds: [2.0, 0.0, 1.0]\n"
    (tmp_path / "level.txt").write_text(text)
    world = socialrl_envs.make("goal_sequence", layout=str(tmp_path / "level.txt"), novices=1, experts=0)
    for seed in range(3):
        assert world.sample_level(jax.random.key(seed)).params.kinds.tolist() == [2, 0, 1]


def best_steps(tiles, start, heading, goals, penalty):
    """The highest return of one trial of `steps` steps: dynamic programming over (cell, heading, place)."""
    floor = [tuple(map(int, cell)) for cell in np.argwhere(tiles != grid.WALL)]
    states = [(cell, h, place) for cell in floor for h in range(4) for place in range(goals + 1)]
    moves = {}
    for cell, h, place in states:
        options = []
        for action in range(3):
            before = {"tiles": tiles, "present": [True], "position": [cell], "heading": [h]}
            (there,), (facing,), (went,) = walk(before, [action], None)
            tile = int(tiles[there]) - grid.GOAL
            counts = went and tile >= 0 and place < goals
            right = counts and tile == place
            options.append((1.0 * right - penalty * (counts and not right), (there, facing, place + right)))
        moves[cell, h, place] = options
    return moves, dict.fromkeys(states, 0.0), (tuple(map(int, start)), int(heading), 0)


@pytest.mark.parametrize("config", [{"goals": 3}, {"goals": 4, "layout": "cluttered", "density": 0.3}])
def test_planners_reach_95_percent_of_an_exact_optimum(config):
    world = socialrl_envs.make("goal_sequence", novices=0, experts=1, size=6, horizon=60, trials=3, **config)
    levels, (*_, outcome) = play(world, 12, 60, seed=5, hosted=True)
    rewards = outcome.reward
    best = []
    for w in range(12):
        moves, later, begin = best_steps(
            levels.tiles[w],
            levels.position[w, 0],
            levels.heading[w, 0],
            world.config.goals,
            world.config.penalty,
        )
        for _ in range(20):
            later = {state: max(pay + later[there] for pay, there in moves[state]) for state in later}
        best.append(3 * later[begin])
    got = rewards[..., 0].sum(1)
    assert (got <= np.array(best) + 1e-4).all()
    assert got.sum() >= 0.95 * sum(best), (got, best)
    assert sum(best) > 60


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"trials": 7}, ["trials: 7", "divisor of the horizon 120"]),
        ({"trials": 0}, ["trials: 0", "at least 1"]),
        ({"goals": 1}, ["goals: 1", "2..9"]),
        ({"copies": 0}, ["copies: 0", "at least 1"]),
        ({"copies": 9}, ["size: 7", "larger"]),
        ({"penalty": -1.0}, ["penalty: -1.0", "at least 0"]),
    ],
)
def test_an_impossible_config_names_the_key_and_the_bound(config, told):
    with pytest.raises(SocialRLError) as error:
        socialrl_envs.make("goal_sequence", **config)
    for part in told:
        assert part in str(error.value)

"""The rules of flooded_road, one by one, against a plain model of them on thousands of random steps."""

from functools import cache, partial
from itertools import permutations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl_envs import Seat, SocialRLError, grid
from socialrl_envs.generators import layouts
from tests.envs.plain import bfs, moved
from tests.envs.playing import at, begin, flat, play

FLICKERS = Seat(policy="wanderer", presence="comes_and_goes")
CASES = {
    "default": {},
    "two novices, blocking": {"novices": 2, "experts": 1, "blocking": True, "size": 5},
    "absence, step cost": {"experts": (), "coplayers": (FLICKERS, FLICKERS), "step_cost": 0.25},
    "never flooded, maze": {"flood": 0.0, "layout": "maze", "size": 7},
    "only co-players, always flooded": {"novices": 0, "experts": 2, "flood": 1.0},
}


def explain(before, actions, after, outcome, *, novices, blocking, step_cost, horizon):
    """ "" if some order of the seats explains this step by the rules, else what is wrong."""
    tiles, seats = before["tiles"], range(len(before["present"]))
    solid = (tiles == grid.WALL) | (tiles == grid.WATER)
    reasons = set()
    for order in permutations(seats):
        cells = moved(before["position"], actions, solid, before["present"], order if blocking else None)
        if cells != [tuple(map(int, cell)) for cell in after["position"]]:
            reasons.add("no order of moves leads to these positions")
            continue
        events, out = [], list(before["out"])
        for seat in seats:
            here = bool(before["present"][seat])
            arrived = here and tiles[cells[seat]] == grid.GOAL
            drowned = here and bool(before["flooded"]) and tiles[cells[seat]] == grid.BRIDGE
            events.append([arrived, drowned] + [here] * step_cost)
            out[seat] = out[seat] or arrived or drowned
        ended = all(out[seat] for seat in (novices or seats))
        expected = {
            "cumulants": events,
            "terminated": ended,
            "truncated": after["time"] >= horizon and not ended,
        }
        wrong = [
            name for name, value in expected.items() if not np.array_equal(np.asarray(value), outcome[name])
        ]
        if out != list(after["out"]) or any(after["present"][seat] and out[seat] for seat in seats):
            wrong.append("out")
        if not np.array_equal(tiles, after["tiles"]) or before["flooded"] != after["flooded"]:
            wrong.append("tiles or flood")
        if not wrong:
            return ""
        reasons.add(f"wrong {wrong} for one order")
    return "; ".join(sorted(reasons))


@pytest.mark.parametrize("case", sorted(CASES))
def test_every_step_is_one_that_the_rules_allow(case):
    world = socialrl_envs.make("flooded_road", **({"horizon": 40, "size": 6} | CASES[case]))
    config = world.config
    options = {"novices": world.spec.novices, "blocking": config.blocking, "horizon": 40}
    _, (before, actions, after, outcome) = play(world, 32, 45)
    olds, news = flat(before), flat(after)
    for w in range(32):
        for t in range(45):
            old, new = at(olds, w, t), at(news, w, t)
            happened = {k: getattr(outcome, k)[w, t] for k in ("cumulants", "terminated", "truncated")}
            wrong = explain(
                old, actions[w, t].tolist(), new, happened, step_cost=bool(config.step_cost), **options
            )
            assert not wrong, f"world {w}, step {t}: {wrong}\n{old}\n{actions[w, t]}\n{new}\n{happened}"
    worth = (outcome.cumulants * before.level.params.preferences).sum(-1)
    assert np.allclose(outcome.reward, worth)
    assert outcome.cumulants[..., 0].sum() > (0 if config.flood == 1 else 5)
    assert (outcome.cumulants[..., 1].sum() > 5) == (config.flood > 0)


def scene(text, **config):
    """A world of a small hand-drawn level, and (**params) -> a first state of it."""
    options = {"size": 5, "experts": 0, "novices": sum(map(text.count, "AB"))} | config
    world = socialrl_envs.make("flooded_road", **options)
    return world, partial(begin, world, text)


ROAD = "#####\n#1..#\n#=~.#\n#A.B#\n#####\n"
UP, RIGHT, DOWN, LEFT, STAY = range(5)
ALWAYS, NEVER = {"flood": jnp.float32(1)}, {"flood": jnp.float32(0)}


def test_a_flooded_bridge_ends_the_episode_of_a_lone_novice_with_a_loss_and_no_future():
    world, start = scene(ROAD, novices=1, experts=1, loss=2.0)
    after, outcome = world.step(start(**ALWAYS), jnp.array([UP, STAY], jnp.int32), jax.random.key(0))
    assert outcome.cumulants.tolist() == [[0, 1], [0, 0]]
    assert outcome.reward.tolist() == [-2, 0]
    assert (bool(outcome.terminated), bool(outcome.truncated)) == (True, False)
    assert after.seats.present.tolist() == [False, True]


def test_a_dry_bridge_carries():
    world, start = scene(ROAD, novices=1, experts=1)
    state, outcome = world.step(start(**NEVER), jnp.array([UP, STAY], jnp.int32), jax.random.key(0))
    assert not outcome.cumulants.any()
    assert not outcome.terminated
    _, outcome = world.step(state, jnp.array([UP, STAY], jnp.int32), jax.random.key(1))
    assert outcome.cumulants.tolist() == [[1, 0], [0, 0]]
    assert outcome.terminated


def test_a_coplayer_that_drowns_is_gone_and_ends_nothing():
    world, start = scene(ROAD.translate(str.maketrans("AB", "BA")), novices=1, experts=1)
    state, outcome = world.step(start(**ALWAYS), jnp.array([STAY, UP], jnp.int32), jax.random.key(0))
    assert outcome.cumulants.tolist() == [[0, 0], [0, 1]]
    assert not outcome.terminated
    assert state.seats.present.tolist() == [True, False]
    assert not world.observe(state)[0, :, :, world.spec.channels.index("others")].any()


def test_with_two_novices_the_episode_ends_when_both_are_out():
    world, start = scene(ROAD, novices=2)
    state, outcome = world.step(start(**ALWAYS), jnp.array([UP, UP], jnp.int32), jax.random.key(0))
    assert outcome.reward.tolist() == [-1, 0]
    assert not outcome.terminated
    for number, move in enumerate((UP, LEFT, LEFT), start=1):
        assert not world.observe(state)[0].any()  # who is out sees nothing
        state, outcome = world.step(state, jnp.array([DOWN, move], jnp.int32), jax.random.key(number))
        assert outcome.reward.tolist() == [0, float(number == 3)]
    assert outcome.terminated


def test_nothing_that_is_seen_tells_whether_the_bridge_is_flooded():
    world, start = scene(ROAD, observation="grid", identities=True)
    assert np.array_equal(world.observe(start(**ALWAYS)), world.observe(start(**NEVER)))


@pytest.mark.parametrize("flood", [0.0, 0.3, 1.0])
def test_the_flood_comes_as_often_as_the_level_says(flood):
    world, start = scene(ROAD)
    level = start(flood=jnp.float32(flood)).level
    flooded = jax.jit(jax.vmap(lambda key: world.reset(level, key).task.flooded))(
        jax.random.split(jax.random.key(0), 4000)
    )
    assert abs(float(flooded.mean()) - flood) < 0.03


@pytest.mark.parametrize("layout", sorted(layouts.LAYOUTS))
@pytest.mark.parametrize("size", [5, 9])
def test_levels_have_a_short_bridge_and_a_long_way_around_that_is_always_dry(layout, size):
    world = socialrl_envs.make("flooded_road", layout=layout, size=size, density=0.6, experts=2)
    levels = jax.device_get(jax.jit(jax.vmap(world.sample_level))(jax.random.split(jax.random.key(0), 64)))
    gains = []
    for tiles, position in zip(levels.tiles, levels.position, strict=True):
        assert (tiles == grid.GOAL).sum() == (tiles == grid.BRIDGE).sum() == 1
        assert (tiles == grid.WATER).sum() == size - 4
        assert (tiles[[0, -1]] == grid.WALL).all()
        assert (tiles[:, [0, -1]] == grid.WALL).all()
        assert len({tuple(cell) for cell in position}) == 3
        solid = (tiles == grid.WALL) | (tiles == grid.WATER)
        short, long = (
            bfs(tiles == grid.GOAL, s)[tuple(position.T)] for s in (solid, solid | (tiles == grid.BRIDGE))
        )
        assert (tiles[tuple(position.T)] == grid.FLOOR).all()
        assert (long < tiles.size).all()  # there is a way around
        gains.append(long - short)
    assert np.mean(gains) > (1 if size == 5 else 3)
    if layout == "open" and size == 9:
        assert np.min(gains) > 0


def best_return(tiles, start, flooded, step_cost, horizon):
    """The highest return there is: a shortest way that drowns nobody, or none at all."""
    solid = (tiles == grid.WALL) | (tiles == grid.WATER) | ((tiles == grid.BRIDGE) & flooded)
    steps = bfs(tiles == grid.GOAL, solid)[tuple(start)]
    return max(1.0 - step_cost * steps, -step_cost * horizon)


@cache
def episodes(policy, layout):
    """A lone co-player of that policy: levels, whether each was flooded, the returns and the cumulants of an
    episode.
    """
    world = socialrl_envs.make(
        "flooded_road", novices=0, experts=(Seat(policy=policy),), layout=layout, density=0.3, step_cost=0.01
    )
    levels, (before, _, _, outcome) = play(world, 48, 50, seed=3, hosted=True)
    done = np.cumsum(outcome.terminated, axis=1) - outcome.terminated > 0
    return (
        levels,
        before.task.flooded[:, 0],
        (outcome.reward[..., 0] * ~done).sum(1),
        outcome.cumulants[..., 0, :].sum(1),
    )


@pytest.mark.parametrize("layout", ["open", "cluttered", "four_rooms", "maze"])
def test_locals_reach_95_percent_of_an_exact_optimum_and_never_drown(layout):
    levels, flooded, returns, events = episodes("planner", layout)
    starts = levels.position[:, 0]
    best = [best_return(t, s, f, 0.01, 50) for t, s, f in zip(levels.tiles, starts, flooded, strict=True)]
    assert 5 < flooded.sum() < 43
    assert (returns <= np.array(best) + 1e-5).all()
    assert returns.sum() >= 0.95 * sum(best)
    assert (events[:, 1] == 0).all()


def test_reckless_drivers_take_the_bridge_and_drown_in_every_flood():
    levels, flooded, returns, events = episodes("reckless", "open")
    assert np.array_equal(events[:, 1] == 1, flooded)
    assert np.array_equal(events[:, 0] == 1, ~flooded)
    for tiles, start, reward in zip(
        levels.tiles[~flooded], levels.position[~flooded, 0], returns[~flooded], strict=True
    ):
        assert reward == pytest.approx(best_return(tiles, start, False, 0.01, 50), abs=1e-5)


def test_an_anti_expert_drowns_where_it_can_and_never_arrives():
    _, flooded, _, events = episodes("anti_expert", "open")
    assert np.array_equal(events[:, 1] == 1, flooded)
    assert (events[:, 0] == 0).all()


def test_a_level_from_a_file_keeps_its_flood_and_must_have_a_way_around(tmp_path):
    path = tmp_path / "road.txt"
    path.write_text(ROAD + "flood: 1.0\n")
    world = socialrl_envs.make("flooded_road", layout=str(path), size=5, novices=2, experts=0)
    level = world.sample_level(jax.random.key(0))
    assert level.to_ascii().startswith(ROAD)
    assert world.reset(level, jax.random.key(1)).task.flooded
    for text, told in (
        (ROAD.replace("1", "."), "goal"),
        (ROAD.replace("~.", "~#"), "novice_0 at row 3, column 1"),
    ):
        path.write_text(text)
        with pytest.raises(SocialRLError, match=told):
            socialrl_envs.make("flooded_road", layout=str(path), size=5, novices=2, experts=0)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"flood": 1.5}, ["flood: 1.5", "0..1"]),
        ({"loss": -1.0}, ["loss: -1.0", "at least 0"]),
        ({"step_cost": -0.1}, ["step_cost", "at least 0"]),
        ({"size": 5, "experts": 3}, ["size: 5", "larger", "4 seats"]),
        ({"novices": (Seat(preferences=(1.0,)),)}, ["novice_0.preferences", "one per cumulant, 2"]),
        ({"novices": (Seat(preferences=(1.0, -1.0)),), "step_cost": 0.1}, ["novice_0.preferences", "3"]),
    ],
)
def test_an_impossible_config_names_the_key_and_the_bound(config, told):
    with pytest.raises(SocialRLError) as error:
        socialrl_envs.make("flooded_road", **config)
    for part in told:
        assert part in str(error.value)

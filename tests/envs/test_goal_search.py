"""The rules of goal_search against a plain model on thousands of random steps; who is shown the goal;
experts.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl_envs import Seat, SocialRLError, grid
from socialrl_envs.conformance import with_seats
from tests.envs.plain_turning import STEP, faded, orders, walk
from tests.envs.playing import at, flat, play

FLICKERS = Seat(policy="wanderer", presence="comes_and_goes")
CASES = {
    "default": {},
    "blocking": {"blocking": True, "size": 5, "layout": "open"},
    "blocking and absence": {
        "blocking": True,
        "layout": "open",
        "size": 5,
        "experts": (),
        "coplayers": (FLICKERS, FLICKERS),
    },
    "once": {"again": False, "novices": 2, "experts": 1, "layout": "open", "reward": 2.0},
    "once, blocking, only co-players": {
        "again": False,
        "novices": 0,
        "experts": 2,
        "blocking": True,
        "size": 5,
    },
    "maze, seven actions": {"layout": "maze", "actions": 7, "size": 7},
}
WORLDS, STEPS = 256, 20


def put_back(cells, headings, found, before, blocking):
    """Where everybody is after those who arrived went back, if nobody stands where they began."""
    after, facing = list(cells), list(headings)
    for seat in np.flatnonzero(found):
        start = tuple(map(int, before["start"][seat]))
        taken = any(before["present"][k] and k != seat and cells[k] == start for k in range(len(cells)))
        if not (blocking and taken):
            after[seat], facing[seat] = start, int(before["facing"][seat])
    return after, facing


def explain(before, actions, after, outcome, config):
    """ "" if some order of the seats explains this step by the rules, else what is wrong."""
    reasons = set()
    for order in orders(len(actions), config.blocking, config.shuffle):
        cells, headings, went = walk(before, actions, order)
        found = [w and before["tiles"][cell] == grid.GOAL for w, cell in zip(went, cells, strict=True)]
        out = before["out"].tolist()
        if config.again:
            cells, headings = put_back(cells, headings, found, before, config.blocking)
        else:
            out = [o or f for o, f in zip(out, found, strict=True)]
        rewards = [config.reward * f for f in found]
        fame = [
            faded(float(p), r, config.prestige_decay)
            for p, r in zip(before["prestige"], rewards, strict=True)
        ]
        if (
            cells != [tuple(map(int, cell)) for cell in after["position"]]
            or headings != after["heading"].tolist()
        ):
            reasons.add("no order of moves leads to these positions and headings")
        elif (
            rewards != outcome["reward"].tolist() or found != outcome["cumulants"][:, 0].astype(bool).tolist()
        ):
            reasons.add(f"rewards {outcome['reward']}, the rules say {rewards}")
        elif (
            out != after["out"].tolist()
            or (after["present"] & out).any()
            or not np.allclose(fame, after["prestige"], atol=1e-5)
        ):
            reasons.add(f"out {after['out']}, the rules say {out}")
        else:
            return ""
    return "; ".join(sorted(reasons))


@pytest.mark.parametrize("case", sorted(CASES))
def test_every_step_is_one_that_the_rules_allow(case):
    world = socialrl_envs.make(
        "goal_search", **({"horizon": STEPS, "prestige": True, "size": 6} | CASES[case])
    )
    _, (before, actions, after, outcome) = play(world, WORLDS, STEPS)
    olds, news = flat(before), flat(after)
    for w in range(WORLDS):
        for t in range(STEPS):
            old, new = at(olds, w, t), at(news, w, t)
            happened = {"reward": outcome.reward[w, t], "cumulants": outcome.cumulants[w, t]}
            wrong = explain(old, actions[w, t].tolist(), new, happened, world.config)
            assert not wrong, f"world {w}, step {t}: {wrong}\n{old}\n{actions[w, t]}\n{new}"
    assert outcome.cumulants.sum() > 50
    waited_for = list(world.spec.novices or world.spec.coplayers)
    assert (outcome.terminated == after.seats.out[..., waited_for].all(-1)).all()
    assert (outcome.truncated == (after.time == STEPS) & ~outcome.terminated).all()
    assert outcome.terminated.any() != world.config.again


@pytest.mark.parametrize("shown_to", ["all", "coplayers", "nobody"])
def test_who_is_shown_the_goal(shown_to):
    options = {
        "novices": 1,
        "experts": 1,
        "shown_to": shown_to,
        "layout": "open",
        "size": 7,
        "occlusion": False,
    }
    world = socialrl_envs.make("goal_search", **options)
    _, (before, *_) = play(world, 64, 20)
    views = np.asarray(jax.jit(jax.vmap(jax.vmap(world.observe)))(before))[
        ..., world.spec.channels.index("goal")
    ]
    assert views[:, :, 0].any() == (shown_to == "all")
    assert views[:, :, 1].any() == (shown_to != "nobody")


@pytest.mark.parametrize("shown_to", ["coplayers", "nobody"])
def test_a_view_without_the_goal_does_not_depend_on_where_it_is(shown_to):
    options = {"shown_to": shown_to, "layout": "open", "size": 7, "prestige": True, "occlusion": True}
    world = socialrl_envs.make("goal_search", novices=1, experts=1, **options)
    level, key = world.sample_level(jax.random.key(3)), jax.random.key(4)

    def seen(row, column):
        tiles = (
            jnp.where(level.tiles == grid.GOAL, jnp.uint8(grid.FLOOR), level.tiles)
            .at[row, column]
            .set(grid.GOAL)
        )
        state = world.reset(level.edit(tiles=tiles, position=position, heading=heading), key)
        return world.observe(with_seats(state, prestige=jnp.array([0.5, 1.0], jnp.float32)))

    position, heading = jnp.array([[5, 3], [4, 3]], jnp.int32), jnp.zeros(2, jnp.int32)
    cells = jnp.int32([[r, c] for r in range(1, 6) for c in range(1, 6) if (r, c) not in ((5, 3), (4, 3))])
    views = np.asarray(jax.jit(jax.vmap(seen))(cells[:, 0], cells[:, 1]))
    assert (views[:, 0] == views[:1, 0]).all()
    assert views[0, 0, ..., world.spec.channels.index("prestige")].max() > 100
    assert (views[:, 1] == views[:1, 1]).all() == (shown_to == "nobody")


def shortest(tiles, cell, heading):
    """Steps to the goal, turns included, by breadth-first search over (cell, heading)."""
    here, seen, steps = {(tuple(map(int, cell)), int(heading))}, set(), 0
    while here:
        steps, nearby = steps + 1, set()
        for cell, h in here:
            seen.add((cell, h))
            there = (cell[0] + STEP[h][0], cell[1] + STEP[h][1])
            if tiles[there] == grid.GOAL:
                return steps
            nearby |= {(cell, (h + 1) % 4), (cell, (h - 1) % 4)} | (
                {(there, h)} if tiles[there] != grid.WALL else set()
            )
        here = nearby - seen
    raise AssertionError("the goal cannot be reached")


@pytest.mark.parametrize("layout", ["four_rooms", "maze", "cluttered"])
def test_planners_take_a_shortest_way_every_time(layout):
    world = socialrl_envs.make(
        "goal_search", novices=0, experts=1, layout=layout, size=13, horizon=100, density=0.3
    )
    levels, (*_, outcome) = play(world, 32, 100, seed=5, hosted=True)
    rewards = outcome.reward
    for w in range(32):
        way = shortest(levels.tiles[w], levels.position[w, 0], levels.heading[w, 0])
        assert np.flatnonzero(rewards[w, :, 0]).tolist() == list(range(way - 1, 100, way))


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"shown_to": "experts"}, ["shown_to: 'experts'", "coplayers"]),
        ({"reward": 0.0}, ["reward", "above 0"]),
    ],
)
def test_an_impossible_config_names_the_key_and_the_bound(config, told):
    with pytest.raises(SocialRLError) as error:
        socialrl_envs.make("goal_search", **config)
    for part in told:
        assert part in str(error.value)

"""The rules of cleanup_office, one by one, against a plain model of them on thousands of random steps."""

from functools import cache
from itertools import permutations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl_envs import Seat, SocialRLError, grid
from tests.envs.plain import chi_square, moved
from tests.envs.playing import at, begin, flat, play, with_task

UP, RIGHT, DOWN, LEFT, STAY = range(5)
FLICKERS = Seat(policy="wanderer", presence="comes_and_goes")
CASES = {
    "default": {},
    "blocking": {"blocking": True, "size": 5, "litter": 1, "layout": "open", "desks": 2},
    "absence, maze": {"experts": (), "coplayers": (FLICKERS, FLICKERS), "layout": "maze", "litter": 3},
    "much litter": {"litter_rate": 1.0, "layout": "open", "desks": 1, "errands": 1},
    "no litter appears": {"litter_rate": 0.0, "layout": "cluttered", "errands": 4},
}


def following(own, errand):
    """The next desk of one's own after `errand`, around."""
    mine = [desk for desk in range(len(own)) if own[desk]]
    return min((desk for desk in mine if desk > errand), default=min(mine, default=errand))


def explain(before, actions, after, events, own):
    """ "" if some order of the seats explains this step by the rules (but the chance of litter), else what is
    wrong.
    """
    tiles, present, seats = before["tiles"], before["present"], range(len(before["present"]))
    reasons = set()
    for order in permutations(seats):
        cells = moved(
            before["position"], actions, tiles == grid.WALL, present, order if before["blocking"] else None
        )
        if cells != [tuple(map(int, cell)) for cell in after["position"]]:
            reasons.add("no order of moves leads to these positions")
            continue
        left, happened, errand = tiles.copy(), np.zeros((len(present), 2)), list(before["desk"])
        for seat in order:
            if present[seat] and left[cells[seat]] == grid.LITTER:
                happened[seat, 0], left[cells[seat]] = 1, grid.FLOOR
            came = cells[seat] != tuple(map(int, before["position"][seat]))
            if present[seat] and came and own[seat].any() and tiles[cells[seat]] == grid.GOAL + errand[seat]:
                happened[seat, 1], errand[seat] = 1, following(own[seat], errand[seat])
        new = [tuple(map(int, cell)) for cell in np.argwhere(left != after["tiles"])]
        fine = len(new) == after["dropped"] - before["dropped"] <= 1
        fine &= all(left[cell] == grid.FLOOR and after["tiles"][cell] == grid.LITTER for cell in new)
        fine &= not any(present[seat] and cells[seat] in new for seat in seats)
        if fine and np.array_equal(happened, events) and errand == list(after["desk"]):
            return ""
        reasons.add(f"events {events.tolist()} and new litter {new} are wrong for one order")
    return "; ".join(sorted(reasons))


@cache
def played(case):
    """The world of a case and random scripts in it."""
    world = socialrl_envs.make("cleanup_office", **({"horizon": 40, "size": 7} | CASES[case]))
    return world, play(world, 32, 40)


@pytest.mark.parametrize("case", sorted(CASES))
def test_every_step_is_one_that_the_rules_allow(case):
    world, (levels, (before, actions, after, outcome)) = played(case)
    olds, news = flat(before), flat(after)
    for w in range(32):
        for t in range(40):
            old, new = at(olds, w, t), at(news, w, t)
            old["blocking"] = world.config.blocking
            own = levels.params.desks[w] > 0
            wrong = explain(old, actions[w, t].tolist(), new, outcome.cumulants[w, t], own)
            assert not wrong, f"world {w}, step {t}: {wrong}\n{old}\n{actions[w, t]}\n{new}"
    assert np.allclose(outcome.reward, (outcome.cumulants * before.level.params.preferences).sum(-1))
    assert outcome.cumulants[..., 0].sum() > 30
    assert outcome.cumulants[..., 1].sum() > 10
    assert not outcome.terminated.any()
    assert (outcome.truncated == (after.time == 40)).all()


@pytest.mark.parametrize("case", sorted(CASES))
def test_litter_desks_and_walls_are_conserved(case):
    world, (levels, (_, _, after, outcome)) = played(case)
    start = (levels.tiles == grid.LITTER).sum((1, 2))
    assert (start == world.config.litter).all()
    picked = np.cumsum(outcome.cumulants[..., 0].sum(-1), axis=1)
    assert np.array_equal(
        (after.level.tiles == grid.LITTER).sum((2, 3)), start[:, None] + after.task.dropped - picked
    )
    for tile in (grid.WALL, *(grid.GOAL + i for i in range(9))):
        assert ((after.level.tiles == tile) == (levels.tiles == tile)[:, None]).all()


@pytest.mark.parametrize("rate", [0.0, 0.25, 1.0])
def test_litter_appears_at_its_rate_on_any_free_cell_with_equal_chance(rate):
    world, state = scene("#####\n#A1.#\n#...#\n#.B*#\n#####\n", litter_rate=rate)
    step = jax.jit(jax.vmap(world.step, (None, None, 0)))
    after, _ = step(state, jnp.array([4, 4], jnp.int32), jax.random.split(jax.random.key(1), 4000))
    new = np.argwhere(np.asarray(after.level.tiles) == grid.LITTER)[:, 1:]
    new = new[~(new == [3, 3]).all(1)]
    assert abs(len(new) / 4000 - rate) < 0.03
    assert int(after.task.dropped.sum()) == len(new)
    if rate:
        cells, counts = np.unique(new, axis=0, return_counts=True)
        assert {tuple(map(int, cell)) for cell in cells} == {(1, 3), (2, 1), (2, 2), (2, 3), (3, 1)}
        assert chi_square(counts) > 1e-3


def scene(text, params=None, **config):
    """A world and the first state of a small hand-drawn level; one novice, the others planners."""
    experts = sum(map(text.count, "BCD"))
    options = {"size": 5, "experts": experts, "layout": "open", "desks": 1, "errands": 1}
    world = socialrl_envs.make("cleanup_office", **(options | {"litter": 1} | config))
    return world, begin(world, text, **(params or {}))


def test_nothing_appears_where_there_is_no_room():
    world, state = scene("#####\n#A###\n#1###\n#B###\n#####\n", litter_rate=1.0)
    after, _ = jax.jit(world.step)(state, jnp.array([STAY, STAY], jnp.int32), jax.random.key(1))
    assert int(after.task.dropped) == 0
    assert np.array_equal(after.level.tiles, state.level.tiles)


def test_who_picks_up_what_two_reach_at_once_is_a_fair_draw():
    world, state = scene("#####\n#A*B#\n#1..#\n#...#\n#####\n", litter_rate=0.0)
    step = jax.jit(jax.vmap(world.step, (None, None, 0)))
    _, outcome = step(state, jnp.array([RIGHT, LEFT], jnp.int32), jax.random.split(jax.random.key(1), 4000))
    taken = np.asarray(outcome.cumulants[..., 0])
    assert (taken.sum(1) == 1).all()
    assert chi_square(taken.sum(0)) > 1e-3


def test_an_errand_is_done_by_stepping_onto_ones_own_desk_in_turn_and_only_by_workers():
    world, state = scene("#####\n#B12#\n#A3.#\n#...#\n#####\n", desks=3, errands=3, litter_rate=0.0)
    state = with_task(state, desk=jnp.array([0, 1], jnp.int32))
    seen, step = [], jax.jit(world.step)
    for seed, moves in enumerate(([UP, RIGHT], [RIGHT, RIGHT], [RIGHT, STAY], [STAY, DOWN], [STAY, LEFT])):
        state, outcome = step(state, jnp.array(moves, jnp.int32), jax.random.key(seed))
        assert not outcome.cumulants[0].any()  # the novice walks over desks and has none of its own
        seen.append((int(outcome.cumulants[1, 1]), int(state.task.desk[1])))
    # over desk 1 (not its turn), desk 2 done, standing there pays nothing more, floor, desk 3 done
    assert seen == [(0, 1), (1, 2), (0, 2), (0, 2), (1, 0)]


def test_levels_give_every_worker_its_own_number_of_desks_and_novices_none():
    world = socialrl_envs.make("cleanup_office", experts=3, novices=2, desks=5, errands=2)
    sample = jax.jit(jax.vmap(world.sample_level, (0, None)))
    desks = np.asarray(sample(jax.random.split(jax.random.key(0), 200), None).params.desks)
    assert (desks[:, :2] == 0).all()
    assert (desks[:, 2:].sum(-1) == 2).all()
    assert chi_square(desks.sum((0, 1))) > 1e-3
    given = sample(jax.random.split(jax.random.key(0), 1), {"desks": jnp.ones((5, 5))}).params.desks
    assert (given == 1).all()


TIDYING = "#####\n#...#\n#B*1#\n#A.C#\n#####\n"


def test_most_workers_walk_around_litter_and_the_tidy_ones_pick_it_up():
    names = ("expert_0", "expert_1")
    world, state = scene(TIDYING, experts=2, litter_rate=0.0)
    assert state.level.params.preferences.tolist() == [
        [1.0, 0.0],
        [1.0, 1.0],
        [jnp.float32(-0.1).item(), 1.0],
    ]
    host = socialrl_envs.host(world)
    assert world.spec.agents[1:] == names
    tidy = host(state, jax.random.key(0))[1]
    swapped = {"preferences": state.level.params.preferences[jnp.array([0, 2, 1])]}
    other = host(begin(world, TIDYING, **swapped), jax.random.key(0))[1]
    assert tidy == RIGHT
    assert other in (UP, DOWN)


def best_return(level, errand, worth, horizon):
    """The highest return of one worker where no litter appears: dynamic programming over (cell, litter left,
    errand).
    """
    tiles, own = level["tiles"], level["own"]
    solid = tiles == grid.WALL
    litter = [tuple(map(int, cell)) for cell in np.argwhere(tiles == grid.LITTER)]
    floor = [tuple(map(int, cell)) for cell in np.argwhere(~solid)]
    ways = {cell: {moved([cell], [action], solid, [True], None)[0] for action in range(5)} for cell in floor}
    later = dict.fromkeys(
        ((c, left, e) for c in floor for left in range(2 ** len(litter)) for e in range(len(own))), 0.0
    )
    for _ in range(horizon):
        now = {}
        for cell, left, aim in later:
            options = []
            for there in ways[cell]:
                pay, rest, then = 0.0, left, aim
                if there in litter and left >> litter.index(there) & 1:
                    pay, rest = worth[0], left & ~(1 << litter.index(there))
                if there != cell and own.any() and tiles[there] == grid.GOAL + aim:
                    pay, then = pay + worth[1], following(own, aim)
                options.append(pay + later[there, rest, then])
            now[cell, left, aim] = max(options)
        later = now
    return later[tuple(map(int, level["start"])), 2 ** len(litter) - 1, int(errand)]


# A tidy worker goes to the nearest of two kinds of aims, which is not always the best tour of them.
@pytest.mark.parametrize(
    ("worth", "share"),
    [((1.0, 0.0), 0.95), ((-0.1, 1.0), 0.95), ((1.0, 1.0), 0.85)],
    ids=["cleaner", "worker", "tidy worker"],
)
def test_planners_reach_most_of_an_exact_optimum(worth, share):
    seat = Seat(policy="planner", preferences=worth)
    options = {"size": 6, "litter": 3, "litter_rate": 0.0, "desks": 3, "horizon": 12}
    world = socialrl_envs.make("cleanup_office", novices=0, experts=(seat,), **options)
    levels, (before, _, _, outcome) = play(world, 16, 12, seed=2, hosted=True)
    best = []
    for w in range(16):
        level = {
            "tiles": levels.tiles[w],
            "start": levels.position[w, 0],
            "own": levels.params.desks[w, 0] > 0,
        }
        best.append(best_return(level, before.task.desk[w, 0, 0], worth, 12))
    got = outcome.reward[..., 0].sum(1)
    assert (got <= np.array(best) + 1e-5).all()
    assert got.sum() >= share * sum(best), (got, best)
    assert sum(best) > 16


def test_a_level_from_a_file_needs_all_its_desks(tmp_path):
    path = tmp_path / "office.txt"
    text = "#####\n#1*2#\n#.A.#\n#.B.#\n#####\n"
    path.write_text(text + "desks: [[0, 0], [1, 1]]\nlitter_rate: 0.5\n")
    world = socialrl_envs.make("cleanup_office", layout=str(path), size=5, experts=1, desks=2)
    level = world.sample_level(jax.random.key(0))
    assert level.to_ascii().startswith(text)
    assert level.params.desks.tolist() == [[0, 0], [1, 1]]
    assert float(level.params.litter_rate) == 0.5
    path.write_text(text.replace("2", "."))
    with pytest.raises(SocialRLError, match=r"desks: 2 .*lacks \[2\]"):
        socialrl_envs.make("cleanup_office", layout=str(path), size=5, experts=1, desks=2)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"litter": -1}, ["litter: -1", "at least 0"]),
        ({"litter_rate": 1.5}, ["litter_rate: 1.5", "0..1"]),
        ({"desks": 10}, ["desks: 10", "1..9"]),
        ({"errands": 5}, ["errands: 5", "0..4"]),
        ({"litter": 40}, ["size: 9", "larger", "47"]),
        (
            {"experts": (Seat(policy="planner", preferences=(1.0,)),)},
            ["expert_0.preferences", "one per cumulant, 2"],
        ),
    ],
)
def test_an_impossible_config_names_the_key_and_the_bound(config, told):
    with pytest.raises(SocialRLError) as error:
        socialrl_envs.make("cleanup_office", **config)
    for part in told:
        assert part in str(error.value)

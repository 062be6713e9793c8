"""What the scripted co-players do."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl_envs import Seat, host, registry
from socialrl_envs.conformance import with_seats
from socialrl_envs.coplayers import blocker
from socialrl_envs.coplayers.lurer import act as lurer_act
from socialrl_envs.coplayers.turncoat import act as turncoat_act
from socialrl_envs.errors import SocialRLError
from tests.envs.plain import chi_square
from tests.envs.playing import begin

UP, RIGHT, DOWN, LEFT, STAY = range(5)


def scene(text, *, size=7, **seats):
    """A world and the first state of a hand-drawn level."""
    world = socialrl_envs.make("coin_grid", size=size, coins=1, **seats)
    return world, begin(world, text)


def choices(policy, world, state, seat, draws=2000):
    """How often each action is taken."""
    act = jax.jit(jax.vmap(lambda key: registry.coplayer(policy).act(world, state, seat, key)))
    return np.bincount(act(jax.random.split(jax.random.key(3), draws)), minlength=5)


LIKES_RED = Seat(policy="planner", preferences=(1.0, -1.0, 0.0))
FOE = "#######\n#A....#\n#.....#\n#gB..r#\n#.....#\n#.....#\n#######\n"
IN_THE_WAY = "#######\n#.....#\n#.....#\n#A..r.#\n#..B..#\n#g....#\n#######\n"
NEARER_GREEN = "#######\n#B....#\n#.....#\n#gA..r#\n#.....#\n#.....#\n#######\n"


def test_a_planner_goes_for_what_it_likes_not_for_what_is_near():
    world, state = scene(NEARER_GREEN, novices=(Seat(),), experts=(LIKES_RED,))
    there = with_seats(state, position=state.seats.position[::-1])
    assert choices("planner", world, there, 1)[RIGHT] == 2000


def test_a_planner_goes_around_a_toll_unless_it_must_pay_it():
    around = "#######\n#.....#\n#AgrB.#\n#.....#\n#.....#\n#.....#\n#######\n"
    world, state = scene(around, novices=0, experts=(LIKES_RED, LIKES_RED))
    counts = choices("planner", world, state, 0)
    assert counts[RIGHT] == 0
    assert chi_square([counts[UP], counts[DOWN]]) > 1e-3  # two equally short ways: either
    walled = "#######\n#######\n#AgrB.#\n#######\n#.....#\n#.....#\n#######\n"
    mild = Seat(policy="planner", preferences=(1.0, -0.1, 0.0))
    assert choices("planner", *scene(walled, novices=0, experts=(mild, mild)), 0)[RIGHT] == 2000
    assert choices("planner", *scene(walled, novices=0, experts=(LIKES_RED, LIKES_RED)), 0)[STAY] == 2000


def test_a_planner_knows_its_way_however_long_it_is():
    size, rows = 33, ["#" * 33]
    for r in range(1, size - 1):
        row = (
            "." * (size - 2) if r % 2 else ("#" * (size - 3) + "." if r % 4 == 2 else "." + "#" * (size - 3))
        )
        rows.append(f"#{row}#")
    rows[1], rows[-1] = "#.A." + rows[1][4:], rows[-1][:5] + "rB" + rows[-1][7:]
    world, state = scene(
        "\n".join([*rows, "#" * size]) + "\n", size=size, novices=0, experts=(LIKES_RED, LIKES_RED)
    )
    assert choices("planner", world, state, 0, draws=40)[RIGHT] == 40  # 500 steps to go


def test_a_planner_with_nothing_to_gain_stays():
    world, state = scene(NEARER_GREEN.replace("r", "."), novices=0, experts=(LIKES_RED, LIKES_RED))
    assert choices("planner", world, state, 0)[STAY] == 2000


def test_a_wanderer_takes_every_action_equally_often():
    world, state = scene(NEARER_GREEN, novices=0, experts=(LIKES_RED, LIKES_RED))
    assert chi_square(choices("wanderer", world, state, 1, 5000)) > 1e-3


@pytest.mark.parametrize("skill", [0.0, 0.6, 1.0])
def test_a_noisy_planner_slips_as_often_as_its_skill_says(skill):
    seat = Seat(policy="noisy", skill=skill, preferences=LIKES_RED.preferences)
    world, state = scene(NEARER_GREEN, novices=0, experts=(seat, LIKES_RED))
    counts = choices("noisy", world, state, 0, 5000)
    slip = 5000 * (1 - skill) / 5
    expected = np.full(5, slip) + 5000 * skill * np.eye(5)[RIGHT]
    if skill == 1.0:
        assert counts[RIGHT] == 5000
    else:
        assert chi_square(counts, expected) > 1e-3


def test_an_anti_expert_goes_for_what_the_first_novice_loses_by():
    level = FOE
    novice, opposite = Seat(preferences=(1.0, -1.0, 0.0)), Seat(preferences=(-1.0, 1.0, 0.0))
    foe = Seat(policy="anti_expert")
    assert (
        choices("anti_expert", *scene(level, novices=(novice,), experts=0, coplayers=(foe,)), 1)[LEFT] == 2000
    )
    assert (
        choices("anti_expert", *scene(level, novices=(opposite,), experts=0, coplayers=(foe,)), 1)[RIGHT]
        == 2000
    )


def test_the_skill_and_preferences_of_the_level_count_not_those_of_the_config():
    seat = Seat(policy="noisy", skill=0.0, preferences=LIKES_RED.preferences)
    world, state = scene(NEARER_GREEN, novices=0, experts=(seat, seat))
    turned = {"skill": jnp.ones(2, jnp.float32), "preferences": -state.level.params.preferences}
    skilled = begin(world, NEARER_GREEN, **turned)
    assert choices("noisy", world, skilled, 0)[LEFT] == 2000


def test_host_drives_the_coplayers_and_leaves_the_novices_alone():
    world, state = scene(NEARER_GREEN, novices=(Seat(),), experts=(LIKES_RED,))
    actions = host(world)(state, jax.random.key(0))
    assert actions.dtype == jnp.int32
    assert actions[0] == 0
    assert actions[1] in (UP, RIGHT, DOWN)  # B is at the left wall, red is far to the right and below


def test_coplayers_that_act_together_act_as_each_would_alone():
    """In a world of cardinal moves, where planners find their ways by value iteration."""
    level = "#######\n#B..C.#\n#gA..r#\n#.....#\n#b....#\n#.D...#\n#######\n"
    experts = tuple(Seat(policy="noisy", skill=0.7, preferences=tuple(p)) for p in np.eye(3).tolist())
    world, state = scene(level, novices=(Seat(),), experts=experts)
    hosts = host(world)
    assert [seats for seats, _ in hosts.together] == [(1, 2, 3)]
    each = dataclasses.replace(hosts, together=())

    def acted(one):
        return np.asarray(jax.vmap(lambda key: one(state, key))(jax.random.split(jax.random.key(0), 64)))

    both = acted(hosts), acted(each)
    np.testing.assert_array_equal(*both)
    assert (both[0][:, 1:] != both[0][:1, 1:]).any()
    assert host(world, {"expert_1": registry.coplayer("wanderer").act}).together[0][0] == (1, 3)


def test_host_takes_a_function_for_a_named_coplayer():
    world, state = scene(NEARER_GREEN, novices=(Seat(),), experts=(LIKES_RED,))

    def left(world, state, seat, key):
        return jnp.int32(LEFT)

    assert host(world, {"expert_0": left})(state, jax.random.key(0)).tolist() == [0, LEFT]
    with pytest.raises(SocialRLError, match="did you mean 'expert_0'"):
        host(world, {"expert_1": left})


def test_a_lurer_is_a_friend_until_its_share_of_the_episode_has_passed():
    """First to red, which pays the novice, then to green, which costs it."""
    novice, lurer = Seat(preferences=(1.0, -1.0, 0.0)), Seat(policy="lurer", skill=0.5)
    world, state = scene(FOE, novices=(novice,), experts=0, coplayers=(lurer,))
    act = jax.jit(lambda time, key: lurer_act(world, dataclasses.replace(state, time=time), 1, key))
    half = world.spec.horizon // 2
    found = [int(act(jnp.int32(time), jax.random.key(0))) for time in (0, half - 1, half, 2 * half - 1)]
    assert found == [RIGHT, RIGHT, LEFT, LEFT]


def test_a_turncoat_goes_its_own_way_until_it_turns_against_the_novice():
    """First to red, which pays itself, then to green, which costs the novice; the novice likes neither."""
    novice, expert = Seat(preferences=(0.0, -1.0, 0.0)), Seat(policy="turncoat", preferences=(1.0, 0.0, 0.0))
    expert = dataclasses.replace(expert, skill=0.5)
    world, state = scene(FOE, novices=(novice,), experts=0, coplayers=(expert,))
    act = jax.jit(lambda time, key: turncoat_act(world, dataclasses.replace(state, time=time), 1, key))
    half = world.spec.horizon // 2
    found = [int(act(jnp.int32(time), jax.random.key(0))) for time in (0, half - 1, half, 2 * half - 1)]
    assert found == [RIGHT, RIGHT, LEFT, LEFT]


def test_a_blocker_goes_where_the_novice_would_go_and_stays_there():
    """The red coin is three cells to the right of the novice, A; the cell beside it is in the way."""
    novice, seat = Seat(preferences=(1.0, -1.0, 0.0)), Seat(policy="blocker")
    world, state = scene(IN_THE_WAY, novices=(novice,), experts=0, coplayers=(seat,), blocking=True)
    act = jax.jit(lambda state, key: blocker.act(world, state, 1, key))
    cell = blocker.next_cell(world, state, 0)
    assert cell.tolist() == [3, 2]
    ways = {int(act(state, jax.random.key(seed))) for seed in range(8)}
    assert ways <= {LEFT, UP}
    there = with_seats(state, position=state.seats.position.at[1].set(cell))
    assert int(act(there, jax.random.key(0))) == STAY

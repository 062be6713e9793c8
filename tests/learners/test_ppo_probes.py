"""Probe worlds, each of which ppo solves only if one part of it works, so that a failure locates the bug.

Constant: values and truncation. Signal: the policy gradient. Delayed: advantages over several steps. Recall:
memory of a cue that is shown only at the start. Trial: the previous action and reward as inputs. Doors:
observation of a co-player that knows which door pays.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.learners import ppo
from socialrl.rollout import make_rollout
from socialrl_envs.types import Level, Outcome, Seat, State
from tests.scratch_world import ScratchWorld, scratch_spec

WORLDS, GAMMA = 32, 0.8
COMMON = {
    "value_coef": 0.5,
    "hidden": (16,),
    "gamma": GAMMA,
    "lr": 1e-2,
    "epochs": 2,
    "minibatches": 1,
    "entropy_coef": 0.01,
    "entropy_coef_end": 0.01,
}


class Probe(ScratchWorld):
    """A world of one cell. Every level is marked with a cue, 0 or 1; `state.task` holds (first action, last
    action) of each seat.

    What is seen, (1, 1, 6): [cue is 0, cue is 1, always 1, time, the other went to door 0, to door 1].
    """

    horizon = 3
    terminates = True
    company = False
    shows_time = True

    def __init__(self) -> None:
        seats = (Seat(), Seat(policy="wanderer")) if self.company else (Seat(),)
        others = ("other_0", "other_1")
        channels = ("cue_0", "cue_1", "one", "time", *others)
        super().__init__(
            scratch_spec("probe", seats, channels, ("a", "b"), self.horizon, channels_of_others=others)
        )

    def draw_mark(self, key: Any) -> Any:
        return jax.random.bernoulli(key)

    def reset(self, level: Level, key: Any) -> State:
        nothing = jnp.full((len(self.spec.seats), 2), -1, jnp.int32)
        return dataclasses.replace(super().reset(level, key), task=nothing)

    def step(self, state: State, actions: Any, key: Any) -> tuple[State, Outcome]:
        first = jnp.where(state.time == 0, actions, state.task[:, 0])
        after = dataclasses.replace(state, task=jnp.stack([first, actions], axis=1), time=state.time + 1)
        reward, over = self.pay(after), after.time >= self.horizon
        outcome = Outcome(
            reward=jnp.broadcast_to(reward.astype(jnp.float32), actions.shape),
            terminated=over & self.terminates,
            truncated=over & (not self.terminates),
            cumulants=jnp.zeros((len(actions), 1), jnp.float32),
        )
        return after, outcome

    def observe(self, state: State) -> Any:
        cue, one, zero = cue_of(state), jnp.int32(1), jnp.int32(0)
        shown = self.shows_cue(state.time)
        went = state.task[-1, 0] if self.company else jnp.int32(-1)
        planes = [
            shown & (cue == 0),
            shown & (cue == 1),
            one,
            state.time if self.shows_time else zero,
            went == 0,
            went == 1,
        ]
        seen = jnp.stack([plane.astype(jnp.uint8) for plane in planes])
        return jnp.broadcast_to(seen, (len(self.spec.seats), 1, 1, 6))

    def shows_cue(self, time: Any) -> Any:
        """Whether the cue is seen at this time."""
        return jnp.array(False)

    def pay(self, after: State) -> Any:
        """What the step that led here is worth."""
        raise NotImplementedError


def cue_of(state):
    """The cue of the level, 0 or 1."""
    return state.level.params.mark.astype(jnp.int32)


class Constant(Probe):
    """Every step pays 1, whatever is done; time runs out, but the future would go on."""

    terminates, shows_time = False, False

    def pay(self, after):
        return jnp.float32(1)


class Finite(Constant):
    """The same, but there really is an end, and time is seen."""

    terminates, shows_time = True, True


class Signal(Probe):
    """The action that the cue names pays, at every step."""

    def shows_cue(self, time):
        return jnp.array(True)

    def pay(self, after):
        return after.task[0, 1] == cue_of(after)


class Delayed(Probe):
    """The first action must be b; it is paid at the end, four steps later."""

    horizon = 5

    def pay(self, after):
        return (after.time >= self.horizon) & (after.task[0, 0] == 1)


class Recall(Probe):
    """The cue is seen at the start only, the action that it names pays at the end only."""

    def shows_cue(self, time):
        return time == 0

    def pay(self, after):
        return (after.time >= self.horizon) & (after.task[0, 1] == cue_of(after))


class Trial(Probe):
    """The cue is never seen, but each step says by its pay whether the action was the one."""

    horizon, shows_time = 4, False

    def pay(self, after):
        return after.task[0, 1] == cue_of(after)


class Doors(Probe):
    """One of two doors is the right one, and only the co-player knows. It goes there first; then the novice
    must choose.
    """

    horizon, company = 2, True

    def pay(self, after):
        return (after.time >= self.horizon) & (after.task[0, 1] == cue_of(after))


class Alone(Doors):
    """The same with nobody to watch."""

    company = False


def expert(world, state, seat, key):
    return cue_of(state)


@functools.cache
def learnt(world: type[Probe], updates: int = 80, **options: Any) -> tuple[Any, Any, Any]:
    """(PPO, its state after the updates, a Trace of greedy episodes)."""
    built = world()
    made = ppo.PPO(
        ppo.Config(**(COMMON | {"memory": "none", "use_prev_action_reward": False} | options)), built.spec
    )
    rollout = make_rollout(built, made.learner(), {"coplayer_1": expert} if built.company else None)
    unroll = 2 * built.horizon

    @jax.jit
    def train(key):
        init_key, pool_key, begin_key, updates_key, test_key, play_key = jax.random.split(key, 6)
        levels = rollout.pool(pool_key, 64)

        def update(carry, key):
            unroll_key, learn_key = jax.random.split(key)
            state, carry = carry
            carry, experience, _ = rollout.unroll(state, carry, levels, unroll_key, unroll)
            state, _ = made.update(state, experience, learn_key)
            return (state, carry), None

        begin = (made.init(init_key, unroll, WORLDS), rollout.begin(levels, begin_key, WORLDS))
        (state, _), _ = jax.lax.scan(update, begin, jax.random.split(updates_key, updates))
        return state, rollout.episodes(state, rollout.pool(test_key, 128), play_key)

    return made, *jax.device_get(train(jax.random.key(0)))


def mean_return(world, **options):
    trace = learnt(world, **options)[2]
    return trace.outcome.reward[..., 0].sum(0).mean()


def values(world, **options):
    """What the critic says at each step of an episode."""
    made, state, _ = learnt(world, **options)
    built = world()
    level = built.sample_level(jax.random.key(0))
    start = built.reset(level, jax.random.key(1))
    views = [built.observe(dataclasses.replace(start, time=jnp.int32(time))) for time in range(built.horizon)]
    timestep = ppo.Timestep(
        obs=jnp.stack(views),
        prev_action=jnp.zeros((built.horizon, 1), jnp.int32),
        prev_reward=jnp.zeros((built.horizon, 1), jnp.float32),
        first=jnp.zeros((built.horizon, 1), bool),
    )
    return np.asarray(made.net.unroll(state.params, (), timestep)[1].value)[:, 0]


def test_the_value_of_a_constant_reward_is_that_of_all_the_future():
    """1 / (1 - gamma), though time runs out after three steps."""
    np.testing.assert_allclose(values(Constant), 1 / (1 - GAMMA), rtol=0.05)


def test_the_value_before_an_end_is_that_of_what_is_left():
    longer = {"updates": 200, "lr_end": 1e-3, "anneal": 200 * 2 * Finite.horizon * WORLDS}
    np.testing.assert_allclose(values(Finite, **longer), [1 + GAMMA + GAMMA**2, 1 + GAMMA, 1], rtol=0.05)


def test_it_does_what_the_observation_says():
    assert mean_return(Signal) > 0.98 * Signal.horizon


def test_it_finds_what_is_paid_later():
    assert mean_return(Delayed) > 0.98


@pytest.mark.parametrize("memory", ["gru", "lstm", "mingru", "lru"])
def test_with_memory_it_recalls(memory):
    assert mean_return(Recall, memory=memory) > 0.95


def test_without_memory_it_cannot_recall():
    assert 0.35 < mean_return(Recall) < 0.65


def test_with_previous_action_and_reward_it_repeats_what_paid():
    """At best half in the first step and all in the others; without them, half of all. Which action to repeat
    depends on both together, so a layer is needed after them."""
    assert mean_return(Trial, use_prev_action_reward=True, heads=(16,)) > 0.93 * 3.5
    assert mean_return(Trial) < 0.65 * 4


def test_watching_the_expert_opens_the_door():
    trace = learnt(Doors)[2]
    assert trace.outcome.reward[..., 0].sum(0).mean() > 0.98
    influence = trace.decision.influence[..., 0].mean(1)
    assert influence[0] == 0  # nobody has gone anywhere yet
    assert influence[1] > 0.3


def test_alone_the_door_is_a_guess():
    assert 0.35 < mean_return(Alone) < 0.65

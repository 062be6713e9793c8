"""Tests of bc per agent, sqil, inverse_rl, decision_biasing and value_shaping: the data that each uses, and
the behaviour that it learns.

The task, called lesson: episodes of one step in which a cue is seen and one action follows. Co-players
demonstrate their action at each cue.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.learners import bc, decision_biasing, inverse_rl, sqil, value_shaping
from socialrl.learners._batches import SequenceBatch
from socialrl.learners._heads import HeadFns
from socialrl.learners._sequences import others_steps, own_steps
from socialrl.registry import learner_config
from socialrl.types import ActAs, Demonstration, Experience, Timestep, Transition
from socialrl_envs.types import Seat, WorldSpec
from tests.learners.lab import Paid, Scrambled, lab, same, small, train
from tests.scratch_world import scratch_spec

IMITATORS, SOCIAL = ("bc", "sqil", "inverse_rl"), ("decision_biasing", "value_shaping")
CUES, ACTIONS, WORLDS, UNROLL = 4, 6, 4, 2
OPTIONS = {
    "hidden": (16,),
    "batch": 8,
    "updates": 2,
    "lr": 1e-2,
    "epsilon_start": 0.1,
    "epsilon_end": 0.1,
    "gamma": 0.5,
}


def spec_of(coplayers: int) -> WorldSpec:
    """Where the lesson takes place."""
    seats = (Seat(), *(Seat(policy="wanderer"),) * coplayers)
    cues, actions = (f"cue {i}" for i in range(CUES)), (f"action {i}" for i in range(ACTIONS))
    return scratch_spec("lesson", seats, tuple(cues), tuple(actions), horizon=1)


@functools.cache
def lesson(
    name: str, shown: tuple[int, ...] = (1,), paid: int | None = 1, rounds: int = 30, **options: Any
) -> Any:
    """(state, greedy decision at each cue) after the lesson: co-player k does cue + shown[k], and cue + paid
    pays 1.
    """
    learner = learner_config(name)(**{**OPTIONS, **options}).build(spec_of(len(shown)))

    def views(cue: Any) -> Any:
        return jax.nn.one_hot(cue, CUES, dtype=jnp.uint8)[..., None, None, :]

    def seen(cue: Any) -> Timestep:
        nothing = jnp.zeros(cue.shape, jnp.float32)
        return Timestep(
            obs=views(cue),
            prev_action=nothing.astype(jnp.int32),
            prev_reward=nothing,
            first=jnp.ones(cue.shape, bool),
        )

    def unroll(state: Any, key: Any) -> Any:
        cue_key, act_key, learn_key = jax.random.split(key, 3)
        cue = jax.random.randint(cue_key, (UNROLL, WORLDS, 1), 0, CUES, dtype=jnp.int32)
        others = jnp.broadcast_to(cue, (UNROLL, WORLDS, len(shown)))
        timestep, carry = seen(cue), learner.initial_carry(WORLDS, 1)
        acted = jax.vmap(lambda timestep, key: learner.act(state, carry, timestep, key, True))(
            timestep, jax.random.split(act_key, UNROLL)
        )
        decision = acted.decision
        reward = jnp.zeros(cue.shape, jnp.float32)
        if paid is not None:
            reward = (decision.action == (cue + paid) % ACTIONS).astype(jnp.float32)
        ended, there = jnp.ones(cue.shape, bool), jnp.ones(others.shape, bool)
        own = Transition(
            timestep=timestep,
            action=decision.action,
            reward=reward,
            next_obs=timestep.obs,
            terminated=ended,
            truncated=~ended,
        )
        demonstration = Demonstration(
            obs=views(others),
            action=(others + jnp.array(shown, jnp.int32)) % ACTIONS,
            next_obs=views(others),
            discount=jnp.zeros(others.shape, jnp.float32),
            last=there,
            present=there,
        )
        positions = jnp.zeros((UNROLL, WORLDS, 1, len(shown), 2), jnp.float32)
        experience = Experience(
            own=own,
            others=demonstration,
            carry=carry,
            decision=decision,
            extras=acted.extras,
            relative_positions=positions,
            positions=jnp.zeros((UNROLL, WORLDS, 1 + len(shown), 2), jnp.int32),
            headings=jnp.zeros((UNROLL, WORLDS, 1 + len(shown)), jnp.int32),
        )
        return learner.update(state, experience, learn_key)[0], None

    @jax.jit
    def taught(key: Any) -> Any:
        init_key, rounds_key, act_key = jax.random.split(key, 3)
        state, _ = jax.lax.scan(
            unroll, learner.init(init_key, UNROLL, WORLDS), jax.random.split(rounds_key, rounds)
        )
        cues = jnp.arange(CUES, dtype=jnp.int32)
        return state, learner.act(state, learner.initial_carry(CUES), seen(cues), act_key, False).decision

    return taught(jax.random.key(0))


def right(decision: Any, offset: int) -> float:
    """Share of cues answered with cue + offset."""
    return float(np.mean(decision.action == (np.arange(CUES) + offset) % ACTIONS))


@pytest.mark.parametrize("name", IMITATORS)
def test_imitators_do_as_they_were_shown_whatever_pays(name):
    _, decision = lesson(name, shown=(2,), paid=1, rounds=60)
    assert right(decision, 2) == 1


@pytest.mark.parametrize("name", IMITATORS)
def test_imitators_do_not_look_at_any_reward(name):
    assert same(train(lab(name), 3)[0].params, train(lab(name, task=Paid), 3)[0].params)


RARELY, ALWAYS = ({"epsilon_start": share, "epsilon_end": share} for share in (0.02, 1.0))  # random actions


@pytest.mark.parametrize(
    ("name", "options"), [("decision_biasing", {}), ("value_shaping", {"pseudo_reward": 0.5})]
)
def test_social_cues_are_faster_than_luck(name, options):
    """Of the few random actions one in six pays: dqn has hardly met what the others show."""
    assert right(lesson(name, **RARELY, **options)[1], 1) == 1
    assert right(lesson("dqn", **RARELY)[1], 1) <= 0.5


@pytest.mark.parametrize("name", SOCIAL)
def test_but_ones_own_rewards_have_the_last_word(name):
    """The others show what pays nothing, and random actions what pays 1."""
    _, decision = lesson(name, shown=(2,), paid=1, rounds=300, **ALWAYS)
    assert right(decision, 1) == 1


def test_shaping_leaves_its_mark_on_the_values_and_biasing_does_not():
    """Nothing pays; shaped values say that the shown action does, unbiased ones that nothing is. One step in
    six of one's own says otherwise of that action, against all of the others' steps."""
    worth = {}
    for name, options in (
        ("decision_biasing", {}),
        ("value_shaping", {"pseudo_reward": 0.5, "shaping_coef": 1.0}),
    ):
        _, decision = lesson(name, paid=None, rounds=600, **ALWAYS, **options)
        assert right(decision, 1) == 1
        worth[name] = np.asarray(decision.values)[:, 0]
    shown = (np.arange(CUES)[:, None] + 1) % ACTIONS == np.arange(ACTIONS)
    np.testing.assert_allclose(worth["decision_biasing"], 0, atol=0.1)
    np.testing.assert_allclose(worth["value_shaping"], 0.5 * 6 / 7 * shown, atol=0.1)


@pytest.mark.parametrize(
    ("name", "options"), [("decision_biasing", {"bias_coef": 0.0}), ("value_shaping", {"shaping_coef": 0.0})]
)
def test_without_its_social_term_it_is_a_dqn(name, options):
    """That acts by its own values, and these are the rewards."""
    _, decision = lesson(name, shown=(2,), paid=1, rounds=600, **ALWAYS, **options)
    np.testing.assert_array_equal(decision.action, np.argmax(decision.values[:, 0], axis=-1))
    np.testing.assert_allclose(np.max(decision.values[:, 0], axis=-1), 1, atol=0.15)


def test_a_dqn_that_watches_does_what_pays_and_not_what_is_shown():
    options = {"cloning_coef": 1.0, "relabelled_coef": 3.0}
    _, decision = lesson("dqn", shown=(2,), paid=1, rounds=300, **ALWAYS, **options)
    assert right(decision, 1) == 1
    np.testing.assert_allclose(np.max(decision.values[:, 0], axis=-1), 1, atol=0.15)


def test_cloning_and_others_steps_teach_a_dqn_apart(rows):
    """loss -> what of (torso, values, clone, reward model) it teaches."""
    config = small("dqn", cloning_coef=1.0, relabelled_coef=1.0)
    net = HeadFns(config, lab("bc").world.spec, heads=3)
    params = jax.jit(net.init)(jax.random.key(0))
    found = jax.jit(jax.jacrev(lambda params: config.loss(net, params, params, rows)[1]))(params)
    reach = {"td": "1100", "cloning": "1010", "reward": "1001", "relabelled": "1100"}
    for loss, expected in reach.items():
        params = found[f"loss/{loss}"]["params"]
        head = params["head"]["Dense_0"]["kernel"].reshape(8, 3, -1)
        taught = [params["encoder"]["torso"]["Dense_0"]["kernel"], *(head[:, i] for i in range(3))]
        assert "".join(str(int(np.any(part))) for part in taught) == expected, loss


@pytest.mark.parametrize("paid", [1, 3])
def test_bc_per_agent_acts_as_the_co_player_that_pays(paid):
    """Each shows something else; whom to act as can be told by one's own rewards alone."""
    shown = (2, 1, 3)
    state, decision = lesson("bc", shown=shown, paid=paid, rounds=80, pooled=False, trial_steps=100)
    assert right(decision, paid) == 1
    np.testing.assert_array_equal(decision.source, 1 + shown.index(paid))
    np.testing.assert_array_equal(decision.values[:, 0], 0)
    paid_by = np.asarray(state.aux.total / state.aux.weight)
    assert paid_by[shown.index(paid)] > 0.7
    assert np.max(np.delete(paid_by, shown.index(paid))) < 0.3


def test_bc_per_agent_follows_each_as_it_acts():
    learner = small("bc", pooled=False).build(spec_of(3))
    acting = learner.capability(ActAs)
    assert acting is not None
    state = jax.jit(lambda key: learner.init(key, UNROLL, WORLDS))(jax.random.key(0))
    params = jax.tree.map(lambda leaf: leaf, state.params)
    bias = 20.0 * jax.nn.one_hot(
        jnp.array([4, 0, 5]), ACTIONS, dtype=jnp.float32
    )  # co-player 1 does 4, 2 does 0, 3 does 5
    params["params"]["head"]["Dense_0"]["bias"] = bias.reshape(-1)
    state = dataclasses.replace(state, params=params)
    nothing = jnp.zeros(3, jnp.float32)
    obs = jnp.zeros((3, 1, 1, CUES), jnp.uint8)
    timestep = Timestep(
        obs=obs, prev_action=nothing.astype(jnp.int32), prev_reward=nothing, first=jnp.ones(3, bool)
    )
    sources = jnp.array([2, 3, 1], jnp.int32)
    action, _ = acting.act_as(state, learner.initial_carry(3), timestep, sources, jax.random.key(1))
    np.testing.assert_array_equal(action, [0, 5, 4])


def test_bc_per_agent_sees_no_ones_rewards_but_its_own():
    state, _, _, metrics = train(lab("bc", pooled=False), 4)
    other = train(lab("bc", task=Scrambled, pooled=False), 4)
    assert same(state, other[0])
    assert same(metrics, other[3])
    better = train(lab("bc", task=Paid, pooled=False), 4)[0]
    assert not same(state.aux, better.aux)


@pytest.fixture(scope="module")
def rows():
    """What a novice pair lived through beside two co-players."""
    experience = train(lab("bc"), 2)[2]
    return SequenceBatch(own=experience.own, others=experience.others)


def test_seats_of_a_file_are_the_same_co_players_once_more(rows):
    """The others' steps may come twice, those of the stream and those of a file: each teaches its own
    co-player's policy.
    """
    net = HeadFns(small("bc", pooled=False), lab("bc").world.spec, heads=2)
    params = jax.jit(net.init)(jax.random.key(0))
    twice = dataclasses.replace(
        rows, others=jax.tree.map(lambda x: jnp.concatenate([x, x], axis=2), rows.others)
    )
    other_way = dataclasses.replace(rows, others=jax.tree.map(lambda x: x[:, :, ::-1], rows.others))
    loss = jax.jit(functools.partial(bc.loss, net))
    once = loss(params, params, rows)[0]
    np.testing.assert_allclose(loss(params, params, twice)[0], once, rtol=1e-5)
    assert abs(loss(params, params, other_way)[0] - once) > 1e-5


HEADS = {bc: 1, sqil: 1, inverse_rl: 3, decision_biasing: 2, value_shaping: 1}


@pytest.mark.parametrize("memory", ["none", "gru"])
@pytest.mark.parametrize(
    ("learner", "heads"), HEADS.items(), ids=[learner.__name__.rpartition(".")[2] for learner in HEADS]
)
def test_offline_there_are_no_own_steps(rows, learner, heads, memory):
    """The losses on demonstrations alone are finite, and what is shown is learnt."""
    config = learner.Config(hidden=(8,), prediction_coef=0.5, memory=memory)
    net, loss = HeadFns(config, lab("bc").world.spec, heads), bc.loss if learner is bc else config.loss
    params = jax.jit(net.init)(jax.random.key(0))
    alone = dataclasses.replace(rows, own=jax.tree.map(lambda x: x[:, :, :0], rows.own))
    descend = jax.value_and_grad(functools.partial(loss, net), has_aux=True)
    (total, metrics), gradient = jax.jit(descend)(params, params, alone)
    assert np.isfinite(total)
    assert all(np.isfinite(value) for value in metrics.values())
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(gradient))
    assert np.any(gradient["params"]["encoder"]["torso"]["Dense_0"]["kernel"] != 0)


def test_steps_lie_side_by_side_as_sequences(rows):
    own, others = own_steps(rows), others_steps(rows)
    time, batch, novices = rows.own.action.shape
    assert own.action.shape == (time, batch * novices)
    np.testing.assert_array_equal(own.action[:, 1], rows.own.action[:, 0, 1])
    np.testing.assert_array_equal(others.obs[:, 2], rows.others.obs[:, 1, 0])
    np.testing.assert_array_equal(own.continuation, np.where(rows.own.terminated, 0, 1).reshape(time, -1))
    assert others.first[0].all()
    assert own.mask.all()

"""Conformance checks of learners and curricula: the rules of their contracts, one function each.

`check_learner(config)` and `check_curriculum(config)` raise an AssertionError that begins with the name of
the learner or curriculum and of the rule that it breaks. The tests of this package run them over all that are
built in.
"""

import dataclasses
import re
from collections.abc import Callable
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32, Int32, Key, PyTree

from socialrl.curricula import Curriculum, Draw
from socialrl.rollout import Carry, Rollout, make_rollout
from socialrl.types import (
    ActAs,
    ActOutput,
    Demonstration,
    Diagnostics,
    Experience,
    FewShot,
    GoalInference,
    Influence,
    Learner,
    LearnerConfig,
    Metrics,
    Offline,
    RewardInference,
    WarmStart,
)
from socialrl_envs.struct import pytree, replace
from socialrl_envs.types import Outcome, Seat, State, World
from socialrl_envs.worlds import coin_grid, goal_cycle

NUM_ENVS, UNROLL_LENGTH, UPDATES = 3, 4, 4  # they end amid an episode of 6 steps


def learner_world() -> World:
    """The world in which learners are checked: two novices and two wanderers in a tiny coin_grid."""
    wanderers = (Seat(policy="wanderer"), Seat(policy="wanderer"))
    config = coin_grid.Config(
        novices=2, experts=0, coplayers=wanderers, size=5, colours=2, coins=1, horizon=6
    )
    return config.build()


def curriculum_world() -> World:
    """The world in which curricula are checked: one novice and one expert in a small goal_cycle."""
    world: Any = goal_cycle.Config(novices=1, experts=1, size=7, horizon=6).build()
    return world


def check_learner(config: LearnerConfig, world: World | None = None) -> None:
    """Raises AssertionError, which names the learner and the rule, unless the learner keeps its contract.

    world: where it is checked, `learner_world()` by default; it needs a novice, and a co-player for the rules
    about others. A config with few parameters is checked faster.
    """
    name = name_of(config)
    subject = Subject(_named(name, "build", lambda: config.build((world or learner_world()).spec)), world)
    for rule in LEARNER_RULES:
        _named(name, rule.__name__, lambda rule=rule: rule(subject))


def check_curriculum(config: Any, world: World | None = None) -> None:
    """Raises AssertionError, which names the curriculum and the rule, unless it keeps its contract.

    world: where it is checked, `curriculum_world()` by default.
    """
    name, world = name_of(config), world or curriculum_world()
    curriculum: Curriculum = _named(name, "build", lambda: config.build(world))
    for rule in CURRICULUM_RULES:
        _named(name, rule.__name__, lambda rule=rule: rule(curriculum, world))


def name_of(config: Any) -> str:
    """The name of a learner or curriculum: the file of its `Config`, else the name of the class."""
    cls = type(config)
    return cls.__module__.rpartition(".")[2] if cls.__name__ == "Config" else cls.__qualname__


def _named(name: str, rule: str, call: Callable[[], Any]) -> Any:
    """The result of the call; whatever it raises becomes an AssertionError that names the learner and the
    rule.
    """
    try:
        return call()
    except Exception as error:
        kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
        raise AssertionError(f"{name}: {rule}: {kind}{error}") from error


# What is checked, and comparisons.


class Subject:
    """A learner in a world, with what the rules share: states, experience and compiled functions."""

    def __init__(self, learner: Learner, world: World | None = None):
        self.learner, self.world = learner, world or learner_world()
        self.rollout = make_rollout(self.world, learner)
        self.act = jax.jit(learner.act, static_argnums=4)
        self.update = jax.jit(learner.update)
        self.init = jax.jit(learner.init, static_argnums=(1, 2))

    @cached_property
    def fresh(self) -> tuple[PyTree, Carry, PyTree]:
        """(learner's state, Carry, levels) before the first step."""

        @jax.jit
        def begin(key: Key[Array, ""]) -> tuple[Carry, PyTree]:
            pool_key, begin_key = jax.random.split(key)
            levels = self.rollout.pool(pool_key, 8)
            return self.rollout.begin(levels, begin_key, NUM_ENVS), levels

        state = self.init(jax.random.key(0), UNROLL_LENGTH, NUM_ENVS)
        return state, *begin(jax.random.key(1))

    @cached_property
    def trained(self) -> tuple[PyTree, Carry, Experience, Metrics]:
        """(learner's state, Carry, last Experience, last metrics) after UPDATES updates."""
        return self.train(self.rollout)

    def train(self, rollout: Rollout) -> tuple[PyTree, Carry, Experience, Metrics]:
        """The same in the world of another rollout."""
        state, carry, levels = self.fresh
        unroll = jax.jit(
            lambda state, carry, key: rollout.unroll(state, carry, levels, key, UNROLL_LENGTH)[:2]
        )
        experience, metrics = None, {}
        for number in range(UPDATES):
            unroll_key, learn_key = jax.random.split(jax.random.fold_in(jax.random.key(2), number))
            carry, experience = unroll(state, carry, unroll_key)
            state, metrics = self.update(state, experience, learn_key)
        assert experience is not None
        return state, carry, experience, metrics

    @property
    def batch(self) -> tuple[int, int]:
        """The batch axes of the novices: (worlds, novices)."""
        return NUM_ENVS, len(self.world.spec.novices)

    def decided(self, state: PyTree, explore: bool = False) -> ActOutput:
        """What the learner does in this state at the end of the checked experience."""
        _, carry, _, _ = self.trained
        return self.act(state, carry.carry, carry.timestep, jax.random.key(3), explore)


def shapes(tree: PyTree) -> list[tuple[str, tuple[int, ...], Any, bool]]:
    """The path, shape, dtype and weak type of every leaf."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return [
        (jax.tree_util.keystr(path), jnp.shape(x), jnp.result_type(x), getattr(x, "weak_type", False))
        for path, x in leaves
    ]


def raw(leaf: Array | np.ndarray) -> np.ndarray:
    """The bits of a leaf, PRNG keys included."""
    return np.asarray(jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf)


def same(a: PyTree, b: PyTree) -> bool:
    """Whether two trees are equal bit for bit."""
    if jax.tree.structure(a) != jax.tree.structure(b):
        return False
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return all(raw(x).tobytes() == raw(y).tobytes() for x, y in pairs)


def alike(a: Array, b: Array) -> bool:
    """Whether two arrays are equal up to the rounding of programs that sum in another order."""
    return np.allclose(a, b, rtol=1e-3, atol=1e-4)


def expect_same_shapes(before: PyTree, after: PyTree, what: str) -> None:
    """Raises AssertionError naming the first leaf whose path, shape or dtype changed."""
    assert jax.tree.structure(before) == jax.tree.structure(after), f"the structure of {what} changes"
    for was, now in zip(shapes(before), shapes(after), strict=True):
        assert was == now, f"{what}{now[0]} was {was[1]} {was[2]} and is {now[1]} {now[2]} (weak: {now[3]})"


def expect(array: Array, shape: tuple[int, ...], dtype: Any, what: str) -> None:
    """Raises AssertionError unless the array has this shape and dtype."""
    found = (jnp.shape(array), jnp.result_type(array))
    assert found == (shape, dtype), f"{what} is {found[0]} {found[1]}, not {shape} {jnp.dtype(dtype)}"


def expect_finite(metrics: Metrics) -> None:
    """Raises AssertionError unless all metrics are finite float32 scalars."""
    for name, value in metrics.items():
        expect(value, (), jnp.float32, f"metric {name}")
        assert np.isfinite(value), f"metric {name} is {value}"


# The rules of a learner.


def decisions_in_shape(subject: Subject) -> None:
    """`act` returns a Decision with the shapes, dtypes and ranges of the contract, and a carry of unchanged
    shape.
    """
    state, carry, _ = subject.fresh
    actions, sources = len(subject.world.spec.actions), 1 + len(subject.world.spec.coplayers)
    for explore in (True, False):
        acted = subject.act(state, carry.carry, carry.timestep, jax.random.key(0), explore)
        decision = acted.decision
        found = jnp.shape(decision.values)
        assert len(found) == 4, f"decision.values is {found}, not {(*subject.batch, 'S', actions)}"
        expect(decision.action, subject.batch, jnp.int32, "decision.action")
        expect(decision.source, subject.batch, jnp.int32, "decision.source")
        expect(decision.influence, subject.batch, jnp.float32, "decision.influence")
        expect(decision.values, (*subject.batch, found[2], actions), jnp.float32, "decision.values")
        assert found[2] in (1, sources), f"decision.values has {found[2]} sources, not 1 or {sources}"
        within = np.all((decision.action >= 0) & (decision.action < actions))
        assert within, f"decision.action is not within 0..{actions - 1}: {np.unique(decision.action)}"
        within = np.all((decision.source >= 0) & (decision.source < found[2]))
        assert within, f"decision.source is not within 0..{found[2] - 1}: {np.unique(decision.source)}"
        assert np.all(np.isfinite(decision.values)), "decision.values is not finite"
        expect_same_shapes(carry.carry, acted.carry, "carry")


def carry_in_shape(subject: Subject) -> None:
    """`initial_carry` has the batch axes that it is asked for."""
    for batch in ((2, 3), (4, 1)):
        for path, shape, _, _ in shapes(subject.learner.initial_carry(*batch)):
            assert shape[:2] == batch, f"initial_carry{batch}{path} is {shape}"


def state_keeps_its_structure(subject: Subject) -> None:
    """`update` changes values of the state only, never its structure, shapes or dtypes: it is scanned and
    donated.
    """
    before, (after, *_) = subject.fresh[0], subject.trained
    expect_same_shapes(before, after, "state")
    assert not same(before, after), f"the state is the same after {UPDATES} updates"


def metrics_finite(subject: Subject) -> None:
    """`update` reports finite float32 scalars, losses among them under "loss/"."""
    metrics = subject.trained[3]
    expect_finite(metrics)
    assert any(name.startswith("loss/") for name in metrics), f"no metric loss/...: {', '.join(metrics)}"


def one_key_one_result(subject: Subject) -> None:
    """`init`, `act` and `update` are pure: traced anew they are the same program with the same constants, and
    a program gives one result for one key.
    """
    learner, key = subject.learner, jax.random.key(7)
    state, carry, experience, _ = subject.trained
    calls = {
        "init": (lambda key: learner.init(key, UNROLL_LENGTH, NUM_ENVS), (key,)),
        "act": (
            lambda carry, timestep, key: learner.act(state, carry, timestep, key, True),
            (carry.carry, carry.timestep, key),
        ),
        "update": (learner.update, (state, experience, key)),
    }
    for name, (call, inputs) in calls.items():
        assert program(call, inputs) == program(call, inputs), (
            f"{name} is another program each time it is traced"
        )
    one, two = (
        subject.act(state, carry.carry, carry.timestep, jax.random.clone(key), True) for _ in range(2)
    )
    assert same(one, two), "act gives two results for one key"


def program(function: Callable[..., PyTree], inputs: tuple[PyTree, ...]) -> tuple[str, list[bytes]]:
    """The function as a traced program: its text without addresses in memory, and the bits of its
    constants.
    """
    jaxpr = jax.make_jaxpr(lambda *inputs: function(*inputs))(*inputs)  # a new lambda is traced anew
    constants = [raw(jnp.asarray(constant)).tobytes() for constant in jaxpr.consts]
    return re.sub(r"0x[0-9a-f]+", "", str(jaxpr)), constants


def batch_equals_loop(subject: Subject) -> None:
    """Greedy `act` on a batch of worlds is that on each world alone, and so is it under vmap."""
    state, carry, _, _ = subject.trained
    inputs = (carry.carry, carry.timestep)
    together = subject.decided(state).decision

    def one(inputs: PyTree) -> ActOutput:
        alone, timestep = jax.tree.map(lambda x: x[None], inputs)
        return subject.learner.act(state, alone, timestep, jax.random.key(3), False)

    mapped = jax.jit(jax.vmap(one))(inputs).decision
    single = jax.jit(one)
    for world in range(NUM_ENVS):
        alone = single(jax.tree.map(lambda x, world=world: x[world], inputs)).decision
        for name, found in (("alone", alone), ("under vmap", take(mapped, world))):
            close = alike(found.values[0], together.values[world])
            assert close, f"the values of world {world} {name} are not those in a batch"


def take(tree: PyTree, index: int) -> PyTree:
    """One row of every leaf."""
    return jax.tree.map(lambda x: x[index], tree)


@pytree
class Rewarded(Demonstration):
    """A Demonstration with what no learner may use: the rewards of the others."""

    reward: Float32[Array, "*batch"]


def others_rewards_unseen(subject: Subject) -> None:
    """Updates are bit for bit the same whatever the others are paid, also if their rewards lay in the
    experience.

    As a control, the co-players must have been paid otherwise in the second world.
    """
    if not subject.world.spec.coplayers:
        return
    honest = subject.trained
    repaid: Any = Repaid(subject.world)
    scrambled = subject.train(make_rollout(repaid, subject.learner))
    assert not same(honest[1].returns, scrambled[1].returns), "the others were paid alike: use another world"
    for part, which in ((0, "state"), (3, "metrics")):
        assert same(honest[part], scrambled[part]), f"the {which} depends on the rewards of others"

    state, _, experience, _ = honest
    fields = {f.name: getattr(experience.others, f.name) for f in dataclasses.fields(Demonstration)}

    @jax.jit
    def learnt(reward: Float32[Array, "..."]) -> PyTree:
        shown = replace(experience, others=Rewarded(**fields, reward=reward))
        return subject.learner.update(state, shown, jax.random.key(4))

    shape = experience.others.action.shape
    try:
        plain = learnt(jnp.zeros(shape, jnp.float32))
    except (TypeError, ValueError):  # it stores demonstrations field by field and has no place for rewards
        return
    rewards = jnp.arange(np.prod(shape), dtype=jnp.float32).reshape(shape)
    assert same(plain, learnt(rewards)), "the update uses the rewards of others where it finds them"


def own_rewards_matter(subject: Subject) -> bool:
    """Whether an update depends on the novices' own rewards: the control of `others_rewards_unseen`. It is no
    rule, for imitators use no rewards.
    """
    experience = subject.trained[2]
    own = replace(experience.own, reward=1.0 + 2.0 * experience.own.reward)
    one, two = (
        subject.update(subject.fresh[0], replace(experience, own=paid), jax.random.key(4))[1]
        for paid in (experience.own, own)
    )
    return not same(one, two)


class Repaid:
    """A world whose co-players are paid something else."""

    def __init__(self, world: World):
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)

    def step(self, state: State, actions: Int32[Array, " N"], key: Key[Array, ""]) -> tuple[State, Outcome]:
        """The step of the world with other rewards for the co-players."""
        after, outcome = self._world.step(state, actions, key)
        seats = np.arange(len(outcome.reward))
        wild = 100.0 * jnp.sin(seats.astype(np.float32) + after.time.astype(jnp.float32))
        paid = np.isin(seats, self._world.spec.novices)
        return after, replace(outcome, reward=jnp.where(paid, outcome.reward, wild - outcome.reward[::-1]))


def absent_ignored(subject: Subject) -> None:
    """What a Demonstration says of absent seats changes nothing: neither metrics nor later decisions."""
    others = subject.trained[2].others
    if not others.action.size:
        return
    absent = replace(others, present=jnp.zeros_like(others.present))
    actions = len(subject.world.spec.actions)
    ghosts = replace(absent, action=(absent.action + 1) % actions, obs=absent.next_obs, next_obs=absent.obs)

    def learnt(others: Demonstration) -> tuple[Metrics, PyTree]:
        experience = replace(subject.trained[2], others=others)
        state, metrics = subject.update(subject.fresh[0], experience, jax.random.key(4))
        return metrics, subject.decided(state).decision.values

    assert same(learnt(absent), learnt(ghosts)), "the steps of absent seats are learnt from"


def capabilities_work(subject: Subject) -> None:
    """Every capability does what it says, with the shapes of the contract; there is at most one of
    each type.
    """
    kinds = [type(one) for one in subject.learner.capabilities]
    assert len(kinds) == len(set(kinds)), f"two capabilities of one type: {[kind.__name__ for kind in kinds]}"
    for kind, check in CAPABILITIES.items():
        capability = subject.learner.capability(kind)
        if capability is not None:
            _named(kind.__name__, "does not work", lambda c=capability, check=check: check(subject, c))
    unknown = set(kinds) - set(CAPABILITIES)
    assert not unknown, f"unknown capabilities: {', '.join(kind.__name__ for kind in unknown)}"


def _few_shot(subject: Subject, capability: FewShot) -> None:
    state, _, experience, _ = subject.trained
    expect_same_shapes(state, jax.jit(capability.adapt)(state, experience, jax.random.key(5)), "state")


def _warm_start(subject: Subject, capability: WarmStart) -> None:
    trained = subject.trained[0]
    fresh = subject.init(jax.random.key(9), 2 * UNROLL_LENGTH, 1)
    moved = capability.warm_start(trained, fresh)
    expect_same_shapes(fresh, moved, "state")
    one, two = subject.decided(trained).decision, subject.decided(moved).decision
    assert same(one.values, two.values), "the decisions are not those of the trained state"


def _offline(subject: Subject, capability: Offline) -> None:
    state = subject.fresh[0]
    after, metrics = jax.jit(lambda state, key: capability.pretrain(state, key, 2))(state, jax.random.key(5))
    expect_same_shapes(state, after, "state")
    expect_finite(metrics)
    assert capability.steps > 0, f"steps is {capability.steps}"


def _influence(subject: Subject, capability: Influence) -> None:
    state, carry, _, _ = subject.trained
    found = jax.jit(capability.influence)(state, carry.carry, carry.timestep)
    expect(found, subject.batch, jnp.float32, "influence")
    assert np.all(np.isfinite(found)), "influence is not finite"
    assert np.all(found >= -1e-5), f"influence is negative: {found.min()}"


def _diagnostics(subject: Subject, capability: Diagnostics) -> None:
    state, carry, _, _ = subject.trained
    decision = subject.decided(state).decision
    found = jax.jit(capability.diagnose)(state, carry.carry, carry.timestep, decision)
    known = {"prediction": subject.world.spec.obs_shape, "spread": decision.values.shape[2:]}
    for name, array in found.items():
        assert name in known, f"{name} is not one of {', '.join(known)}"
        expect(array, (*subject.batch, *known[name]), jnp.float32, name)


def _act_as(subject: Subject, capability: ActAs) -> None:
    state, carry, _, _ = subject.trained
    for source in range(subject.decided(state).decision.values.shape[2]):
        whose = jnp.full(subject.batch, source, jnp.int32)
        action, after = jax.jit(capability.act_as)(
            state, carry.carry, carry.timestep, whose, jax.random.key(5)
        )
        expect(action, subject.batch, jnp.int32, "action")
        assert np.all((action >= 0) & (action < len(subject.world.spec.actions))), "action is out of range"
        expect_same_shapes(carry.carry, after, "carry")


def _reward_inference(subject: Subject, capability: RewardInference) -> None:
    state, _, experience, _ = subject.trained
    found = jax.jit(capability.infer_rewards)(state, experience.others)
    shape = experience.others.action.shape
    assert found.shape[:-1] == shape, f"infer_rewards is {found.shape}, not {(*shape, 'S')}"
    expect(found, found.shape, jnp.float32, "infer_rewards")
    assert np.all(np.isfinite(found)), "infer_rewards is not finite"


def _goal_inference(subject: Subject, capability: GoalInference) -> None:
    state, _, experience, _ = subject.trained
    after, logits = jax.jit(capability.infer_goal)(state, experience.others, experience.others)
    expect_same_shapes(state, after, "state")
    shape = (*experience.others.action.shape, len(subject.world.spec.actions))
    expect(logits, shape, jnp.float32, "logits")


CAPABILITIES: dict[type, Callable[[Subject, Any], None]] = {
    FewShot: _few_shot,
    WarmStart: _warm_start,
    Offline: _offline,
    Influence: _influence,
    Diagnostics: _diagnostics,
    ActAs: _act_as,
    RewardInference: _reward_inference,
    GoalInference: _goal_inference,
}
LEARNER_RULES: tuple[Callable[[Subject], None], ...] = (
    decisions_in_shape,
    carry_in_shape,
    state_keeps_its_structure,
    metrics_finite,
    one_key_one_result,
    batch_equals_loop,
    others_rewards_unseen,
    absent_ignored,
    capabilities_work,
)


# The rules of a curriculum.


def overrides_fit_the_world(curriculum: Curriculum, world: World) -> None:
    """`overrides` gives parameters that the world's levels have, with their shapes, and levels can be drawn
    with them.
    """
    state = curriculum.init()
    found = curriculum.overrides(state, jnp.int32(0), jax.random.key(0))
    for name, value in found.items():
        assert name in world.numbers, f"the levels of {world.spec.name} have no parameter {name}"
        shape = np.shape(world.numbers[name])
        assert jnp.shape(value) == shape, f"{name} is {jnp.shape(value)}, not {shape}"
        assert np.all(np.isfinite(value)), f"{name} is {value}"
    usual, drawn = world.sample_level(jax.random.key(1)), world.sample_level(jax.random.key(1), found)
    assert jax.tree.structure(usual) == jax.tree.structure(drawn), "the structure of the level changes"


def overrides_are_pure(curriculum: Curriculum, world: World) -> None:
    """`overrides` gives one result for one key, and under vmap what it gives key by key."""
    state, keys = curriculum.init(), jax.random.split(jax.random.key(2), 3)

    def draw(key: Key[Array, ""]) -> PyTree:
        return curriculum.overrides(state, jnp.int32(10), key)

    one, again = (jax.jit(lambda keys: jax.vmap(draw)(keys))(jax.random.clone(keys)) for _ in range(2))
    assert same(one, again), "overrides gives two results for one key"
    alone = draw(jax.random.clone(keys)[1])
    for name, value in alone.items():
        assert alike(value, one[name][1]), f"{name} under vmap is not that of its key alone"


def update_keeps_the_state(curriculum: Curriculum, world: World) -> None:
    """`update` can be traced, keeps the structure, shapes and dtypes of the state, and reports finite
    scalars.
    """

    def measure(draw: Draw, key: Key[Array, ""]) -> Float32[Array, " N"]:
        level_key, return_key = jax.random.split(key)
        world.sample_level(level_key, draw(jax.random.clone(level_key)))
        return jax.random.uniform(return_key, (len(world.spec.seats),))

    state = curriculum.init()
    update = jax.jit(lambda state, key: curriculum.update(state, measure, key))
    for number in range(3):
        after, metrics = update(state, jax.random.fold_in(jax.random.key(3), number))
        expect_same_shapes(state, after, "state")
        expect_finite(metrics)
        state = after
    overrides_fit_the_world(curriculum._replace(init=lambda: state), world)


CURRICULUM_RULES: tuple[Callable[[Curriculum, World], None], ...] = (
    overrides_fit_the_world,
    overrides_are_pure,
    update_keeps_the_state,
)

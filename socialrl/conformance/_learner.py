"""The rules of a learner, one function each."""

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.extend.core import ClosedJaxpr
from jax.interpreters.partial_eval import dce_jaxpr
from jaxtyping import Float32, PyTree

from socialrl.conformance._capabilities import capabilities_work
from socialrl.conformance._compare import alike, expect, expect_finite, expect_same_shapes, raw, same, shapes
from socialrl.conformance._subject import NUM_ENVS, UNROLL_LENGTH, UPDATES, Subject
from socialrl.types import (
    ActOutput,
    Demonstration,
    Metrics,
)
from socialrl_envs.struct import pytree, replace


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
        declared = subject.learner.sources
        allowed = (1, sources) if declared is None else (len(declared),)
        assert found[2] in allowed, (
            f"decision.values has {found[2]} sources, not {' or '.join(map(str, allowed))}"
        )
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
    calls: dict[str, tuple[Any, Callable[..., PyTree], tuple[PyTree, ...]]] = {
        "init": (subject.init, learner.init, (key, UNROLL_LENGTH, NUM_ENVS)),
        "act": (subject.act, learner.act, (state, carry.carry, carry.timestep, key, True)),
        "update": (subject.update, learner.update, (state, experience, key)),
    }
    for name, (compiled, call, inputs) in calls.items():
        static = [place for place, given in enumerate(inputs) if isinstance(given, (bool, int))]
        anew = jax.jit(lambda *inputs, call=call: call(*inputs), static_argnums=static)  # a new function
        first, again = (program(function.trace(*inputs).jaxpr) for function in (compiled, anew))
        assert first == again, f"{name} is another program each time it is traced"
    one, two = (
        subject.act(state, carry.carry, carry.timestep, jax.random.clone(key), True) for _ in range(2)
    )
    assert same(one, two), "act gives two results for one key"


def program(jaxpr: ClosedJaxpr) -> tuple[str, list[bytes]]:
    """A traced program: its text without addresses in memory, and the bits of its constants."""
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
    honest, scrambled = subject.trained, subject.train(repaid=True)
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
    plain = jnp.zeros(shape, jnp.float32)
    try:
        read = reads_its_input(learnt.trace(plain).jaxpr)
    except (TypeError, ValueError):  # it stores demonstrations field by field and has no place for rewards
        return
    rewards = jnp.arange(np.prod(shape), dtype=jnp.float32).reshape(shape)
    if read:  # perhaps without effect
        assert same(learnt(plain), learnt(rewards)), (
            "the update uses the rewards of others where it finds them"
        )


def reads_its_input(program: ClosedJaxpr) -> bool:
    """Whether any result of a program of one input may depend on that input: False is certain."""
    _, used = dce_jaxpr(program.jaxpr, [True] * len(program.out_avals))
    return used[0]


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

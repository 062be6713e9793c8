"""The rule that a learner's capabilities do what they say."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from socialrl.conformance._compare import expect, expect_finite, expect_same_shapes, named, same
from socialrl.conformance._subject import UNROLL_LENGTH, Subject
from socialrl.types import (
    BELIEFS,
    ActAs,
    Companions,
    ConceptBottleneck,
    Critic,
    Diagnostics,
    FewShot,
    ForceSource,
    GoalInference,
    Influence,
    LearntCumulants,
    Masked,
    Offline,
    ReferencePolicy,
    RewardInference,
    WarmStart,
)
from socialrl_envs.struct import replace


def capabilities_work(subject: Subject) -> None:
    """Every capability does what it says, with the shapes of the contract; there is at most one of
    each type.
    """
    kinds = [type(one) for one in subject.learner.capabilities]
    assert len(kinds) == len(set(kinds)), f"two capabilities of one type: {[kind.__name__ for kind in kinds]}"
    for kind, check in CAPABILITIES.items():
        capability = subject.learner.capability(kind)
        if capability is not None:
            named(kind.__name__, "does not work", lambda c=capability, check=check: check(subject, c))
    unknown = set(kinds) - set(CAPABILITIES)
    assert not unknown, f"unknown capabilities: {', '.join(kind.__name__ for kind in unknown)}"


def _few_shot(subject: Subject, capability: FewShot) -> None:
    state, _, experience, _ = subject.trained
    expect_same_shapes(state, jax.jit(capability.adapt)(state, experience, jax.random.key(5)), "state")


def _learnt_cumulants(subject: Subject, capability: LearntCumulants) -> None:
    state, _, experience, _ = subject.trained
    found = jax.jit(capability.cumulants)(state, experience.own)
    shape = experience.own.action.shape
    assert found.shape[:-1] == shape, f"cumulants is {found.shape}, not {(*shape, 'K')}"
    expect(found, found.shape, jnp.float32, "cumulants")
    assert np.all(np.isfinite(found)), "cumulants is not finite"


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
    if "belief" in found:
        side = found["belief"].shape[-1]
        assert side % 2 == 1, f"a belief has a cell in its middle, so {side} is no side of it"
        assert np.all((found["belief"] >= 0) & (found["belief"] <= 1)), "a belief is from 0 to 1"
        known["belief"] = (len(BELIEFS), side, side)
    for name, array in found.items():
        assert name in known, f"{name} is not one of belief, {', '.join(known)}"
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


def _force_source(subject: Subject, capability: ForceSource) -> None:
    state, carry, _, _ = subject.trained
    given, free = (state, carry.carry, carry.timestep), subject.decided(state)
    force = jax.jit(capability.force)
    for source in range(free.decision.values.shape[2]):
        whose = jnp.full(subject.batch, source, jnp.int32)
        decision, after, _ = force(*given, whose, jax.random.key(3))
        expect(decision.action, subject.batch, jnp.int32, "action")
        assert np.all((decision.action >= 0) & (decision.action < len(subject.world.spec.actions))), (
            "action is out of range"
        )
        assert np.all(decision.source == source), f"forced to source {source}, it records another"
        expect_same_shapes(carry.carry, after, "carry")
    same_source = force(*given, free.decision.source, jax.random.key(3)).decision
    assert np.all(same_source.action == free.decision.action), (
        "forced to the source that act chooses, it takes another action"
    )


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


def _masked(subject: Subject, capability: Masked) -> None:
    state, _, experience, _ = subject.trained
    own = experience.own
    trains = jnp.arange(own.reward.shape[1]) > 0
    update = jax.jit(capability.update)
    after, metrics = update(state, experience, trains, jax.random.key(4))
    expect_same_shapes(state, after, "state")
    expect_finite(metrics)
    wild = replace(own, reward=jnp.where(trains[None, :, None], own.reward, 7.0 - 3.0 * own.reward))
    other, _ = update(state, replace(experience, own=wild), trains, jax.random.key(4))
    assert same(after, other), "what happens in a world that does not train is learnt from"
    none, _ = update(state, experience, jnp.zeros_like(trains), jax.random.key(4))
    one, two = subject.decided(state).decision, subject.decided(none).decision
    assert same(one.values, two.values), "something is learnt where no world trains"


def _critic(subject: Subject, capability: Critic) -> None:
    state, _, experience, _ = subject.trained
    value, advantage = jax.jit(capability.evaluate)(state, experience)
    shape = experience.own.reward.shape
    for array, what in ((value, "value"), (advantage, "advantage")):
        expect(array, shape, jnp.float32, what)
        assert np.all(np.isfinite(array)), f"{what} is not finite"
    assert 0 <= capability.gamma <= 1, f"gamma is {capability.gamma}"
    ended = np.asarray(experience.own.terminated)
    gained = np.asarray(experience.own.reward - value)  # beyond the end of a task there is nothing
    close = np.allclose(np.asarray(advantage)[ended], gained[ended], atol=1e-4)
    assert close, "an advantage looks beyond the end of a task"


def _concept_bottleneck(subject: Subject, capability: ConceptBottleneck) -> None:
    state, carry, _, _ = subject.trained
    given, free = (state, carry.carry, carry.timestep), subject.decided(state)
    assert capability.concepts == subject.world.spec.concepts, "it reads other concepts than the world's"
    counts = [len(concept.values) for concept in capability.concepts]
    found = jax.jit(capability.read)(*given)
    expect(found.probability, (*subject.batch, len(counts), max(counts)), jnp.float32, "probability")
    expect(found.residual, (*subject.batch, capability.residual), jnp.float32, "residual")
    assert np.allclose(found.probability.sum(-1), 1, atol=1e-4), "probabilities do not sum to 1"
    beyond = np.arange(max(counts)) >= np.array(counts)[:, None]
    assert not np.any(found.probability[..., beyond]), "values that a concept does not have are probable"
    intervene = jax.jit(lambda put_in: capability.intervene(*given, put_in, jax.random.key(3), False))
    nothing = capability.free(*subject.batch)
    decision, after, _ = intervene(nothing)
    assert np.allclose(decision.values, free.decision.values, atol=1e-5), "nothing set, it decides otherwise"
    expect_same_shapes(carry.carry, after, "carry")
    zeros = jnp.zeros_like(nothing.values)
    first, last = (
        intervene(replace(nothing, values=zeros + values, residual=jnp.zeros_like(nothing.residual)))
        for values in (0, jnp.array(counts, jnp.int32) - 1)
    )
    assert same(first.carry, after), "the carry depends on what is set"
    assert same(last.carry, after), "the carry depends on what is set"
    assert not same(first.decision.values, last.decision.values), "what is set changes nothing"


def _companions(subject: Subject, capability: Companions) -> None:
    spec, carry = subject.world.spec, capability.initial_carry()
    seen = (jnp.zeros(spec.obs_shape, jnp.uint8), jnp.float32(0), jnp.array(True))
    action, after = jax.jit(capability.act)(subject.trained[0], carry, *seen, jax.random.key(5))
    expect(action, (), jnp.int32, "action")
    assert 0 <= action < len(spec.actions), "action is out of range"
    expect_same_shapes(carry, after, "carry")


def _reference_policy(subject: Subject, capability: ReferencePolicy) -> None:
    state, _, experience, _ = subject.trained
    expect_same_shapes(state, capability.reference(state), "state")
    obs, action = experience.own.timestep.obs, experience.own.action
    found = jax.jit(capability.proxy)(state, obs, action)
    expect(found, action.shape, jnp.float32, "proxy")
    expect_finite({"proxy": jnp.mean(found)})


CAPABILITIES: dict[type, Callable[[Subject, Any], None]] = {
    FewShot: _few_shot,
    LearntCumulants: _learnt_cumulants,
    WarmStart: _warm_start,
    Offline: _offline,
    Influence: _influence,
    Diagnostics: _diagnostics,
    ActAs: _act_as,
    ForceSource: _force_source,
    RewardInference: _reward_inference,
    GoalInference: _goal_inference,
    Masked: _masked,
    Critic: _critic,
    ConceptBottleneck: _concept_bottleneck,
    Companions: _companions,
    ReferencePolicy: _reference_policy,
}

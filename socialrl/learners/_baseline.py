"""Losses, decisions and assembly of the learners that are made of one HeadNetwork: dqn and the simple social
ones.
"""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree, UInt8

from socialrl.learners._batches import SequenceBatch
from socialrl.learners._heads import HeadFns, Outputs
from socialrl.learners._offpolicy import (
    AgentFns,
    Losses,
    OffPolicyState,
    off_policy_learner,
    over_novices,
)
from socialrl.learners._sequences import Steps, over_sequences
from socialrl.losses.means import masked_mean
from socialrl.losses.policy import cloning_loss
from socialrl.losses.td import q_learning_error, soft_q_error
from socialrl.nets.heads import drawn
from socialrl.nets.memory import Carry
from socialrl.types import (
    ActAs,
    Capability,
    Decision,
    Diagnostics,
    Experience,
    Learner,
    Timestep,
    ValueUnit,
    decision_of,
)


@runtime_checkable
class Choose(Protocol):
    """(state, out, key, explore) -> the Decision of N novices by the outputs of the network at one step."""

    def __call__(
        self, state: OffPolicyState, out: Float32[Array, "N heads A"], key: Key[Array, ""], explore: bool, /
    ) -> Decision: ...


Loss = Callable[[HeadFns, PyTree, PyTree, SequenceBatch], Losses]


def td_loss(
    q: Float32[Array, "T N A"],
    next_q: Float32[Array, "T N A"],
    steps: Steps,
    reward: Float32[Array, "T N"],
    gamma: float,
) -> Losses:
    """The mean squared error of Q-learning for this reward. next_q: by the target network at the true
    successors.
    """
    discount = gamma * steps.continuation
    errors = over_sequences(q_learning_error)(q, steps.action, reward, discount, next_q, next_q)
    td = masked_mean(errors**2, steps.mask)
    return td, {"loss/td": td, "value": masked_mean(jnp.mean(q, axis=-1), steps.mask)}


def soft_q_loss(
    outputs: Outputs, steps: Steps, reward: Float32[Array, "T N"], gamma: float, temperature: float
) -> Float32[Array, ""]:
    """The mean squared error of soft Q-learning by the first head, for this reward."""

    def error(
        q: Float32[Array, "T A"],
        action: Int32[Array, " T"],
        reward: Float32[Array, " T"],
        discount: Float32[Array, " T"],
        next_q: Float32[Array, "T A"],
    ) -> Float32[Array, " T"]:
        return soft_q_error(q, action, reward, discount, next_q, temperature)

    discount = gamma * steps.continuation
    errors = over_sequences(error)(
        outputs.out[:, :, 0], steps.action, reward, discount, outputs.next_out[:, :, 0]
    )
    return masked_mean(errors**2, steps.mask)


def imitation_loss(logits: Float32[Array, "T N A"], steps: Steps) -> Losses:
    """The mean cross-entropy of the actions taken under a policy, and the share of them that it thinks
    likeliest.
    """
    cloning = masked_mean(over_sequences(cloning_loss)(logits, steps.action), steps.mask)
    right = (jnp.argmax(logits, axis=-1) == steps.action).astype(jnp.float32)
    return cloning, {"loss/cloning": cloning, "cloning_accuracy": masked_mean(right, steps.mask)}


def of_coplayers(out: Float32[Array, "T N coplayers A"], batch: SequenceBatch) -> Float32[Array, "T N A"]:
    """The outputs of the heads of the co-players that the others' sequences are of; one head is that of
    all.
    """
    seat = jnp.arange(out.shape[1]) % batch.others.action.shape[2]
    return out[:, jnp.arange(len(seat)), seat % out.shape[2]]


def of_source(logits: Float32[Array, "N S A"], source: Int32[Array, " N"]) -> Float32[Array, "N A"]:
    """The logits of each novice's source."""
    return jnp.take_along_axis(logits, source[:, None, None], axis=1)[:, 0]


def acting_as(net: HeadFns, policies: Callable[[Float32[Array, "N heads A"]], Array]) -> ActAs:
    """The capability to act as each source. policies(outputs) -> logits (N, S, A) of all sources."""

    def act_as(
        state: OffPolicyState,
        carry: Carry,
        timestep: Timestep,
        source: Int32[Array, "*batch"],
        key: Key[Array, ""],
    ) -> tuple[Int32[Array, "*batch"], Carry]:
        def act(
            carry: Carry,
            obs: UInt8[Array, "1 N V V C"],
            first: Bool[Array, "1 N"],
            source: Int32[Array, " N"],
        ) -> tuple[Int32[Array, " N"], Carry]:
            carry, out, _ = net.step(state.params, carry, obs, first)
            return drawn(of_source(policies(out[0]), source), key, explore=True), carry

        return over_novices(act, carry, timestep, source)

    return ActAs(act_as=act_as)


def both(one: Losses, other: Losses, coef: float = 1.0) -> Losses:
    """The sum of two losses, the second one weighted, and the metrics of both."""
    return one[0] + coef * other[0], one[1] | other[1]


def greedy(
    state: OffPolicyState, out: Float32[Array, "N heads A"], key: Key[Array, ""], explore: bool
) -> Decision:
    """The action of the highest value by the first head."""
    return decision_of(jnp.argmax(out[:, 0], axis=-1).astype(jnp.int32), out[:, :1])


def softmax_policy(temperature: float = 1.0) -> Choose:
    """Decisions by the policy exp(first head / temperature); their values are these logits."""

    def choose(
        state: OffPolicyState, out: Float32[Array, "N heads A"], key: Key[Array, ""], explore: bool
    ) -> Decision:
        logits = out[:, :1] / temperature
        return decision_of(drawn(logits[:, 0], key, explore), logits)

    return choose


def head_learner(
    net: HeadFns,
    loss: Loss,
    choose: Choose = greedy,
    value_unit: ValueUnit = "reward",
    aux: PyTree = (),
    observe: Callable[[OffPolicyState, Experience], PyTree] = lambda state, experience: state.aux,
    capabilities: tuple[Capability, ...] = (),
) -> Learner[OffPolicyState]:
    """The Learner that minimises loss(net, params, target, batch) and decides by `choose`.

    aux, observe: see `AgentFns`. With an auxiliary head it has the capability Diagnostics.
    """

    def decide(
        state: OffPolicyState,
        carry: Carry,
        obs: UInt8[Array, "1 N V V C"],
        first: Bool[Array, "1 N"],
        key: Key[Array, ""],
        explore: bool,
    ) -> tuple[Decision, Carry]:
        carry, out, _ = net.step(state.params, carry, obs, first)
        return choose(state, out[0], key, explore), carry

    def diagnose(
        state: OffPolicyState, carry: Carry, timestep: Timestep, decision: Decision
    ) -> dict[str, Array]:
        def prediction(
            carry: Carry,
            obs: UInt8[Array, "1 N V V C"],
            first: Bool[Array, "1 N"],
            action: Int32[Array, " N"],
        ) -> dict[str, Array]:
            x = net.step(state.params, carry, obs, first)[2]
            return {"prediction": net.predict(state.params, x, action[None])[0]}

        return over_novices(prediction, carry, timestep, decision.action)

    agent = AgentFns(
        init=net.init,
        decide=decide,
        loss=lambda params, target, batch, aux: loss(net, params, target, batch),
        aux=aux,
        observe=observe,
    )
    if net.config.prediction_coef > 0:
        capabilities = (*capabilities, Diagnostics(diagnose=diagnose))
    return off_policy_learner(net.config, net.spec, agent, value_unit, capabilities)

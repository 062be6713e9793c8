"""One step of many worlds at once, and what novices and learners see of it."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree, Shaped, UInt8

from socialrl.geometry import egocentric
from socialrl.types import (
    Companions,
    Demonstration,
    Learner,
    Timestep,
)
from socialrl_envs.hosting import Functions, Host, host
from socialrl_envs.struct import pytree
from socialrl_envs.types import Outcome, State, World, WorldSpec

Given = tuple[Sequence[int] | np.ndarray, Int32[Array, "B _"]]  # seats, and the action of each in every world


@dataclasses.dataclass(frozen=True, eq=False)
class Companion:
    """A member of a learner's company, as a `Policy`: it acts by parameters in the learner's state."""

    company: Companions
    learner_state: PyTree

    def initial_carry(self) -> PyTree:
        """What it keeps before its first step."""
        return self.company.initial_carry()

    def apply_policy(
        self,
        carry: PyTree,
        observation: UInt8[Array, "V V C"],
        reward: Float32[Array, ""],
        first: Bool[Array, ""],
        key: Key[Array, ""],
    ) -> tuple[Int32[Array, ""], PyTree]:
        """Action and carry of one step."""
        return self.company.act(self.learner_state, carry, observation, reward, first, key)


def hosted(world: World, learner: Learner, learner_state: PyTree, functions: Functions | None = None) -> Host:
    """The Host of a world in which this learner acts: its company, if it has one, and `functions`, which come
    first, in the place of the policies of their seats.
    """
    company = learner.capability(Companions)
    members = () if company is None else company.agents
    coplayers = [world.spec.agents[seat] for seat in world.spec.coplayers]
    brought = {
        agent: Companion(company, learner_state)
        for agent in members
        if company is not None and agent in coplayers
    }
    return host(world, brought | dict(functions or {}))


@pytree
class CoPlayers:
    """What hosted co-players keep between two steps.

    memory: of each that has one, leaves (*batch, ...). reward: of the step before, by seat.
    """

    memory: PyTree
    reward: Float32[Array, "*batch N"]


def begin_coplayers(host: Host, num_envs: int) -> CoPlayers:
    """The CoPlayers of B worlds at the start of an episode."""
    memory = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (num_envs, *leaf.shape)), host.initial_carry())
    return CoPlayers(memory=memory, reward=jnp.zeros((num_envs, len(host.world.spec.seats)), jnp.float32))


class Step(NamedTuple):
    """One step of B worlds, before any of them is reset: the states after it, and every seat's view
    of them.
    """

    state: State
    outcome: Outcome
    views: UInt8[Array, "B N V V C"]
    actions: Int32[Array, "B N"]
    coplayers: CoPlayers


def step_all(
    host: Host,
    state: State,
    coplayers: CoPlayers,
    given: Sequence[Given],
    host_keys: Key[Array, " B"],
    step_keys: Key[Array, " B"],
    seen: UInt8[Array, "B N V V C"] | None = None,
) -> Step:
    """One step of B worlds in which hosted co-players choose their actions and other seats take given ones.

    host: `socialrl_envs.hosting.host(world)`. state: leaves (B, ...). given: (seats, actions (B, seats))
    pairs, which also replace what a hosted co-player chose; a later pair replaces an earlier one. seen: the
    views of the state, if they are known already.
    """
    actions, memory = jax.vmap(host.act)(coplayers.memory, state, coplayers.reward, host_keys, seen)
    for seats, chosen in given:
        actions = actions.at[:, np.asarray(seats, np.int32)].set(chosen)
    after, outcome = jax.vmap(host.world.step)(state, actions, step_keys)
    views = jax.vmap(host.world.observe)(after)
    return Step(after, outcome, views, actions, CoPlayers(memory=memory, reward=outcome.reward))


def first_timestep(views: UInt8[Array, "B N V V C"], novices: np.ndarray) -> Timestep:
    """The novices' Timestep at the start of an episode, leaves (B, novices, ...)."""
    batch = (views.shape[0], novices.shape[0])
    return Timestep(
        obs=views[:, novices],
        prev_action=jnp.zeros(batch, jnp.int32),
        prev_reward=jnp.zeros(batch, jnp.float32),
        first=jnp.ones(batch, bool),
    )


def next_timestep(
    step: Step,
    novices: np.ndarray,
    views: UInt8[Array, "B N V V C"] | None = None,
    reset: Bool[Array, " B"] | None = None,
) -> Timestep:
    """The novices' Timestep after a step, leaves (B, novices, ...).

    reset: the worlds that began another episode after it, whose views (of all worlds) are then `views`.
    """
    batch = (step.actions.shape[0], novices.shape[0])
    first = jnp.zeros(batch, bool) if reset is None else jnp.broadcast_to(reset[:, None], batch)
    return Timestep(
        obs=(step.views if views is None else views)[:, novices],
        prev_action=jnp.where(first, 0, step.actions[:, novices]),
        prev_reward=jnp.where(first, 0.0, step.outcome.reward[:, novices]),
        first=first,
    )


def timesteps_of(
    obs: UInt8[Array, "T B novices V V C"],
    actions: Int32[Array, "T B novices"],
    rewards: Float32[Array, "T B novices"],
) -> Timestep:
    """The novices' Timestep at every step of whole episodes, leaves (T, B, novices, ...)."""
    return Timestep(
        obs=obs,
        prev_action=before(actions),
        prev_reward=before(rewards),
        first=jnp.zeros(obs.shape[:3], bool).at[0].set(True),
    )


def before(leaf: Shaped[Array, "T ..."]) -> Shaped[Array, "T ..."]:
    """What was in the step before each; zeros before the first."""
    return jnp.concatenate([jnp.zeros_like(leaf[:1]), leaf[:-1]])


def ended(outcome: Outcome) -> Bool[Array, " *batch"]:
    """Whether the episode ended with this step, in either way."""
    return outcome.terminated | outcome.truncated


def demonstrate(
    before: UInt8[Array, "B N V V C"], present: Bool[Array, "B N"], step: Step, seats: np.ndarray
) -> Demonstration:
    """The Demonstration of these seats' step, leaves (B, seats, ...). before, present: views and presence
    before it.
    """
    shape = (step.actions.shape[0], seats.shape[0])
    terminated = jnp.broadcast_to(step.outcome.terminated[:, None], shape)
    return Demonstration(
        obs=before[:, seats],
        action=step.actions[:, seats],
        next_obs=step.views[:, seats],
        discount=jnp.where(terminated, 0.0, 1.0).astype(jnp.float32),
        last=jnp.broadcast_to(ended(step.outcome)[:, None], shape),
        present=present[:, seats],
    )


def relative_positions(
    spec: WorldSpec, position: Int32[Array, "N 2"], heading: Int32[Array, " N"]
) -> Float32[Array, "novices coplayers 2"]:
    """How many cells ahead and to the right of each novice each co-player is, divided by the grid's longer
    side.
    """
    novices, coplayers = np.array(spec.novices, np.int32), np.array(spec.coplayers, np.int32)
    offset = (position[None, coplayers] - position[novices, None]).astype(jnp.float32)
    return egocentric(offset, heading[novices]) / max(spec.height, spec.width)

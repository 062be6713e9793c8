"""Acting for the co-players of a world, by scripted policies or by trained agents."""

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree, UInt8

from socialrl_envs import registry
from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.planning.tables import ActionTables
from socialrl_envs.struct import pytree
from socialrl_envs.types import (
    ActsTogether,
    CoPlayer,
    Level,
    Outcome,
    Policy,
    Population,
    State,
    World,
)

AnyPolicy = CoPlayer | Policy | Population
Functions = Mapping[str, AnyPolicy]


@dataclasses.dataclass(frozen=True, eq=False)
class Host:
    """The policies of a world's co-players, by seat; the actions that it gives for novices are 0.

    together: seats that have the same policy, and the code that acts for all of them at once.
    """

    world: World
    policies: dict[int, AnyPolicy]
    together: tuple[tuple[tuple[int, ...], ActsTogether], ...] = ()

    @property
    def has_memory(self) -> bool:
        """Whether a policy is recurrent, so that a carry has to be kept between steps."""
        return any(isinstance(policy, Policy | Population) for policy in self.policies.values())

    def initial_carry(self) -> PyTree:
        """The carries of recurrent policies at the start of an episode, by seat."""
        return {
            str(seat): policy.initial_carry()
            for seat, policy in self.policies.items()
            if isinstance(policy, Policy | Population)
        }

    def act(
        self,
        carry: PyTree,
        state: State,
        reward: Float32[Array, " N"],
        key: Key[Array, ""],
        views: UInt8[Array, "N V V C"] | None = None,
    ) -> tuple[Int32[Array, " N"], PyTree]:
        """(actions (N,), carry) of the co-players in this state.

        reward: of the previous step, by seat; each policy receives that of its own seat. Recurrent policies
        reset their carry at time 0, so a carry may be passed on from one episode to the next. views: what
        every seat sees in this state, for a caller that knows it already.
        """
        seats = len(self.world.spec.seats)
        data = jax.random.key_data(jax.random.split(key, seats))
        keys = [jax.random.wrap_key_data(one, impl=jax.random.key_impl(key)) for one in data]
        if views is None and self.has_memory:
            views = self.world.observe(state)
        actions, after = [jnp.int32(0)] * seats, dict(carry)
        alone = dict(self.policies)
        for own, code in self._groups(state):
            theirs = jax.random.wrap_key_data(data[np.array(own)], impl=jax.random.key_impl(key))
            chosen = code.act_together(self.world, state, jnp.array(own, jnp.int32), theirs)
            for number, seat in enumerate(own):
                actions[seat] = chosen[number]
                del alone[seat]
        for seat, policy in alone.items():
            if not isinstance(policy, Policy | Population):
                actions[seat] = policy(self.world, state, seat, keys[seat])
                continue
            assert views is not None
            given = (carry[str(seat)], views[seat], reward[seat], state.time == 0, keys[seat])
            if isinstance(policy, Policy):
                actions[seat], after[str(seat)] = policy.apply_policy(*given)
            else:
                member = member_of(state.level, seat, policy.size)
                actions[seat], after[str(seat)] = policy.apply_member(member, *given)
        return jnp.stack(actions), after

    def _groups(self, state: State) -> tuple[tuple[tuple[int, ...], ActsTogether], ...]:
        """`together`; none where planners look their actions up, which takes no longer seat by seat."""
        return () if isinstance(state.level.plan, ActionTables) else self.together

    def __call__(self, state: State, key: Key[Array, ""]) -> Int32[Array, " N"]:
        """The actions of policies that are not recurrent; raises SocialRLError if one is recurrent."""
        if self.has_memory:
            raise SocialRLError(
                "a co-player has a memory", "keep its carry: host.initial_carry() and host.act(...)"
            )
        return self.act({}, state, jnp.zeros(len(self.world.spec.seats), jnp.float32), key)[0]


def host(world: World, functions: Functions | None = None) -> Host:
    """The Host of a world.

    functions: policies by agent name, such as trained agents, that replace those of their seats. Raises
    SocialRLError for an unknown agent or policy.
    """
    handed = dict(functions or {})
    for agent in handed:
        if agent not in world.spec.agents:
            raise unknown("agent", agent, world.spec.agents)
    policies: dict[int, AnyPolicy] = {}
    alike: dict[str, list[int]] = {}
    for seat in world.spec.coplayers:
        agent, name = world.spec.agents[seat], world.spec.seats[seat].policy
        policies[seat] = handed[agent] if agent in handed else find_policy(name)
        if agent not in handed:
            alike.setdefault(name, []).append(seat)
    together = tuple(
        (tuple(seats), code)
        for name, seats in alike.items()
        if len(seats) > 1 and isinstance(code := registry.coplayer(name), ActsTogether)
    )
    return Host(world, policies, together)


def member_of(level: Level, seat: int, size: int) -> Int32[Array, ""]:
    """The number of the agent of a population of this size that acts in a seat on this level, see
    `Params.partner`: floor(size * partner), at most the last one.
    """
    if size == 1:
        return jnp.int32(0)
    if level.params.partner is None:
        raise SocialRLError(
            f"seat {seat}: the level does not say which of {size} agents acts", "redrawn='partners'"
        )
    return jnp.clip(jnp.floor(size * level.params.partner[seat]).astype(jnp.int32), 0, size - 1)


def find_policy(name: str) -> CoPlayer | Policy:
    """The policy that a Seat's `policy` names.

    name: of a co-player, of a function of a plug-in, or the path of an exported agent.
    """
    found = registry.coplayer(name)
    return found if isinstance(found, Policy) else found.act


@pytree
class Episode:
    """The state of an episode with hosted co-players.

    state: of the world. memory: the carries of recurrent co-players, by seat. reward: of the previous step,
    for every seat.
    """

    state: State
    memory: PyTree
    reward: Float32[Array, " N"]


def begin(host: Host, level: Level, key: Key[Array, ""]) -> Episode:
    """The Episode at the start, on this level."""
    state = host.world.reset(level, key)
    return Episode(
        state=state, memory=host.initial_carry(), reward=jnp.zeros(len(host.world.spec.seats), jnp.float32)
    )


def advance(
    host: Host,
    episode: Episode,
    actions: Int32[Array, " N"],
    driven: Bool[np.ndarray, " N"],
    key: Key[Array, ""],
) -> tuple[Episode, Outcome]:
    """(episode, outcome) after a step.

    actions: of all seats. driven: seats whose entry of `actions` is replaced by the host's action.
    """
    host_key, step_key = jax.random.split(key)
    memory = episode.memory
    if driven.any():
        hosted, memory = host.act(memory, episode.state, episode.reward, host_key)
        actions = jnp.where(driven, hosted, actions)
    state, outcome = host.world.step(episode.state, actions, step_key)
    return Episode(state=state, memory=memory, reward=outcome.reward), outcome


def leaving(before: State, after: State) -> State:
    """The state `after`, in which seats that went out in this step are still present.

    Observed so, a seat's last view is the one from the cell at which it went out.
    """
    seats = after.seats
    present = seats.present | (seats.out & ~before.seats.out)
    return dataclasses.replace(after, seats=dataclasses.replace(seats, present=present))

"""Trained agents of one learner as co-players: stacked parameters, of which the level picks a row per seat.

The parameters are data, not constants of a compiled program: a population can be handed to `jit` and `vmap`,
and another one of the same size needs no other program.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.custom_batching
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree, Shaped, UInt8

from socialrl.acting import Acting, AgentCarry
from socialrl.types import LearnerConfig
from socialrl_envs.errors import SocialRLError

Leaves = Mapping[str, Array]  # of a learner's state, by path


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class TrainedPopulation:
    """P trained agents of one learner as a `socialrl_envs.types.Population`.

    acting: the learner that they share. leaves: what acting reads of their states, by path, with a leading
    axis of P; they may be traced. greedy: whether they act as in evaluations; False draws actions as while
    training.
    """

    acting: Acting
    leaves: Leaves
    greedy: bool = True

    @property
    def size(self) -> int:
        """The number of members."""
        return next(iter(self.leaves.values())).shape[0]

    def initial_carry(self) -> AgentCarry:
        """What a member keeps before its first step."""
        return self.acting.agent_carry()

    def apply_member(
        self,
        member: Int32[Array, ""],
        carry: AgentCarry,
        observation: UInt8[Array, "V V C"],
        reward: Float32[Array, ""],
        first: Bool[Array, ""],
        key: Key[Array, ""],
    ) -> tuple[Int32[Array, ""], AgentCarry]:
        """Action and carry of one step of the member of this number.

        Under `vmap` worlds with the same member are computed together, see `grouped`; the numbers are those
        of each world by itself.
        """
        act = jax.custom_batching.custom_vmap(self._act_as)
        act.def_vmap(self._act_in_groups)
        return act(dict(self.leaves), member, (carry, observation, reward, first, key))

    def _act_as(
        self, leaves: Leaves, member: Int32[Array, ""], inputs: PyTree
    ) -> tuple[Int32[Array, ""], AgentCarry]:
        """Action and carry of one agent, the member of this number."""
        return self._act({name: leaf[member] for name, leaf in leaves.items()}, inputs)

    def _act(self, own: Leaves, inputs: PyTree) -> tuple[Int32[Array, ""], AgentCarry]:
        """Action and carry of one agent with parameters of its own."""
        carry, observation, reward, first, key = inputs
        rows = jax.tree.map(lambda leaf: leaf[None], (carry, observation, reward, first))
        timestep = self.acting.timestep(*rows)
        decision, memory = self.acting.act(own, rows[0].memory, timestep, key, not self.greedy)
        after = AgentCarry(memory=memory, action=decision.action)
        return decision.action[0], jax.tree.map(lambda leaf: leaf[0], after)

    def _act_in_groups(
        self, count: int, batched: PyTree, leaves: Leaves, member: Array, inputs: PyTree
    ) -> tuple[PyTree, PyTree]:
        """The rule of `vmap` for `count` worlds: (results, which of them have the axis of worlds)."""
        if any(jax.tree.leaves(batched[0])):  # every world has a population of its own
            axes = jax.tree.map(lambda one: 0 if one else None, tuple(batched))
            out = jax.vmap(self._act_as, in_axes=axes)(leaves, member, inputs)
            return out, jax.tree.map(lambda _: True, out)
        member, inputs = jax.tree.map(
            lambda one, leaf: leaf if one else jnp.broadcast_to(leaf, (count, *leaf.shape)),
            tuple(batched[1:]),
            (member, inputs),
        )
        groups = grouped(member, self.size)
        of_rows = jax.vmap(self._act, in_axes=(None, 0))
        blocks = jax.tree.map(lambda leaf: leaf[groups.rows], inputs)
        own = {name: leaf[groups.member] for name, leaf in leaves.items()}
        found = jax.vmap(of_rows)(own, blocks)
        out = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[groups.place], found)
        return out, jax.tree.map(lambda _: True, out)


class Groups(NamedTuple):
    """How B worlds are laid out in G blocks of one member each, see `grouped`.

    member: of each block. rows: the worlds of each block; where a block has fewer, some world. place: where
    each world stands among all rows, block after block.
    """

    member: Int32[Array, " G"]
    rows: Int32[Array, "G rows"]
    place: Int32[Array, " B"]


def grouped(member: Int32[Array, " B"], size: int) -> Groups:
    """The blocks of worlds with the same member, of `size` members.

    A block has ceil(B / size) rows, and there are at most 2 * size blocks, whatever the members are: what is
    computed is at most twice what worlds that shared one member would take, and the parameters are read
    2 * size times, not B times.
    """
    count = member.shape[0]
    rows = -(-count // size)
    blocks = min(count, (count + size * (rows - 1)) // rows)
    sizes = jnp.sum(member[:, None] == jnp.arange(size), axis=0, dtype=jnp.int32)
    ends = jnp.cumsum(-(-sizes // rows), dtype=jnp.int32)  # the first block after those of each member
    begins = ends - -(-sizes // rows)
    same = member[:, None] == member[None]
    rank = jnp.sum(jnp.tril(same, -1), axis=1, dtype=jnp.int32)  # among the worlds with the same member
    place = (begins[member] + rank // rows) * rows + rank % rows
    taken = jnp.zeros(blocks * rows, jnp.int32).at[place].set(jnp.arange(count, dtype=jnp.int32))
    owner = jnp.sum(ends[None] <= jnp.arange(blocks)[:, None], axis=1, dtype=jnp.int32)
    return Groups(member=jnp.minimum(owner, size - 1), rows=taken.reshape(blocks, rows), place=place)


@runtime_checkable
class Trained(Protocol):
    """A trained agent by itself."""

    @property
    def config(self) -> LearnerConfig:
        """The Config of its learner."""
        ...

    @property
    def acting(self) -> Acting:
        """Its learner as far as acting needs it."""
        ...

    @property
    def leaves(self) -> Leaves:
        """What acting reads of its state, by path."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Members:
    """The trained agents of one arm, one per seed. leaves: what acting reads of the state of each seed."""

    acting: Acting
    leaves: Sequence[Leaves]


def stack(members: Sequence[Leaves]) -> dict[str, Shaped[Array, "P ..."]]:
    """The leaves of several agents along a new leading axis; raises SocialRLError unless they are alike."""
    if not members:
        raise SocialRLError("a population without agents", "give at least one")
    first = _shapes(members[0])
    for number, one in enumerate(members):
        if _shapes(one) != first:
            raise SocialRLError(
                f"agent {number} of a population has other parameters than the first",
                "all members must have learnt by the same learner with the same sizes",
            )
    return {name: jnp.stack([jnp.asarray(one[name]) for one in members]) for name in members[0]}


def _shapes(leaves: Leaves) -> PyTree:
    return {name: (leaf.shape, leaf.dtype) for name, leaf in leaves.items()}

"""A learner as far as acting needs it: which leaves of its state are read, and decisions made from these
alone.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NoReturn

import jax
import jax.extend.core
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree, Shaped, UInt8

from socialrl.types import (
    ActOutput,
    Capability,
    ConceptBottleneck,
    ConceptReading,
    Decision,
    ForceSource,
    Influence,
    Intervention,
    Learner,
    LearnerConfig,
    Timestep,
)
from socialrl_envs.errors import SocialRLError
from socialrl_envs.struct import pytree
from socialrl_envs.types import WorldSpec

FACTS = (
    "movement",
    "obs_shape",
    "channels",
    "actions",
)  # what a world must have in common with the one learnt in


@pytree
class AgentCarry:
    """What one agent keeps between two steps. memory: the carry of its learner. action: its last action."""

    memory: PyTree
    action: Int32[Array, "*batch"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Acting:
    """A learner as far as acting needs it. What is used of the learner contract is used in this file alone.

    Functions take the leaves of the learner's state that acting reads, by path, instead of the whole state.
    Rows `N` are independent agents, each in the place of the novice of this number; a learner whose novices
    do not share parameters acts for all of them, and the row of that one is kept.
    """

    learner: Learner
    spec: WorldSpec
    template: PyTree
    novice: int

    @property
    def novices(self) -> int:
        """How many novices the learner acts for to act for one: those of the world in which it learnt, or one
        if it acts for all alike.
        """
        return 1 if self.learner.alike else len(self.spec.novices)

    @property
    def row(self) -> int:
        """The row of this novice among these."""
        return 0 if self.learner.alike else self.novice

    def initial_carry(self, *batch: int) -> PyTree:
        """The learner's carry at the start of an episode, leaves (*batch, ...)."""
        one = jax.tree.map(lambda x: x[0, self.row], self.learner.initial_carry(1, self.novices))
        return jax.tree.map(lambda x: jnp.broadcast_to(x, (*batch, *x.shape)), one)

    def agent_carry(self, *batch: int) -> AgentCarry:
        """What an agent keeps before its first step, leaves (*batch, ...)."""
        return AgentCarry(memory=self.initial_carry(*batch), action=jnp.zeros(batch, jnp.int32))

    def timestep(
        self,
        carry: AgentCarry,
        views: UInt8[Array, "N V V C"],
        rewards: Float32[Array, " N"],
        first: Bool[Array, " N"],
    ) -> Timestep:
        """What N agents get at a step. rewards: what their last actions were paid. first: where an episode
        begins.
        """
        return Timestep(
            obs=views,
            prev_action=jnp.where(first, 0, carry.action),
            prev_reward=jnp.where(first, 0.0, rewards),
            first=first,
        )

    def act(
        self,
        leaves: Mapping[str, Array],
        memory: PyTree,
        timestep: Timestep,
        key: Key[Array, ""],
        explore: bool,
    ) -> tuple[Decision, PyTree]:
        """Decisions and carries of N agents, leaves (N, ...)."""
        carry, seen = jax.tree.map(self._beside, (memory, timestep))
        acted = self.learner.act(self.state(leaves), carry, seen, key, explore)
        return jax.tree.map(self._own, (acted.decision, acted.carry))

    def influence(
        self, leaves: Mapping[str, Array], memory: PyTree, timestep: Timestep
    ) -> Float32[Array, " N"]:
        """KL(pi(.|o) || pi(.|o with the others hidden)) in nats; NaN for a learner that does not tell."""
        capability = self.learner.capability(Influence)
        if capability is None:
            return jnp.full(timestep.first.shape, jnp.nan, jnp.float32)
        carry, seen = jax.tree.map(self._beside, (memory, timestep))
        return self._own(capability.influence(self.state(leaves), carry, seen))

    def force(
        self,
        leaves: Mapping[str, Array],
        memory: PyTree,
        timestep: Timestep,
        source: Int32[Array, " N"],
        key: Key[Array, ""],
    ) -> tuple[Decision, PyTree]:
        """Decisions and carries of N agents that take their actions from these sources. The learner must have
        the capability ForceSource.
        """
        capability = self.learner.capability(ForceSource)
        assert capability is not None
        carry, seen, whose = jax.tree.map(self._beside, (memory, timestep, source))
        acted = capability.force(self.state(leaves), carry, seen, whose, key)
        return jax.tree.map(self._own, (acted.decision, acted.carry))

    def read(self, leaves: Mapping[str, Array], memory: PyTree, timestep: Timestep) -> ConceptReading:
        """What N agents read. The learner must have the capability ConceptBottleneck."""
        bottleneck = self.learner.capability(ConceptBottleneck)
        assert bottleneck is not None
        carry, seen = jax.tree.map(self._beside, (memory, timestep))
        return jax.tree.map(self._own, bottleneck.read(self.state(leaves), carry, seen))

    def intervene(
        self,
        leaves: Mapping[str, Array],
        memory: PyTree,
        timestep: Timestep,
        intervention: Intervention,
        key: Key[Array, ""],
        explore: bool,
    ) -> tuple[Decision, PyTree]:
        """Decisions and carries of N agents with values in the place of concepts. The learner must have the
        capability ConceptBottleneck.
        """
        bottleneck = self.learner.capability(ConceptBottleneck)
        assert bottleneck is not None
        carry, seen, put_in = jax.tree.map(self._beside, (memory, timestep, intervention))
        acted = bottleneck.intervene(self.state(leaves), carry, seen, put_in, key, explore)
        return jax.tree.map(self._own, (acted.decision, acted.carry))

    def state(self, leaves: Mapping[str, Array]) -> PyTree:
        """The learner's state; what acting does not read is 0."""
        filled = [
            leaves[name] if name in leaves else _zeros(like)
            for name, like in leaves_by_path(self.template).items()
        ]
        return jax.tree.unflatten(jax.tree.structure(self.template), filled)

    def as_learner(self) -> Learner:
        """A learner that acts and does not learn, in any number of novices' seats.

        Its state is the leaves by path; `init` and `update` raise SocialRLError.
        """

        def flat(tree: PyTree, axes: int) -> PyTree:
            return jax.tree.map(lambda x: x.reshape(math.prod(x.shape[:axes]), *x.shape[axes:]), tree)

        def act(
            state: Mapping[str, Array], memory: PyTree, timestep: Timestep, key: Key[Array, ""], explore: bool
        ) -> ActOutput:
            batch = timestep.first.shape
            memory, timestep = flat((memory, timestep), len(batch))
            after = self.act(state, memory, timestep, key, explore)
            decision, memory = jax.tree.map(lambda x: x.reshape(*batch, *x.shape[1:]), after)
            return ActOutput(decision, memory, ())

        def influence(
            state: Mapping[str, Array], memory: PyTree, timestep: Timestep
        ) -> Float32[Array, "*batch"]:
            batch = timestep.first.shape
            memory, timestep = flat((memory, timestep), len(batch))
            return self.influence(state, memory, timestep).reshape(batch)

        def force(
            state: Mapping[str, Array],
            memory: PyTree,
            timestep: Timestep,
            source: Int32[Array, "*batch"],
            key: Key[Array, ""],
        ) -> ActOutput:
            batch = timestep.first.shape
            memory, timestep, source = flat((memory, timestep, source), len(batch))
            after = self.force(state, memory, timestep, source, key)
            decision, memory = jax.tree.map(lambda x: x.reshape(*batch, *x.shape[1:]), after)
            return ActOutput(decision, memory, ())

        def read(state: Mapping[str, Array], memory: PyTree, timestep: Timestep) -> ConceptReading:
            batch = timestep.first.shape
            memory, timestep = flat((memory, timestep), len(batch))
            found = self.read(state, memory, timestep)
            return jax.tree.map(lambda x: x.reshape(*batch, *x.shape[1:]), found)

        def intervene(
            state: Mapping[str, Array],
            memory: PyTree,
            timestep: Timestep,
            intervention: Intervention,
            key: Key[Array, ""],
            explore: bool,
        ) -> ActOutput:
            batch = timestep.first.shape
            memory, timestep, intervention = flat((memory, timestep, intervention), len(batch))
            after = self.intervene(state, memory, timestep, intervention, key, explore)
            decision, memory = jax.tree.map(lambda x: x.reshape(*batch, *x.shape[1:]), after)
            return ActOutput(decision, memory, ())

        capabilities: tuple[Capability, ...] = ()
        if self.learner.capability(Influence) is not None:
            capabilities = (Influence(influence=influence),)
        if self.learner.capability(ForceSource) is not None:
            capabilities = (*capabilities, ForceSource(force=force))
        if (bottleneck := self.learner.capability(ConceptBottleneck)) is not None:
            own = dataclasses.replace(bottleneck, read=read, intervene=intervene)
            capabilities = (*capabilities, own)
        return Learner(
            init=_does_not_learn,
            act=act,
            update=_does_not_learn,
            initial_carry=self.initial_carry,
            value_unit=self.learner.value_unit,
            sources=self.learner.sources,
            capabilities=capabilities,
        )

    def _beside(self, leaf: Shaped[Array, "N ..."]) -> Shaped[Array, "N novices ..."]:
        """The same row for each of the novices: (N, ...) as (N, M, ...)."""
        return jnp.broadcast_to(leaf[:, None], (leaf.shape[0], self.novices, *leaf.shape[1:]))

    def _own(self, leaf: Shaped[Array, "N novices ..."]) -> Shaped[Array, "N ..."]:
        """The rows of this novice: (N, M, ...) as (N, ...)."""
        return leaf[:, self.row]


def check_fits(learnt: WorldSpec, here: WorldSpec, who: str) -> None:
    """Raises SocialRLError naming the first fact in which a world differs from the one that an agent learnt
    in. who: begins the message.
    """
    for fact in FACTS:
        before, now = vars(learnt)[fact], vars(here)[fact]
        if before != now:
            raise SocialRLError(
                f"{who} learnt with {fact} {before}, {here.name} has {now}",
                "choose a world, or its settings, with the same",
            )


def fits(learnt: WorldSpec, here: WorldSpec) -> bool:
    """Whether an agent that learnt in one world can act in another."""
    return all(vars(learnt)[fact] == vars(here)[fact] for fact in FACTS)


def template_of(config: LearnerConfig, spec: WorldSpec, unroll_length: int, num_envs: int) -> PyTree:
    """The learner's state as `jax.ShapeDtypeStruct`s.

    The learner is built while tracing, so that nothing is allocated, whatever sizes a config from a file has.
    """
    return jax.eval_shape(
        lambda key: config.build(spec).init(key, unroll_length, num_envs), jax.random.key(0)
    )


def leaves_read(config: LearnerConfig, spec: WorldSpec, template: PyTree, novice: int) -> frozenset[str]:
    """Paths of the leaves of the learner's state that acting, greedy or exploring, depends on.

    The learner is built while tracing, as in `template_of`.
    """

    def acting() -> Acting:
        return Acting(learner=config.build(spec), spec=spec, template=template, novice=novice)

    def everything(
        leaves: dict[str, Array], memory: PyTree, timestep: Timestep, key: Key[Array, ""]
    ) -> PyTree:
        one, (greedy_key, exploring_key, force_key) = acting(), jax.random.split(key, 3)
        greedy = one.act(leaves, memory, timestep, greedy_key, False)
        exploring = one.act(leaves, memory, timestep, exploring_key, True)
        forced: PyTree = ()
        if one.learner.capability(ForceSource) is not None:
            forced = one.force(leaves, memory, timestep, jnp.zeros_like(timestep.prev_action), force_key)
        return greedy, exploring, forced, one.influence(leaves, memory, timestep)

    leaves = leaves_by_path(template)
    memory, timestep = jax.eval_shape(lambda: (acting().initial_carry(1), _first_timestep(spec)))
    closed = jax.make_jaxpr(everything)(leaves, memory, timestep, jax.random.key(0))
    used = _inputs_read(closed.jaxpr, [True] * len(closed.jaxpr.outvars))
    return frozenset(name for name, is_used in zip(sorted(leaves), used, strict=False) if is_used)


def _first_timestep(spec: WorldSpec) -> Timestep:
    """The first timestep of one agent, leaves (1, ...)."""
    return Timestep(
        obs=jnp.zeros((1, *spec.obs_shape), jnp.uint8),
        prev_action=jnp.zeros(1, jnp.int32),
        prev_reward=jnp.zeros(1, jnp.float32),
        first=jnp.ones(1, bool),
    )


def _inputs_read(jaxpr: jax.extend.core.Jaxpr, wanted: list[bool]) -> list[bool]:
    """Which inputs of a jaxpr the wanted ones of its outputs depend on; an equation counts as a whole."""
    live = {var for var, is_wanted in zip(jaxpr.outvars, wanted, strict=True) if is_wanted and _is_var(var)}
    for equation in reversed(jaxpr.eqns):
        used = [var in live for var in equation.outvars]
        if not any(used):
            continue
        read = [True] * len(equation.invars)
        if equation.primitive.name in ("jit", "pjit"):
            read = _inputs_read(equation.params["jaxpr"].jaxpr, used)
        live |= {var for var, is_read in zip(equation.invars, read, strict=True) if is_read and _is_var(var)}
    return [var in live for var in jaxpr.invars]


def _is_var(atom: object) -> bool:
    return isinstance(atom, jax.extend.core.Var)


def _zeros(like: jax.ShapeDtypeStruct) -> Array:
    if jnp.issubdtype(like.dtype, jax.dtypes.prng_key):
        return jnp.broadcast_to(jax.random.key(0), like.shape)
    return jnp.zeros(like.shape, like.dtype)


def _does_not_learn(*arguments: object) -> NoReturn:
    raise SocialRLError("a loaded agent acts, and does not learn", "evaluate its run by `socialrl eval`")


def leaves_by_path(state: PyTree) -> dict[str, Any]:
    """The leaves of a learner's state by path, e.g. "params/params/head/kernel"."""
    pairs = jax.tree_util.tree_leaves_with_path(state)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in pairs}


def fitted(
    template: PyTree, read: frozenset[str], leaves: Mapping[str, np.ndarray | Array]
) -> dict[str, Array]:
    """The leaves that acting reads, of the learner's dtypes; raises SocialRLError if one is missing or other.

    Leaves that acting does not read are left out if they are the learner's, and refused if they are not.
    """
    known, found = leaves_by_path(template), {}
    for name in leaves.keys() - known.keys():
        raise SocialRLError(f"unknown array {name[:80]!r}", "it is of another learner or version")
    for name in sorted(read):
        if name not in leaves:
            raise SocialRLError(f"array {name} is missing", "it is of another learner or version")
        found[name] = _as(known[name], leaves[name], name)
    return found


def _as(like: jax.ShapeDtypeStruct, leaf: np.ndarray | Array, name: str) -> Array:
    """A leaf as the template has it: the data of a key becomes a key, float16 float32."""
    if jnp.issubdtype(like.dtype, jax.dtypes.prng_key) and isinstance(leaf, np.ndarray):
        _check_like(jax.eval_shape(jax.random.key_data, like), leaf, name)
        return jax.random.wrap_key_data(jnp.asarray(leaf), impl=jax.random.key_impl(_zeros(like)))
    if like.dtype == jnp.float32 and leaf.dtype == jnp.float16:
        leaf = leaf.astype(jnp.float32)
    _check_like(like, leaf, name)
    return jnp.asarray(leaf)


def _check_like(like: jax.ShapeDtypeStruct, leaf: np.ndarray | Array, name: str) -> None:
    if (like.dtype, like.shape) != (leaf.dtype, leaf.shape):
        found, wanted = f"{leaf.dtype} {leaf.shape}", f"{like.dtype} {like.shape}"
        raise SocialRLError(f"array {name} holds {found}, its learner has {wanted}")

"""What psiphi, dqn and bc share: a replay buffer, epsilon-greedy acting, a target network, gradient steps per
unroll.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Bool, Int32, Key, PyTree

from socialrl import buffer as replay
from socialrl.learners._demonstrations import sampler
from socialrl.nets.memory import Kind, blank
from socialrl.types import Decision, Demonstration, Experience, Learner, Scale, Timestep, Transition
from socialrl_envs.errors import SocialRLError
from socialrl_envs.struct import pytree
from socialrl_envs.types import WorldSpec
from socialrl_envs.world import require


@dataclasses.dataclass(frozen=True, kw_only=True)
class OffPolicyConfig:
    """Options of every off-policy learner.

    hidden: sizes of the torso's layers.
    memory: none, gru or lstm; a replayed row begins with a blank one, so make rows long (`unroll`) where
    memory matters.
    gamma: discount per step.
    lr: Adam's learning rate.
    updates: gradient steps per unroll.
    batch: rows of a gradient step; a row is one world's unroll.
    capacity: env steps that the replay buffer holds.
    epsilon_start: share of random actions at first while training.
    epsilon_end: share of random actions in the end.
    epsilon_steps: env steps from the first to the second, linearly.
    target_rate: share of the online network that flows into the target network at each gradient step.
    max_grad_norm: gradients are clipped to it.
    prediction: weight of the auxiliary next-observation loss.
    demonstrations: a file that `socialrl record` or `play` wrote; its seat k is learnt from as if it were
        co-player k, beside whoever is there. Whether or not anybody shall be there as well is a matter of the
        co-players' presence.
    offline: gradient steps on the demonstrations alone before the first env step, rounded up to whole chunks.
    """

    takes: ClassVar[tuple[str, ...]] = (
        "demonstrations",
        "offline",
    )  # those of the last two that mean something to the learner

    hidden: tuple[int, ...] = (128, 128)
    memory: Kind = "none"
    gamma: float = 0.9
    lr: float = 1e-3
    updates: int = 8
    batch: int = 8
    capacity: int = 10_000
    epsilon_start: float = 1.0
    epsilon_end: float = 0.05
    epsilon_steps: int = 1_000
    target_rate: float = 0.02
    max_grad_norm: float = 10.0
    prediction: float = 0.0
    demonstrations: str = ""
    offline: int = 0

    def __post_init__(self) -> None:
        require(
            len(self.hidden) > 0 and min(self.hidden) > 0,
            "hidden",
            self.hidden,
            "one positive size per layer",
        )
        require(self.memory in ("none", "gru", "lstm"), "memory", self.memory, "none, gru or lstm")
        require(0 <= self.gamma < 1, "gamma", self.gamma, "in 0..1, below 1")
        require(0 < self.target_rate <= 1, "target_rate", self.target_rate, "above 0, at most 1")
        for key in ("epsilon_start", "epsilon_end"):
            require(0 <= getattr(self, key) <= 1, key, getattr(self, key), "a share, 0..1")
        for key in ("lr", "max_grad_norm"):
            require(getattr(self, key) > 0, key, getattr(self, key), "positive")
        for key in ("updates", "batch", "capacity", "epsilon_steps"):
            require(getattr(self, key) >= 1, key, getattr(self, key), "at least 1")
        require(self.prediction >= 0, "prediction", self.prediction, "a weight, at least 0")
        require(self.offline >= 0, "offline", self.offline, "a number of gradient steps, at least 0")
        if self.offline and not self.demonstrations:
            raise SocialRLError(
                f"offline: {self.offline} gradient steps, but no demonstrations",
                "name a file: demonstrations",
            )
        for key in ("demonstrations", "offline"):
            if getattr(self, key) and key not in self.takes:
                name = type(self).__module__.rpartition(".")[2]
                raise SocialRLError(
                    f"{key}: {name} cannot learn from them", "it is for learners that learn from others"
                )


@pytree
class Rows:
    """What the buffer keeps: one row per world and unroll; own leaves (T, B, M, ...), the others' (T, B, K,
    ...).
    """

    own: Transition
    others: Demonstration


@pytree
class OffPolicyState:
    """params, target: online and target network. steps: env steps seen. extra: whatever else the learner
    keeps.
    """

    params: PyTree
    target: PyTree
    optimiser: PyTree
    buffer: replay.Buffer
    steps: Int32[Array, ""]
    extra: PyTree


class Parts(NamedTuple):
    """What makes one off-policy learner differ from the next.

    init(key) -> params decide(state, memory, obs (1, N, V, V, C), first (1, N), key, explore) -> (Decision
    with leaves (N, ...), memory)
    loss(params, target, rows, extra) -> (scalar, metrics by name). The others' steps of the rows have K
        co-players, or 2 K with a demonstration file: first those of the stream, then the same of the file.
        Offline there are no own steps, M = 0
    social_batch: rows of a gradient step that come with the others' steps, the first ones; None: all
    observe(state, experience) -> extra: what the learner keeps besides, once an unroll has been lived through
    adapt, appraise, scale: those of a Learner. explain, follow: the same of what `decide` takes: (state,
        memory, obs, first, decision) and (state, memory, obs, first, source, key)
    """

    init: Callable[[Key[Array, ""]], PyTree]
    decide: Callable[..., tuple[Decision, Any]]
    loss: Callable[[PyTree, PyTree, Rows, PyTree], tuple[Array, dict[str, Array]]]
    extra: PyTree = ()
    social_batch: int | None = None
    observe: Callable[[OffPolicyState, Experience], PyTree] = lambda state, experience: state.extra
    adapt: Callable[..., Any] | None = None
    explain: Callable[..., dict[str, Array]] | None = None
    follow: Callable[..., tuple[Array, Any]] | None = None
    appraise: Callable[[OffPolicyState, Demonstration], Array] | None = None
    scale: Scale = "reward"


def rows_like(spec: WorldSpec, unroll: int, worlds: int) -> Rows:
    """Blank rows with leaves (unroll, worlds, ...), for their shapes and dtypes."""
    own, others = (unroll, worlds, len(spec.novices)), (unroll, worlds, len(spec.coplayers))

    def views(batch: tuple[int, ...]) -> Array:
        return jnp.zeros((*batch, *spec.obs_shape), jnp.uint8)

    def flags(batch: tuple[int, ...]) -> Array:
        return jnp.zeros(batch, bool)

    def numbers(batch: tuple[int, ...], dtype: Any) -> Array:
        return jnp.zeros(batch, dtype)

    timestep = Timestep(
        obs=views(own),
        prev_action=numbers(own, jnp.int32),
        prev_reward=numbers(own, jnp.float32),
        first=flags(own),
    )
    transition = Transition(
        timestep=timestep,
        action=numbers(own, jnp.int32),
        reward=numbers(own, jnp.float32),
        next_obs=views(own),
        terminated=flags(own),
        truncated=flags(own),
    )
    demonstration = Demonstration(
        obs=views(others),
        action=numbers(others, jnp.int32),
        next_obs=views(others),
        discount=numbers(others, jnp.float32),
        last=flags(others),
        present=flags(others),
    )
    return Rows(own=transition, others=demonstration)


def starts_of(others: Demonstration) -> Bool[Array, "T B K"]:
    """Where the others' episodes start in a row; its first step counts as one, as a replayed row begins with
    a blank memory.
    """
    return jnp.concatenate([jnp.ones_like(others.last[:1]), others.last[:-1]])


class ViewStore(NamedTuple):
    """How views lie in the buffer: as bits where every channel is 0 or 1 (an eighth of the room), else as
    they are.
    """

    pack: Callable[[PyTree], PyTree]
    unpack: Callable[[PyTree], PyTree]


def view_store(spec: WorldSpec) -> ViewStore:
    """The store for a world's views."""
    if not spec.binary_views:
        return ViewStore(pack=lambda rows: rows, unpack=lambda rows: rows)
    size = math.prod(spec.obs_shape)

    def bits(views: Array) -> Array:
        return jnp.packbits(views.reshape(*views.shape[:-3], size), axis=-1)

    def views(bits: Array) -> Array:
        if bits.size == 0:  # nobody else is there; unpackbits fails on nothing
            return jnp.zeros((*bits.shape[:-1], *spec.obs_shape), jnp.uint8)
        return jnp.unpackbits(bits, axis=-1, count=size).reshape(*bits.shape[:-1], *spec.obs_shape)

    return ViewStore(pack=lambda rows: on_views(bits, rows), unpack=lambda rows: on_views(views, rows))


def on_views(function: Callable[[Array], Array], rows: PyTree) -> PyTree:
    """The rows with every view replaced by the function of it; rebuilt leaf by leaf, as packed views have
    another shape.
    """

    def one(path: Any, leaf: Array) -> Array:
        return function(leaf) if path[-1].name in ("obs", "next_obs") else leaf

    return jax.tree_util.tree_map_with_path(one, rows)


def global_norm(tree: PyTree) -> Array:
    """The Euclidean norm of all leaves together."""
    return jnp.sqrt(sum((jnp.sum(leaf**2) for leaf in jax.tree.leaves(tree)), jnp.float32(0)))


def epsilon(config: OffPolicyConfig, steps: Int32[Array, ""]) -> Array:
    """The share of random actions after `steps` env steps."""
    progress = jnp.minimum(steps.astype(jnp.float32) / config.epsilon_steps, 1.0)
    return config.epsilon_start + progress * (config.epsilon_end - config.epsilon_start)


class Descent:
    """How an off-policy learner learns: the rows that it draws, and gradient steps on them."""

    def __init__(self, config: OffPolicyConfig, spec: WorldSpec, parts: Parts):
        self.config, self.spec, self.parts = config, spec, parts
        self.store = view_store(spec)
        self.recorded = (
            sampler(config.demonstrations, spec, self.store.pack) if config.demonstrations else None
        )
        self.optimiser = optax.chain(optax.clip_by_global_norm(config.max_grad_norm), optax.adam(config.lr))

    def init(self, key: Key[Array, ""], unroll: int, worlds: int) -> OffPolicyState:
        """Fresh parameters and an empty buffer."""
        params = self.parts.init(key)
        capacity = max(self.config.capacity // (unroll * worlds), 1) * worlds
        return OffPolicyState(
            params=params,
            target=params,
            optimiser=self.optimiser.init(params),
            buffer=replay.empty(self.store.pack(rows_like(self.spec, unroll, worlds)), capacity),
            steps=jnp.int32(0),
            extra=self.parts.extra,
        )

    def update(
        self, state: OffPolicyState, experience: Experience, key: Key[Array, ""]
    ) -> tuple[OffPolicyState, dict[str, Array]]:
        """An unroll is kept, the others are judged by it, then come the gradient steps."""
        stored = replay.add(state.buffer, self.store.pack(Rows(own=experience.own, others=experience.others)))
        unroll, worlds = experience.own.reward.shape[:2]
        if self.recorded is not None:
            key, file_key = jax.random.split(key)
            experience = self.with_the_absent(experience, file_key)
        judged = dataclasses.replace(state, buffer=stored, extra=self.parts.observe(state, experience))
        after, metrics = self.descend(
            judged, jax.random.split(key, self.config.updates), lambda key: self.batch(stored, key)
        )
        steps = state.steps + jnp.int32(unroll * worlds)
        return dataclasses.replace(after, steps=steps), metrics | {
            "epsilon": epsilon(self.config, state.steps)
        }

    def with_the_absent(self, experience: Experience, key: Key[Array, ""]) -> Experience:
        """The experience in which co-players who were away throughout do what they do in the file, to be
        judged by it.
        """
        assert self.recorded is not None
        of_file = self.store.unpack(self.recorded(key, *experience.others.action.shape[:2]))
        there = jnp.any(experience.others.present, axis=(0, 1))

        def one(live: Array, file: Array) -> Array:
            return jnp.where(there.reshape(-1, *(1,) * (live.ndim - 3)), live, file)

        return dataclasses.replace(experience, others=jax.tree.map(one, experience.others, of_file))

    def pretrain(
        self, state: OffPolicyState, key: Key[Array, ""], steps: int
    ) -> tuple[OffPolicyState, dict[str, Array]]:
        """Gradient steps on rows of the file without any own steps beside them."""
        sample = self.recorded
        assert sample is not None
        unroll, batch = state.buffer.data.own.reward.shape[1], self.config.batch
        nothing = jax.tree.map(lambda leaf: leaf[:, :, :0], rows_like(self.spec, unroll, batch).own)

        def demonstrated(key: Key[Array, ""]) -> Rows:
            return Rows(own=nothing, others=self.store.unpack(sample(key, unroll, batch)))

        return self.descend(state, jax.random.split(key, steps), demonstrated)

    def batch(self, stored: replay.Buffer, key: Key[Array, ""]) -> Rows:
        """Rows of the buffer, the first `social_batch` of them with the others' steps, and as many of the
        file beside these.
        """
        live_key, file_key = jax.random.split(key)
        live = replay.sample(stored, live_key, self.config.batch)
        others = jax.tree.map(lambda leaf: leaf[:, : self.parts.social_batch], live.others)
        if self.recorded is not None:
            of_file = self.recorded(file_key, *others.action.shape[:2])
            others = jax.tree.map(with_file, others, of_file)
        return self.store.unpack(Rows(own=live.own, others=others))

    def descend(
        self, state: OffPolicyState, keys: Key[Array, " G"], rows_of: Callable[[Any], Rows]
    ) -> tuple[OffPolicyState, dict[str, Array]]:
        """A gradient step per key, and the means of their metrics."""

        def gradient_step(carry: Any, step_key: Key[Array, ""]) -> tuple[Any, dict[str, Array]]:
            params, target, opt_state = carry
            grads, metrics = jax.grad(self.parts.loss, has_aux=True)(
                params, target, rows_of(step_key), state.extra
            )
            updates, opt_state = self.optimiser.update(grads, opt_state, params)
            params = optax.apply_updates(params, updates)
            target = optax.incremental_update(params, target, self.config.target_rate)
            return (params, target, opt_state), metrics | {"gradient_norm": global_norm(grads)}

        carry = (state.params, state.target, state.optimiser)
        (params, target, opt_state), metrics = jax.lax.scan(gradient_step, carry, keys)
        after = dataclasses.replace(state, params=params, target=target, optimiser=opt_state)
        return after, jax.tree.map(jnp.mean, metrics)


def build(config: OffPolicyConfig, spec: WorldSpec, parts: Parts) -> Learner:
    """The Learner made of these parts."""
    descent = Descent(config, spec, parts)

    def memory(*batch: int) -> Any:
        return blank(config.memory, config.hidden[-1], *batch)

    def act(
        state: OffPolicyState, carried: Any, timestep: Timestep, key: Key[Array, ""], explore: bool
    ) -> tuple[Decision, Any]:
        batch = timestep.first.shape
        decide_key, random_key, chance_key = jax.random.split(key, 3)
        decision, after = parts.decide(state, *flat(carried, timestep), decide_key, explore)
        if explore:
            shape, actions = decision.action.shape, len(spec.actions)
            at_random = jax.random.randint(random_key, shape, 0, actions, dtype=jnp.int32)
            rare = jax.random.uniform(chance_key, shape) < epsilon(config, state.steps)
            decision = dataclasses.replace(
                decision,
                action=jnp.where(rare, at_random, decision.action),
                source=jnp.where(rare, 0, decision.source),
            )
        return jax.tree.map(lambda x: x.reshape(*batch, *x.shape[1:]), (decision, after))

    def explain(
        state: OffPolicyState, carried: Any, timestep: Timestep, decision: Decision
    ) -> dict[str, Array]:
        batch = timestep.first.shape
        decided = jax.tree.map(lambda x: x.reshape(-1, *x.shape[len(batch) :]), decision)
        found = parts.explain(state, *flat(carried, timestep), decided) if parts.explain else {}
        return {name: x.reshape(*batch, *x.shape[1:]) for name, x in found.items()}

    def follow(
        state: OffPolicyState, carried: Any, timestep: Timestep, source: Array, key: Key[Array, ""]
    ) -> tuple[Array, Any]:
        assert parts.follow is not None
        batch = timestep.first.shape
        after = parts.follow(state, *flat(carried, timestep), source.reshape(-1), key)
        return jax.tree.map(lambda x: x.reshape(*batch, *x.shape[1:]), after)

    def transfer(trained: OffPolicyState, fresh: OffPolicyState) -> OffPolicyState:
        return dataclasses.replace(fresh, params=trained.params, target=trained.target, steps=trained.steps)

    return Learner(
        init=descent.init,
        act=act,
        update=descent.update,
        memory=memory,
        adapt=parts.adapt,
        transfer=transfer,
        explain=explain,
        follow=follow if parts.follow else None,
        pretrain=descent.pretrain if config.offline else None,
        offline=config.offline,
        appraise=parts.appraise,
        scale=parts.scale,
    )


def with_file(stream: Array, file: Array) -> Array:
    """The others of the stream, then those of the file: (T, B, K, ...) twice -> (T, B, 2 K, ...)."""
    return jnp.concatenate([stream, file], axis=2)


def flat(memory: Any, timestep: Timestep) -> tuple[Any, Array, Array]:
    """Memory, obs (1, N, V, V, C) and first (1, N) of novices with leaves (*batch, ...), N of them in all."""
    axes = timestep.first.ndim
    carried, seen = jax.tree.map(lambda x: x.reshape(-1, *x.shape[axes:]), (memory, timestep))
    return carried, seen.obs[None], seen.first[None]

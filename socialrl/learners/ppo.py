"""Recurrent PPO (Schulman et al., 2017): memory, advantages refreshed within an update, time-outs
bootstrapped through.

With the auxiliary next-observation head it is `sociapl`, a social learner (Ndousse et al., 2021).
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float32, Int32, Key, PyTree

from socialrl.learners._actor_critic import ActorCritic, Outputs, blank_memory, hide_others
from socialrl.losses.policy import advantages, clipped_surrogate, entropy, kl_divergence
from socialrl.losses.prediction import prediction_loss
from socialrl.nets.memory import Kind
from socialrl.nets.mirror import Mirror
from socialrl.types import Decision, Experience, Learner, Timestep, Transition
from socialrl_envs.struct import pytree
from socialrl_envs.types import WorldSpec
from socialrl_envs.world import require


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Options of ppo.

    hidden: sizes of the torso's layers; the last one is also the memory's.
    memory: none, gru or lstm.
    heads: sizes of the layers with tanh between memory and policy, and between memory and value.
    mirror: a policy that does the mirrored thing in a mirrored world, whatever its weights.
    previous: the previous action and reward are inputs.
    shared: the novices share their parameters, else each has its own.
    gamma: discount per step.
    gae_lambda: how far advantages look past the value function, 0..1.
    lr: Adam's learning rate at first.
    lr_end: and in the end.
    epochs: passes over each unroll.
    minibatches: equal parts of the sequences in random order, each a gradient step; what is left over is left
    out.
    segment: steps that gradients flow back through; 0 is the whole unroll.
    refresh: memories, values and advantages are computed anew before each epoch, else once per unroll.
    clip: how far from 1 the ratio of new to old probabilities is followed.
    value: weight of the value loss.
    entropy: weight of the entropy bonus at first.
    entropy_end: and in the end.
    anneal: env steps in which learning rate and entropy bonus go from their first value to their last,
    linearly.
    max_grad_norm: gradients are clipped to it.
    kl_target: an update stops early when the policy has moved this far from the old one, in nats; 0 never
    stops.
    prediction: weight of the auxiliary next-observation loss.
    predicts: next, or as a control the same observation.
    predictor: sizes of the auxiliary head's hidden layers.
    attention: weight of telling where the co-players are, a target that is seen in training only.
    """

    hidden: tuple[int, ...] = (128, 128)
    memory: Kind = "gru"
    heads: tuple[int, ...] = ()
    mirror: bool = False
    previous: bool = True
    shared: bool = True
    gamma: float = 0.99
    gae_lambda: float = 0.95
    lr: float = 1e-3
    lr_end: float = 1e-3
    epochs: int = 1
    minibatches: int = 4
    segment: int = 0
    refresh: bool = True
    clip: float = 0.2
    value: float = 0.1
    entropy: float = 0.05
    entropy_end: float = 0.01
    anneal: int = 3_000_000
    max_grad_norm: float = 0.5
    kl_target: float = 0.0
    prediction: float = 0.0
    predicts: Literal["next", "same"] = "next"
    predictor: tuple[int, ...] = ()
    attention: float = 0.0

    def __post_init__(self) -> None:
        require(
            len(self.hidden) > 0 and min(self.hidden) > 0,
            "hidden",
            self.hidden,
            "one positive size per layer",
        )
        require(self.memory in ("none", "gru", "lstm"), "memory", self.memory, "none, gru or lstm")
        require(self.predicts in ("next", "same"), "predicts", self.predicts, "next or same")
        require(0 <= self.gamma < 1, "gamma", self.gamma, "in 0..1, below 1")
        require(0 <= self.gae_lambda <= 1, "gae_lambda", self.gae_lambda, "in 0..1")
        for key in ("heads", "predictor"):
            require(all(size > 0 for size in getattr(self, key)), key, getattr(self, key), "positive sizes")
        for key in ("lr", "clip", "max_grad_norm"):
            require(getattr(self, key) > 0, key, getattr(self, key), "positive")
        for key in ("epochs", "minibatches", "anneal"):
            require(getattr(self, key) >= 1, key, getattr(self, key), "at least 1")
        for key in (
            "lr_end",
            "segment",
            "value",
            "entropy",
            "entropy_end",
            "kl_target",
            "prediction",
            "attention",
        ):
            require(getattr(self, key) >= 0, key, getattr(self, key), "at least 0")

    def build(self, spec: WorldSpec) -> Learner:
        """The learner for this world; it needs a novice."""
        require(len(spec.novices) > 0, "novices", 0, "at least 1 for a learner")
        return PPO(self, spec).learner()


@pytree
class PPOState:
    """params, optimiser: leaves with a leading axis of novices unless they share. steps: env steps seen."""

    params: PyTree
    optimiser: PyTree
    steps: Int32[Array, ""]


@pytree
class Lived:
    """What happened to novices, leaves (T, *batch, ...).

    where: cells ahead and to the right of each at which the co-players stood, by the length of the grid; NaN
    if absent.
    prior_logits: of a policy to stay near to; no entries if there is none.
    """

    own: Transition
    old_logits: Float32[Array, "T *batch A"]
    where: Float32[Array, "T *batch K 2"]
    prior_logits: Float32[Array, "T *batch P"]


@pytree
class Pace:
    """What changes while it learns. lr: as a share of the config's. entropy: the weight of the bonus."""

    lr: Float32[Array, "*parts"]
    entropy: Float32[Array, "*parts"]


@pytree
class Batch:
    """Sequences to learn from, leaves (T, N, ...), and the memories that they begin with, leaves (N, D, F)."""

    memory: PyTree
    lived: Lived
    advantage: Float32[Array, "*parts T N"]
    target: Float32[Array, "*parts T N"]


class PPO:
    """The functions of the learner; those of one set of parameters take sequences (T, N, ...) whoever's they
    are.
    """

    def __init__(self, config: Config, spec: WorldSpec):
        self.config, self.spec = config, spec
        self.net, self.mirror = ActorCritic(config, spec), Mirror(spec)
        self.apply: Callable[..., Any] = self.net.apply
        self.optimiser = optax.chain(
            optax.clip_by_global_norm(config.max_grad_norm), optax.adam(config.lr, eps=1e-5)
        )

    def learner(self) -> Learner:
        """The functions, bundled."""
        return Learner(
            init=self.init,
            act=self.act,
            update=self.update,
            memory=lambda *batch: blank_memory(self.config, *batch),
            transfer=self.transfer,
            influence=self.influence,
            explain=self.explain,
            scale="logit",
        )

    # what a learner does, over novices (B, M)

    def init(self, key: Key[Array, ""], unroll: int, worlds: int) -> PPOState:
        """Fresh parameters; raises SocialRLError if unrolls cannot be divided as the config says."""
        config = self.config
        segment = config.segment or unroll
        require(unroll % segment == 0, "segment", segment, f"a divisor of the unroll, {unroll}")
        params = self.init_params(key) if config.shared else jax.vmap(self.init_params)(self._split_key(key))
        start = self.optimiser.init(params) if config.shared else jax.vmap(self.optimiser.init)(params)
        return PPOState(params=params, optimiser=start, steps=jnp.int32(0))

    def act(
        self, state: PPOState, memory: Any, timestep: Timestep, key: Key[Array, ""], explore: bool
    ) -> tuple[Decision, Any]:
        """Draws from the policy while exploring, else takes its likeliest action."""
        memory, logits = self._over_novices(self.decide, state.params, memory, timestep)
        action = jax.random.categorical(key, logits) if explore else jnp.argmax(logits, axis=-1)
        action = action.astype(jnp.int32)
        unknown = jnp.full(action.shape, jnp.nan, jnp.float32)
        values = logits[..., None, :]
        return Decision(
            action=action, source=jnp.zeros_like(action), values=values, influence=unknown
        ), memory

    def influence(self, state: PPOState, memory: Any, timestep: Timestep) -> Float32[Array, "B M"]:
        """How much the sight of the others moves the policy now, in nats."""
        _, logits = self._over_novices(self.decide, state.params, memory, timestep)
        _, alone = self._over_novices(self.decide, state.params, memory, hide_others(timestep, self.spec))
        return kl_divergence(logits, alone)

    def explain(
        self, state: PPOState, memory: Any, timestep: Timestep, decision: Decision
    ) -> dict[str, Array]:
        """What the auxiliary head expects to be seen next, the mean of all looks."""
        if self.config.prediction == 0 or self.config.predicts != "next":
            return {}

        def expected(params: PyTree, memory: Any, acted: tuple[Timestep, Array]) -> Float32[Array, "N V V C"]:
            steps, action = jax.tree.map(lambda x: x[None], acted)
            _, out = self.unroll(params, memory, steps)
            views = self.apply(params, out.features, action, method=ActorCritic.predict)[0]
            turned = [views[:, 0], *(self.mirror.view(views[:, look]) for look in range(1, views.shape[1]))]
            return jnp.mean(jnp.stack(turned), axis=0)

        return {"prediction": self._over_novices(expected, state.params, memory, (timestep, decision.action))}

    def update(
        self, state: PPOState, experience: Experience, key: Key[Array, ""]
    ) -> tuple[PPOState, dict[str, Array]]:
        """Epochs of minibatches on one unroll."""
        pace = self.pace(state.steps)
        steps = state.steps + jnp.int32(experience.own.reward.shape[0] * experience.own.reward.shape[1])

        def learn(params: PyTree, optimiser: PyTree, memory: Any, lived: Lived, key: Key[Array, ""]) -> Any:
            return self.learn(params, optimiser, memory, lived, pace, key)

        lived = Lived(
            own=experience.own,
            old_logits=experience.decision.values[..., 0, :],
            where=self.whereabouts(experience),
            prior_logits=self.prior_logits(state, experience),
        )
        if self.config.shared:
            lived = jax.tree.map(
                lambda x: x.reshape(x.shape[0], x.shape[1] * x.shape[2], *x.shape[3:]), lived
            )
            memory = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), experience.memory)
            params, optimiser, metrics = learn(state.params, state.optimiser, memory, lived, key)
        else:
            mapped = jax.vmap(learn, in_axes=(0, 0, 1, 2, 0))
            parts = mapped(state.params, state.optimiser, experience.memory, lived, self._split_key(key))
            params, optimiser, metrics = (
                parts[0],
                parts[1],
                jax.tree.map(lambda x: jnp.mean(x, axis=0), parts[2]),
            )
        after = dataclasses.replace(state, params=params, optimiser=optimiser, steps=steps)
        return after, metrics | {"entropy_weight": pace.entropy, "lr": pace.lr * self.config.lr}

    def prior_logits(self, state: PPOState, experience: Experience) -> Float32[Array, "T B M P"]:
        """Of a policy to stay near to: none here."""
        return jnp.zeros((*experience.own.reward.shape, 0), jnp.float32)

    def whereabouts(self, experience: Experience) -> Float32[Array, "T B M K 2"]:
        """Where the co-players were; nothing unless it is to be learnt."""
        if self.config.attention == 0:
            return jnp.zeros((*experience.own.reward.shape, 0, 2), jnp.float32)
        there = experience.others.present[:, :, None, :, None]
        return jnp.where(there, experience.whereabouts, jnp.nan)

    def transfer(self, trained: PPOState, fresh: PPOState) -> PPOState:
        """The parameters; the optimiser starts anew."""
        return dataclasses.replace(fresh, params=trained.params, steps=trained.steps)

    def pace(self, steps: Int32[Array, ""]) -> Pace:
        """Learning rate and entropy bonus after `steps` env steps."""
        config = self.config
        progress = jnp.minimum(steps.astype(jnp.float32) / config.anneal, 1.0)
        return Pace(
            lr=1 + progress * (config.lr_end / config.lr - 1),
            entropy=config.entropy + progress * (config.entropy_end - config.entropy),
        )

    def _split_key(self, key: Key[Array, ""]) -> Key[Array, " M"]:
        return jax.random.split(key, len(self.spec.novices))

    def _over_novices(self, function: Any, params: PyTree, memory: Any, steps: PyTree) -> Any:
        """`function(params, memory, steps)` of N sequences, over novices with leaves (B, M, ...), who may
        share params.
        """
        if not self.config.shared:
            return jax.vmap(function, in_axes=(0, 1, 1), out_axes=1)(params, memory, steps)
        batch = jax.tree.leaves(steps)[0].shape[:2]
        flat = jax.tree.map(lambda x: x.reshape(-1, *x.shape[len(batch) :]), (memory, steps))
        return jax.tree.map(lambda x: x.reshape(*batch, *x.shape[1:]), function(params, *flat))

    # one set of parameters

    def init_params(self, key: Key[Array, ""]) -> PyTree:
        """Fresh parameters of the network."""
        blank = Timestep(
            obs=jnp.zeros((1, 1, *self.spec.obs_shape), jnp.uint8),
            prev_action=jnp.zeros((1, 1), jnp.int32),
            prev_reward=jnp.zeros((1, 1), jnp.float32),
            first=jnp.ones((1, 1), bool),
        )
        return self.net.init(key, blank_memory(self.config, 1), blank, method=ActorCritic.everything)

    def decide(self, params: PyTree, memory: Any, timestep: Timestep) -> tuple[Any, Float32[Array, "N A"]]:
        """Memories and logits after one step, (N, ...)."""
        memories, out = self.unroll(params, memory, jax.tree.map(lambda x: x[None], timestep))
        return jax.tree.map(lambda x: x[0], memories), out.logits[0]

    def unroll(self, params: PyTree, memory: Any, steps: Timestep) -> tuple[Any, Outputs]:
        """Memories after each step and what the network says of it, (T, N, ...)."""
        return self.apply(params, memory, steps, method=ActorCritic.unroll)

    def learn(
        self, params: PyTree, optimiser: PyTree, memory: Any, lived: Lived, pace: Pace, key: Key[Array, ""]
    ) -> tuple[PyTree, PyTree, dict[str, Array]]:
        """Epochs of minibatches on sequences (T, N, ...)."""
        once = None if self.config.refresh else self.batch(params, memory, lived)

        def epoch(carry: Any, key: Key[Array, ""]) -> Any:
            batch, explained = once or self.batch(carry[0], memory, lived)
            parts = self.shuffled(batch, key)
            carry, metrics = jax.lax.scan(lambda c, part: self.gradient_step(c, part, pace), carry, parts)
            return carry, metrics | {"explained_variance": explained}

        carry = (params, optimiser, jnp.array(False))
        (params, optimiser, stopped), metrics = jax.lax.scan(
            epoch, carry, jax.random.split(key, self.config.epochs)
        )
        means = jax.tree.map(jnp.mean, metrics)
        few = -(-lived.old_logits.shape[1] // self.config.minibatches)
        _, out = self.unroll(params, jax.tree.map(lambda x: x[:few], memory), _few(lived.own.timestep, few))
        means["kl_before"] = metrics["kl"][0, 0]
        means["kl_after"] = jnp.mean(kl_divergence(lived.old_logits[:, :few], out.logits))
        return params, optimiser, means | {"stopped_early": stopped.astype(jnp.float32)}

    def batch(self, params: PyTree, memory: Any, lived: Lived) -> tuple[Batch, Float32[Array, ""]]:
        """Segments (segment, S N, ...) with fresh memories, advantages and value targets; and the explained
        variance.
        """
        own, config = lived.own, self.config
        memories, out = self.unroll(params, memory, own.timestep)
        discount = jnp.where(own.terminated, 0.0, config.gamma).astype(jnp.float32)
        advantage = jax.vmap(partial(advantages, lambda_=config.gae_lambda), in_axes=1, out_axes=1)(
            out.value,
            own.reward,
            discount,
            self.next_values(params, memories, out.value, own),
            own.terminated | own.truncated,
        )
        target = advantage + out.value
        explained = 1 - jnp.var(target - out.value) / jnp.maximum(jnp.var(target), 1e-8)

        segment = config.segment or own.reward.shape[0]
        begins = jax.tree.map(
            lambda m, start: jnp.concatenate([start[None], m[segment - 1 : -1 : segment]]), memories, memory
        )
        begins = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), begins)
        lived, advantage, target = jax.tree.map(lambda x: _cut(x, segment), (lived, advantage, target))
        batch = Batch(memory=begins, lived=lived, advantage=advantage, target=target)
        return jax.tree.map(jax.lax.stop_gradient, batch), explained

    def next_values(
        self, params: PyTree, memories: Any, value: Float32[Array, "T N"], own: Transition
    ) -> Float32[Array, "T N"]:
        """Values of the true successors. The next row holds them, but for time-outs and the end of the
        unroll: a world times out at most once in `horizon` steps, so few more are looked up."""
        length = value.shape[0]
        cuts = 1 + (length - 1) // self.spec.horizon
        rank = jnp.where(own.truncated, jnp.arange(length, 0, -1, dtype=jnp.int32)[:, None], 0)
        _, at = jax.lax.top_k(
            rank.T, min(cuts, length)
        )  # the first time-outs of each sequence, then steps that do not matter
        at = jnp.concatenate([at.T.astype(jnp.int32), jnp.full((1, value.shape[1]), length - 1, jnp.int32)])
        who = jnp.arange(value.shape[1], dtype=jnp.int32)
        step = Timestep(
            obs=own.next_obs[at, who],
            prev_action=own.action[at, who],
            prev_reward=own.reward[at, who],
            first=jnp.zeros(at.shape, bool),
        )
        there = jax.tree.map(lambda m: m[at, who], memories)
        out: Outputs = self.apply(params, there, step, method=ActorCritic.ahead)
        shifted = jnp.concatenate([value[1:], jnp.zeros_like(value[:1])])
        return shifted.at[at, who].set(out.value)

    def shuffled(self, batch: Batch, key: Key[Array, ""]) -> Batch:
        """The sequences at random in minibatches; leaves (minibatches, ...)."""
        count = batch.advantage.shape[1]
        parts = min(self.config.minibatches, count)
        order = jax.random.permutation(key, count)[: count // parts * parts].reshape(parts, -1)
        memory = jax.tree.map(lambda x: x[order], batch.memory)
        steps = jax.tree.map(lambda x: jnp.moveaxis(x[:, order], 1, 0), dataclasses.replace(batch, memory=()))
        return dataclasses.replace(steps, memory=memory)

    def gradient_step(self, carry: Any, batch: Batch, pace: Pace) -> tuple[Any, dict[str, Array]]:
        """One step of Adam, unless the policy has moved too far already."""
        params, optimiser, stopped = carry
        grads, metrics = jax.grad(self.loss, has_aux=True)(params, batch, pace.entropy)
        updates, moved = self.optimiser.update(grads, optimiser, params)
        updates = jax.tree.map(lambda x: pace.lr * x, updates)
        new = (optax.apply_updates(params, updates), moved)
        metrics["gradient_norm"] = optax.tree.norm(grads)
        if self.config.kl_target > 0:
            stopped = stopped | (metrics["kl"] > self.config.kl_target)
            new = jax.tree.map(lambda a, b: jnp.where(stopped, a, b), (params, optimiser), new)
        return (*new, stopped), metrics

    def loss(self, params: PyTree, batch: Batch, bonus: Float32[Array, ""]) -> tuple[Array, dict[str, Array]]:
        """Everything that is learnt from a minibatch, and what to watch."""
        config, own, old_logits = self.config, batch.lived.own, batch.lived.old_logits
        _, out = self.unroll(params, batch.memory, own.timestep)
        log_prob, old_log_prob = (_at(jax.nn.log_softmax(x), own.action) for x in (out.logits, old_logits))
        scaled = (batch.advantage - jnp.mean(batch.advantage)) / (jnp.std(batch.advantage) + 1e-8)
        surrogate = jnp.mean(clipped_surrogate(log_prob, old_log_prob, scaled, config.clip))
        value_loss = 0.5 * jnp.mean((out.value - batch.target) ** 2)
        spread = jnp.mean(entropy(out.logits))
        metrics = {
            "loss/policy": surrogate,
            "loss/value": value_loss,
            "entropy": spread,
            "kl": jnp.mean(kl_divergence(old_logits, out.logits)),
            "clipped": jnp.mean(
                (jnp.abs(jnp.exp(log_prob - old_log_prob) - 1) > config.clip).astype(jnp.float32)
            ),
            "value": jnp.mean(out.value),
        }
        total = surrogate + config.value * value_loss - bonus * spread
        for name, (weight, extra) in self.auxiliary(params, out, batch.lived).items():
            metrics[f"loss/{name}"] = extra
            total += weight * extra
        return total, metrics

    def auxiliary(self, params: PyTree, out: Outputs, lived: Lived) -> dict[str, tuple[float, Array]]:
        """What is learnt besides: (weight, loss) by name."""
        config, losses = self.config, {}
        if config.prediction > 0:
            losses["prediction"] = (config.prediction, self.prediction_loss(params, out, lived.own))
        if config.attention > 0:
            losses["attention"] = (config.attention, self.attention_loss(params, out, lived.where))
        return losses

    def prediction_loss(self, params: PyTree, out: Outputs, own: Transition) -> Float32[Array, ""]:
        """The mean error of what each look expects to be seen next, or as a control of what it sees."""
        predicted = self.apply(params, out.features, own.action, method=ActorCritic.predict)
        seen = own.next_obs if self.config.predicts == "next" else own.timestep.obs
        seen = jnp.stack([seen, self.mirror.view(seen)] if self.config.mirror else [seen], axis=2)
        return jnp.mean(jax.vmap(jax.vmap(prediction_loss, in_axes=1), in_axes=1)(predicted, seen))

    def attention_loss(
        self, params: PyTree, out: Outputs, where: Float32[Array, "T N K 2"]
    ) -> Float32[Array, ""]:
        """The mean distance along each axis between where co-players are and where each look believes them to
        be.
        """
        believed = self.apply(params, out.features, method=ActorCritic.attend)
        there = jnp.stack([where, where * jnp.array([1.0, -1.0])] if self.config.mirror else [where], axis=2)
        present = ~jnp.isnan(there)
        errors = jnp.where(present, jnp.abs(believed - jnp.where(present, there, 0.0)), 0.0)
        return jnp.sum(errors) / jnp.maximum(jnp.sum(present.astype(jnp.float32)), 1.0)


def _few(tree: Any, count: int) -> Any:
    return jax.tree.map(lambda x: x[:, :count], tree)


def _cut(x: Array, segment: int) -> Array:
    """(T, N, ...) as (segment, S N, ...), the first segments of all sequences first."""
    parts = x.shape[0] // segment
    return jnp.moveaxis(x.reshape(parts, segment, *x.shape[1:]), 1, 0).reshape(
        segment, parts * x.shape[1], *x.shape[2:]
    )


def _at(table: Float32[Array, "T N A"], action: Int32[Array, "T N"]) -> Float32[Array, "T N"]:
    return jnp.take_along_axis(table, action[..., None], axis=-1)[..., 0]

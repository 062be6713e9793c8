"""A reward model: an ensemble of networks over own view and action, learnt from comparisons of clips.

    model = RewardModel(RewardModelConfig(members=3), world.spec)
    state = model.init(key)
    state, metrics = model.fit(state, comparisons, key)
    mean, std = model.predict(state, obs, action)    # of the members' rewards at every step

Members differ by their first parameters and by the comparisons that they learn from. Comparisons of clips of
equal length fix a reward up to an offset, and answers of unknown noise up to a factor. So rewards are shifted
and scaled to mean 0 and a set standard deviation over the steps of the clips (Christiano et al., 2017, arXiv
1706.03741, section 2.2.1).

An answer says which clip pays more and not which step of it did. Where few steps pay, `sparsity` finds them:
the mean size of rewards enters the loss, as in the lasso.
"""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float32, Int32, Key, PyTree, UInt8

from socialrl.losses.comparison import bradley_terry_loss
from socialrl.nets.heads import SmallDense
from socialrl.nets.torso import Torso
from socialrl.types import Metrics
from socialrl_envs.options import Options, option, require
from socialrl_envs.struct import pytree, replace
from socialrl_envs.types import WorldSpec

BINS = 10  # of the calibration error
KNOWN = 0x5A3E  # the seed of which comparisons a member learns from
SMALLEST = 1e-6  # denominators are at least this


@dataclasses.dataclass(frozen=True, kw_only=True)
class RewardModelConfig(Options):
    """Options of a reward model."""

    members: int = option(3, "networks of the ensemble", low=1)
    hidden: tuple[int, ...] = option((64,), "sizes of each network's dense layers", low=1)
    filters: tuple[int, ...] = option((), "sizes of convolutions before these", low=1)
    lr: float = option(1e-3, "learning rate of Adam", above=0)
    weight_decay: float = option(1e-2, "decoupled weight decay, times the learning rate per step", low=0)
    gradient_steps: int = option(32, "gradient steps of each fit", low=1)
    batch: int = option(16, "comparisons per gradient step and network", low=1)
    sparsity: float = option(
        0.0, "weight of the mean size of rewards in the loss, so that few steps explain an answer", low=0
    )
    share: float = option(0.8, "share of the comparisons that each network learns from", above=0, high=1)
    reach: int | None = option(
        None,
        "cells around the seat that rewards are taken to depend on, along each side; none: the whole view",
        low=0,
    )
    std: float = option(0.5, "standard deviation of rewards over the steps of the clips", above=0)


@pytree
class Comparisons:
    """Q questions about two clips of L steps each, the left one first, and their answers.

    obs, action: own views, and the actions taken there. counts: by which the reward of a step enters the
    clip's sum: 1, a share of a mark's credit, or 0 where a clip is over. preferred: 1 if the left clip is
    preferred, 0 if the right one, 0.5 for a tie. weight: 0 where there is no answer, else 1.
    """

    obs: UInt8[Array, "Q 2 L V V C"]
    action: Int32[Array, "Q 2 L"]
    counts: Float32[Array, "Q 2 L"]
    preferred: Float32[Array, " Q"]
    weight: Float32[Array, " Q"]


def no_comparisons(spec: WorldSpec, questions: int, length: int) -> Comparisons:
    """Room for so many comparisons of clips of this length; none of them is answered."""
    steps = (questions, 2, length)
    return Comparisons(
        obs=jnp.zeros((*steps, *spec.obs_shape), jnp.uint8),
        action=jnp.zeros(steps, jnp.int32),
        counts=jnp.zeros(steps, jnp.float32),
        preferred=jnp.zeros(questions, jnp.float32),
        weight=jnp.zeros(questions, jnp.float32),
    )


@pytree
class RewardModelState:
    """params, optimiser: of all members, leaves (E, ...). offset, scale: of raw outputs; a reward is
    (output - offset) / scale.
    """

    params: PyTree
    optimiser: PyTree
    offset: Float32[Array, ""]
    scale: Float32[Array, ""]


class RewardNetwork(nn.Module):
    """Views -> raw outputs (*batch, A), one for each action."""

    config: RewardModelConfig
    spec: WorldSpec

    @nn.compact
    def __call__(self, obs: UInt8[Array, "*batch V V C"]) -> Float32[Array, "*batch A"]:
        config, spec = self.config, self.spec
        x = Torso(config.hidden, config.filters, spec.channel_highs, spec.pixels)(
            near(obs, spec, config.reach)
        )
        return SmallDense((len(spec.actions),), 0.1)(x)


def near(
    obs: UInt8[Array, "*batch V V C"], spec: WorldSpec, reach: int | None
) -> UInt8[Array, "*batch R R C"]:
    """The part of views that is at most `reach` cells from the seat, along each side; all if it is None. Of a
    seat that turns it is as large, and the seat stands in the middle of its last row.
    """
    if reach is None:
        return obs
    size, p = spec.view.size, spec.pixels
    row, column = (size - 1 - reach if spec.view.kind == "egocentric" else size // 2), size // 2
    rows, columns = (slice(max(0, at - reach) * p, (at + reach + 1) * p) for at in (row, column))
    return obs[..., rows, columns, :]


class RewardModel:
    """The pure functions of an ensemble for one world; E members."""

    def __init__(self, config: RewardModelConfig, spec: WorldSpec):
        """Raises SocialRLError if the cells around the seat are asked for, and a view does not go along."""
        along = config.reach is None or spec.view.kind != "grid"
        require(along, "reach", config.reach, "none where views are of the whole grid")
        self.config, self.spec = config, spec
        self.net = RewardNetwork(config, spec)
        self.optimiser = optax.adamw(config.lr, weight_decay=config.weight_decay)

    def init(self, key: Key[Array, ""]) -> RewardModelState:
        """The ensemble before the first comparison."""
        blank = jnp.zeros((1, *self.spec.obs_shape), jnp.uint8)
        params = jax.vmap(lambda one: self.net.init(one, blank))(jax.random.split(key, self.config.members))
        return RewardModelState(
            params=params,
            optimiser=jax.vmap(self.optimiser.init)(params),
            offset=jnp.float32(0),
            scale=jnp.float32(1),
        )

    def members(
        self,
        state: RewardModelState,
        obs: UInt8[Array, "*batch V V C"],
        action: Int32[Array, "*batch"],
    ) -> Float32[Array, "E *batch"]:
        """The reward of each step by each member."""
        raw = jax.vmap(self._raw, in_axes=(0, None, None))(state.params, obs, action)
        return (raw - state.offset) / state.scale

    def predict(
        self,
        state: RewardModelState,
        obs: UInt8[Array, "*batch V V C"],
        action: Int32[Array, "*batch"],
    ) -> tuple[Float32[Array, "*batch"], Float32[Array, "*batch"]]:
        """(mean, std): of the members' rewards of each step; no gradient."""
        found = jax.lax.stop_gradient(self.members(state, obs, action))
        return jnp.mean(found, axis=0), jnp.std(found, axis=0)

    def worth(
        self, state: RewardModelState, obs: UInt8[Array, "M L V V C"], action: Int32[Array, "M L"]
    ) -> Float32[Array, "E M"]:
        """What each of M clips is worth to each member; differences are the logits of comparisons."""
        raw = jax.vmap(self._raw, in_axes=(0, None, None))(state.params, obs, action)
        return jnp.sum(raw, axis=-1)

    def preferred(self, state: RewardModelState, asked: Comparisons) -> Float32[Array, "E Q"]:
        """The probability by each member that the left clip is preferred."""
        sums = jax.vmap(self._sums, in_axes=(0, None))(state.params, asked)
        return jax.nn.sigmoid(sums[..., 0] - sums[..., 1])

    def fit(
        self, state: RewardModelState, answered: Comparisons, key: Key[Array, ""]
    ) -> tuple[RewardModelState, Metrics]:
        """The ensemble after `config.gradient_steps` more gradient steps on comparisons, and
        `loss/comparison`, the mean over steps and members. Without any answer the members stay as they are.
        """

        def one(
            params: PyTree, optimiser: PyTree, known: Float32[Array, " Q"], key: Key[Array, ""]
        ) -> PyTree:
            weight = answered.weight * known
            weight = jnp.where(jnp.any(weight > 0), weight, answered.weight)

            shape = (self.config.gradient_steps, self.config.batch)
            rows = jax.random.categorical(key, jnp.where(weight > 0, 0.0, -1e9), shape=shape)

            def step(
                now: tuple[PyTree, PyTree], drawn: Int32[Array, " batch"]
            ) -> tuple[tuple[PyTree, PyTree], Array]:
                batch = jax.tree.map(lambda leaf: leaf[drawn], answered)
                loss, gradient = jax.value_and_grad(self._loss)(now[0], batch)
                changes, optimiser = self.optimiser.update(gradient, now[1], now[0])
                return (optax.apply_updates(now[0], changes), optimiser), loss

            return jax.lax.scan(step, (params, optimiser), rows)

        keys = jax.random.split(key, self.config.members)
        (params, optimiser), losses = jax.vmap(one)(
            state.params, state.optimiser, self._known(len(answered.weight)), keys
        )
        fitted = self._normalised(replace(state, params=params, optimiser=optimiser), answered)
        some = jnp.any(answered.weight > 0)
        after = jax.tree.map(lambda new, old: jnp.where(some, new, old), fitted, state)
        return after, {"loss/comparison": jnp.mean(losses)}

    def report(self, state: RewardModelState, asked: Comparisons) -> Metrics:
        """How well the ensemble foretells answers, best on comparisons that it was not fitted to.

        accuracy: the share of answers other than ties on whose side the mean of the members' probabilities
        is. calibration_error: the expected calibration error (Guo et al., 2017, arXiv 1706.04599) in BINS
        bins of the confidence, 0.5..1. disagreement: the mean standard deviation of the members'
        probabilities. NaN without an answer.
        """
        probability = self.preferred(state, asked)
        return {
            **calibration(jnp.mean(probability, axis=0), asked.preferred, asked.weight),
            "disagreement": _mean(jnp.std(probability, axis=0), asked.weight),
        }

    def _known(self, questions: int) -> Float32[Array, "E Q"]:
        """1 for the questions that each member learns from, else 0; the same for a question at every fit."""
        key = jax.random.key(KNOWN)
        known = jax.random.bernoulli(key, self.config.share, (self.config.members, questions))
        return known.astype(jnp.float32)

    def _raw(
        self, params: PyTree, obs: UInt8[Array, "*batch V V C"], action: Int32[Array, "*batch"]
    ) -> Float32[Array, "*batch"]:
        """The raw output of one member for each step."""
        outputs: Array = self.net.apply(params, obs)  # pyright: ignore[reportAssignmentType]
        return jnp.take_along_axis(outputs, action[..., None], axis=-1)[..., 0]

    def _sums(self, params: PyTree, asked: Comparisons) -> Float32[Array, "Q 2"]:
        """The sum of raw outputs over each clip."""
        return jnp.sum(self._raw(params, asked.obs, asked.action) * asked.counts, axis=-1)

    def _loss(self, params: PyTree, batch: Comparisons) -> Float32[Array, ""]:
        """The mean Bradley-Terry loss of a batch, and the size of the raw outputs times `config.sparsity`."""
        raw = self._raw(params, batch.obs, batch.action)
        sums = jnp.sum(raw * batch.counts, axis=-1)
        losses = bradley_terry_loss(sums[:, 0], sums[:, 1], batch.preferred)
        loss = jnp.sum(losses * batch.weight) / jnp.maximum(jnp.sum(batch.weight), SMALLEST)
        if not self.config.sparsity:
            return loss
        counted = batch.counts * batch.weight[:, None, None]
        size = jnp.sum(jnp.abs(raw) * counted) / jnp.maximum(jnp.sum(counted), SMALLEST)
        return loss + self.config.sparsity * size

    def _normalised(self, state: RewardModelState, answered: Comparisons) -> RewardModelState:
        """The state with the offset and scale that give rewards over the answered clips mean 0 and the wanted
        standard deviation.
        """
        raw = jax.vmap(self._raw, in_axes=(0, None, None))(state.params, answered.obs, answered.action)
        reward, weight = jnp.mean(raw, axis=0), answered.counts * answered.weight[:, None, None]
        offset = _mean(reward, weight)
        spread = jnp.sqrt(_mean((reward - offset) ** 2, weight))
        scale = jnp.maximum(spread, SMALLEST) / self.config.std
        return replace(state, offset=jax.lax.stop_gradient(offset), scale=jax.lax.stop_gradient(scale))


def calibration(
    probability: Float32[Array, " Q"], preferred: Float32[Array, " Q"], weight: Float32[Array, " Q"]
) -> Metrics:
    """`accuracy` and `calibration_error` of probabilities that the left clip is preferred, over the answers
    that are not ties; NaN without one. See `RewardModel.report`.
    """
    weight = weight * (preferred != 0.5).astype(jnp.float32)
    right = ((probability > 0.5) == (preferred > 0.5)).astype(jnp.float32)
    confidence = jnp.maximum(probability, 1 - probability)
    bins = jnp.clip((confidence - 0.5) * 2 * BINS, 0, BINS - 1).astype(jnp.int32)
    member = jax.nn.one_hot(bins, BINS, dtype=jnp.float32) * weight[:, None]
    gap = jnp.abs(member.T @ (right - confidence))
    total = jnp.sum(weight)
    error = jnp.where(total > 0, jnp.sum(gap) / jnp.maximum(total, SMALLEST), jnp.nan)
    return {"accuracy": _mean(right, weight), "calibration_error": error}


def _mean(values: Float32[Array, "*shape"], weight: Float32[Array, "*shape"]) -> Float32[Array, ""]:
    """The weighted mean; NaN if all weights are 0."""
    total = jnp.sum(weight)
    return jnp.where(total > 0, jnp.sum(values * weight) / jnp.maximum(total, SMALLEST), jnp.nan)

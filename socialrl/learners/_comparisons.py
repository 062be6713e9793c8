"""Learning from comparisons in place of rewards: a reward model and a policy that are trained in turns.

`from_comparisons` wraps a learner. Pairs of clips of every unroll are shown to a teacher, who alone knows the
true rewards; the answers train an ensemble of reward models; the learner gets the mean of their rewards,
and never sees a true one, neither as a target nor as an input (Christiano et al., 2017, arXiv 1706.03741).
What an off-policy learner has stored is paid anew whenever the model has changed (Lee et al., 2021, PEBBLE,
arXiv 2106.05091).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32, Key, PyTree, UInt8

from socialrl.feedback import queries
from socialrl.feedback.config import ComparisonsConfig
from socialrl.feedback.reward_model import (
    Comparisons,
    RewardModel,
    RewardModelState,
    no_comparisons,
)
from socialrl.feedback.teachers import PREFERRED
from socialrl.record.answers import read_answers
from socialrl.types import (
    ActOutput,
    Capability,
    ConceptBottleneck,
    Diagnostics,
    Experience,
    Influence,
    Learner,
    Metrics,
    Offline,
    Timestep,
    Transition,
    WarmStart,
)
from socialrl_envs.struct import pytree, replace
from socialrl_envs.types import WorldSpec

HELD_OUT = 5  # every fifth answer is held out, and tells how good the model is
CANDIDATES = 64  # pairs of clips, of which those with most disagreement are asked about

GUESS = {"accuracy": 0.5, "calibration_error": 0.0, "disagreement": 0.0}  # before an answer is held out

Rewards = Callable[[UInt8[Array, "*batch V V C"], Int32[Array, "*batch"]], Float32[Array, "*batch"]]
Relabel = Callable[[PyTree, Rewards], PyTree]  # (state, rewards of views and actions) -> state


@pytree
class ComparedState:
    """inner: the learner's. model: of rewards. answered: the comparisons so far, in the order of asking, of
    which there are `count`. steps: environment steps so far.
    """

    inner: PyTree
    model: RewardModelState
    answered: Comparisons
    count: Int32[Array, ""]
    steps: Int32[Array, ""]


def from_comparisons(
    config: ComparisonsConfig | None, learner: Learner, spec: WorldSpec, relabel: Relabel | None = None
) -> Learner:
    """The learner, which gets a model's rewards in place of the world's; itself if there is no config.

    relabel: replaces the rewards that the learner has stored.
    """
    return learner if config is None else Compared(config, learner, spec, relabel).learner()


class Compared:
    """The functions of a learner that learns from comparisons."""

    def __init__(self, config: ComparisonsConfig, inner: Learner, spec: WorldSpec, relabel: Relabel | None):
        self.config, self.inner, self.spec, self.relabel = config, inner, spec, relabel
        self.model = RewardModel(config, spec)
        self.given = given(config, spec)

    def learner(self) -> Learner[ComparedState]:
        """The Learner of these functions, with those capabilities of the inner one that need no rewards."""
        capabilities = tuple(found for one in self.inner.capabilities if (found := self.wrapped(one)))
        return Learner(
            init=self.init,
            act=self.act,
            update=self.update,
            initial_carry=self.inner.initial_carry,
            value_unit=self.inner.value_unit,
            sources=self.inner.sources,
            capabilities=capabilities,
        )

    def wrapped(self, capability: Capability) -> Capability | None:
        """A capability of the inner learner as one of this; None for those that take the world's rewards."""
        match capability:
            case WarmStart(warm_start=warm):
                return WarmStart(warm_start=lambda old, new: replace(new, inner=warm(old.inner, new.inner)))
            case Influence(influence=influence):
                return Influence(influence=lambda state, carry, at: influence(state.inner, carry, unpaid(at)))
            case Diagnostics(diagnose=diagnose):
                return Diagnostics(
                    diagnose=lambda state, carry, at, decision: diagnose(
                        state.inner, carry, unpaid(at), decision
                    )
                )
            case ConceptBottleneck(read=read, intervene=intervene):
                return replace(
                    capability,
                    read=lambda state, carry, at: read(state.inner, carry, unpaid(at)),
                    intervene=lambda state, carry, at, *rest: intervene(
                        state.inner, carry, unpaid(at), *rest
                    ),
                )
            case Offline(pretrain=pretrain, steps=steps):

                def offline(
                    state: ComparedState, key: Key[Array, ""], steps: int
                ) -> tuple[ComparedState, Metrics]:
                    inner, metrics = pretrain(state.inner, key, steps)
                    return replace(state, inner=inner), metrics

                return Offline(pretrain=offline, steps=steps)
            case _:
                return None

    def init(self, key: Key[Array, ""], unroll_length: int, num_envs: int) -> ComparedState:
        """The state before the first answer."""
        inner_key, model_key = jax.random.split(key)
        length = min(self.config.length, unroll_length)
        return ComparedState(
            inner=self.inner.init(inner_key, unroll_length, num_envs),
            model=self.model.init(model_key),
            answered=no_comparisons(self.spec, max(self.config.labels, 1), length),
            count=jnp.int32(0),
            steps=jnp.int32(0),
        )

    def act(
        self, state: ComparedState, carry: PyTree, timestep: Timestep, key: Key[Array, ""], explore: bool
    ) -> ActOutput:
        """As the inner learner acts, which is not shown what the step before paid."""
        return self.inner.act(state.inner, carry, unpaid(timestep), key, explore)

    def update(
        self, state: ComparedState, experience: Experience, key: Key[Array, ""]
    ) -> tuple[ComparedState, Metrics]:
        """The state after one more unroll: questions are asked about it, the model is fitted if there are
        answers, and the inner learner is updated with the model's rewards.
        """
        ask_key, fit_key, inner_key = jax.random.split(key, 3)
        own = experience.own
        after, quality = self.modelled(state, own, ask_key, fit_key)
        reward, spread = self.model.predict(after.model, own.timestep.obs, own.action)
        own = replace(own, reward=reward, timestep=unpaid(own.timestep))
        inner, metrics = self.inner.update(after.inner, replace(experience, own=own), inner_key)
        return replace(after, inner=inner), metrics | quality | {"reward_model/spread": jnp.mean(spread)}

    def modelled(
        self, state: ComparedState, own: Transition, ask_key: Key[Array, ""], fit_key: Key[Array, ""]
    ) -> tuple[ComparedState, Metrics]:
        """(state, metrics) after the questions about an unroll: with the model that is fitted if there are
        answers, and with what the inner learner has stored paid anew. The inner learner has not learnt yet.
        """
        steps = state.steps + jnp.int32(own.reward.shape[0] * own.reward.shape[1])
        answered, count = self.asked(state, own, steps, ask_key)
        known = joined(self.given, answered)
        learnt = weighted(known, held_out=False)

        def fit(number: Int32[Array, ""], model: RewardModelState) -> RewardModelState:
            return self.model.fit(model, learnt, jax.random.fold_in(fit_key, number))[0]

        def fitted(_: None) -> tuple[RewardModelState, PyTree, Array]:
            model = state.model
            if self.config.answers:
                first = jnp.where(state.steps == 0, self.config.first_fits, 0)
                model = jax.lax.fori_loop(1, 1 + first, fit, model)
            model, metrics = self.model.fit(model, learnt, jax.random.fold_in(fit_key, 0))
            inner = state.inner
            if self.relabel is not None:
                inner = self.relabel(inner, lambda obs, action: self.model.predict(model, obs, action)[0])
            return model, inner, metrics["loss/comparison"]

        begins = (state.steps == 0) & bool(self.config.answers)

        def same(_: None) -> tuple[RewardModelState, PyTree, Array]:
            return state.model, state.inner, jnp.float32(0)

        model, inner, loss = jax.lax.cond((count > state.count) | begins, fitted, same, None)
        report = self.model.report(model, weighted(known, held_out=True))
        after = ComparedState(inner=inner, model=model, answered=answered, count=count, steps=steps)
        return after, {
            "loss/comparison": loss,
            "reward_model/labels": jnp.sum(known.weight),
            **{
                f"reward_model/{name}": jnp.nan_to_num(value, nan=GUESS[name])
                for name, value in report.items()
            },
        }

    def asked(
        self, state: ComparedState, own: Transition, steps: Int32[Array, ""], key: Key[Array, ""]
    ) -> tuple[Comparisons, Int32[Array, ""]]:
        """The comparisons with those answers that are due at these steps, and how many there are then."""
        config, length = self.config, state.answered.action.shape[2]
        choose_key, answer_key = jax.random.split(key)
        clips = jax.tree.map(lambda leaf: windows(leaf, length), (own.timestep.obs, own.action, own.reward))
        obs, action, reward = clips
        share = jnp.minimum(steps.astype(jnp.float32) / config.asked_until, 1.0)
        due = jnp.floor(share * config.labels + 1e-4).astype(jnp.int32)
        most = self._most(own.reward.shape[0] * own.reward.shape[1])
        worth = self.model.worth(state.model, obs, action)
        pairs = queries.choose(worth, choose_key, CANDIDATES, most, config.queries)
        left, right = pairs[:, 0], pairs[:, 1]
        answer = config.teacher.answer(reward[left], reward[right], answer_key, state.count)
        number = state.count + jnp.arange(most, dtype=jnp.int32)
        place = jnp.where(number < due, number, len(state.answered.weight))  # what is not due is dropped
        rows = Comparisons(
            obs=obs[pairs],
            action=action[pairs],
            counts=jnp.ones((most, 2, length), jnp.float32),
            preferred=jnp.array(PREFERRED, jnp.float32)[answer],
            weight=jnp.ones(most, jnp.float32),
        )
        answered = jax.tree.map(
            lambda store, row: store.at[place].set(row, mode="drop"), state.answered, rows
        )
        return answered, jnp.minimum(jnp.maximum(due, state.count), state.count + most)

    def _most(self, steps: int) -> int:
        """How many answers may be due after an unroll of so many environment steps."""
        labels = self.config.labels
        return max(1, min(labels, -(-labels * steps // self.config.asked_until) + 1))


def given(config: ComparisonsConfig, spec: WorldSpec) -> Comparisons | None:
    """The answers of the config's file; None without one. Raises SocialRLError for those of another world."""
    if not config.answers:
        return None
    found = read_answers(config.answers)
    found.check_fits(spec)
    return Comparisons(
        obs=jnp.asarray(found.obs),
        action=jnp.asarray(found.action),
        counts=jnp.asarray(found.counts),
        preferred=jnp.asarray(found.preferred),
        weight=jnp.ones(len(found.preferred), jnp.float32),
    )


def joined(first: Comparisons | None, then: Comparisons) -> Comparisons:
    """Both one after the other; shorter clips are padded with steps that do not count."""
    if first is None:
        return then
    length = max(first.action.shape[2], then.action.shape[2])

    def padded(leaf: Array) -> Array:
        more = length - leaf.shape[2] if leaf.ndim > 2 else 0
        return jnp.pad(leaf, [(0, more if axis == 2 else 0) for axis in range(leaf.ndim)])

    return jax.tree.map(lambda a, b: jnp.concatenate([padded(a), padded(b)]), first, then)


def unpaid(timestep: Timestep) -> Timestep:
    """The timestep without what the step before paid."""
    return replace(timestep, prev_reward=jnp.zeros_like(timestep.prev_reward))


def windows(leaf: Array, length: int) -> Array:
    """Clips (M, length, ...) of an unroll, leaves (T, B, novices, ...)."""
    count = leaf.shape[0] // length
    cut = leaf[: count * length].reshape(count, length, -1, *leaf.shape[3:])
    return jnp.moveaxis(cut, 2, 1).reshape(-1, length, *leaf.shape[3:])


def weighted(answered: Comparisons, held_out: bool) -> Comparisons:
    """The comparisons of which only those that are held out, or only the others, count."""
    out = jnp.arange(len(answered.weight)) % HELD_OUT == HELD_OUT - 1
    return replace(answered, weight=answered.weight * (out == held_out).astype(jnp.float32))

"""The functions of the learner `kl_control` whose reward is inferred from comparisons."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32, Key, UInt8

from socialrl.feedback.queries import pairs
from socialrl.feedback.reward_model import Comparisons, RewardModel, RewardModelState
from socialrl.feedback.teachers import PREFERRED
from socialrl.learners._kl_control import KLControl, KLState
from socialrl.learners._sequences import sequences
from socialrl.losses.policy import kl_divergence
from socialrl.types import Experience, Learner, Metrics, ReferencePolicy, WarmStart
from socialrl_envs.options import require
from socialrl_envs.struct import pytree, replace
from socialrl_envs.types import WorldSpec

if TYPE_CHECKING:
    from socialrl.learners.kl_control import Config

SMALLEST = 1e-8  # denominators are at least this
CLONED = ("loss/cloning", "cloning_accuracy")  # metrics of cloning, and of the round of comparisons
ASKED = ("loss/comparison", "comparisons/accuracy", "comparisons/disagreement")


@pytree
class LabelledState(KLState):
    """reward: the ensemble of reward models."""

    reward: RewardModelState


class Labelled:
    """The functions of the learner for one world: cloning, one round of comparisons, then PPO on the rewards
    that the ensemble infers.
    """

    def __init__(self, config: "Config", spec: WorldSpec):
        self.config, self.spec, self.near = config, spec, KLControl(config, spec)
        self.rewards = RewardModel(config.reward_model, spec)

    def learner(self) -> Learner[LabelledState]:
        """The Learner of these functions."""
        reference = ReferencePolicy(reference=self.reference, proxy=self.proxy)
        return Learner(
            init=self.init,
            act=self.near.ppo.act,
            update=self.update,
            initial_carry=self.near.net.initial_carry,
            value_unit="logit",
            capabilities=(
                *self.near.ppo.capabilities(),
                WarmStart(warm_start=self.warm_start),
                reference,
            ),
        )

    def init(self, key: Key[Array, ""], unroll_length: int, num_envs: int) -> LabelledState:
        """The state with fresh parameters; raises SocialRLError if an unroll has no two clips."""
        clips = unroll_length // self.config.clip_length * num_envs * len(self.spec.novices)
        require(clips > 1, "clip_length", self.config.clip_length, "so short that an unroll has two clips")
        own_key, reward_key = jax.random.split(key)
        return LabelledState(
            **vars(self.near.init(own_key, unroll_length, num_envs)), reward=self.rewards.init(reward_key)
        )

    def reference(self, state: LabelledState) -> LabelledState:
        """The state in which the reference policy acts."""
        return replace(state, params=state.prior)

    def proxy(
        self, state: LabelledState, obs: UInt8[Array, "*batch V V C"], action: Int32[Array, "*batch"]
    ) -> Float32[Array, "*batch"]:
        """The mean of the ensemble's rewards."""
        return self.rewards.predict(state.reward, obs, action)[0]

    def warm_start(self, trained: LabelledState, fresh: LabelledState) -> LabelledState:
        """`fresh` with the parameters, the reference, the ensemble and the step count of `trained`."""
        kept = {"params": trained.params, "steps": trained.steps, "prior": trained.prior}
        return replace(fresh, **kept, reward=trained.reward)

    def update(
        self, state: LabelledState, experience: Experience, key: Key[Array, ""]
    ) -> tuple[LabelledState, Metrics]:
        """The state after cloning, after the round of comparisons, or after PPO's update, whichever it is
        time for. The metrics of the others are 0.
        """
        phases = (self.clone, self.ask, self.improve)
        improved = jax.eval_shape(self.improve, state, experience, key)[1]
        blank = {name: jnp.float32(0) for name in (*CLONED, *ASKED, *improved)}

        def of(number: int) -> Callable[[LabelledState], tuple[LabelledState, Metrics]]:
            def phase(state: LabelledState) -> tuple[LabelledState, Metrics]:
                after, metrics = phases[number](state, experience, key)
                return after, blank | metrics

            return phase

        cloned = state.steps >= self.config.cloning_steps
        asked = state.steps >= self.config.cloning_steps + _steps(experience)
        number = cloned.astype(jnp.int32) + asked.astype(jnp.int32)
        return jax.lax.switch(number, [of(0), of(1), of(2)], state)

    def clone(
        self, state: LabelledState, experience: Experience, key: Key[Array, ""]
    ) -> tuple[LabelledState, Metrics]:
        """Gradient steps on the steps of present co-players."""
        after, metrics = self.near.clone(state, experience, key)
        return LabelledState(**vars(after), reward=state.reward), metrics

    def ask(
        self, state: LabelledState, experience: Experience, key: Key[Array, ""]
    ) -> tuple[LabelledState, Metrics]:
        """The ensemble fitted to the answers of the teacher about clips of the reference policy's unroll."""
        ask_key, fit_key = jax.random.split(key)
        answered = self.comparisons(experience, ask_key)
        reward, metrics = self.rewards.fit(state.reward, answered, fit_key)
        steps = state.steps + jnp.int32(_steps(experience))
        found = self.rewards.report(reward, answered)
        return replace(state, reward=reward, steps=steps), metrics | {
            "comparisons/accuracy": jnp.nan_to_num(found["accuracy"]),
            "comparisons/disagreement": jnp.nan_to_num(found["disagreement"]),
        }

    def comparisons(self, experience: Experience, key: Key[Array, ""]) -> Comparisons:
        """Random pairs of clips of the novices' own steps, and what the teacher says of their rewards."""
        length, own = self.config.clip_length, experience.own
        whole = own.reward.shape[0] // length * length

        def clips(leaf: Array) -> Array:
            cut = sequences(leaf[:whole])
            cut = jnp.moveaxis(cut.reshape(-1, length, *cut.shape[1:]), 2, 1)
            return cut.reshape(-1, length, *cut.shape[3:])

        obs, action, reward = map(clips, (own.timestep.obs, own.action, own.reward))
        pair_key, answer_key = jax.random.split(key)
        asked = pairs(pair_key, reward.shape[0], self.config.labels)
        before = jnp.arange(self.config.labels, dtype=jnp.int32)
        keys = jax.random.split(answer_key, self.config.labels)
        left, right = reward[asked[:, 0]], reward[asked[:, 1]]
        said = jax.vmap(self.config.teacher.answer)(left, right, keys, before)
        return Comparisons(
            obs=obs[asked],
            action=action[asked],
            counts=jnp.ones((*asked.shape, length), jnp.float32),
            preferred=jnp.array(PREFERRED, jnp.float32)[said],
            weight=jnp.ones(self.config.labels, jnp.float32),
        )

    def improve(
        self, state: LabelledState, experience: Experience, key: Key[Array, ""]
    ) -> tuple[LabelledState, Metrics]:
        """PPO's update on the ensemble's rewards, near the reference policy."""
        own, reference = experience.own, self.near.prior_logits(state, experience)
        every = self.members(state, experience)
        mean, std = jnp.mean(every, axis=0), jnp.std(every, axis=0)
        taken = own.action[..., None]
        reward, unsure = (jnp.take_along_axis(of, taken, axis=-1)[..., 0] for of in (mean, std))
        weight = None
        if self.config.penalty == "variance":
            weight = relative(std**2, jax.nn.softmax(reference))
        paid = reward - self.config.lower_coef * unsure if self.config.penalty == "lower_bound" else reward
        inferred = replace(experience, own=replace(own, reward=paid))
        after, metrics = self.near.ppo.update_near(state, inferred, key, reference, prior_weight=weight)
        return after, metrics | {
            "proxy_reward": jnp.mean(reward),
            "true_reward": jnp.mean(own.reward),
            "disagreement": jnp.mean(unsure),
            "reference_kl": jnp.mean(kl_divergence(experience.extras.logits, reference)),
        }

    def members(self, state: LabelledState, experience: Experience) -> Float32[Array, "E T B novices A"]:
        """The reward of every action at the novices' steps by every member."""
        obs = experience.own.timestep.obs

        def of(action: Int32[Array, ""]) -> Float32[Array, "E T B novices"]:
            return self.rewards.members(state.reward, obs, jnp.full(obs.shape[:3], action, jnp.int32))

        found = jax.vmap(of, out_axes=-1)(jnp.arange(len(self.spec.actions), dtype=jnp.int32))
        return jax.lax.stop_gradient(found)


def relative(
    variance: Float32[Array, "*batch A"], probability: Float32[Array, "*batch A"]
) -> Float32[Array, "*batch A"]:
    """The variance of each action over its mean under a policy with these probabilities."""
    return variance / jnp.maximum(jnp.mean(jnp.sum(probability * variance, axis=-1)), SMALLEST)


def _steps(experience: Experience) -> int:
    """The environment steps of an unroll."""
    return experience.own.reward.shape[0] * experience.own.reward.shape[1]

"""The network of the policy-gradient learners: torso, memory, heads for policy, value and auxiliary
predictions.

With `mirror` every step is processed twice, as it is and as its mirror image, each copy with a carry of its
own; logits and values are the means over the copies, mirrored back. Such a policy is equivariant to swapping
left and right, whatever its weights. Carries have leaves (N, copies, F), copies = 1 without `mirror`; with a
memory of places its state, leaves (N, ...), goes with them.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree, UInt8

from socialrl.learners._ppo_config import PPOConfig
from socialrl.learners._views import encoder, prediction_head
from socialrl.nets.bottleneck import Bottleneck, Reading
from socialrl.nets.heads import SmallDense, Tower
from socialrl.nets.memory import Carry, initial_carry
from socialrl.nets.mirror import Mirror
from socialrl.nets.places import PlaceReader
from socialrl.places import MARKS, Found, Places, mirrored, remembered
from socialrl.types import Intervention, Timestep
from socialrl_envs.struct import pytree, replace
from socialrl_envs.types import WorldSpec


@pytree
class CarryWithPlaces:
    """The recurrent state, leaves (*batch, copies, F), and the memory of places, leaves (*batch, ...)."""

    recurrent: Carry
    places: Places


ActorCarry = Carry | CarryWithPlaces


@pytree
class Acted:
    """What acting found, and an update need not compute again. carry: after the step. value: of the step."""

    carry: ActorCarry
    value: Float32[Array, "*batch"]


@pytree
class Outputs:
    """Logits of the policy, value in reward units, features of each copy, and the concepts that were read,
    if there are any.
    """

    logits: Float32[Array, "T N A"]
    value: Float32[Array, "T N"]
    features: Float32[Array, "T N copies F"]
    reading: Reading | None = None


class ActorCritic(nn.Module):
    """The flax module; `ActorCriticFns` has its functions with the parameters as first argument."""

    config: PPOConfig
    spec: WorldSpec

    def setup(self) -> None:
        config, actions = self.config, len(self.spec.actions)
        self.images = Mirror(self.spec, config.mirror)
        self.places = remembered(self.spec, config.places)
        self.reader = PlaceReader()
        aux_inputs = actions + config.use_prev_reward if config.use_prev_action_reward else 0
        aux_inputs += PlaceReader.size if config.places else 0
        marks = len(MARKS) if config.places else 0
        self.encoder = encoder(config, self.spec, config.hidden, config.memory, aux_inputs, marks)
        self.bottleneck = Bottleneck(self.spec.concepts, config.concepts == "hard", config.residual)
        self.policy = Tower(config.heads, actions, 0.01)
        self.critic = Tower(config.heads, 1, 1.0)
        self.prediction = prediction_head(config, self.spec)
        self.attention = SmallDense((max(len(self.spec.coplayers), 1), 2))

    def unroll(
        self, carry: ActorCarry, steps: Timestep, intervention: Intervention | None = None
    ) -> tuple[ActorCarry, Outputs]:
        """The carry after each step, leaves (T, N, ...), and the Outputs. intervention: what is put in the
        place of concepts.
        """
        if not isinstance(carry, CarryWithPlaces):
            return self._unrolled(carry, steps, None, intervention)
        assert self.places is not None
        places = self.places.unroll(carry.places, steps)
        carries, out = self._unrolled(carry.recurrent, steps, self.found(places), intervention)
        return CarryWithPlaces(recurrent=carries, places=places), out

    def outputs(self, carry: ActorCarry, steps: Timestep, found: Found | None) -> Outputs:
        """The Outputs of sequences. found: what is known of places at each step, if they are remembered."""
        recurrent = carry.recurrent if isinstance(carry, CarryWithPlaces) else carry
        return self._unrolled(recurrent, steps, found)[1]

    def found(self, places: Places) -> Found:
        """What is known of places at each step."""
        assert self.places is not None
        return jax.vmap(jax.vmap(self.places.found))(places)

    def next_outputs(self, carries: ActorCarry, steps: Timestep) -> Outputs:
        """The Outputs at steps that each follow one of these carries, leaves (T, N, ...), in the same
        episode.
        """
        found, recurrent = None, carries
        if self.places is not None and isinstance(carries, CarryWithPlaces):
            recurrent = carries.recurrent
            found = self.found(jax.vmap(jax.vmap(self.places.step))(carries.places, steps))
        obs, _, aux_inputs = _merged(self._inputs(steps, found), 1)
        x = self.encoder.next_features(_merged(recurrent, 1), obs, aux_inputs)
        return self._outputs(_split(x, 1, self.images.count))

    def _unrolled(
        self, carry: Carry, steps: Timestep, found: Found | None, intervention: Intervention | None = None
    ) -> tuple[Carry, Outputs]:
        """The recurrent state after each step and the Outputs."""
        carries, x = self.encoder.unroll(_merged(carry, 0), *_merged(self._inputs(steps, found), 1))
        x = _split(x, 1, self.images.count)
        return _split(carries, 1, self.images.count), self._outputs(x, intervention)

    def predict(
        self, x: Float32[Array, "T N copies F"], action: Int32[Array, "T N"]
    ) -> Float32[Array, "T N copies V V C"]:
        """The predicted view after the action, as each copy sees it."""
        return self.prediction(x, self.images.copies(action, self.images.action))

    def attend(self, x: Float32[Array, "T N copies F"]) -> Float32[Array, "T N copies coplayers 2"]:
        """The predicted position of each co-player: cells ahead and to the right, divided by the grid's
        longer side.
        """
        return self.attention(x)

    def init_all(self, carry: ActorCarry, steps: Timestep) -> None:
        """Uses every parameter once, so that `init` makes them all."""
        _, out = self.unroll(carry, steps)
        if self.config.prediction_coef > 0:
            self.predict(out.features, steps.prev_action)
        if self.config.attention_coef > 0:
            self.attend(out.features)

    def _inputs(
        self, steps: Timestep, found: Found | None
    ) -> tuple[
        UInt8[Array, "T N copies V V C"],
        Bool[Array, "T N copies"],
        Float32[Array, "T N copies aux"] | None,
    ]:
        """Views, starts of episodes, and the auxiliary inputs, of each copy."""
        images, aux_inputs = self.images, None
        obs, first = images.copies(steps.obs, images.view), images.copies(steps.first, images.same)
        if self.config.use_prev_action_reward:
            action = images.copies(steps.prev_action, images.action)
            aux_inputs = jax.nn.one_hot(
                jnp.where(first, -1, action), len(self.spec.actions), dtype=jnp.float32
            )
            if self.config.use_prev_reward:
                reward = images.copies(steps.prev_reward, images.same)[..., None]
                aux_inputs = jnp.concatenate([aux_inputs, reward], axis=-1)
        if found is not None:
            read = self.reader(images.copies(found.places, mirrored))
            marks = images.copies(found.marks, lambda x: x[..., ::-1, :])
            obs = jnp.concatenate([obs, marks], axis=-1)
            aux_inputs = read if aux_inputs is None else jnp.concatenate([aux_inputs, read], axis=-1)
        return obs, first, aux_inputs

    def _outputs(
        self, x: Float32[Array, "T N copies F"], intervention: Intervention | None = None
    ) -> Outputs:
        """The Outputs of features."""
        reading, inputs = None, x
        if self.config.concepts != "none":
            put_in = jax.tree.map(lambda leaf: leaf[:, :, None], intervention)
            reading = self.bottleneck(x, put_in)
            inputs = reading.inputs
        logits = self.images.restored(self.policy(inputs), self.images.table)
        value = jnp.mean(self.critic(inputs)[..., 0], axis=2)
        return Outputs(logits=jnp.mean(logits, axis=2), value=value, features=x, reading=reading)


class ActorCriticFns:
    """The functions of an ActorCritic with the parameters as first argument."""

    def __init__(self, config: PPOConfig, spec: WorldSpec):
        self.module, self.config, self.spec = ActorCritic(config, spec), config, spec
        self.apply: Callable[..., Any] = (
            self.module.apply
        )  # flax knows no types: the methods below state them
        self.images, self.places = Mirror(spec, config.mirror), remembered(spec, config.places)

    def initial_carry(self, *batch: int) -> ActorCarry:
        """The carry at the start of an episode, leaves (*batch, copies, F), those of places (*batch, ...)."""
        recurrent = initial_carry(self.config.memory, self.config.hidden[-1], *batch, self.images.count)
        if self.places is None:
            return recurrent
        return CarryWithPlaces(recurrent=recurrent, places=self.places.init(*batch))

    def init(self, key: Key[Array, ""]) -> PyTree:
        """Fresh parameters."""
        blank = Timestep(
            obs=jnp.zeros((1, 1, *self.spec.obs_shape), jnp.uint8),
            prev_action=jnp.zeros((1, 1), jnp.int32),
            prev_reward=jnp.zeros((1, 1), jnp.float32),
            first=jnp.ones((1, 1), bool),
        )
        return self.module.init(key, self.initial_carry(1), blank, method=self.module.init_all)

    def unroll(
        self,
        params: PyTree,
        carry: ActorCarry,
        steps: Timestep,
        intervention: Intervention | None = None,
    ) -> tuple[ActorCarry, Outputs]:
        """The carry after each step (T, N), leaves (T, N, copies, F), and the Outputs. intervention: what is
        put in the place of concepts.
        """
        return self.apply(params, carry, steps, intervention, method=self.module.unroll)

    def outputs(self, params: PyTree, carry: ActorCarry, steps: Timestep, found: Found | None) -> Outputs:
        """The Outputs of sequences. found: what is known of places at each step, if they are remembered."""
        return self.apply(params, carry, steps, found, method=self.module.outputs)

    def found(self, carries: ActorCarry) -> Found | None:
        """What is known of places at each step, by the carries after it; None if none are remembered."""
        if self.places is None or not isinstance(carries, CarryWithPlaces):
            return None
        return jax.vmap(jax.vmap(self.places.found))(carries.places)

    def step(
        self,
        params: PyTree,
        carry: ActorCarry,
        timestep: Timestep,
        intervention: Intervention | None = None,
    ) -> tuple[ActorCarry, Outputs]:
        """The carry after one step (N,) and the Outputs, whose T is 1."""
        carries, out = self.unroll(params, carry, *jax.tree.map(lambda x: x[None], (timestep, intervention)))
        return jax.tree.map(lambda x: x[0], carries), out

    def next_outputs(self, params: PyTree, carries: ActorCarry, steps: Timestep) -> Outputs:
        """The Outputs at steps that each follow one of these carries in the same episode."""
        return self.apply(params, carries, steps, method=self.module.next_outputs)

    def predict(
        self, params: PyTree, x: Float32[Array, "T N copies F"], action: Int32[Array, "T N"]
    ) -> Float32[Array, "T N copies V V C"]:
        """The predicted view after the action, as each copy sees it."""
        return self.apply(params, x, action, method=self.module.predict)

    def attend(
        self, params: PyTree, x: Float32[Array, "T N copies F"]
    ) -> Float32[Array, "T N copies coplayers 2"]:
        """The predicted position of each co-player, as each copy sees it."""
        return self.apply(params, x, method=self.module.attend)


def _merged(tree: PyTree, axis: int) -> PyTree:
    """The leaves with the axes `axis` (N) and `axis + 1` (copies) as one."""
    return jax.tree.map(lambda x: x.reshape(*x.shape[:axis], -1, *x.shape[axis + 2 :]), tree)


def _split(tree: PyTree, axis: int, copies: int) -> PyTree:
    """The inverse of `_merged`."""
    return jax.tree.map(lambda x: x.reshape(*x.shape[:axis], -1, copies, *x.shape[axis + 1 :]), tree)


def hide_others(timestep: Timestep, spec: WorldSpec) -> Timestep:
    """The timestep with the channels of the view that show other agents set to 0."""
    kept = np.array([channel not in spec.channels_of_others for channel in spec.channels], np.uint8)
    return replace(timestep, obs=timestep.obs * kept)

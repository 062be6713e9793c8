"""The network of the policy-gradient learners: torso, memory, heads for policy, value and the auxiliary
predictions.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32

from socialrl.nets.heads import Prediction, SmallDense, Tower
from socialrl.nets.memory import Encoder, blank
from socialrl.nets.mirror import Mirror
from socialrl.types import Timestep
from socialrl_envs.struct import pytree
from socialrl_envs.types import WorldSpec


@pytree
class Outputs:
    """What the network says of each step. features: (T, N, D, F), one per look, see ActorCritic."""

    logits: Float32[Array, "T N A"]
    value: Float32[Array, "T N"]
    features: Float32[Array, "T N D F"]


class ActorCritic(nn.Module):
    """Looks at each step D times: once, or with `mirror` also at its mirror image, with a memory of its own.

    Logits and values are the mean of what is read off each look, turned back: such a policy does in a
    mirrored world the mirrored thing, whatever its weights. Memories have leaves (N, D, F).
    """

    config: Any
    spec: WorldSpec

    def setup(self) -> None:
        config, actions = self.config, len(self.spec.actions)
        self.images = Mirror(self.spec)
        self.encoder = Encoder(config.hidden, config.memory, actions + 1 if config.previous else 0)
        self.policy = Tower(config.heads, actions, 0.01)
        self.critic = Tower(config.heads, 1, 1.0)
        self.prediction = Prediction(self.spec.obs_shape, actions, config.predictor)
        self.attention = SmallDense((max(len(self.spec.coplayers), 1), 2))

    def unroll(self, memory: Any, steps: Timestep) -> tuple[Any, Outputs]:
        """Steps (T, N) -> the memories after each, leaves (T, N, D, F), and what is said of them."""
        looks = self._looks(steps)
        memories, x = self.encoder.unroll(_flat(memory, 0), *_flat(looks, 1))
        return _split(memories, 1, self.looks), self._read(_split(x, 1, self.looks))

    def ahead(self, memories: Any, steps: Timestep) -> Outputs:
        """What is said of steps (T, N), each of which follows its memory, leaves (T, N, D, F), in the same
        episode.
        """
        obs, _, told = _flat(self._looks(steps), 1)
        return self._read(_split(self.encoder.ahead(_flat(memories, 1), obs, told), 1, self.looks))

    def predict(self, x: Float32[Array, "T N D F"], action: Array) -> Float32[Array, "T N D V V C"]:
        """What each look expects to be seen after the action (T, N)."""
        return self.prediction(x, self._images(action, self.images.action))

    def attend(self, x: Float32[Array, "T N D F"]) -> Float32[Array, "T N D K 2"]:
        """Where each look believes the co-players to be: cells ahead and to the right, by the length of the
        grid.
        """
        return self.attention(x)

    def everything(self, memory: Any, steps: Timestep) -> Any:
        """Touches every parameter, for `init`."""
        memories, out = self.unroll(memory, steps)
        if self.config.prediction > 0:
            self.predict(out.features, steps.prev_action)
        if self.config.attention > 0:
            self.attend(out.features)
        return memories, out

    @property
    def looks(self) -> int:
        """D."""
        return 2 if self.config.mirror else 1

    def _images(self, x: Array, turn: Any) -> Array:
        """x (T, N, ...) and its mirror image as (T, N, D, ...)."""
        return jnp.stack([x, turn(x)] if self.config.mirror else [x], axis=2)

    def _looks(self, steps: Timestep) -> tuple[Array, Array, Array | None]:
        """Views, starts and what else is known, (T, N, D, ...)."""
        obs, told = self._images(steps.obs, self.images.view), None
        first = self._images(steps.first, lambda x: x)
        if self.config.previous:
            action = self._images(steps.prev_action, self.images.action)
            actions = jax.nn.one_hot(jnp.where(first, -1, action), len(self.spec.actions), dtype=jnp.float32)
            reward = self._images(steps.prev_reward, lambda x: x)[..., None]
            told = jnp.concatenate([actions, reward], axis=-1)
        return obs, first, told

    def _read(self, x: Float32[Array, "T N D F"]) -> Outputs:
        logits, value = self.policy(x), self.critic(x)[..., 0]
        if self.config.mirror:
            logits = jnp.stack([logits[:, :, 0], self.images.table(logits[:, :, 1])], axis=2)
        return Outputs(logits=jnp.mean(logits, axis=2), value=jnp.mean(value, axis=2), features=x)


def _flat(tree: Any, axis: int) -> Any:
    """Axes `axis` (N) and `axis + 1` (D) as one."""
    return jax.tree.map(lambda x: x.reshape(*x.shape[:axis], -1, *x.shape[axis + 2 :]), tree)


def _split(tree: Any, axis: int, looks: int) -> Any:
    """The inverse of `_flat`."""
    return jax.tree.map(lambda x: x.reshape(*x.shape[:axis], -1, looks, *x.shape[axis + 1 :]), tree)


def blank_memory(config: Any, *batch: int) -> Any:
    """The memory at the start of an episode, leaves (*batch, D, F)."""
    return blank(config.memory, config.hidden[-1], *batch, 2 if config.mirror else 1)


def hide_others(steps: Timestep, spec: WorldSpec) -> Timestep:
    """The steps with the channels in which others are seen set to 0."""
    kept = np.array([channel not in spec.channels_of_others for channel in spec.channels], np.uint8)
    return Timestep(
        obs=steps.obs * kept, prev_action=steps.prev_action, prev_reward=steps.prev_reward, first=steps.first
    )

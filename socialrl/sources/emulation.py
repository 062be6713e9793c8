"""Emulation: go to where another is believed to be going (goal emulation).

Two parts are learnt in hindsight. The belief: on which cell of the novice's map the co-player nearest to it
will next find something, from all that the map tells of each cell; the scores of the cells come from one
network, so that what is learnt in one place holds in all. The way: pi(a | o, destination), cloned from the
co-players' own steps, each with the destination that it then reached.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32, Key, PyTree, Shaped

from socialrl.losses.means import masked_mean
from socialrl.losses.policy import cloning_loss
from socialrl.nets.heads import SmallDense, drawn
from socialrl.nets.torso import Torso
from socialrl.sources import ANYONE, Lesson, Proposal, Source
from socialrl.spatial import Sight, SpatialMemory
from socialrl.types import Metrics
from socialrl_envs.types import WorldSpec

HIDDEN = 64  # of the network that knows the way
CELL_HIDDEN = (16, 8)  # of the network that scores a cell
EVERY = 3  # of so many steps in a row one teaches the belief: what is seen in them is nearly the same
SHARPNESS = 2.0  # exponent of the cloned policy when it acts
SURE = 0.1  # the probability of the likeliest destination below which nobody is emulated


class AcrossPlanes(nn.Module):
    """A linear map of the first axis, with the parameters of `nn.Dense`. size: H."""

    size: int

    @nn.compact
    def __call__(self, x: Float32[Array, "F *batch"]) -> Float32[Array, "H *batch"]:
        kernel = self.param("kernel", nn.initializers.lecun_normal(), (x.shape[0], self.size))
        bias = self.param("bias", nn.initializers.zeros, (self.size,))
        return jnp.tensordot(kernel, x, axes=(0, 0)) + bias.reshape(-1, *(1,) * (x.ndim - 1))


class Emulation(nn.Module):
    """Where another is going, and how one goes there."""

    cells: int
    actions: int

    def setup(self) -> None:
        self.scores = [AcrossPlanes(size) for size in CELL_HIDDEN]
        self.score = AcrossPlanes(1)
        self.torso, self.place = Torso((HIDDEN,)), nn.Embed(self.cells, HIDDEN)
        self.mixed, self.head = nn.Dense(HIDDEN), SmallDense((self.actions,), 0.1)

    def belief(self, features: Float32[Array, "F *batch cells"]) -> Float32[Array, "*batch cells"]:
        """Logits over the cells of the map."""
        x = features
        for layer in self.scores:
            x = nn.relu(layer(x))
        return self.score(x)[0]

    def way(
        self, obs: Shaped[Array, "*batch V V C"], cell: Int32[Array, "*batch"]
    ) -> Float32[Array, "*batch A"]:
        """Logits of the policy that goes to this cell of the map."""
        return self.head(nn.relu(self.mixed(self.torso(obs) + self.place(cell))))

    def init_all(self, features: Float32[Array, "F 1 cells"], obs: Shaped[Array, "1 V V C"]) -> None:
        """Uses every parameter once, so that `init` makes them all."""
        self.belief(features)
        self.way(obs, jnp.zeros(1, jnp.int32))


def build(spec: WorldSpec, memory: SpatialMemory) -> Source:
    """Emulation of whoever is nearest."""
    net = Emulation(memory.cells, len(spec.actions))

    def init(key: Key[Array, ""]) -> PyTree:
        none = jnp.zeros(1, jnp.int32)
        obs = jnp.zeros((1, *spec.obs_shape), jnp.uint8)
        blank = Sight(obs=obs, code=jnp.zeros((1, memory.cells), jnp.int32), time=none, heading=none)
        return net.init(key, memory.features(blank), obs, method=net.init_all)

    def belief(params: PyTree, sight: Sight) -> Float32[Array, "*batch cells"]:
        logits = net.apply(params, memory.features(sight), method=net.belief)
        assert isinstance(logits, jax.Array)
        return logits

    def way(params: PyTree, obs: Array, cell: Array) -> Array:
        logits = net.apply(params, obs, cell, method=net.way)
        assert isinstance(logits, jax.Array)
        return logits

    def propose(params: PyTree, sight: Sight, key: Key[Array, ""], explore: bool) -> Proposal:
        logits = belief(params, sight)
        goal, sure = jnp.argmax(logits, axis=-1).astype(jnp.int32), jnp.max(jax.nn.softmax(logits), axis=-1)
        action = drawn(SHARPNESS * way(params, sight.obs, goal), key, explore)
        return Proposal(action=action[:, None], available=(sure > SURE)[:, None], confidence=sure[:, None])

    def loss(params: PyTree, lesson: Lesson) -> tuple[Float32[Array, ""], Metrics]:
        sight, target, known = jax.tree.map(
            lambda x: x[::EVERY], (lesson.sight, lesson.target, lesson.target_known)
        )
        logits = belief(params, sight)
        error = masked_mean(over_steps(logits, target), known)
        right = (jnp.argmax(logits, axis=-1) == target).astype(jnp.float32)
        ways = way(params, lesson.others.obs, lesson.goal)
        count = lesson.goal.shape[2]
        cloned = jnp.stack(
            [over_steps(ways[:, :, k], lesson.others.action[:, :, k]) for k in range(count)], -1
        )
        cloning = masked_mean(cloned, lesson.goal_known)
        metrics = {
            "emulation/belief_loss": error,
            "emulation/belief_accuracy": masked_mean(right, known),
            "emulation/way_loss": cloning,
        }
        return 0.3 * error + cloning, metrics

    def going(params: PyTree, sight: Sight) -> Float32[Array, "*batch cells"]:
        return jax.nn.softmax(belief(params, sight))

    whom = (ANYONE,) if spec.coplayers else ()
    return Source(whom=whom, propose=propose, init=init, loss=loss, going=going)


def over_steps(logits: Float32[Array, "T n X"], target: Int32[Array, "T n"]) -> Float32[Array, "T n"]:
    """-log softmax(logits)[target] of every step."""
    return jax.vmap(cloning_loss, in_axes=1, out_axes=1)(logits, target)

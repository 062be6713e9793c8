"""What does the memory hold? The next tile of the hidden order is read off it by a linear map, over the
course of an episode.

Ridge regression, fitted on one half of the episodes and tested on the other: from the memory after each look
at the world to where the tile that pays next lies, in cells ahead and to the right of the novice. Read right
means that of all tiles but the one that paid last, the right one lies nearest to that place. Guessing one of
them is right in 1 / (goals - 1) of the steps.

Labels of a record: the company's `presence`. Steps before the first visit do not count: any tile pays then.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree, UInt8

from socialrl import evaluation
from socialrl.geometry import egocentric
from socialrl.protocols import Study
from socialrl.protocols._measures import BINS, mean_where
from socialrl.rollout import Trace, make_rollout
from socialrl.seeds import PerSeed
from socialrl.types import ActOutput, Learner, Timestep
from socialrl_envs import grid, presence
from socialrl_envs.errors import SocialRLError
from socialrl_envs.types import World
from socialrl_envs.world import require

STREAM = 0x4E40  # folded into a seed's key: levels of its own
PRESENCES = {"full": "always", "half": "first_half", "never": "never"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Options of memory.

    episodes: per seed and presence, half of them to fit on.
    ridge: regularisation of the linear map, in units of the mean variance of a number of the memory.
    """

    kind: ClassVar[str] = "memory"

    episodes: int = 256
    ridge: float = 0.01

    def __post_init__(self) -> None:
        require(self.episodes >= 2, "episodes", self.episodes, "at least 2: one half to fit, one to test")
        require(self.ridge > 0, "ridge", self.ridge, "positive")

    def run(self, study: Study) -> Iterator[tuple[dict[str, Any], PerSeed]]:
        """Yields labels and a bundle of measures by name: read_right, read_right/<bin> of BINS equal parts of
        the time, and guess, the share that guessing gets."""
        if not self.count(study):
            return
        world = study.world
        keys = study.seeds.bundle(
            [jax.random.fold_in(root, STREAM) for root in study.seeds.unbundle(study.roots)]
        )
        rollout = make_rollout(world, showing_memory(study.learner))

        def probe(state: Any, key: Key[Array, ""], numbers: dict[str, Array]) -> dict[str, Array]:
            return read_right(
                evaluation.trace(rollout, state, key, self.episodes, numbers), world, self.ridge
            )

        evaluate = study.seeds.map(probe, 2)
        for name, schedule in PRESENCES.items():
            numbers = jnp.asarray(world.numbers["presence"])
            seats = jnp.array(world.spec.coplayers, jnp.int32)
            numbers = numbers.at[seats].set(jnp.array(presence.SCHEDULES[schedule], jnp.float32))
            yield {"presence": name}, evaluate(study.states, keys, {"presence": numbers})

    def count(self, study: Study) -> int:
        """How many records `run` yields: none of a learner that remembers nothing."""
        if not {"right_goal", "first_goal"} <= set(study.world.spec.cumulants):
            raise SocialRLError(
                f"memory: {study.world.spec.name} has no hidden order", "probe it in goal_cycle"
            )
        return len(PRESENCES) if jax.tree.leaves(study.learner.initial_carry(1, 1)) else 0


def showing_memory(learner: Learner) -> Learner:
    """The learner with its carry after each step, flattened to float32 (*batch, F), as its extras."""

    def act(
        state: PyTree, carry: PyTree, timestep: Timestep, key: Key[Array, ""], explore: bool
    ) -> ActOutput:
        acted = learner.act(state, carry, timestep, key, explore)
        batch = acted.decision.action.shape
        leaves = [leaf.reshape(*batch, -1) for leaf in jax.tree.leaves(acted.carry)]
        return acted._replace(extras=jnp.concatenate(leaves, axis=-1))

    return dataclasses.replace(learner, act=act, capabilities=())


def read_right(trace: Trace, world: World, ridge: float) -> dict[str, Array]:
    """The measures of a trace whose extras are the carries."""
    there, due, last = tiles_of(trace, world)  # (T, B, M, G, 2), (T, B, M), (T, B, M)
    memory = trace.extras
    counts = (last >= 0) & trace.alive[..., None]
    target = jnp.take_along_axis(there, due[..., None, None], axis=-2)[..., 0, :]
    half = memory.shape[1] // 2
    found = fit(memory[:, :half], target[:, :half], counts[:, :half], ridge)
    believed = jnp.concatenate([memory, jnp.ones_like(memory[..., :1])], axis=-1)[:, half:] @ found
    distance = jnp.sum((there[:, half:] - believed[..., None, :]) ** 2, axis=-1)
    tiles = jnp.arange(there.shape[-2])
    distance = jnp.where(tiles == last[:, half:, :, None], jnp.inf, distance)
    right, counted = jnp.argmin(distance, axis=-1) == due[:, half:], counts[:, half:]
    parts = np.array_split(np.arange(right.shape[0]), BINS)
    curve = {f"read_right/{i}": mean_where(right[part], counted[part]) for i, part in enumerate(parts)}
    guess = jnp.float32(1 / (there.shape[-2] - 1))
    return {"read_right": mean_where(right, counted), "guess": guess} | curve


def fit(
    memory: Float32[Array, "T B M F"],
    target: Float32[Array, "T B M 2"],
    counts: Bool[Array, "T B M"],
    ridge: float,
) -> Float32[Array, "G 2"]:
    """The linear map from (memory, 1) to the target with the least squared error, G = F + 1."""
    x = jnp.concatenate([memory, jnp.ones_like(memory[..., :1])], axis=-1).reshape(-1, memory.shape[-1] + 1)
    weight = counts.reshape(-1, 1).astype(jnp.float32)
    gram = x.T @ (weight * x)
    size = gram.shape[0]
    scale = ridge * jnp.trace(gram) / size
    return jnp.linalg.solve(
        gram + scale * jnp.eye(size, dtype=jnp.float32), x.T @ (weight * target.reshape(-1, 2))
    )


def tiles_of(
    trace: Trace, world: World
) -> tuple[Float32[Array, "T B M G 2"], Int32[Array, "T B M"], Int32[Array, "T B M"]]:
    """Before each step: cells ahead and to the right of each novice at which the goals lie, the number of the
    one that is due and of the one that paid last (-1 before the first visit)."""
    config: Any = world.config
    seats = np.array(world.spec.novices)
    states: Any = jax.tree.map(lambda leaf: leaf[:-1], trace.states)
    cells = goal_cells(states.tiles[0], config.goals)
    offset = (cells[None, :, None] - states.position[:, :, seats, None]).astype(jnp.float32)
    there = egocentric(offset, states.heading[:, :, seats])
    place = states.place[:, :, seats].astype(jnp.int32)
    return there, (place + 1) % config.goals, place


def goal_cells(tiles: UInt8[Array, "B H W"], goals: int) -> Int32[Array, "B G 2"]:
    """Row and column of every goal."""
    flat = tiles.reshape(tiles.shape[0], -1)
    cells = jnp.stack([jnp.argmax(flat == grid.GOAL + i, axis=1) for i in range(goals)], axis=1).astype(
        jnp.int32
    )
    return jnp.stack([cells // tiles.shape[2], cells % tiles.shape[2]], axis=-1)

"""A linear probe of the recurrent carry: does it hold where the next goal of the hidden order lies?

Ridge regression maps the carry after each observation to the position of the goal that pays next, in cells
ahead and to the right of the novice. It is fitted on one half of the episodes and tested on the other. A
reading is right if, of all goals but the one that paid last, the right one is nearest to the predicted
position; a guess is right in 1 / (goals - 1) of the steps. Steps before the first visit of a goal are left
out, because any goal pays then.

An agent can learn the order by trying, too, and then its carry holds it although nobody showed it. Two
controls tell this apart: the same probe of an arm that never met experts, and `untold`, the steps before the
novice has itself made a choice that was right or wrong. There the order can be known from watching alone:
without company a reading is right no more often than a guess.
"""

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree, UInt8

from socialrl import evaluation
from socialrl.geometry import egocentric
from socialrl.protocols import LearnerState, Study
from socialrl.protocols._measures import BINS, HiddenOrder, departed, mean_where, visits
from socialrl.protocols._overrides import Overrides, scheduled
from socialrl.record import labels
from socialrl.rollout import Trace, make_rollout
from socialrl.seeds import PerSeed
from socialrl.types import ActOutput, Learner, Timestep
from socialrl_envs import grid
from socialrl_envs.errors import SocialRLError
from socialrl_envs.options import Options, option
from socialrl_envs.types import State, World

STREAM = 0x4E40  # of keys, so that the levels are new


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Options):
    """Options of memory."""

    kind: ClassVar[str] = labels.Memory.kind
    needs: ClassVar[str] = "a learner with a memory (recurrent, or of places) in a world with a hidden order"

    episodes: int = option(
        256, "episodes per seed and presence; one half fits the probe, the other tests it", low=2
    )
    ridge: float = option(
        0.01, "regularisation of the probe, in units of the mean variance of a number of the carry", above=0
    )

    def count(self, study: Study) -> int:
        """One per presence; 0 if the learner has no carry."""
        if not {"right_goal", "first_goal"} <= set(study.world.spec.cumulants):
            raise SocialRLError(
                f"memory: {study.world.spec.name} has no hidden order", "probe it in goal_cycle"
            )
        return len(labels.PRESENCES) if jax.tree.leaves(study.learner.initial_carry(1, 1)) else 0

    def run(self, study: Study) -> Iterator[tuple[labels.Memory, PerSeed]]:
        """Yields labels and the measures of `probe`."""
        if not self.count(study):
            return
        world, keys = study.world, study.keys(STREAM)
        rollout = make_rollout(world, exposing_carry(study.learner))

        def measure(state: LearnerState, key: Key[Array, ""], overrides: Overrides) -> dict[str, Array]:
            return probe(evaluation.trace(rollout, state, key, self.episodes, overrides), world, self.ridge)

        evaluate = study.seeds.map(measure, 2)
        for presence, schedule in labels.PRESENCES.items():
            overrides = {"presence": scheduled(world, schedule, world.spec.coplayers)}
            yield labels.Memory(presence), evaluate(study.states, keys, overrides)


def exposing_carry(learner: Learner) -> Learner:
    """The learner with its carry after each step, flattened to float32 (*batch, F), as its extras."""

    def act(
        state: LearnerState, carry: PyTree, timestep: Timestep, key: Key[Array, ""], explore: bool
    ) -> ActOutput:
        acted = learner.act(state, carry, timestep, key, explore)
        batch = acted.decision.action.shape
        leaves = [leaf.reshape(*batch, -1).astype(jnp.float32) for leaf in jax.tree.leaves(acted.carry)]
        return acted._replace(extras=jnp.concatenate(leaves, axis=-1))

    return dataclasses.replace(learner, act=act, capabilities=())


def probe(trace: Trace, world: World, ridge: float) -> dict[str, Array]:
    """Scalars by name, of a trace whose extras are the carries.

    read_right: share of the tested steps on which the reading is right; read_right/<bin>: the same in BINS
    equal parts of the time. untold: the same before the novice's own first choice. untold_gone: of these, on
    the steps after the co-players' departure. guess: the share for a guess.
    """
    goals, due, last = goal_positions(trace, world)  # (T, B, M, G, 2), (T, B, M), (T, B, M)
    carry = trace.extras
    mask = (last >= 0) & trace.alive[..., None]
    target = jnp.take_along_axis(goals, due[..., None, None], axis=-2)[..., 0, :]
    half = carry.shape[1] // 2
    weights = fit(carry[:, :half], target[:, :half], mask[:, :half], ridge)
    predicted = jnp.concatenate([carry, jnp.ones_like(carry[..., :1])], axis=-1)[:, half:] @ weights
    distance = jnp.sum((goals[:, half:] - predicted[..., None, :]) ** 2, axis=-1)
    numbers = jnp.arange(goals.shape[-2])
    distance = jnp.where(numbers == last[:, half:, :, None], jnp.inf, distance)
    right, tested = jnp.argmin(distance, axis=-1) == due[:, half:], mask[:, half:]
    parts = np.array_split(np.arange(right.shape[0]), BINS)
    curve = {f"read_right/{i}": mean_where(right[part], tested[part]) for i, part in enumerate(parts)}
    guess = jnp.float32(1 / (goals.shape[-2] - 1))
    alone = tested & untold(trace, world)[:, half:]
    gone = alone & departed(trace, world)[:, half:, None]
    shares = {"read_right": tested, "untold": alone, "untold_gone": gone}
    return {name: mean_where(right, where) for name, where in shares.items()} | {"guess": guess} | curve


def untold(trace: Trace, world: World) -> Bool[Array, "T B M"]:
    """Whether, before each step, the novice has not yet visited a goal that was right or wrong; a visit that
    is right in any order does not count.
    """
    seen = visits(trace, world)
    choice = (seen.right | seen.wrong) & ~seen.free
    return jnp.cumsum(choice, axis=0, dtype=jnp.int32) - choice.astype(jnp.int32) == 0


def fit(
    carry: Float32[Array, "T B M F"],
    target: Float32[Array, "T B M 2"],
    mask: Bool[Array, "T B M"],
    ridge: float,
) -> Float32[Array, "G 2"]:
    """The linear map from (carry, 1) to the target with the least squared error over the mask, G = F + 1."""
    x = jnp.concatenate([carry, jnp.ones_like(carry[..., :1])], axis=-1).reshape(-1, carry.shape[-1] + 1)
    weight = mask.reshape(-1, 1).astype(jnp.float32)
    gram = x.T @ (weight * x)
    size = gram.shape[0]
    penalty = ridge * jnp.trace(gram) / size
    return jnp.linalg.solve(
        gram + penalty * jnp.eye(size, dtype=jnp.float32), x.T @ (weight * target.reshape(-1, 2))
    )


def goal_positions(
    trace: Trace, world: World
) -> tuple[Float32[Array, "T B M G 2"], Int32[Array, "T B M"], Int32[Array, "T B M"]]:
    """Before each step: the goals' positions in cells ahead and to the right of each novice, the number of
    the goal that pays next, and of the one that paid last (-1 before the first visit)."""
    assert isinstance(world.config, HiddenOrder)
    count, seats = world.config.goals, np.array(world.spec.novices)
    states: State = jax.tree.map(lambda leaf: leaf[:-1], trace.states)
    cells = goal_cells(states.level.tiles[0], count)
    offset = (cells[None, :, None] - states.seats.position[:, :, seats, None]).astype(jnp.float32)
    positions = egocentric(offset, states.seats.heading[:, :, seats])
    last = states.task.place[:, :, seats].astype(jnp.int32)
    return positions, (last + 1) % count, last


def goal_cells(tiles: UInt8[Array, "B H W"], count: int) -> Int32[Array, "B G 2"]:
    """Row and column of every goal, in the hidden order."""
    flat = tiles.reshape(tiles.shape[0], -1)
    cells = jnp.stack([jnp.argmax(flat == grid.GOAL + i, axis=1) for i in range(count)], axis=1)
    cells = cells.astype(jnp.int32)
    return jnp.stack([cells // tiles.shape[2], cells % tiles.shape[2]], axis=-1)

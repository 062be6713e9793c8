"""How much of a hidden sequence is known: measures of worlds whose episodes are trials of one sequence."""

from typing import Protocol, runtime_checkable

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32

from socialrl_envs.types import World, WorldSpec


@runtime_checkable
class Sequence(Protocol):
    """The config of a world in which goals are to be visited in a sequence, trial after trial."""

    @property
    def goals(self) -> int:
        """The length of the sequence."""
        ...

    @property
    def trials(self) -> int:
        """The number of trials in an episode, all of one length."""
        ...


def sequence_of(world: World) -> Sequence | None:
    """The config of a world with such a sequence, else None."""
    has = {"right_goal", "wrong_goal"} <= set(world.spec.cumulants)
    return world.config if has and isinstance(world.config, Sequence) else None


def visits_of(
    cumulants: Float32[Array, "*batch K"], spec: WorldSpec
) -> tuple[Bool[Array, "*batch"], Bool[Array, "*batch"]]:
    """Steps onto a right and onto a wrong goal."""
    right, wrong = (cumulants[..., spec.cumulants.index(name)] > 0 for name in ("right_goal", "wrong_goal"))
    return right, wrong


def known(
    right: Bool[Array, "T *batch"], wrong: Bool[Array, "T *batch"], goals: int, trials: int
) -> Float32[Array, "trials *batch"]:
    """The share of the sequence that was visited before the first mistake, in each trial.

    right, wrong: steps onto a right or a wrong goal; T is a multiple of `trials`.
    """
    by_trial = right.reshape(trials, -1, *right.shape[1:])
    wrongs = wrong.reshape(by_trial.shape).astype(jnp.int32)
    unspoilt = jnp.cumsum(wrongs, axis=1) == 0
    return jnp.sum(by_trial & unspoilt, axis=1, dtype=jnp.float32) / goals


def known_measures(
    right: Bool[Array, "T *batch"], wrong: Bool[Array, "T *batch"], sequence: Sequence
) -> dict[str, Float32[Array, ""]]:
    """Means of `known`: `known/<trial>`, counted from 1, and `known`, over all trials."""
    share = known(right, wrong, sequence.goals, sequence.trials)
    by_trial = jnp.mean(share.reshape(sequence.trials, -1), axis=1)
    return {f"known/{i + 1}": by_trial[i] for i in range(sequence.trials)} | {"known": jnp.mean(by_trial)}

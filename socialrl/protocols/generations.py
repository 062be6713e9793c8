"""What each generation of an arm has come to: its return beside its elders, and alone.

The last state of such an arm holds what acting reads of all its generations, so that all are measured at the
end, on the same held-out levels. Alone is what counts as accumulation: it shows what a novice has made its
own, and it is comparable with an arm that lived once for as many steps.
"""

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Int32, Key

from socialrl import evaluation
from socialrl.protocols import LearnerState, Study
from socialrl.protocols._measures import measures
from socialrl.protocols._overrides import Overrides, scheduled
from socialrl.protocols._sequence import known_measures, sequence_of, visits_of
from socialrl.record import labels
from socialrl.rollout import Trace, make_rollout
from socialrl.seeds import PerSeed
from socialrl.types import Influence
from socialrl_envs.options import Options, option
from socialrl_envs.types import World

STREAM = 0x6E4E  # of keys, so that the levels are new


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Options):
    """Options of generations."""

    kind: ClassVar[str] = labels.Generations.kind
    needs: ClassVar[str] = "an arm with `generations`"

    episodes: int = option(128, "held-out episodes per seed and condition", low=1)
    sampled: bool = option(False, "whether actions are drawn, as while training; else the best one is taken")

    def count(self, study: Study) -> int:
        """One for the first generation, two for each after it; 0 for an arm with one lifetime."""
        return len(self.conditions(study))

    def run(self, study: Study) -> Iterator[tuple[labels.Generations, PerSeed]]:
        """Yields labels and the measures of `measured`."""
        if (generations := study.generations) is None:
            return
        world, keys, rollout = study.world, study.keys(STREAM), make_rollout(study.world, study.learner)
        influence = study.learner.capability(Influence) is not None

        def measure(
            state: LearnerState, key: Key[Array, ""], overrides: Overrides, number: Int32[Array, ""]
        ) -> dict[str, Array]:
            then = generations.at(state, number)
            trace = evaluation.trace(rollout, then, key, self.episodes, overrides, self.sampled)
            return measured(trace, world, influence)

        evaluate = study.seeds.map(measure, 2)
        for one in self.conditions(study):
            schedule = labels.PRESENCES[one.presence]
            overrides = {"presence": scheduled(world, schedule, world.spec.coplayers)}
            yield one, evaluate(study.states, keys, overrides, jnp.int32(one.generation - 1))

    def conditions(self, study: Study) -> list[labels.Generations]:
        """The conditions: each generation that has lived, beside its elders if it has some, and alone."""
        if study.generations is None:
            return []
        lived = int(study.seeds.unbundle(study.states)[0].generation) + 1
        beside = {number: ("never",) if number == 1 else ("full", "never") for number in range(1, lived + 1)}
        return [labels.Generations(number, presence) for number in beside for presence in beside[number]]


def measured(trace: Trace, world: World, influence: bool) -> dict[str, Array]:
    """Scalars by name: those of `_measures.measures`, and of worlds with a sequence those of
    `known_measures`.
    """
    found = measures(trace, world, influence)
    if (sequence := sequence_of(world)) is not None:
        own = trace.outcome.cumulants[:, :, np.array(world.spec.novices)]
        found |= known_measures(*visits_of(own, world.spec), sequence)
    return found

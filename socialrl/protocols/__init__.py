"""Evaluation protocols: further evaluations of a trained arm, one file each, discovered by file stem.

A protocol's file defines `Config`, a frozen dataclass that satisfies `EvaluationProtocol`.
`socialrl.conformance_protocols.check_protocol` tests that it does.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Protocol, runtime_checkable

import jax
from jaxtyping import PyTree

from socialrl.config import Arm, Experiment
from socialrl.lineage import Generational
from socialrl.population import Members
from socialrl.record.labels import Labels
from socialrl.seeds import PerSeed, Seeds
from socialrl.types import Learner
from socialrl_envs.types import World

LearnerState = PyTree  # its structure is the learner's own affair
Conditions = Iterator[tuple[Labels, PerSeed]]  # the labels of each condition, and its measures


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study:
    """A trained arm, as protocols see it. They change nothing of it.

    world, learner: built from the arm's configs.
    states: the learner's states after training, one per seed.
    roots: PRNG keys, one per seed; a protocol folds its own numbers into them.
    arm: its config. agents: the trained agents, one per seed: of another arm of the run by its name, whose
    training must have ended, or with None of this arm.
    generations: of an arm with several, whose lineages the states are; else None.
    """

    experiment: Experiment
    world: World
    learner: Learner
    seeds: Seeds
    states: PerSeed
    roots: PerSeed
    arm: Arm | None = None
    agents: Callable[[str | None], Members] | None = None
    generations: Generational | None = None

    def keys(self, stream: int) -> PerSeed:
        """The keys of the stream of that number, one per seed."""
        return self.seeds.bundle(
            [jax.random.fold_in(root, stream) for root in self.seeds.unbundle(self.roots)]
        )


@runtime_checkable
class EvaluationProtocol(Protocol):
    """What a protocol's `Config` is: its options, and the evaluation itself.

    kind: of its records in metrics.jsonl; `socialrl eval --protocol` takes the file's stem, which is the same
        for the built-in protocols.
    needs: what a study must have for the protocol to measure something, in words that complete "it needs
    ...".
    """

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]
    kind: ClassVar[str]
    needs: ClassVar[str]

    @property
    def episodes(self) -> int:
        """Held-out episodes per seed and condition; `socialrl eval --episodes` replaces it."""
        ...

    def count(self, study: Study) -> int:
        """The number of conditions that `run` yields; 0 if the learner lacks what is measured.

        Raises SocialRLError if the world lacks it, or if an option does not fit the world.
        """
        ...

    def run(self, study: Study) -> Conditions:
        """Yields, per condition, its labels and its measures: per seed, scalars by name.

        The labels differ from one another. The same study gives the same measures.
        """
        ...

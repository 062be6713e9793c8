"""Returns on held-out levels, greedily and with the learner's own exploration."""

import dataclasses
from typing import ClassVar

from socialrl.evaluation import evaluator
from socialrl.protocols import Conditions, Study
from socialrl.record.labels import Labels
from socialrl.rollout import make_rollout
from socialrl_envs.options import Options, option


@dataclasses.dataclass(frozen=True)
class Exploring(Labels):
    """policy: exploring or greedy."""

    kind: ClassVar[str] = "exploring"

    policy: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Options):
    """Settings of exploring."""

    kind: ClassVar[str] = Exploring.kind
    needs: ClassVar[str] = "any learner"

    episodes: int = option(64, "episodes per seed and condition", low=1)

    def count(self, study: Study) -> int:
        """The number of conditions."""
        return 2

    def run(self, study: Study) -> Conditions:
        """Yields labels and metrics, one number per seed, of each condition."""
        rollout = make_rollout(study.world, study.learner)
        for explore in (False, True):
            evaluate = evaluator(rollout, study.world.spec, self.episodes, explore=explore)
            score = study.seeds.map(lambda state, key, evaluate=evaluate: evaluate(state, key)[0], 2)
            yield Exploring("exploring" if explore else "greedy"), score(study.states, study.roots)

"""Further evaluations at the end of an arm, one file each: `Config.run(study)` yields (labels, values) of its
`kind`.
"""

import dataclasses

from socialrl.config import Experiment
from socialrl.seeds import PerSeed, Seeds
from socialrl.types import Learner
from socialrl_envs.types import World


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study:
    """What a protocol may look at: a trained arm. states: the learners' states, roots: their keys, one per
    seed.
    """

    experiment: Experiment
    world: World
    learner: Learner
    seeds: Seeds
    states: PerSeed
    roots: PerSeed

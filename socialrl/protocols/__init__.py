"""Further evaluations at the end of an arm, one file each: `Config.run(study)` yields (labels, values) of its `kind`."""

import dataclasses

from jax import Array
from jaxtyping import Key, PyTree

from socialrl.config import Arm, Experiment
from socialrl.types import Learner
from socialrl_envs.types import World


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study:
    """What a protocol may look at: a trained arm. state: the learners of all seeds, stacked; roots: their keys."""

    experiment: Experiment
    arm: Arm
    world: World
    learner: Learner
    state: PyTree
    roots: Key[Array, " seeds"]

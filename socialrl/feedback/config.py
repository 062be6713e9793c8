"""Options of learning from comparisons in place of rewards."""

import dataclasses

from socialrl.feedback.queries import Choice
from socialrl.feedback.reward_model import RewardModelConfig
from socialrl.feedback.teachers import Teacher
from socialrl_envs.options import option, require


@dataclasses.dataclass(frozen=True, kw_only=True)
class ComparisonsConfig(RewardModelConfig):
    """Options of learning from comparisons, besides those of the reward model."""

    labels: int = option(200, "answers of the teacher in all; of all answers every fifth is held out", low=0)
    asked_until: int = option(
        20_000,
        "environment steps over which they are asked for, evenly; 1: all at the first update",
        low=1,
    )
    length: int = option(10, "steps of a clip, at most an unroll", low=1)
    queries: Choice = option("disagreement", "how clips are chosen", choices=("disagreement", "random"))
    teacher: Teacher = option(Teacher(), "the person who compares")
    answers: str = option(
        "", "file of people's answers, by `socialrl judge --dataset`, that the model learns from first"
    )
    first_fits: int = option(20, "fits to that file before the first update of the policy", low=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        some = self.labels > 0 or bool(self.answers)
        require(some, "labels", self.labels, "at least 1 without a file of answers")

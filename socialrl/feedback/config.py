"""Options of learning from comparisons in place of rewards."""

import dataclasses

from socialrl.feedback.queries import Choice
from socialrl.feedback.reward_model import RewardModelConfig
from socialrl.feedback.teachers import Teacher
from socialrl_envs.options import option


@dataclasses.dataclass(frozen=True, kw_only=True)
class ComparisonsConfig(RewardModelConfig):
    """Options of learning from comparisons, besides those of the reward model."""

    labels: int = option(200, "answers in all, of which every fifth is held out", low=1)
    asked_until: int = option(20_000, "environment steps over which they are asked for, evenly", low=1)
    length: int = option(10, "steps of a clip, at most an unroll", low=1)
    queries: Choice = option("disagreement", "how clips are chosen", choices=("disagreement", "random"))
    teacher: Teacher = option(Teacher(), "the person who compares")

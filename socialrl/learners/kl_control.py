"""KL control: a policy cloned from the co-players is the reference that PPO's policy then stays close to.

max E[sum r] - prior_coef * KL(pi || reference) (Sequence Tutor, Jaques et al., 2017). No reward is used while
cloning.

With `labels`, no reward is used after it either: a synthetic teacher compares that many pairs of clips of the
reference policy by their true rewards, once, an ensemble of reward models is fitted to its answers, and PPO
improves the policy on the ensemble's reward. `penalty` says what holds it back:

    kl           max E[mean_e r_e(s, a)] - prior_coef * KL(pi || reference)
    variance     max E[mean_e r_e(s, a)] - prior_coef * sum_a pi(a|s) v(s, a) log(pi(a|s) / reference(a|s))
    lower_bound  max E[mean_e r_e(s, a) - lower_coef * std_e r_e(s, a)] - prior_coef * KL(pi || reference)

v(s, a) is the variance of the members' rewards over its mean under the reference policy in the unroll, so
that leaving the reference costs less where the members agree (after Banerjee and Gopalan, 2024, arXiv
2410.23726, whose variance is that of a whole answer; here it is that of a step).
"""

import dataclasses
from typing import Literal

from socialrl.feedback.reward_model import RewardModelConfig
from socialrl.feedback.teachers import Teacher
from socialrl.learners import ppo
from socialrl.learners._comparisons import from_comparisons
from socialrl.learners._config import check_roster
from socialrl.learners._kl_control import KLControl
from socialrl.learners._labelled import Labelled
from socialrl.types import Learner
from socialrl_envs.options import option, require
from socialrl_envs.types import WorldSpec


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(ppo.Config):
    """Options of kl_control, besides those of ppo."""

    use_prev_action_reward: bool = option(
        False, "the previous action and reward are inputs; off, for those of a cloned co-player are not seen"
    )
    cloning_steps: int = option(
        500_000, "environment steps of cloning, before anything is learnt from rewards", low=1
    )
    prior_coef: float = option(0.1, "weight of KL(pi || reference) after cloning", low=0)
    labels: int = option(
        0,
        "pairs of clips that a teacher compares, whose answers replace the reward; 0: the reward itself",
        low=0,
    )
    clip_length: int = option(10, "steps of a clip", low=1)
    teacher: Teacher = option(Teacher(noise=0.2), "the synthetic person who compares")
    reward_model: RewardModelConfig = option(
        RewardModelConfig(members=5, gradient_steps=400), "the ensemble that is fitted to the answers"
    )
    penalty: Literal["kl", "variance", "lower_bound"] = option(
        "kl",
        "with labels, what holds it to the reference; besides the KL a variance weight or a lower bound",
        choices=("kl", "variance", "lower_bound"),
    )
    lower_coef: float = option(1.0, "lower-confidence coefficient of lower_bound", low=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        shown = self.use_prev_action_reward
        require(not shown, "use_prev_action_reward", shown, "off: the rewards of a co-player are not seen")
        require(self.parameter_sharing, "parameter_sharing", False, "on: there is one reference policy")
        inferred = self.labels > 0 or self.penalty == "kl"
        require(inferred, "penalty", self.penalty, "kl without labels: there is no ensemble")
        once = not self.labels or self.comparisons is None
        require(once, "labels", self.labels, "0 with comparisons, which are asked for all the time")

    def build(self, spec: WorldSpec) -> Learner:
        """The learner for this world; raises SocialRLError unless it has a novice and a co-player."""
        check_roster(spec, "the prior is cloned from co-players")
        if self.labels:
            return Labelled(self, spec).learner()
        return from_comparisons(self.comparisons, KLControl(self, spec).learner(), spec)

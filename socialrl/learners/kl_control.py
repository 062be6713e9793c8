"""KL control: a policy cloned from the co-players is the reference that PPO's policy then stays close to.

max E[sum r] - prior_coef * KL(pi || reference) (Sequence Tutor, Jaques et al., 2017). No reward is used while
cloning.

With `comparisons`, no reward is used after it either: a teacher compares clips of the novice by their true
rewards, evenly over the first `comparisons.asked_until` steps after cloning (1: all at once, so that the
clips are those of the reference policy), an ensemble of reward models is fitted to the answers, and PPO
improves the policy on the ensemble's reward. `penalty` says what holds it back:

    kl           max E[mean_e r_e(s, a)] - prior_coef * KL(pi || reference)
    variance     max E[mean_e r_e(s, a)] - prior_coef * sum_a pi(a|s) v(s, a) log(pi(a|s) / reference(a|s))
    return_variance
                 max E[mean_e r_e(s, a)] - prior_coef * V(t) KL(pi || reference)
    lower_bound  max E[mean_e r_e(s, a) - lower_coef * std_e r_e(s, a)] - prior_coef * KL(pi || reference)

v(s, a) is the variance of the members' rewards over its mean under the reference policy in the unroll, so
that leaving the reference costs less where the members agree (after Banerjee and Gopalan, 2024, arXiv
2410.23726, whose variance is that of a whole answer; here it is that of a step). V(t) is nearer to that: the
variance of the members' discounted rewards from step t to the end of the episode or of the unroll, over its
mean in the unroll.
"""

import dataclasses
from typing import Literal

from socialrl.learners import ppo
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
    penalty: Literal["kl", "variance", "return_variance", "lower_bound"] = option(
        "kl",
        "with comparisons, what holds it back: a KL, a weighted one, or one and a lower bound of the reward",
        choices=("kl", "variance", "return_variance", "lower_bound"),
    )
    lower_coef: float = option(1.0, "lower-confidence coefficient of lower_bound", low=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        shown = self.use_prev_action_reward
        require(not shown, "use_prev_action_reward", shown, "off: the rewards of a co-player are not seen")
        require(self.parameter_sharing, "parameter_sharing", False, "on: there is one reference policy")
        inferred = self.comparisons is not None or self.penalty == "kl"
        require(inferred, "penalty", self.penalty, "kl without comparisons: there is no ensemble")
        several = self.penalty == "kl" or self.comparisons is None or self.comparisons.members > 1
        require(several, "penalty", self.penalty, "kl with one member, which has no variance")

    def build(self, spec: WorldSpec) -> Learner:
        """The learner for this world; raises SocialRLError unless it has a novice and a co-player."""
        check_roster(spec, "the prior is cloned from co-players")
        if self.comparisons is not None:
            return Labelled(self, spec).learner()
        return KLControl(self, spec).learner()

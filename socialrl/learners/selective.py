"""Selective social learning: at every step a learnt decision whether to act for oneself or to follow
another, whom, and how.

The novice's own policy is recurrent PPO with a network of its own. Beside it, sources (`socialrl/sources/`)
propose actions: imitation, following, emulation. A second network decides between them:

- by a gate, trained by policy gradient on the advantages that the novice's own critic estimates, or
- by values: successor features Psi_j of every source over learnt cumulants Phi, Q_j = Psi_j . w, where
  Phi . w predicts the novice's reward; the available source with the highest value acts (generalised policy
  improvement; Barreto et al., 2017). All sources, oneself among them, are valued by the same estimator.

The own policy learns in `epochs` passes over each unroll; after them the decision and the sources learn in
one.

A source that was chosen while training is kept for a while, so that following is tried for what it leads to.
Trials begin with a small probability, which falls to a tenth for sources that are worse than acting for
oneself, by a confidence bound. An episode begins as if it had always gone on, within a trial as often as any
other step, so that trials have the same share of short episodes. Whether a source has been better is judged
together with others of its way as far as they do not differ (empirical Bayes). Nothing that others do reaches
the parameters of the own policy but through the experience.
"""

import dataclasses
from typing import Annotated, Literal

from socialrl.kinds import SOURCE
from socialrl.learners._config import check_roster
from socialrl.learners._ppo_config import PPOConfig
from socialrl.learners._selective import Selective
from socialrl.learners._selective_state import SelectiveState
from socialrl.types import Learner
from socialrl_envs.options import option, require
from socialrl_envs.types import WorldSpec


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(PPOConfig):
    """Options of selective: those of ppo, with defaults of its own, and more.

    Discount and step size come from a search in three worlds (experiments/tuned/one_learner.json), the rest
    from single trials. `anneal` should be about the length of training.
    """

    hidden: tuple[int, ...] = (64,)
    gamma: float = 0.95
    gae_lambda: float = 0.9
    lr: float = 2e-3
    lr_end: float = 1e-4
    epochs: int = 2
    minibatches: int = 32
    entropy_coef: float = 0.03
    entropy_coef_end: float = 0.002
    anneal: int = 150_000
    sources: tuple[Annotated[str, SOURCE], ...] = option(
        ("following", "imitation", "emulation"), "ways to follow others, by name; none acts for itself alone"
    )
    decision: Literal["gate", "values"] = option(
        "values", "what decides: a gate trained by policy gradient, or values", choices=("gate", "values")
    )
    gate_hidden: tuple[int, ...] = option(
        (64,), "sizes of the dense layers of the network that decides; the last is also its memory's", low=1
    )
    trials: float = option(
        0.1, "share of steps in which others are followed before anything is learnt", low=0, high=0.9
    )
    own_trials: float = option(
        0.5,
        "share of steps in which it acts for itself although others seem better, at the start of training",
        low=0,
        high=0.9,
    )
    commitment: float = option(
        30.0, "mean steps for which a source is kept while training, at its start", low=1
    )
    commitment_end: float = option(5.0, "the same after `anneal` environment steps", low=1)
    cloning_coef: float = option(
        1.0,
        "weight with which the own policy clones actions of others that it followed to its advantage",
        low=0,
    )
    gate_coef: float = option(0.03, "weight of KL(gate || trials) at the start of training", low=0)
    gate_coef_end: float = option(0.002, "the same after `anneal` environment steps", low=0)
    trust: bool = option(True, "try sources less that are worse than acting for oneself")
    lesson_share: float = option(0.25, "share of the worlds from which sources learn", above=0, high=1)
    cumulants: int = option(8, "number of learnt cumulants", low=1)
    successor_coef: float = option(
        0.05, "weight of the loss of successor features beside that of the reward model", low=0
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        shared = self.parameter_sharing
        require(shared, "parameter_sharing", shared, "on: novices share the sources and the decision")
        whole = self.bptt_length == 0
        require(whole, "bptt_length", self.bptt_length, "0: decisions are learnt over whole unrolls")
        plain = self.concepts == "none"
        require(plain, "concepts", self.concepts, "none: it decides by more than a policy that reads them")

    def build(self, spec: WorldSpec) -> Learner[SelectiveState]:
        """The learner for this world; raises SocialRLError if it has no novice."""
        check_roster(spec)
        return Selective(self, spec).learner()

"""PsiPhi-learning as published (Filos et al., 2021, arXiv 2102.12560): the settings of psiphi without what it
adds, and own values Psi_0 . w_ego.

Five losses of equal weight: Q-learning of Psi_0 . w_ego, the reward model Phi . w_ego, TD learning of Psi_0,
and for each other agent k cloning by Psi_k . w_k and inverse TD, whose gradient reaches Psi_k and Phi (here
its two halves, `inverse_td` and `others`). Decisions are plain generalised policy improvement, argmax_a max_j
Psi_j(s, a) . w_ego. Neither trust weights nor a support mask, no learning from others' steps by inferred
rewards, no TD learning of the others' Psi on the novice's steps, no head of own values, no penalty on Phi.
Each of these is a setting that can be put back.

The code that the authors released has no TD learning of Psi_0 (`successor_coef=0`) and bounds Phi by tanh,
which is left out here.
"""

import dataclasses

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, PyTree

from socialrl.learners import psiphi
from socialrl.learners._config import check_roster
from socialrl.learners._offpolicy import OffPolicyState
from socialrl.learners._successors import SuccessorFns
from socialrl.types import Learner
from socialrl_envs.options import option
from socialrl_envs.types import WorldSpec


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(psiphi.Config):
    """Options of psiphi_published: those of psiphi, with what psiphi adds turned off."""

    trust: bool = option(
        False, "weight the losses and proposals of other agents by how predictable and useful they are"
    )
    support: float = option(
        0.0, "a co-player may propose actions with pi(a) >= support * max pi; 0 allows all", low=0, high=1
    )
    reward_coef: float = option(1.0, "weight of predicting the own reward by Phi . w", low=0)
    relabelled_coef: float = option(
        0.0, "weight of Q-learning of the own values on others' steps, with Phi . w as reward", low=0
    )
    off_policy_coef: float = option(
        0.0, "weight of TD learning of others' successor features on the novice's steps", low=0
    )
    phi_penalty_coef: float = option(
        0.0, "weight of mean Phi^2, which keeps Phi and Psi from diverging where no w constrains them", low=0
    )

    def build(self, spec: WorldSpec) -> Learner[OffPolicyState]:
        """The learner for this world; raises SocialRLError if it has no novice."""
        check_roster(spec)
        return PublishedPsiPhi(self, spec).learner()


class PublishedPsiPhi(psiphi.PsiPhi):
    """The functions of the learner for one world."""

    def network(self) -> SuccessorFns:
        """The network without a head of own values."""
        return OwnSuccessorFns(self.config, self.spec, (self.config.ensemble, 1 + self.coplayers))


class OwnSuccessorFns(SuccessorFns):
    """The functions of a network whose own values are Psi_0 . w_ego."""

    def values(self, params: PyTree, x: Float32[Array, "T N F"]) -> Float32[Array, "T N A"]:
        """Own values of features, the mean over the ensemble."""
        psi = self.successors(params, x)[0]
        return jnp.mean(psi[:, :, :, 0] @ params["params"]["w"][0], axis=2)

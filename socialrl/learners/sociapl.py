"""SociAPL (Ndousse et al., 2021): recurrent PPO with the auxiliary loss of predicting its next observation,
by which it learns from others.
"""

import dataclasses

from socialrl.learners import ppo
from socialrl_envs.options import option


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(ppo.Config):
    """Options of sociapl: those of ppo, with the auxiliary head on."""

    prediction_coef: float = option(0.3, "weight of the auxiliary next-observation loss", low=0)

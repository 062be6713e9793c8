"""SociAPL: recurrent PPO that also predicts its next observation, by which it learns from others (Ndousse et
al., 2021).
"""

import dataclasses

from socialrl.learners import ppo


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(ppo.Config):
    """Options of sociapl: those of ppo, with the auxiliary head on."""

    prediction: float = 0.3

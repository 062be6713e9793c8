"""MEDAL (Bhoopchand et al., 2023): memory, and attention to where the nearest expert is.

Its expert drop-out and domain randomisation are a curriculum: `curriculum=adr.Config(...)`, or
`mixed.Config(...)` for the drop-out alone. The paper has one expert; with several that look alike, attention
is to the nearest (`attention_to="set"`: to all of them in any order). The paper does not predict the next
observation; `prediction_coef` adds it.
"""

import dataclasses
from typing import Literal

from socialrl.learners import ppo
from socialrl_envs.options import option


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(ppo.Config):
    """Options of medal: those of ppo, with the attention loss on."""

    attention_coef: float = option(
        0.3, "weight of predicting where co-players are, a target that is seen in training only", low=0
    )
    attention_to: Literal["each", "set", "nearest"] = "nearest"

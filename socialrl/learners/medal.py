"""MEDAL (Bhoopchand et al., 2023): memory, next-observation prediction, and attention to where the others
are.

Its expert drop-out and domain randomisation are a curriculum: `curriculum=adr.Config(...)`, or
`mixed.Config(...)` for the drop-out alone.
"""

import dataclasses

from socialrl.learners import sociapl
from socialrl_envs.options import option


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(sociapl.Config):
    """Options of medal: those of sociapl, with the attention loss on."""

    attention_coef: float = option(
        0.3, "weight of predicting where co-players are, a target that is seen in training only", low=0
    )

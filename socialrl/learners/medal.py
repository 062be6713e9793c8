"""MEDAL: memory, next-observation prediction, attention to where the others are (Bhoopchand et al., 2023).

Its expert drop-out and domain randomisation are a curriculum: give it with `curriculum=adr.Config(...)`, or
with `mixed.Config(...)` for the drop-out alone.
"""

import dataclasses

from socialrl.learners import sociapl


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(sociapl.Config):
    """Options of medal: those of sociapl, with the attention loss on."""

    attention: float = 0.3

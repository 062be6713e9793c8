"""Prioritised level replay: levels from which the novices seem to have most to learn are played again.

Jiang et al., 2021a, arXiv 2010.03934; by default its robust form, in which they learn on replayed levels
alone (Jiang et al., 2021b, arXiv 2110.02439). Where these decide for a whole batch whether it is replayed,
here a fixed share of the parallel worlds replays while the others try new levels (as in minimax, Jiang et
al., 2023, arXiv 2311.12716). A new level enters the buffer if its score is above the lowest one there.
"""

import dataclasses

from socialrl.curricula import Curriculum, choosing
from socialrl.curricula._replay import Replay, ReplayConfig
from socialrl_envs.types import World


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(ReplayConfig):
    """Options of plr."""

    def build(self, world: World) -> Curriculum:
        """The curriculum for this world; raises SocialRLError if company is designed where there is none, or
        if the buffer is larger than the memory.
        """
        return choosing(Replay(self, world).chooser())

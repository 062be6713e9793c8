"""ACCEL: prioritised level replay whose new levels are mostly edits of those that are replayed, so that they
grow harder step by step (Parker-Holder et al., 2022, arXiv 2203.01302).

A part of the worlds plays children of the levels that are replayed in the same round, which were drawn by
priority; a child whose score is above the lowest one of the buffer enters it. Edits are those of the world's
`mutate`, and of company if that is designed; both keep a level solvable.
"""

import dataclasses

from socialrl.curricula import Curriculum, choosing
from socialrl.curricula._replay import Replay, ReplayConfig
from socialrl_envs.options import option, require
from socialrl_envs.types import World


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(ReplayConfig):
    """Options of accel."""

    mutated: float = option(0.4, "share of the worlds that play an edited level", low=0, high=1)
    edits: int = option(5, "edits between a level and its child", low=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        total = self.replayed + self.mutated
        require(total <= 1, "mutated", self.mutated, f"at most {1 - self.replayed:g}, what replays leave")

    def build(self, world: World) -> Curriculum:
        """The curriculum for this world; raises SocialRLError if company is designed where there is none, or
        if the buffer is larger than the memory.
        """
        return choosing(Replay(self, world, self.mutated, self.edits).chooser())

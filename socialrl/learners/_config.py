"""Options of all off-policy learners."""

import dataclasses
from typing import get_args

from socialrl.learners._views import ViewConfig
from socialrl.nets.memory import Kind
from socialrl_envs.errors import SocialRLError
from socialrl_envs.options import option, require
from socialrl_envs.types import WorldSpec

MEMORIES = get_args(Kind)


@dataclasses.dataclass(frozen=True, kw_only=True)
class OffPolicyConfig(ViewConfig):
    """Options of every off-policy learner."""

    hidden: tuple[int, ...] = option((128, 128), "sizes of the torso's dense layers", low=1)
    memory: Kind = option(
        "none", "recurrent memory; replayed sequences start from its initial state", choices=MEMORIES
    )
    gamma: float = option(0.9, "discount per step", low=0, below=1)
    lr: float = option(1e-3, "learning rate of Adam", above=0)
    updates: int = option(8, "gradient steps per unroll", low=1)
    batch: int = option(8, "sequences per gradient step, each one world's unroll", low=1)
    capacity: int = option(10_000, "environment steps that the replay buffer holds", low=1)
    epsilon_start: float = option(1.0, "share of random actions at the start of training", low=0, high=1)
    epsilon_end: float = option(0.05, "share of random actions after epsilon_steps", low=0, high=1)
    epsilon_steps: int = option(
        1_000, "environment steps over which the share of random actions falls linearly", low=1
    )
    target_rate: float = option(
        0.02,
        "share by which the target network moves to the online network per gradient step",
        above=0,
        high=1,
    )
    max_grad_norm: float = option(10.0, "norm to which gradients are clipped", above=0)
    demonstrations: str = option(
        "", "demonstration file to learn from as well; its seat k counts as co-player k"
    )
    offline: int = option(
        0, "gradient steps on the demonstration file alone, before the first environment step", low=0
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        require(len(self.hidden) > 0, "hidden", self.hidden, "one positive size per layer")
        if self.offline and not self.demonstrations:
            raise SocialRLError(
                f"offline: {self.offline} gradient steps, but no demonstrations",
                "name a file: demonstrations",
            )
        if self.demonstrations and not self.watches:
            name = type(self).__module__.rpartition(".")[2]
            raise SocialRLError(
                f"demonstrations: {name} cannot learn from them", "it is for learners that learn from others"
            )

    @property
    def watches(self) -> bool:
        """Whether the learner learns from others' steps, and so from a file of them."""
        return True


def check_roster(spec: WorldSpec, purpose: str = "") -> None:
    """Raises SocialRLError unless the world has a novice and, if a purpose is given, a co-player."""
    require(len(spec.novices) > 0, "novices", 0, "at least 1 for a learner")
    if purpose:
        require(len(spec.coplayers) > 0, "experts", 0, f"at least 1: {purpose}")

"""Goal tiles that look alike, to be visited in a hidden cyclic order (after Ndousse et al., ICML 2021, arXiv
2010.00581).

Stepping forward onto a tile pays; standing on it does nothing. The first tile of the episode pays `reward`
and sets the seat's place in the cycle; the next one pays `reward` and advances the place; any other, the last
one again included, costs `penalty` and leaves the place as it is (`reset_on_mistake`: it becomes the tile
that was hit). Actions: left, right, forward. The episode ends by time only.

Cumulants: right_goal, wrong_goal; first_goal (of the right ones, the first of the episode), same_goal (of the
wrong ones, the last one again). reward = reward * right_goal - penalty * wrong_goal, less first_goal * reward
without `initial_reward`.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int8, Int32, Key

from socialrl_envs import grid
from socialrl_envs.facing import FacingConfig, FacingState, FacingWorld
from socialrl_envs.struct import pytree
from socialrl_envs.types import Level, Outcome
from socialrl_envs.world import require


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(FacingConfig):
    """Options of goal_cycle, besides those of every world of seats that turn.

    goals: tiles in the cycle, 2..9. reward, penalty: what a right tile pays and a wrong one costs; numbers of
    the level.
    initial_reward: whether the first tile of an episode pays. reset_on_mistake: a wrong tile becomes the
    seat's place.
    """

    size: int = 13
    layout: str = "cluttered"
    horizon: int = 250
    goals: int = 3
    reward: float = 1.0
    penalty: float = 1.5
    initial_reward: bool = True
    reset_on_mistake: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require(2 <= self.goals <= 9, "goals", self.goals, "2..9")
        require(self.reward > 0, "reward", self.reward, "above 0")
        require(self.penalty >= 0, "penalty", self.penalty, "0 or more: it is subtracted")

    def build(self) -> "GoalCycle":
        """The world; raises SocialRLError if it cannot exist."""
        return GoalCycle(self)


@pytree
class CycleState(FacingState):
    """place: the tile from which the cycle goes on, -1 before the first."""

    place: Int8[Array, " N"]


class GoalCycle(FacingWorld):
    """See the module's docstring for the rules."""

    name = "goal_cycle"

    def __init__(self, config: Config):
        tiles = tuple(grid.GOAL + i for i in range(config.goals))
        channels = {"wall": (grid.WALL,), "goal": tiles}
        cumulants = ("right_goal", "wrong_goal", "first_goal", "same_goal")
        super().__init__(
            config, channels, tiles, cumulants, tiles, {"reward": config.reward, "penalty": config.penalty}
        )

    def reset(self, level: Level, key: Key[Array, ""]) -> CycleState:
        """The start of an episode on this level; the key draws who is present."""
        return CycleState(**self.begin(level, key), place=jnp.full(len(self.spec.seats), -1, jnp.int8))

    def step(
        self, state: CycleState, actions: Int32[Array, " N"], key: Key[Array, ""]
    ) -> tuple[CycleState, Outcome]:
        """Everybody turns or goes forward; whoever steps on a tile is paid or punished."""
        order_key, presence_key = jax.random.split(key)
        position, heading, moved = self.walk(state, actions, order_key)
        goal, place = self.goal_under(state, position, moved), state.place.astype(jnp.int32)
        first = (goal >= 0) & (place < 0)
        right = first | ((goal >= 0) & (goal == (place + 1) % self.config.goals))
        wrong = (goal >= 0) & ~right
        events = jnp.stack([right, wrong, first, wrong & (goal == place)], axis=1).astype(jnp.float32)
        paid = right if self.config.initial_reward else right & ~first
        gain, loss = state.numbers["reward"], jnp.abs(state.numbers["penalty"])
        reward = jnp.where(paid, gain, 0.0) - jnp.where(wrong, loss, 0.0)

        place = jnp.where(right | (wrong & self.config.reset_on_mistake), goal, place).astype(jnp.int8)
        after = dataclasses.replace(
            state,
            position=position,
            heading=heading,
            present=self.present_after(state, position, presence_key),
            time=state.time + 1,
            place=place,
            prestige=self.fame(state, reward),
        )
        truncated = after.time >= self.config.horizon
        return after, Outcome(reward=reward, terminated=jnp.array(False), truncated=truncated, events=events)

    def appeal(self, state: CycleState) -> Float32[Array, "N H W"]:
        """The reward on the tile that is next (on every tile, before the first), the penalty on the others."""
        place, number = state.place.astype(jnp.int32)[:, None], jnp.arange(self.config.goals, dtype=jnp.int32)
        right = (place < 0) | (number == (place + 1) % self.config.goals)
        return self.target_gains(
            state.tiles, jnp.where(right, state.numbers["reward"], -jnp.abs(state.numbers["penalty"]))
        )

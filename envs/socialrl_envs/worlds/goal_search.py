"""One goal whose place experts know and novices must find, or see from where the others go.

Stepping forward onto the goal pays `reward`. Who arrives goes back to the cell where it began, if nobody is
in its way there, and may come again: the goal stays where it is for the whole episode, so who remembers it
finds it faster. Without `again` who arrives is out (absent, hence unseen and in nobody's way) and the episode
terminates when all novices are out (without a novice: when all seats are). Else time ends the episode.
Actions: left, right, forward. On `four_rooms` and `maze` these are the transfer worlds of Ndousse et al.
(ICML 2021).

Cumulants: found. reward = reward * found.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key

from socialrl_envs import grid
from socialrl_envs.facing import FacingConfig, FacingState, FacingWorld
from socialrl_envs.struct import pytree
from socialrl_envs.types import Level, Outcome
from socialrl_envs.world import require


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(FacingConfig):
    """Options of goal_search, besides those of every world of seats that turn.

    shown_to: who sees the goal when it is in view: "all", "coplayers" or "nobody". again: who arrives goes
    back to its start and may come again. reward: what the goal pays; a number of the level.
    """

    size: int = 13
    layout: str = "four_rooms"
    horizon: int = 250
    shown_to: str = "coplayers"
    again: bool = True
    reward: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.shown_to in ("all", "coplayers", "nobody"),
            "shown_to",
            self.shown_to,
            "all, coplayers or nobody",
        )
        require(self.reward > 0, "reward", self.reward, "above 0")

    def build(self) -> "GoalSearch":
        """The world; raises SocialRLError if it cannot exist."""
        return GoalSearch(self)


@pytree
class SearchState(FacingState):
    """start, facing: where and how each seat began. out: who has arrived and is gone for good."""

    start: Int32[Array, "N 2"]
    facing: Int32[Array, " N"]
    out: Bool[Array, " N"]


class GoalSearch(FacingWorld):
    """See the module's docstring for the rules."""

    name = "goal_search"

    def __init__(self, config: Config):
        goal = (grid.GOAL,)
        channels = {"wall": (grid.WALL,), "goal": goal}
        super().__init__(config, channels, goal, ("found",), goal, {"reward": config.reward})
        self.waited_for = np.isin(np.arange(len(self.spec.seats)), self.spec.novices or self.spec.coplayers)

    def toll(self, level: Level) -> Float32[Array, ""]:
        """There is but one target."""
        return jnp.float32(0)

    def shown_to_seats(self) -> Bool[Array, "N P"] | None:
        """Walls to everybody, the goal as `shown_to` says."""
        if self.config.shown_to == "all":
            return None
        sees = np.isin(np.arange(len(self.spec.seats)), self.spec.coplayers) & (
            self.config.shown_to == "coplayers"
        )
        return jnp.asarray(np.stack([np.ones_like(sees), sees], axis=1))

    def reset(self, level: Level, key: Key[Array, ""]) -> SearchState:
        """The start of an episode on this level; the key draws who is present."""
        out = jnp.zeros(len(self.spec.seats), bool)
        return SearchState(**self.begin(level, key), start=level.position, facing=level.heading, out=out)

    def step(
        self, state: SearchState, actions: Int32[Array, " N"], key: Key[Array, ""]
    ) -> tuple[SearchState, Outcome]:
        """Everybody turns or goes forward; who arrives is paid and goes back, or is out."""
        order_key, presence_key = jax.random.split(key)
        position, heading, moved = self.walk(state, actions, order_key)
        found = self.goal_under(state, position, moved) >= 0
        reward, out = jnp.where(found, state.numbers["reward"], 0.0), state.out
        if self.config.again:
            back = found & self._has_room(state, position)
            position, heading = (
                jnp.where(back[:, None], state.start, position),
                jnp.where(back, state.facing, heading),
            )
        else:
            out = out | found
        after = dataclasses.replace(
            state,
            position=position,
            heading=heading,
            present=self.present_after(state, position, presence_key) & ~out,
            time=state.time + 1,
            prestige=self.fame(state, reward),
            out=out,
        )
        terminated = jnp.all(out | ~self.waited_for)
        truncated = (after.time >= self.config.horizon) & ~terminated
        events = found[:, None].astype(jnp.float32)
        return after, Outcome(reward=reward, terminated=terminated, truncated=truncated, events=events)

    def _has_room(self, state: SearchState, position: Int32[Array, "N 2"]) -> Bool[Array, " N"]:
        """Whether a seat could stand where it began."""
        if not self.config.blocking:
            return jnp.ones(len(self.spec.seats), bool)
        others = state.present[None] & ~jnp.eye(len(self.spec.seats), dtype=bool)
        return ~jnp.any(others & grid.same_cell(state.start[:, None], position[None]), axis=1)

    def appeal(self, state: SearchState) -> Float32[Array, "N H W"]:
        """The reward on the goal."""
        gains = jnp.broadcast_to(state.numbers["reward"], (len(self.spec.seats), 1))
        return self.target_gains(state.tiles, gains)

"""Goals of several kinds, to be visited in a sequence that is hidden and fixed for the episode, trial after
trial.

(After the Goal Sequence of Cook et al., NeurIPS 2024, arXiv 2406.00392.) The kinds are seen, their order is
not: it is drawn anew for every episode. In each trial everybody begins where the level put it and must visit
the kinds in order: the next one pays `reward` on stepping forward onto it, any other costs `penalty` and
changes nothing. Who is through gets nothing more until the next trial. An episode is `trials` trials of
horizon / trials steps; it ends by time only. Actions: left, right, forward.

Cumulants: right_goal, wrong_goal, finished (the last one of the sequence). reward = reward * right_goal -
penalty * wrong_goal.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int8, Int32, Key

from socialrl_envs import grid
from socialrl_envs.facing import FacingConfig, FacingLevel, FacingState, FacingWorld
from socialrl_envs.struct import pytree
from socialrl_envs.types import Level, Outcome
from socialrl_envs.world import require


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(FacingConfig):
    """Options of goal_sequence, besides those of every world of seats that turn.

    goals: kinds in the sequence, 2..9. copies: tiles of each kind. trials: how many there are in an episode;
    `horizon` must be a multiple of it. reward, penalty: what a right tile pays and a wrong one costs; numbers
    of the level.
    """

    size: int = 7
    view: int = 3
    horizon: int = 120
    goals: int = 3
    copies: int = 1
    trials: int = 4
    reward: float = 1.0
    penalty: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(2 <= self.goals <= 9, "goals", self.goals, "2..9")
        require(self.copies >= 1, "copies", self.copies, "at least 1 of each kind")
        fits = self.trials >= 1 and self.horizon % self.trials == 0
        require(fits, "trials", self.trials, f"at least 1, and a divisor of the horizon {self.horizon}")
        require(self.reward > 0, "reward", self.reward, "above 0")
        require(self.penalty >= 0, "penalty", self.penalty, "0 or more: it is subtracted")

    def build(self) -> "GoalSequence":
        """The world; raises SocialRLError if it cannot exist."""
        return GoalSequence(self)


@pytree
class SequenceState(FacingState):
    """place: how many of the sequence each seat has visited in this trial. start, facing: where and how
    trials begin.
    """

    place: Int8[Array, " N"]
    start: Int32[Array, "N 2"]
    facing: Int32[Array, " N"]


class GoalSequence(FacingWorld):
    """See the module's docstring. The tile GOAL + i comes i-th in the sequence; number `looks`: the kind that
    it shows.
    """

    name = "goal_sequence"

    def __init__(self, config: Config):
        tiles = tuple(grid.GOAL + i for i in range(config.goals))
        channels = {"wall": (grid.WALL,)} | {f"kind_{i + 1}": (tile,) for i, tile in enumerate(tiles)}
        numbers = {"reward": config.reward, "penalty": config.penalty, "looks": list(range(config.goals))}
        cumulants = ("right_goal", "wrong_goal", "finished")
        super().__init__(config, channels, tiles, cumulants, tiles * config.copies, numbers)

    def sample_level(self, key: Key[Array, ""], numbers: dict[str, Array] | None = None) -> FacingLevel:
        """As in every world; which kind comes when is drawn too, unless an ASCII level or `numbers` says it."""
        level_key, looks_key = jax.random.split(key)
        if self.drawn is None or "looks" not in self.drawn.numbers:
            looks = jax.random.permutation(looks_key, self.config.goals).astype(jnp.float32)
            numbers = {"looks": looks} | (numbers or {})
        return super().sample_level(level_key, numbers)

    def planes(self, level: Level) -> Bool[Array, "P H W"]:
        """Walls, then the tiles of each kind."""
        tiles = jnp.stack([level.tiles == tile for tile in self.targets])
        kinds = jnp.arange(self.config.goals, dtype=jnp.float32)[:, None] == level.numbers["looks"]
        shown = jnp.any(kinds[:, :, None, None] & tiles, axis=1)
        return jnp.concatenate([(level.tiles == grid.WALL)[None], shown])

    def reset(self, level: Level, key: Key[Array, ""]) -> SequenceState:
        """The start of an episode on this level; the key draws who is present."""
        place = jnp.zeros(len(self.spec.seats), jnp.int8)
        return SequenceState(
            **self.begin(level, key), place=place, start=level.position, facing=level.heading
        )

    def step(
        self, state: SequenceState, actions: Int32[Array, " N"], key: Key[Array, ""]
    ) -> tuple[SequenceState, Outcome]:
        """Everybody turns or goes forward and is paid; at the end of a trial everybody who is there goes back
        to its start.
        """
        order_key, presence_key = jax.random.split(key)
        position, heading, moved = self.walk(state, actions, order_key)
        goal, place = self.goal_under(state, position, moved), state.place.astype(jnp.int32)
        busy = (goal >= 0) & (place < self.config.goals)
        right, wrong = busy & (goal == place), busy & (goal != place)
        place = place + right.astype(jnp.int32)
        events = jnp.stack([right, wrong, right & (place == self.config.goals)], axis=1).astype(jnp.float32)
        gain, loss = state.numbers["reward"], jnp.abs(state.numbers["penalty"])
        reward = jnp.where(right, gain, 0.0) - jnp.where(wrong, loss, 0.0)

        time = state.time + 1
        over = time % (self.config.horizon // self.config.trials) == 0
        back = over & state.present
        position = jnp.where(back[:, None], state.start, position)
        after = dataclasses.replace(
            state,
            position=position,
            heading=jnp.where(back, state.facing, heading),
            present=self.present_after(state, position, presence_key),
            time=time,
            place=jnp.where(over, 0, place).astype(jnp.int8),
            prestige=self.fame(state, reward),
        )
        truncated = time >= self.config.horizon
        return after, Outcome(reward=reward, terminated=jnp.array(False), truncated=truncated, events=events)

    def appeal(self, state: SequenceState) -> Float32[Array, "N H W"]:
        """The reward on the next kind, the penalty on the others; nothing for who is through."""
        place, number = state.place.astype(jnp.int32)[:, None], jnp.arange(self.config.goals, dtype=jnp.int32)
        gains = jnp.where(number == place, state.numbers["reward"], -jnp.abs(state.numbers["penalty"]))
        return self.target_gains(state.tiles, jnp.where(place < self.config.goals, gains, 0.0))

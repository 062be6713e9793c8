"""A river, a goal on its other side, a short bridge and a long way around. In some episodes the bridge is
flooded.

Nothing shows whether it is: a seat that steps onto a flooded bridge drowns. Whether it is flooded is drawn at
the reset, with the probability `flood`, a parameter of the level. Moves: up, right, down, left, stay; water
and walls are solid.

A seat that arrives or drowns is out: absent, hence unseen and in nobody's way, for the rest of the episode.
The episode terminates when all novices are out (without a novice: when all seats are); until then the novices
that are out see nothing and earn nothing. What becomes of a co-player ends nothing. Else time ends the
episode.

Cumulants: arrived, drowned, and with a step cost steps (1 for every step on which the seat is present);
reward = cumulants . preferences. Planners know whether the bridge is flooded (locals); `reckless` drivers
take it in any case.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Key, UInt8

from socialrl_envs import grid, picture
from socialrl_envs.configs import CardinalConfig
from socialrl_envs.errors import SocialRLError
from socialrl_envs.facts import Fact, Where, binary_fact, cell_fact, nearest, sides
from socialrl_envs.generators import Generator
from socialrl_envs.generators.river import River
from socialrl_envs.movement import Movement, Moves
from socialrl_envs.options import option, param, require
from socialrl_envs.planning.values import distances
from socialrl_envs.roster import Roster, preferences_of
from socialrl_envs.struct import pytree
from socialrl_envs.task import Effects, Task, any_of
from socialrl_envs.types import Level, Params, State


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(CardinalConfig):
    """Options of flooded_road, besides those of every world of cardinal moves. A seat's preferences come
    before them.
    """

    flood: float = option(0.5, "probability that the bridge is flooded in an episode", low=0, high=1)
    arrival: float = option(1.0, "what it is worth to arrive", low=0)
    loss: float = option(1.0, "what it costs to drown", low=0)
    step_cost: float = option(0.0, "what each step costs; with 0 steps are no cumulant", low=0)

    def make_task(self, roster: Roster) -> "FloodedRoad":
        """The task with these options."""
        return FloodedRoad(self, roster)

    def make_generator(self, task: Task, roster: Roster, movement: Movement) -> Generator:
        """A river through the layout."""
        seats, bank = len(roster.seats), self.size - 2
        require(seats <= bank, "size", self.size, f"larger: {seats} seats start at a river {bank} cells long")
        return River(self.layout, self.size, seats)


@pytree
class FloodParams(Params):
    """The parameters of a level of flooded_road."""

    preferences: Float32[Array, "N K"] = param("what each cumulant is worth to every seat")
    flood: Float32[Array, ""] = param("probability that the bridge is flooded", low=0, high=1)


@pytree
class Flood:
    """flooded: whether the bridge is."""

    flooded: Bool[Array, ""]


class FloodedRoad(Task):
    """The rules of flooded_road; see the module's docstring."""

    name = "flooded_road"
    params = FloodParams
    random_step = False
    solid = (grid.WALL, grid.WATER)
    items = (grid.GOAL,)

    def __init__(self, config: Config, roster: Roster):
        super().__init__(config, roster)
        self.channels = {
            "wall": (grid.WALL,),
            "water": (grid.WATER,),
            "bridge": (grid.BRIDGE,),
            "goal": (grid.GOAL,),
        }
        self.cumulants = ("arrived", "drowned", *(("steps",) if config.step_cost else ()))
        self._waited_for = np.array(roster.novices or range(len(roster.seats)))

    def default_params(self) -> dict[str, Any]:
        """Preferences as given, else the config's; the probability of a flood."""
        default = (self.config.arrival, -self.config.loss, -self.config.step_cost)[: len(self.cumulants)]
        table = preferences_of(self.roster, [default] * len(self.roster.seats), "cumulant")
        return {"preferences": table, "flood": self.config.flood}

    def reset(self, level: Level, key: Key[Array, ""]) -> Flood:
        """Draws whether the bridge is flooded."""
        return Flood(flooded=jax.random.uniform(key) < level.params.flood)

    def step(self, state: State, moves: Moves, key: Key[Array, ""]) -> Effects:
        """A seat on a goal arrives, one on a flooded bridge drowns, and both are out."""
        under, present = grid.at(state.level.tiles, moves.seats.position), moves.seats.present
        arrived = present & (under == grid.GOAL)
        drowned = present & (under == grid.BRIDGE) & state.task.flooded
        happened = [arrived, drowned, present][: len(self.cumulants)]
        cumulants = jnp.stack(happened, axis=1).astype(jnp.float32)
        out = moves.seats.out | arrived | drowned
        return Effects(
            level=state.level,
            seats=dataclasses.replace(moves.seats, out=out),
            task=state.task,
            reward=jnp.sum(cumulants * state.level.params.preferences, axis=1),
            cumulants=cumulants,
            terminated=jnp.all(out[self._waited_for]),
        )

    def facts(self, turning: bool) -> tuple[Fact, ...]:
        """Besides those of every world: where the goal and the bridge are, whether it is flooded, and where
        it is next to the seat if it is.
        """

        def where(tile: int) -> Where:
            return lambda state: nearest(state.level.tiles == tile, state.seats.position)

        def deadly(state: State) -> Bool[Array, "N H W"]:
            flooded = (state.level.tiles == grid.BRIDGE) & state.task.flooded
            return jnp.broadcast_to(flooded, (len(self.roster.seats), *flooded.shape))

        return (
            *super().facts(turning),
            cell_fact("goal", "where the goal is", where(grid.GOAL), turning),
            cell_fact("bridge", "where the bridge is", where(grid.BRIDGE), turning),
            binary_fact("flooded", "whether the bridge is flooded", lambda state: state.task.flooded),
            *sides("danger", "whether a flooded bridge is {}", deadly, turning),
        )

    def cell_rewards(self, state: State) -> Float32[Array, "N H W"]:
        """The worth of arriving on a goal; on a flooded bridge that of drowning, less the arrival that is
        forgone.
        """
        arriving, drowning = state.level.params.preferences[:, 0], state.level.params.preferences[:, 1]
        ending = (drowning - jnp.maximum(arriving, 0.0)) * state.task.flooded.astype(jnp.float32)
        goal = (state.level.tiles == grid.GOAL).astype(jnp.float32)
        bridge = (state.level.tiles == grid.BRIDGE).astype(jnp.float32)
        return arriving[:, None, None] * goal + ending[:, None, None] * bridge

    def _steps_around(self, level: Level) -> Array:
        """Steps from every cell to a goal without the bridge, int32 (H, W); H * W where there is no way."""
        closed = any_of(level.tiles, (*self.solid, grid.BRIDGE))
        return distances(level.tiles == grid.GOAL, closed)

    def solvable(self, level: Level) -> Bool[Array, ""]:
        """Whether every seat reaches a goal without the bridge."""
        row, column = level.position.T
        return jnp.all(self._steps_around(level)[row, column] < level.tiles.size)

    def check(self, level: Level, where: str) -> None:
        """Raises SocialRLError unless there is a goal that every seat reaches without the bridge."""
        require(bool((level.tiles == grid.GOAL).any()), "layout", where, "a level with a goal, '1'")
        steps = self._steps_around(level)
        for agent, (row, column) in zip(self.roster.agents, level.position.tolist(), strict=True):
            if int(steps[row, column]) >= level.tiles.size:
                place = f"{where}: {agent} at row {row}, column {column}"
                raise SocialRLError(f"{place} reaches no goal without a bridge", "leave a way around")
        super().check(level, where)

    def notes(self, state: State) -> UInt8[np.ndarray, "H W"]:
        """A wave on a flooded bridge."""
        return picture.flood_notes(np.asarray(state.level.tiles), bool(state.task.flooded))

"""A river, a goal on its other side, a short bridge and a long way around. In some episodes the bridge is
flooded.

Nothing shows whether it is: who steps onto a flooded bridge drowns. Whether it is flooded is drawn at the
reset, with the probability `flood`, a number of the level. Moves: up, right, down, left, stay; water and
walls are solid.

Who arrives or drowns is out: absent, hence unseen and in nobody's way, for the rest of the episode. The
episode terminates when all novices are out (without a novice: when all seats are); until then the novices
that are out see nothing and earn nothing. What becomes of a co-player ends nothing. Else time ends the
episode.

Cumulants: arrived, drowned, and with a step cost steps (1 for every step that the seat is there); reward =
cumulants . preferences. Planners know whether the bridge is flooded (locals); `reckless` drivers take it in
any case.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key

from socialrl_envs import grid, layouts, planning
from socialrl_envs.compass import CompassConfig, CompassWorld, worth
from socialrl_envs.errors import SocialRLError
from socialrl_envs.struct import pytree
from socialrl_envs.types import Level, Outcome, State
from socialrl_envs.world import require, roster


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(CompassConfig):
    """Options of flooded_road, besides those of every world of compass moves.

    flood: probability that the bridge is flooded in an episode. arrival: what it is worth to arrive. loss:
    what it costs to drown. step_cost: what each step costs (0: steps are no cumulant). Preferences of a seat
    come before all three.
    """

    flood: float = 0.5
    arrival: float = 1.0
    loss: float = 1.0
    step_cost: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 <= self.flood <= 1, "flood", self.flood, "a probability, 0..1")
        for key in ("arrival", "loss", "step_cost"):
            require(getattr(self, key) >= 0, key, getattr(self, key), "0 or more")

    def build(self) -> "FloodedRoad":
        """The world; raises SocialRLError if it cannot exist."""
        return FloodedRoad(self)


@pytree
class FloodedState(State):
    """flooded: whether the bridge is. out: who has arrived or drowned."""

    flooded: Bool[Array, ""]
    out: Bool[Array, " N"]


class FloodedRoad(CompassWorld):
    """See the module's docstring for the rules."""

    name = "flooded_road"
    solid_tiles = (grid.WALL, grid.WATER)

    def __init__(self, config: Config):
        channels = {
            "wall": (grid.WALL,),
            "water": (grid.WATER,),
            "bridge": (grid.BRIDGE,),
            "goal": (grid.GOAL,),
        }
        cumulants = ("arrived", "drowned", *(("steps",) if config.step_cost else ()))
        default = (config.arrival, -config.loss, -config.step_cost)[: len(cumulants)]
        table = [worth(agent, seat, default, "cumulant") for seat, agent in zip(*roster(config), strict=True)]
        super().__init__(
            config, channels, cumulants, (grid.GOAL,), {"preferences": table, "flood": config.flood}
        )
        self.ending = self.spec.novices or tuple(range(len(self.spec.seats)))
        if self.drawn is not None:
            self._check_road(self.drawn)

    def _check_room(self) -> None:
        """Every layout leaves a bank of the river free, and all may have to start there."""
        seats, bank = len(self.spec.seats), self.config.size - 2
        require(
            seats <= bank,
            "size",
            self.config.size,
            f"larger: {seats} seats start at a river {bank} cells long",
        )

    def _check_road(self, level: Level) -> None:
        """In a level from a file, a goal can be reached from every seat's start without the bridge."""
        goals = level.tiles == grid.GOAL
        require(bool(goals.any()), "layout", self.config.layout, "a level with a goal, '1'")
        steps = planning.distances(goals, self.solid(level.tiles) | (level.tiles == grid.BRIDGE))
        for agent, (row, column) in zip(self.spec.agents, level.position.tolist(), strict=True):
            if int(steps[row, column]) >= goals.size:
                place = f"{self.config.layout}: {agent} at row {row}, column {column}"
                raise SocialRLError(f"{place} reaches no goal but by the bridge", "leave a way around")

    def sample_level(self, key: Key[Array, ""], numbers: dict[str, Array] | None = None) -> Level:
        """A river across the layout, the bridge at one end of it, the way around at the other, seats and goal
        on either side nearer to the bridge; or the level of the ASCII file."""
        if self.drawn is not None:
            return super().sample_level(key, numbers)
        values = {name: jnp.asarray(value) for name, value in self.numbers.items()} | (numbers or {})
        walls_key, river_key, goal_key, seats_key, turn_key = jax.random.split(key, 5)
        size = self.side(values, max(5, len(self.spec.seats) + 2))
        solid = layouts.find(self.config.layout)(
            walls_key, self.spec.height, self.spec.width, values["density"], size
        )
        tiles, above, below = draw_river(river_key, solid, size)
        goal = draw_first(goal_key, above, 1)
        seats = draw_first(seats_key, below, len(self.spec.seats))
        tiles = tiles.at[goal[0, 0], goal[0, 1]].set(grid.GOAL)
        tiles, seats = _turned(turn_key, tiles, seats)
        return Level(
            tiles=tiles, position=seats, heading=jnp.zeros(len(self.spec.seats), jnp.int32), numbers=values
        )

    def reset(self, level: Level, key: Key[Array, ""]) -> FloodedState:
        """The start of an episode on this level; the key draws who is present and whether the bridge is
        flooded.
        """
        presence_key, flood_key = jax.random.split(key)
        start = super().reset(level, presence_key)
        flooded = jax.random.uniform(flood_key) < start.numbers["flood"]
        return FloodedState(**vars(start), flooded=flooded, out=jnp.zeros(len(self.spec.seats), bool))

    def step(
        self, state: FloodedState, actions: Int32[Array, " N"], key: Key[Array, ""]
    ) -> tuple[FloodedState, Outcome]:
        """Everybody moves; who is on a goal arrives, who is on a flooded bridge drowns, and both are out."""
        order_key, presence_key = jax.random.split(key)
        position, _ = self.move(state, actions, order_key)
        under = grid.at(state.tiles, position)
        arrived = state.present & (under == grid.GOAL)
        drowned = state.present & (under == grid.BRIDGE) & state.flooded
        events = jnp.stack([arrived, drowned, state.present][: len(self.spec.cumulants)], axis=1).astype(
            jnp.float32
        )
        reward = jnp.sum(events * state.numbers["preferences"], axis=1)

        out, time = state.out | arrived | drowned, state.time + 1
        present = self.present_after(state, position, time, presence_key) & ~out
        after = dataclasses.replace(state, position=position, present=present, time=time, out=out)
        terminated = jnp.all(out[jnp.array(self.ending)])
        truncated = (time >= self.config.horizon) & ~terminated
        return after, Outcome(reward=reward, terminated=terminated, truncated=truncated, events=events)

    def appeal(self, state: FloodedState) -> Float32[Array, "N H W"]:
        """A goal is worth arriving there; a flooded bridge drowning, and with it the arrival that is forgone."""
        arriving, drowning = state.numbers["preferences"][:, 0], state.numbers["preferences"][:, 1]
        ending = (drowning - jnp.maximum(arriving, 0.0)) * state.flooded.astype(jnp.float32)
        goal = (state.tiles == grid.GOAL).astype(jnp.float32)
        bridge = (state.tiles == grid.BRIDGE).astype(jnp.float32)
        return arriving[:, None, None] * goal + ending[:, None, None] * bridge


def draw_river(
    key: Key[Array, ""], solid: Bool[Array, "H W"], size: Int32[Array, ""]
) -> tuple[Array, Array, Array]:
    """The tiles of a layout with a river along a row, and where to put the goal (above) and the seats
    (below), float32 (H, W): 2 for cells nearer to the bridge than to the way around, 1 for others, 0 for
    those that have no way around.

    The banks are cleared of walls, so that whatever the layout both sides hang together around the river's
    far end.
    """
    height, width = solid.shape
    row_key, column_key = jax.random.split(key)
    river = jax.random.randint(row_key, (), 2, size - 2)
    bridge = jax.random.randint(column_key, (), 1, jnp.maximum(2, size // 4))
    around = size - 2
    rows, columns = jnp.arange(height)[:, None], jnp.arange(width)[None]
    inner = ~layouts.border(height, width, size)
    here = inner & (rows == river)
    bank = inner & (jnp.abs(rows - river) == 1)
    tiles = jnp.where(solid & ~bank, grid.WALL, grid.FLOOR)
    tiles = jnp.where(here, jnp.where(columns == bridge, grid.BRIDGE, grid.WATER), tiles)
    ford = here & (columns == around)
    tiles = jnp.where(ford, grid.FLOOR, tiles).astype(jnp.uint8)
    free = (tiles == grid.FLOOR) & ~here & (planning.distances(ford, tiles != grid.FLOOR) < tiles.size)
    near = (columns - bridge < around - columns).astype(jnp.float32)
    score = jnp.where(free, 1.0 + near, 0.0)
    return tiles, jnp.where(rows < river, score, 0.0), jnp.where(rows > river, score, 0.0)


def draw_first(key: Key[Array, ""], score: Float32[Array, "H W"], count: int) -> Int32[Array, "count 2"]:
    """`count` different cells, uniformly among those of the highest score, then of the next; at least as many
    must be > 0.
    """
    noise = jax.random.uniform(key, score.shape)
    _, index = jax.lax.top_k((score + jnp.where(score > 0, noise, 0.0)).reshape(-1), count)
    return jnp.stack([index // score.shape[1], index % score.shape[1]], axis=1).astype(jnp.int32)


def _turned(key: Key[Array, ""], tiles: Array, cells: Array) -> tuple[Array, Array]:
    """The (square) level in one of its eight orientations."""
    upside_down, mirrored, transposed = jax.random.bernoulli(key, 0.5, (3,))
    last = tiles.shape[0] - 1
    tiles = jnp.where(upside_down, tiles[::-1], tiles)
    tiles = jnp.where(mirrored, tiles[:, ::-1], tiles)
    flipped = jnp.where(jnp.stack([upside_down, mirrored]), last - cells, cells)
    return jnp.where(transposed, tiles.T, tiles), jnp.where(transposed, flipped[:, ::-1], flipped)

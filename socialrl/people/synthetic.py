"""Scripted participants, in place of people in examples and tests: they know what people know.

In a world of goal tiles in a hidden order, an episode begins without any knowledge of it. A participant sees
the grid, who enters which tile, and the own score. Besides, each takes a random action with the probability
`noise`.

follower    goes from tile to tile as the first of the co-players does; alone, to any tile
apprentice  the same, and remembers which tile came after which, and goes by that where it can
explorer    heeds nobody: tries tiles, and keeps what paid
wanderer    acts at random; in any world
"""

import dataclasses

import jax
import numpy as np
from jax import Array
from jaxtyping import Float32, Int32, Key

from socialrl.people.plan import Plan
from socialrl.people.sitting import Sitting
from socialrl.play.cast import Cast
from socialrl_envs import grid
from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.planning.pursuit import pursue
from socialrl_envs.types import State

KINDS = ("follower", "apprentice", "explorer", "wanderer")
AWAY = -0.5  # what a tile that is not sought is worth, where seeking one is worth 1
SECONDS = (0.55, 0.35)  # median, and spread of the logarithm, of the time to a key


@dataclasses.dataclass(kw_only=True)
class Memory:
    """What a participant knows of an episode: tiles by their number.

    after: tile -> the tile that a co-player entered, or that paid, next. wrong: pairs (from, to) that cost.
    own, seen: the tile that it, and that each co-player, entered last. led: the tiles that the first of the
    co-players has entered, and where it has not followed yet. goal: where it is going.
    """

    after: dict[int, int] = dataclasses.field(default_factory=dict)
    wrong: set[tuple[int, int]] = dataclasses.field(default_factory=set)
    own: int | None = None
    seen: dict[int, int] = dataclasses.field(default_factory=dict)
    led: list[int] = dataclasses.field(default_factory=list)
    goal: int | None = None


class Participant:
    """A scripted participant of a kind, one of KINDS. noise: probability of a random action."""

    def __init__(self, plan: Plan, cast: Cast, kind: str, noise: float, seed: int):
        if kind not in KINDS:
            raise unknown("kind of synthetic participant", kind, KINDS)
        if not 0 <= noise <= 1:
            raise SocialRLError(f"--noise: {noise}", "it must be in 0..1")
        if kind != "wanderer" and "right_goal" not in cast.spec.cumulants:
            raise SocialRLError(f"{kind}: {cast.spec.name} has no goal tiles", "take the wanderer")
        self.kind, self.noise, self.cast = kind, noise, cast
        self.seat = cast.spec.agents.index(plan.seat)
        self.random = np.random.default_rng(seed)
        self.towards = jax.jit(self._towards)
        self.memory = Memory()

    def sit(self, sitting: Sitting) -> None:
        """Goes through what is left of a sitting."""
        while not sitting.done:
            if sitting.page is not None:
                sitting.leave_page(float(self.random.uniform(3, 12)))
            elif sitting.over:
                sitting.go_on()
            else:
                self._step(sitting)

    def _step(self, sitting: Sitting) -> None:
        """One step of a trial, and what is seen of it."""
        session = sitting.session
        if session.t == 0:
            self.memory = Memory()
        before = session.state
        median, spread = SECONDS
        sitting.act(self.action(before), float(median * np.exp(spread * self.random.normal())))
        self.notice(before, session.state, session.reward)

    def action(self, state: State) -> int:
        """The action in a state."""
        if self.kind == "wanderer" or self.random.random() < self.noise:
            return int(self.random.integers(len(self.cast.spec.actions)))
        if self.memory.goal is None:
            self.memory.goal = self._chosen(state)
        goal, tiles = self.memory.goal, np.asarray(state.level.tiles)
        shunned = np.where((tiles >= grid.GOAL) & (tiles < grid.GOAL + 9), np.float32(AWAY), np.float32(0))
        gain = np.where(tiles == grid.GOAL + goal, np.float32(1), shunned) if goal is not None else shunned
        return int(self.towards(state, gain, jax.random.key(int(self.random.integers(2**31)))))

    def _towards(self, state: State, gain: Float32[Array, "H W"], key: Key[Array, ""]) -> Int32[Array, ""]:
        """The first action of the best way to a tile."""
        return pursue(self.cast.world, state, gain, self.seat, key)

    def _chosen(self, state: State) -> int | None:
        """The tile to go to next, None to wait for what the others do."""
        memory, tiles = self.memory, np.unique(np.asarray(state.level.tiles))
        goals = [int(tile) - grid.GOAL for tile in tiles if grid.GOAL <= tile < grid.GOAL + 9]
        others = [goal for goal in goals if goal != memory.own] or goals
        known = memory.after.get(memory.own) if memory.own is not None else None
        if self.kind in ("apprentice", "explorer") and known in others:
            return int(known)
        if self.kind != "explorer" and self._company(state):
            while memory.led and memory.led[0] == memory.own:
                memory.led.pop(0)
            return memory.led.pop(0) if memory.led else None
        open_ = [goal for goal in others if (memory.own, goal) not in memory.wrong]
        untried = open_ if self.kind == "explorer" and open_ else others
        return int(self.random.choice(untried))

    def _company(self, state: State) -> bool:
        """Whether somebody else is on the grid."""
        return bool(np.asarray(state.seats.present)[list(self.cast.spec.coplayers)].any())

    def notice(self, before: State, after: State, reward: float) -> None:
        """Remembers who entered which tile, and what that paid the participant."""
        memory = self.memory
        for seat in (*self.cast.spec.coplayers, self.seat):
            tile = self._entered(before, after, seat)
            if tile is None:
                continue
            if seat == self.seat:
                self._learn(tile, reward)
            else:
                last = memory.seen.get(seat)
                if last is not None and last != tile and self.kind == "apprentice":
                    memory.after[last] = tile
                memory.seen[seat] = tile
                if seat == self.cast.spec.coplayers[0]:
                    memory.led.append(tile)

    def _learn(self, tile: int, reward: float) -> None:
        """What the own visit of a tile says."""
        memory = self.memory
        if memory.own is not None and self.kind == "explorer":
            if reward > 0:
                memory.after[memory.own] = tile
            elif reward < 0:
                memory.wrong.add((memory.own, tile))
        if reward >= 0 or memory.own is None:  # a wrong tile leaves the place in the order as it is
            memory.own = tile
        memory.goal = None

    def _entered(self, before: State, after: State, seat: int) -> int | None:
        """The number of the tile that a seat has just entered, None if it has entered none."""
        was, now = (np.asarray(state.seats.position)[seat] for state in (before, after))
        tile = int(np.asarray(after.level.tiles)[tuple(now)]) - grid.GOAL
        present = bool(np.asarray(after.seats.present)[seat])
        return tile if present and (was != now).any() and 0 <= tile < 9 else None
